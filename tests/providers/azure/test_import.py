"""
Files that the resource fetches from an address, which may be signed and is then a secret.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from aikit import OpenAIClient, jsonl
from aikit.http.sources import source_of
from tests.azure_server import KEY, VERSION, Resource
from tests.providers.azure.conftest import Make
from tests.scripted_server import answer, serving

_SIGNATURE = "c2lnbmF0dXJl%2Bof%2Fa%3D"
_SIGNED = f"sv=2024-11-04&sr=b&sp=r&sig={_SIGNATURE}"
_PLAIN = "c2lnbmF0dXJl+of/a="


def test_a_file_is_fetched_by_the_resource_from_an_address(make: Make, resource: Resource) -> None:
    """
    Under the name that the address ends in, or another, with an expiry; none of it passes through this program.
    """
    with serving(answer(200, b"abc")) as elsewhere:
        address = f"{elsewhere.url}/in/my%20file.txt?{_SIGNED}"
        expiry = {"anchor": "created_at", "seconds": 1_209_600}
        file = make("dated").files.create(address, "user_data", {"expires_after": expiry}).throw().file
        named = make("dated").files.create(address, "user_data", {"filename": "b.txt"}).throw().file
        assert len(elsewhere.received) == 2
    assert file is not None
    assert named is not None
    assert (file.filename, named.filename, resource.contents[file.id]) == ("my file.txt", "b.txt", b"abc")
    assert file.expires_at == file.created_at + 1_209_600
    asked = resource.asked[0]
    assert asked == (
        "POST",
        f"/openai/files/import?api-version={VERSION}",
        {"purpose": "user_data", "filename": "my file.txt", "content_url": address, "expires_after": expiry},
    )


@pytest.mark.parametrize("kind", ["v1", "local", "openai", "gemini"])
def test_where_no_file_is_fetched_nothing_is_sent(kind: str, make: Make, resource: Resource) -> None:
    """
    Version 1 and all other providers say so in a sentence, without the address.
    """
    client = make("v1") if kind == "v1" else OpenAIClient("k", provider=kind)
    with client:
        (error,) = client.files.create(f"https://acc.example/a.jsonl?{_SIGNED}", "batch").errors
    assert error.code == "unsupported"
    assert "fetch" in error.message
    assert "acc.example" not in str(error)
    assert resource.asked == []


def test_an_address_that_names_no_host_is_refused_at_once(make: Make, resource: Resource) -> None:
    """
    Its own text is not repeated, for it may be signed.
    """
    for odd in (f"https:///a?{_SIGNED}", f"https://h.example/ä?{_SIGNED}", f"HTTPS://h.example/a?{_SIGNED}\n"):
        with pytest.raises(ValueError, match="begins like an address") as caught:
            make("dated").files.create(odd, "user_data")
        assert "sig" not in str(caught.value)
    assert resource.asked == []


@pytest.mark.parametrize("status", [200, 400, 404, 500])
def test_a_signed_address_is_never_told(status: int, caplog: pytest.LogCaptureFixture) -> None:
    """
    Not by a server that repeats it, in whichever spelling, nor by the log, the result or its request.
    """
    address = f"https://acc.blob.core.windows.net/in/a.jsonl?{_SIGNED}"
    words = f"fileImportFailed: {address}, sig={_SIGNATURE}, which is {_PLAIN}"
    body = json.dumps({"error": {"code": "fileImportFailed", "message": words}, "id": "file-1", "bytes": 3}).encode()
    caplog.set_level(logging.DEBUG)
    with serving(answer(status, body, {"x-note": words, "retry-after-ms": "1"})) as server:
        base_url = f"{server.url}?api-version={VERSION}"
        with OpenAIClient(KEY, provider="azure", base_url=base_url, ledger=False) as client:
            result: Any = client.files.create(address, "user_data")
            (error,) = result.errors
    told = repr((result, error, error.body, dict(error.headers), error.__dict__ if hasattr(error, "__dict__") else ""))
    told += str(error) + caplog.text + repr(result.request) + repr(source_of(address))
    assert _SIGNATURE not in told
    assert _PLAIN not in told


@pytest.mark.parametrize(
    "call",
    [
        lambda client, address: client.files.create_many([address], "batch"),
        lambda client, address: client.batches.estimate(address),
        lambda client, address: client.batches.estimate(address + "\n"),
        lambda client, address: client.batches.create(address, "/v1/chat/completions"),
        lambda client, address: client.batches.create(address + "\n", "/v1/chat/completions"),
        lambda client, address: client.batches.retrieve(address),
        lambda client, address: client.files.retrieve(address),
        lambda client, address: client.files.content(address),
        lambda client, address: client.files.delete(address),
        lambda client, address: client.uploads.add_part("upload_1", address),
        lambda client, address: client.uploads.create(address, "batch", 3),
        lambda client, address: client.files.create(b"abc", "batch", {"filename": address}),
        lambda _, address: jsonl.check(address),
    ],
)
@pytest.mark.parametrize("kind", ["azure", "openai", "local"])
def test_a_signed_address_is_told_nowhere_else(kind: str, call: Any, tmp_path: Path) -> None:
    """
    Wherever it is given instead of a path or an id, it is refused without its signature, and nothing is sent.
    """
    address = f"https://acc.blob.core.windows.net/in/a.jsonl?{_SIGNED}"
    options = {"home": tmp_path} if kind == "local" else {"base_url": "http://127.0.0.1:9"}
    with OpenAIClient("" if kind == "local" else "k", provider=kind, **options) as client:
        try:
            result = call(client, address)
        except ValueError as error:
            told = str(error)
        else:
            problems = getattr(result, "errors", result)
            assert [problem.code for problem in problems if problem.code == "connection_error"] == []
            told = repr(problems) + repr(result) + repr(list(getattr(result, "items", ())))
    assert told
    assert _SIGNATURE not in told
    assert _PLAIN not in told
