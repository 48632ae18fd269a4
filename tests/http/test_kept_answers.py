"""
What an error keeps of the answer it is about.
"""

from __future__ import annotations

import json
import pickle
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import aikit
from aikit import OpenAIClient, OpenAIError
from aikit.http.bodies import json_body
from aikit.http.headers import Headers
from aikit.http.messages import Request, Response
from aikit.http.refusals import error_from

_KEY = "sk-proj-0123456789"


@pytest.fixture
def address() -> Iterator[str]:
    """
    A server that refuses everything in words of its own, and repeats the key.
    """
    body = json.dumps({"error": {"message": "no", "code": "nope", "said": _KEY}}).encode()
    fields = f"x-echo: {_KEY}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    head = f"HTTP/1.1 418 Short And {_KEY} Stout\r\n{fields}"
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(head.encode() + body)

        threading.Thread(target=answer, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


def test_an_error_has_its_answer(address: str, tmp_path: Path) -> None:
    """
    Status, the server's own words beside it, headers and body are there; the key is nowhere, also in what is carried.
    """
    with OpenAIClient(_KEY, base_url=address, max_retries=0, home=tmp_path) as client:
        error = client.files.retrieve("file-1").errors[0]
    assert error.response is not None
    assert (error.status_text, error.response.status, error.response.status_text) == (
        "Short And *** Stout",
        418,
        "Short And *** Stout",
    )
    assert error.response.json()["error"]["code"] == "nope"
    assert error.response.headers["X-Echo"] == "***"
    told = repr(error.response) + json.dumps([error, error.response], default=aikit.to_json) + str(vars(error))
    assert _KEY not in told
    assert _KEY.encode() not in pickle.dumps(error) + error.response.body
    assert pickle.loads(pickle.dumps(error)).status_text == error.status_text  # noqa: S301  our own


def test_an_error_holds_nothing_that_was_sent() -> None:
    """
    A hundred errors of uploads keep no contents alive; and of a large answer they keep the begin.
    """
    sent = Request(
        method="POST",
        url=f"https://api.example/v1/files?sig={_KEY}",
        headers=Headers({"Authorization": f"Bearer {_KEY}", "X-Own": "a word"}),
        body=json_body({"a": "b"}),
    )
    error = error_from(Response(status=500, body=b"x" * 3_000_000, request=sent))
    assert isinstance(error.response, Response)
    kept = error.response.request
    assert (kept.body, kept.sink, kept.limiter, dict(kept.headers)) == (None, None, None, {})
    assert kept.url == "https://api.example/v1/files?sig=***"
    assert len(error.response.body) == 1024 * 1024


def test_no_half_of_a_secret_is_kept_where_a_large_answer_is_cut() -> None:
    """
    Wherever the cut falls, and however much shorter the answer is without its secrets.
    """
    sent = Request(
        method="GET", url="https://api.example/v1/files", headers=Headers({"Authorization": f"Bearer {_KEY}"})
    )
    for shift in range(0, len(_KEY), 3):
        error = error_from(Response(status=500, body=b"x" * shift + _KEY.encode() * 200_000, request=sent))
        assert error.response is not None
        assert error.response.body.strip(b"x*") == b""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OpenAIError(message="m", status=404), "Not Found"),
        (OpenAIError(message="m", status=799), ""),
        (OpenAIError(message="m"), None),
        (error_from(Response(status=429, request=Request(method="GET", url="https://x"))), "Too Many Requests"),
        (error_from(Response(status=429, reason="Slow", request=Request(method="GET", url="https://x"))), "Slow"),
    ],
)
def test_status_text_is_known_without_the_servers_words(error: OpenAIError, words: str | None) -> None:
    """
    Servers that say no words have the usual ones; no answer has none.
    """
    assert error.status_text == words


def test_the_embedded_provider_has_answers_too(tmp_path: Path) -> None:
    """
    No socket, and the same attributes.
    """
    with OpenAIClient(provider="local", home=tmp_path) as client:
        error = client.files.retrieve("file-none").errors[0]
    assert error.response is not None
    assert (error.status_text, error.response.status) == ("Not Found", 404)
