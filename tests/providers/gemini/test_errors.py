"""
Errors in Google's shape.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aikit import OpenAIClient
from aikit.providers.config import ProviderSettings
from aikit.providers.gemini.provider import GeminiProvider
from aikit.types.error_words import ErrorWords, read_error
from tests.scripted_server import answer, reset, serving
from tests.stopwatch import Stopwatch

_RPC = "type.googleapis.com/google.rpc"
_BAD = {"@type": f"{_RPC}.BadRequest", "fieldViolations": [{"field": "batch.model", "description": "no such model"}]}


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT", "details": [{"reason": "X"}]},
            ErrorWords("API key not valid.", "INVALID_ARGUMENT"),
        ),
        (
            {"code": 400, "message": "Bad.", "status": "INVALID_ARGUMENT", "details": [{"@type": "x"}, _BAD]},
            ErrorWords("Bad.", "INVALID_ARGUMENT", param="batch.model"),
        ),
        ({"code": 404, "message": "Not found.", "status": "NOT_FOUND"}, ErrorWords("Not found.", "NOT_FOUND")),
        (
            {"code": 429, "message": "Quota.", "status": "RESOURCE_EXHAUSTED"},
            ErrorWords("Quota.", "RESOURCE_EXHAUSTED"),
        ),
        ({"code": 503, "message": "Busy.", "status": "UNAVAILABLE"}, ErrorWords("Busy.", "UNAVAILABLE")),
        ({"code": 13, "message": "Inner."}, ErrorWords("Inner.", "13")),
        ({"code": 400, "message": "Odd.", "details": "x"}, ErrorWords("Odd.", "400")),
        ({"code": 400, "message": "Odd.", "details": [5, {"fieldViolations": [5]}]}, ErrorWords("Odd.", "400")),
        ({"code": "x", "status": "FAILED", "message": "Own."}, ErrorWords("Own.", "x")),
    ],
)
def test_googles_errors_are_told_by_the_name_of_their_status(error: Any, said: ErrorWords) -> None:
    """
    The number is that of the HTTP status, which is known; the name tells what is wrong, and the details where.
    """
    assert read_error({"error": error}) == said
    assert read_error([{"error": error}]) == said


@pytest.mark.parametrize(
    ("status", "delay", "requests"), [(429, "0.05s", 2), (503, "0.05s", 2), (429, "3600s", 1), (400, "0.05s", 1)]
)
def test_a_delay_that_google_asks_for_is_heeded(
    monkeypatch: pytest.MonkeyPatch, status: int, delay: str, requests: int
) -> None:
    """
    It stands in the details; one that is too long is the caller's to wait for.
    """
    monkeypatch.setattr("aikit.http.retry.RetryPolicy._backoff", lambda *_: 30.0)
    info = {"@type": f"{_RPC}.RetryInfo", "retryDelay": delay}
    body = json.dumps({"error": {"code": status, "message": "Quota.", "status": "X", "details": [info]}}).encode()
    file = {"name": "files/a", "createTime": "2026-11-30T08:00:00Z", "sizeBytes": "1"}
    steps = answer(status, body), answer(200, json.dumps(file).encode())
    with serving(*steps) as server, OpenAIClient("AIza-0", provider="gemini", base_url=server.url) as client:
        watch = Stopwatch()
        result = client.files.retrieve("file-a")
        assert (len(server.received), result.success) == (requests, requests == 2)
    assert watch.stop() < 20


def test_a_file_that_is_not_there_is_not_found_though_google_says_403(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    So one that a lost answer deleted is deleted; a key that may not ask is refused.
    """
    monkeypatch.setattr("aikit.http.retry.RetryPolicy._backoff", lambda *_: 0.001)
    words = "You do not have permission to access the File a or it may not exist."
    gone, barred = (
        answer(403, json.dumps({"error": {"code": 403, "message": said, "status": "PERMISSION_DENIED"}}).encode())
        for said in (words, "Your project has been denied access.")
    )
    steps = gone, gone, reset(), gone, barred
    with serving(*steps) as server, OpenAIClient("AIza-0", provider="gemini", base_url=server.url) as client:
        missing = [*client.files.retrieve("file-a").errors, *client.files.content("file-a").errors]
        assert [(error.status, error.is_not_found_error, error.message) for error in missing] == [
            (404, True, words)
        ] * 2
        assert client.files.delete("file-a").success
        assert [error.status for error in client.files.delete("file-a").errors] == [403]


@pytest.mark.parametrize("step", [reset(), answer(503), answer(200), answer(400)])
def test_a_session_that_does_not_come_about_leaves_no_file(step: Any) -> None:
    """
    So nothing is in doubt when the answer to its beginning is lost, or no answer.
    """
    with (
        serving(step) as server,
        OpenAIClient("AIza-0", provider="gemini", base_url=server.url, max_retries=0) as client,
    ):
        (error,) = client.files.create(b"abc", "user_data", {"filename": "a.bin"}).errors
    assert (error.is_ambiguous, len(server.received)) == (False, 1)


def test_an_error_about_the_key_does_not_show_it() -> None:
    """
    Servers repeat what they were sent, also in details.
    """
    body = b'{"error": {"code": 400, "message": "key AIza-0123456789 is blocked", "status": "INVALID_ARGUMENT"}}'
    with (
        serving(answer(400, body)) as server,
        OpenAIClient("AIza-0123456789", provider="gemini", base_url=server.url) as client,
    ):
        (error,) = client.files.retrieve("file-a").errors
    assert (error.code, error.message) == ("INVALID_ARGUMENT", "key *** is blocked")


@pytest.mark.parametrize(
    "base_url",
    [
        None,
        "https://generativelanguage.googleapis.com",
        "https://generativelanguage.googleapis.com/v1beta/",
        "https://generativelanguage.googleapis.com/v1beta/openai/",
    ],
)
def test_the_address_is_that_of_the_api_however_it_is_copied(base_url: str | None) -> None:
    """
    Google's pages name it with a version and with the surface that is like OpenAI's.
    """
    provider = GeminiProvider.from_settings(
        ProviderSettings(kind="gemini", api_key="AIza-0123456789", base_url=base_url)
    )
    assert provider.address == "https://generativelanguage.googleapis.com"
    assert provider.account().address == provider.address
    assert "AIza" not in repr(provider) + provider.identity + provider.account_key()


def test_the_key_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Both names of Google's library count, and of the two the one that it takes, so that both see the same files.
    """
    monkeypatch.setenv("GEMINI_API_KEY", "AIza-gemini")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    for name, key in (("GEMINI_API_KEY", "AIza-gemini"), ("GOOGLE_API_KEY", "AIza-google")):
        monkeypatch.setenv(name, key)
        settings = ProviderSettings(kind="gemini").or_environment()
        assert settings.api_key == key
        assert GeminiProvider.from_settings(settings).headers.get("x-goog-api-key") == key
        assert "authorization" not in GeminiProvider.from_settings(settings).headers


def test_a_key_of_gemini_goes_to_no_address_of_the_working_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """
    What anybody may have put there leads the environment's key nowhere, but for Gemini's own address.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GEMINI_API_KEY", "AIza-0123456789")
    entries = {
        "evil": {"type": "gemini", "baseURL": "https://evil.example"},
        "like": {"type": "openai", "baseURL": "https://api.openai.com/v1"},
        "good": {"type": "gemini"},
    }
    (tmp_path / "AIProviders.json").write_text(json.dumps({"providers": entries}))
    for name in ("evil", "like"):
        with pytest.raises(ValueError, match="the key given to it is that of GEMINI_API_KEY"):
            OpenAIClient("AIza-0123456789", provider=name)
    with OpenAIClient("AIza-0123456789", provider="good") as client:
        assert client._session.provider.address == "https://generativelanguage.googleapis.com"
