"""
Base URLs that are nearly right: the error of a call asks for the one that is meant, where its answer tells of it.
"""

from __future__ import annotations

import pytest

from aikit import OpenAIClient
from aikit.http.address_hints import address_hint, hint_of_refusal
from aikit.http.headers import Headers
from aikit.http.messages import Request, Response
from aikit.http.refusals import error_from
from aikit.jsonl import chat_line
from tests.scripted_server import Step, answer, serving

_JSON = {"content-type": "application/json"}
_HTML = {"content-type": "text/html"}
_OPENAI = b'{"error": {"message": "Invalid URL (GET /files)", "type": "invalid_request_error", "param": null}}'
_FASTAPI = b'{"detail": "Not Found"}'
_PAGE = b"<!doctype html><html><body><h1>Welcome</h1></body></html>"
_NO_FILE = b'{"error": {"message": "No such File object: file-1", "type": "invalid_request_error", "param": "id"}}'
_ASKED = "did you mean the base URL "


@pytest.mark.parametrize(
    ("base", "meant"),
    [
        ("https://h", "https://h/v1"),
        ("https://h/api", "https://h/api/v1"),
        ("http://h:8000", "http://h:8000/v1"),
        ("https://h/v1/files", "https://h/v1"),
        ("https://h/v1/batches", "https://h/v1"),
        ("https://h/v1/chat/completions", "https://h/v1"),
        ("https://h/api/v4/responses", "https://h/api/v4"),
        ("https://h/chat/completions", "https://h/v1"),
        ("https://h/v1", None),
        ("https://h/v1beta", None),
        ("https://h/api/v1/openai", None),
    ],
)
@pytest.mark.parametrize(
    "rest",
    [
        *("/files", "/files?limit=1", "/batches", "/files/file-1/content", "/uploads/u/parts"),
        *("/chat/completions", "/completions", "/responses", "/embeddings"),
    ],
)
def test_what_is_meant_is_seen_in_what_was_asked(base: str, meant: str | None, rest: str) -> None:
    """
    A version that is missing is added, an endpoint behind it is taken off, and what may be right is left alone.
    """
    assert address_hint(base + rest) == ("" if meant is None else f"{_ASKED}{meant}?")


@pytest.mark.parametrize(
    "url", ["https://h/openai/files?api-version=1", "https://h/container/blob", "https://h/", "https://h/upload/v1beta"]
)
def test_addresses_of_other_kinds_are_left_alone(url: str) -> None:
    """
    Azure's older API has no version in its path, and storage has no API of this kind.
    """
    assert address_hint(url) == ""


def test_blob_may_be_called_as_the_paths_of_an_api_are() -> None:
    """
    What is asked of a storage is not the API, and a blob that is missing says nothing about addresses.
    """
    for mark, is_hinted in (({"x-ms-version": "2023-11-03"}, False), ({}, True)):
        request = Request(method="GET", url="https://h/in/files/a.jsonl", headers=Headers(mark))
        error = error_from(Response(status=404, body=b"<Error/>", headers=Headers(), request=request))
        assert (_ASKED in error.message) is is_hinted


@pytest.mark.parametrize(
    ("words", "is_hinted"),
    [
        ("No such File object: file-1", False),
        ("Not Found", True),
        ("Invalid URL (GET /files/file-1)", True),
        ("", True),
    ],
)
def test_missing_object_is_no_missing_address(words: str, is_hinted: bool) -> None:  # noqa: FBT001  from the table
    """
    A server without a version may be right, and then there is merely no such file.
    """
    assert bool(hint_of_refusal("http://h/files/file-1", 404, words, words)) is is_hinted
    assert bool(hint_of_refusal("http://h/chat/completions", 404, words, words)) is is_hinted
    assert hint_of_refusal("http://h/files", 500, words, words) == ""
    assert hint_of_refusal("http://h/files", 401, words, words) == ""


@pytest.mark.parametrize(
    "step",
    [
        answer(404, _OPENAI, _JSON),
        answer(404, _FASTAPI, _JSON),
        answer(404, b"404 page not found", {"content-type": "text/plain"}),
        answer(404, _PAGE, _HTML),
        answer(405, _PAGE, _HTML),
        answer(200, _PAGE, _HTML),
        answer(200, b'{"message": "it works"}', _JSON),
        answer(200, b"Ollama is running", {"content-type": "text/plain"}),
    ],
)
def test_base_url_without_version_is_told(step: Step) -> None:
    """
    Whatever a server says at its root, the error asks for the address with the version.
    """
    with serving(step) as server:
        root = server.url.removesuffix("/v1")
        for base in (root, f"{server.url}/files", f"{server.url}/chat/completions"):
            with OpenAIClient(base_url=base, api_key="k", max_retries=0) as client:
                results = (
                    client.files.list(),
                    client.batches.list(),
                    client.files.create(b"x", "user_data", {"filename": "a.txt"}),
                )
            for result in results:
                (error,) = result.errors
                assert error.message.endswith(f"{_ASKED}{root}/v1?")


def test_right_base_url_is_not_doubted() -> None:
    """
    With its version the address is not asked about, and without one not when only the object is missing.
    """
    with serving(answer(404, _NO_FILE, _JSON)) as server:
        for base in (server.url, server.url.removesuffix("/v1")):
            with OpenAIClient(base_url=base, api_key="k", max_retries=0) as client:
                (error,) = client.files.retrieve("file-1").errors
            assert error.message == "No such File object: file-1"
    with serving(answer(404, _PAGE, _HTML)) as server, OpenAIClient(base_url=server.url, api_key="k") as client:
        assert _ASKED not in client.files.list({"max_retries": 0}).errors[0].message


@pytest.mark.parametrize(
    "text",
    [
        b"<html><title>400 The plain HTTP request was sent to HTTPS port</title></html>",
        b"Client sent an HTTP request to an HTTPS server.\n",
    ],
)
def test_server_that_wants_tls_is_told(text: bytes) -> None:
    """
    What servers say to plain HTTP on a port of HTTPS leads to the address with https.
    """
    with serving(answer(400, text)) as server, OpenAIClient(base_url=server.url, api_key="k") as client:
        (error,) = client.files.list().errors
        assert error.message.endswith(f"{_ASKED}{server.url.replace('http', 'https')}?")


@pytest.mark.slow
def test_server_behind_the_embedded_provider_is_told_likewise() -> None:
    """
    A batch whose lines are answered by a server says which base URL may be meant, once that server knows no address.
    """
    with serving(answer(404, _FASTAPI, _JSON)) as server:
        root = server.url.removesuffix("/v1")
        with OpenAIClient(provider="local", base_url=root) as client:
            run = client.batches.run([chat_line("Hi", model="m")], poll_interval=0.05)
            errors = [row.error.message for row in run if row.error]
    assert len(errors) == 1
    assert f"Not Found; {_ASKED}{root}/v1? Correct the API key" in errors[0]
