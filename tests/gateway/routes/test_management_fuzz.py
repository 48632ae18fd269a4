"""
Whatever is sent to the addresses of keys and money is answered, and never as a fault of the gateway.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aikit.gateway.app import make_app
from aikit.gateway.routes import absent, keys, spend
from aikit.gateway.routing import Endpoint
from tests.gateway.asgi import Asgi
from tests.gateway.gateways import opened

_ENDPOINTS: Final = (*keys.ENDPOINTS, *spend.ENDPOINTS, *absent.ENDPOINTS)
_NAMES: Final = st.sampled_from(
    ["key", "keys", "key_aliases", "new_key", "key_alias", "models", "rpm_limit", "max_budget", "duration", "metadata"]
)
_PARAMETERS: Final = st.sampled_from(
    ["key", "page", "size", "page_size", "limit", "start_date", "end_date", "api_key", "user_id", "request_id", "tags"]
)
_VALUES: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.just("sk-\ud800" * 8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_TEXTS: Final = st.text() | st.sampled_from(
    ["night", "2026-01-01", "9999-12-31T23:59:59", "0", "1" * 30, "\0", "%", "sk-"]
)


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asgi]:
    """
    A client with the master key.
    """
    with opened(tmp_path_factory.mktemp("home")) as gateway:
        yield Asgi(make_app(gateway))


@given(
    st.sampled_from(_ENDPOINTS),
    st.dictionaries(_NAMES | st.text(max_size=5), _VALUES, max_size=4),
    st.dictionaries(_PARAMETERS, _TEXTS, max_size=3),
    _TEXTS,
)
@settings(max_examples=300, deadline=None)
def test_no_request_is_a_fault_of_the_gateway(
    admin: Asgi, endpoint: Endpoint, body: dict[str, Any], query: dict[str, str], name: str
) -> None:
    """
    Every answer is one of success or of the caller's mistake, with a message.
    """
    path = endpoint.template.replace("{key}", quote(name, safe="")).replace("{action}", quote(name, safe=""))
    text = "&".join(f"{quote(each)}={quote(value, errors='replace')}" for each, value in query.items())
    answer = admin.get(f"{path}?{text}") if endpoint.method == "GET" else admin.post(f"{path}?{text}", body)
    assert answer.status < 500, (path, query, body, answer.body)
    assert answer.status == 200 or answer.error["message"]
