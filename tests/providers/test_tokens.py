"""
Bearer tokens that are asked for before each request.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from aikit import OpenAIClient
from aikit.http.context import CallContext
from aikit.http.headers import Headers
from aikit.http.messages import Request, Response
from aikit.providers.azure.entra import EntraToken
from aikit.providers.tokens import TokenTransport
from aikit.providers.vertex.credentials import GoogleToken
from aikit.types.errors import OpenAIError
from tests.scripted_server import FILE, answer, serving

_URL = "https://files.example/openai/v1"
_STORE = "https://store.example"


@attrs.define
class _Inner:
    """
    Notes requests, and answers 401 to those without the right token.
    """

    right: str = attrs.field(repr=False)
    sent: list[Request] = attrs.field(factory=list)

    def send(self, request: Request, context: CallContext) -> Response:
        """Answer *request*."""
        context.raise_if_cancelled()
        self.sent.append(request)
        is_right = request.headers.get("Authorization") == f"Bearer {self.right}"
        return Response(status=200 if is_right else 401, request=request)

    def close(self) -> None:
        """Do nothing."""


def _transport(tokens: Iterator[Any], right: str) -> tuple[TokenTransport, _Inner]:
    inner = _Inner(right)
    return TokenTransport(inner=inner, token=lambda: next(tokens), base_urls=(_URL, _STORE)), inner


def test_a_request_gets_the_token_of_the_moment() -> None:
    """
    Each request asks anew; the token shows in no repr.
    """
    transport, inner = _transport(iter(["token-one", "token-two", "token-two"]), "token-one")
    assert transport.send(Request(method="GET", url=f"{_URL}/files"), CallContext()).status == 200
    inner.right = "token-two"
    assert transport.send(Request(method="GET", url=f"{_URL}/files"), CallContext()).status == 200
    assert "token-" not in repr(inner.sent) + repr(transport)


def test_each_origin_of_the_provider_gets_the_token() -> None:
    """
    Files may lie elsewhere than batches; an address in which the word of a session only occurs is none.
    """
    transport, inner = _transport(iter(["token-one"] * 3), "token-one")
    for url in (f"{_URL}/files", f"{_STORE}/b/bucket/o", f"{_STORE}/b/bucket/o?prefix=my_upload_id=x"):
        assert transport.send(Request(method="GET", url=url), CallContext()).status == 200
    assert len(inner.sent) == 3


def test_a_refused_token_is_replaced_once() -> None:
    """
    A 401 is final if the token is the same, and asked again with another one.
    """
    transport, inner = _transport(iter(["token-old", "token-new"]), "token-new")
    assert transport.send(Request(method="GET", url=f"{_URL}/files"), CallContext()).status == 200
    transport, inner = _transport(iter(["token-old"] * 2), "token-new")
    assert transport.send(Request(method="GET", url=f"{_URL}/files"), CallContext()).status == 401
    assert len(inner.sent) == 1


@pytest.mark.parametrize(
    "url",
    [
        "https://blob.example/a?sig=x",
        "http://files.example/openai/v1",
        "https://files.example:444/",
        "https://e.com/@files.example",
        f"{_STORE}/upload/b/bucket/o?uploadType=resumable&upload_id=x",
        f"{_STORE}?upload_id=x",
    ],
)
def test_another_origin_and_a_session_get_no_token(url: str) -> None:
    """
    Storage at another host, the same host without TLS, or a session that was opened is not told it.
    """
    transport, inner = _transport(iter(()), "x")
    transport.send(Request(method="GET", url=url, headers=Headers({"A": "b"})), CallContext())
    assert dict(inner.sent[0].headers) == {"A": "b"}


def _raising() -> str:
    raise RuntimeError("no identity here")


@pytest.mark.parametrize("token", [lambda: "", lambda: None, lambda: "a\nb", lambda: "ä", _raising])
def test_no_token_is_an_error_of_its_own(token: Callable[[], Any]) -> None:
    """
    Whatever the callable does, nothing is sent, and the error says what to do.
    """
    inner = _Inner("x")
    transport = TokenTransport(inner=inner, token=token, base_urls=(_URL, _STORE))
    with pytest.raises(OpenAIError, match="sign in anew") as caught:
        transport.send(Request(method="GET", url=_URL), CallContext())
    assert (caught.value.code, inner.sent) == ("token_unavailable", [])


def test_a_client_takes_a_callable_as_its_key(tmp_path: Path) -> None:
    """
    ``api_key`` may return the key of the moment, as in OpenAI's own library; it is asked for each request.
    """
    keys = iter(["key-one", "key-two"])
    with (
        serving(answer(200, FILE), answer(200, FILE)) as server,
        OpenAIClient(lambda: next(keys), base_url=server.url, home=tmp_path) as client,
    ):
        client.files.retrieve("file-1").throw()
        client.files.retrieve("file-1").throw()
        assert [received.headers["authorization"] for received in server.received] == [
            "Bearer key-one",
            "Bearer key-two",
        ]
        (error,) = client.files.retrieve("file-1").errors
    assert error.code == "token_unavailable"


@pytest.mark.filterwarnings("error")
def test_async_functions_give_no_token() -> None:
    """
    An async function is refused when the client is made, and a coroutine that comes all the same is closed.
    """

    async def token() -> str:
        return "token"

    with pytest.raises(TypeError, match=r"api_key is an async function.*plain function that returns the token"):
        OpenAIClient(token)  # type: ignore[arg-type]  # it is the case
    transport, inner = _transport(iter([token()]), "token")
    with pytest.raises(OpenAIError, match="a coroutine; pass a plain function") as caught:
        transport.send(Request(method="GET", url=f"{_URL}/files"), CallContext())
    assert (caught.value.code, inner.sent) == ("token_unavailable", [])
    gc.collect()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
@pytest.mark.parametrize("kind", [EntraToken, GoogleToken])
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_amid_the_making_of_a_token_leaves_the_child_free(kind: Callable[[str], Any]) -> None:
    """
    What a thread of the parent holds is never let go in the child.
    """
    token = kind("of whatever")
    with token._lock.here():
        child = os.fork()
        if child == 0:
            os._exit(0 if token._lock.here().acquire(timeout=5) else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert token._lock.here().locked()
