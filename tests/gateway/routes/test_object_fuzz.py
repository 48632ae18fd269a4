"""
Whatever is sent to the addresses of files, uploads and batches: no answer is a fault of the gateway.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aikit.gateway.state import Gateway
from tests.gateway.asgi import Asgi
from tests.gateway.gateways import lines, opened, tenant_of, upload

_ODD: Final = (
    "",
    "\0",
    "\ud800",
    "x" * 600,
    "-1",
    "0",
    "9" * 40,
    "a,b",
    "batch",
    "user_data",
    "created_at",
    "24h",
    "local",
)
_VALUES: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.sampled_from(_ODD),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_ODD), inner, max_size=3),
    max_leaves=6,
)
_KEYS: Final = (
    *("filename", "purpose", "bytes", "mime_type", "expires_after", "part_ids", "md5", "input_file_id", "endpoint"),
    *("completion_window", "metadata", "output_expires_after", "model", "custom_llm_provider", "user", "tags"),
)
_QUERIES: Final = (
    "limit",
    "after",
    "order",
    "purpose",
    "model",
    "provider",
    "custom_llm_provider",
    "target_model_names",
)
_SPELLED: Final = ("", "%00", "%ff", "%2e%2e", "a" * 300, "-1", "%F0%9F%98%80", "a%2Cb", "local", "%25", "\\", "'")
_UPLOAD: Final = {"filename": "a.txt", "purpose": "user_data", "bytes": 4, "mime_type": "text/plain"}
_GENTLE: Final = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with the embedded provider."""
    with opened(tmp_path_factory.mktemp("gateway")) as opened_gateway:
        yield opened_gateway


@pytest.fixture(scope="module")
def client(gateway: Gateway) -> Asgi:
    """A key's client."""
    return tenant_of(gateway)


@pytest.fixture(scope="module")
def file_id(client: Asgi) -> str:
    """A batch file of the client's."""
    return str(upload(client, lines("m"), "a.jsonl", "batch").json["id"])


@pytest.fixture(scope="module")
def upload_id(client: Asgi) -> str:
    """An upload of the client's."""
    return str(client.post("/v1/uploads", _UPLOAD).json["id"])


@_GENTLE
@given(
    route=st.sampled_from(
        ("uploads", "uploads/ID/complete", "uploads/ID/cancel", "batches", "batches/x/cancel", "files")
    ),
    odd=st.dictionaries(st.sampled_from(_KEYS), _VALUES, max_size=4),
    is_whole=st.booleans(),
)
def test_any_json_is_answered(
    client: Asgi, file_id: str, upload_id: str, route: str, odd: dict[str, Any], *, is_whole: bool
) -> None:
    """
    Odd values, alone and among good ones, are refused or taken.
    """
    good = {"input_file_id": file_id, "endpoint": "/v1/chat/completions", "completion_window": "24h", **_UPLOAD}
    answer = client.post(f"/v1/{route.replace('ID', upload_id)}", (good if is_whole else {}) | odd)
    assert answer.status < 500
    assert answer.status < 400 or set(answer.error) >= {"message", "type", "param", "code"}


@_GENTLE
@given(
    path=st.sampled_from(
        ("files", "files/ID", "files/ID/content", "files/ODD", "batches", "batches/ODD", "models/ODD")
    ),
    prefix=st.sampled_from(("/v1", "", "/local/v1", "/openai", "/openai/v1")),
    odd=st.sampled_from(_SPELLED),
    query=st.dictionaries(st.sampled_from(_QUERIES), st.sampled_from(_SPELLED), max_size=3),
    headers=st.dictionaries(
        st.sampled_from(
            ("range", "if-range", "if-none-match", "x-litellm-model", "x-litellm-tags", "x-litellm-call-id")
        ),
        st.sampled_from(("", "bytes=0-", "bytes=-1", "bytes=9-1", "*", "\xff", "[1", "x" * 500)),
    ),
)
def test_any_address_is_answered(
    client: Asgi, file_id: str, path: str, prefix: str, odd: str, query: dict[str, str], headers: dict[str, str]
) -> None:
    """
    Odd ids, queries and headers are refused or not heeded, in every spelling.
    """
    told = "&".join(f"{name}={value}" for name, value in query.items())
    answer = client.get(f"{prefix}/{path.replace('ID', file_id).replace('ODD', odd)}?{told}", headers=headers)
    assert answer.status < 500
    assert answer.status < 400 or set(answer.error) >= {"message", "type", "param", "code"}


@_GENTLE
@given(
    route=st.sampled_from(("files", "uploads/ID/parts")),
    parts=st.lists(
        st.tuples(
            st.sampled_from(
                ("purpose", "file", "data", "expires_after[seconds]", "expires_after[anchor]", "model", "")
            ),
            st.sampled_from(("batch", "user_data", "3600", "", "x" * 600))
            | st.tuples(
                st.sampled_from(("a.txt", "a.jsonl", "", "\u00e9")), st.binary(max_size=40) | st.just(lines("m"))
            ),
        ),
        max_size=5,
    ),
)
def test_any_form_is_answered(client: Asgi, upload_id: str, route: str, parts: list[Any]) -> None:
    """
    Fields and files in any order, twice, or not at all.
    """
    answer = client.form(f"/v1/{route.replace('ID', upload_id)}", parts)
    assert answer.status < 500
    assert answer.status < 400 or set(answer.error) >= {"message", "type", "param", "code"}
