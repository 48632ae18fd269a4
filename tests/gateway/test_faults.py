"""
Faults at the gateway's door: what programs on any SDK meet, without key, network or waiting.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from aikit import OpenAIClient
from aikit.gateway.faults import read_faults
from aikit.testing import EmbeddedProvider, embedded_provider
from tests.clocks import set_forward
from tests.gateway.gateways import lines
from tests.threads import Threads


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[EmbeddedProvider]:
    """A provider in a folder of its own."""
    with embedded_provider(tmp_path / "home") as made:
        yield made


def _get(url: str, path: str, key: str | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    try:
        connection.request("GET", urlsplit(url).path + path, headers={"Authorization": f"Bearer {key}"} if key else {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_a_program_runs_files_and_batches_against_it(provider: EmbeddedProvider) -> None:
    """
    From the upload to the end of the batch, by a client that knows nothing but the address.
    """
    with OpenAIClient("sk-any", base_url=provider.serve()) as client:
        file = client.files.create(lines("m", "m", "m"), "batch", {"filename": "a.jsonl"}).throw().file
        assert file is not None
        batch = client.batches.create(file.id, "/v1/chat/completions").throw().batch
        assert batch is not None
        ended = client.batches.wait(batch.id, {"poll_interval": 0.1}).throw().batch
        assert ended is not None
        assert ended.request_counts.completed == 3


def test_what_is_scripted_comes_to_the_door_as_it_is(provider: EmbeddedProvider) -> None:
    """
    The very status, body and headers; garbage; and a connection that breaks, each once.
    """
    url = provider.serve()
    provider.fail("GET", "/files", status=418, body={"error": "tea"}, headers={"X-Tea": "green"})
    assert _get(url, "/files") == (418, b'{"error":"tea"}')
    provider.fail("GET", "/files", garbage=True)
    assert b"no JSON" in _get(url, "/files")[1]
    provider.fail("GET", "/files", reset=True)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        _get(url, "/files")
    assert _get(url, "/files")[0] == 200


def test_a_call_may_act_before_its_answer_is_lost(provider: EmbeddedProvider) -> None:
    """
    The file is there, though its program was told nothing.
    """
    url = provider.serve()
    provider.fail("POST", "/files", reset=True, acts_first=True)
    with OpenAIClient("k", base_url=url, max_retries=0) as client:
        assert client.files.create(b"x", "user_data", {"filename": "a.txt"}).errors[0].code == "connection_error"
        assert [file.filename for file in client.files.list().files] == ["a.txt"]


@pytest.mark.parametrize("spelling", ["/v1/files", "/files", "/local/v1/files", "/openai/files?api-version=v1"])
def test_a_fault_is_met_in_every_spelling(provider: EmbeddedProvider, spelling: str) -> None:
    """
    An address is the same with any prefix.
    """
    url = provider.serve().removesuffix("/v1")
    provider.fail("GET", "/files", status=503)
    assert _get(url, spelling)[0] == 503
    assert _get(url, spelling)[0] == 200


def test_a_delay_passes_with_the_clock(provider: EmbeddedProvider) -> None:
    """
    A day's delay ends when a day is over by the clock, and when the test is.
    """
    url = provider.serve()
    provider.fail("GET", "/files", times=2, delay=86_400)
    with set_forward(provider.clock, 86_400):
        assert _get(url, "/files")[0] == 200
    late = threading.Thread(target=_get, args=(url, "/files"))
    late.start()
    provider.close()
    late.join(20)
    assert not late.is_alive()


def test_files_expire_by_the_clock(provider: EmbeddedProvider) -> None:
    """
    When the clock is set behind its end, a file is in no list, and the provider has it no more.
    """
    with OpenAIClient("k", base_url=provider.serve()) as client:
        ends = {"anchor": "created_at", "seconds": 3600}
        brief = client.files.create(b"a", "user_data", {"filename": "a", "expires_after": ends}).throw().file
        kept = client.files.create(b"b", "user_data", {"filename": "b"}).throw().file
        assert brief is not None
        assert kept is not None
        provider.clock.advance(3600)
        assert [file.id for file in client.files.list().throw().files] == [kept.id]
        assert client.files.retrieve(brief.id).errors[0].status == 404


def test_lines_fail_and_windows_end_as_scripted(provider: EmbeddedProvider) -> None:
    """
    Faults of lines and the clock are those of the provider behind.
    """
    provider.fail_lines(status=400, body={"error": {"message": "no"}})
    with OpenAIClient("k", base_url=provider.serve()) as client:
        file = client.files.create(lines("m", "m"), "batch", {"filename": "a.jsonl"}).throw().file
        assert file is not None
        provider.expire_after(1)
        batch = client.batches.create(file.id, "/v1/chat/completions").throw().batch
        assert batch is not None
        ended = client.batches.wait(batch.id, {"poll_interval": 0.1, "max_wait": 30}).batch
        assert ended is not None
        assert (ended.status, ended.request_counts.total) == ("expired", 2)


def test_a_key_is_needed_where_one_is_given(provider: EmbeddedProvider) -> None:
    """
    Without one, none is.
    """
    assert _get(provider.serve(), "/files")[0] == 200
    url = provider.serve(key="sk-of-this-test-0123")
    assert _get(url, "/files")[0] == 401
    assert _get(url, "/files", "sk-of-this-test-0123")[0] == 200


def test_nothing_is_left_when_the_test_is_over(tmp_path: Path) -> None:
    """
    No thread stays, and nobody listens any more.
    """
    threads = Threads()
    with embedded_provider(tmp_path) as provider:
        url = provider.serve()
        assert _get(url, "/files")[0] == 200
    assert threads.are_over()
    with pytest.raises(ConnectionRefusedError):
        _get(url, "/files")


_FAULTS = """
speed: 1000
expire_after: 5
calls:
  - {method: GET, path: /files, times: 2, status: 429, headers: {Retry-After: "1"}}
  - {method: POST, path: /batches, reset: true, acts_first: true}
lines:
  - {every: 3, status: 500}
"""


def test_faults_are_read_from_a_file(provider: EmbeddedProvider, tmp_path: Path) -> None:
    """
    YAML, and so JSON, with the words of the functions.
    """
    path = tmp_path / "faults.yaml"
    path.write_text(_FAULTS)
    read_faults(path, provider)
    url = provider.serve()
    assert [_get(url, "/files")[0] for _ in range(3)] == [429, 429, 200]
    path.write_text('{"calls": [{"status": 418}]}')
    provider.heal()
    read_faults(path, provider)
    assert _get(url, "/files")[0] == 418


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("calls: [{stauts: 500}]", "faults.yaml:1: 'stauts' is no part of a fault; did you mean"),
        ("calls: [{times: 0}]", "faults.yaml:1: times must be at least 1"),
        ("lines: [{every: 0}]", "faults.yaml:1: every must be at least 1"),
        ("calls: 3", "faults.yaml:1 must be a list of mappings"),
        ("lines: [3]", "faults.yaml:1 must be a list of mappings"),
        ("\nfaults: []", "faults.yaml:2: 'faults' is none of calls, lines, expire_after, speed"),
        ("expire_after: -1", "faults.yaml:1: lines must be at least 0"),
        ("expire_after: many", "faults.yaml:1"),
        ("[]", "must be a mapping"),
        ("a: [", "faults.yaml"),
    ],
)
def test_what_is_no_fault_is_told_by_line(provider: EmbeddedProvider, tmp_path: Path, text: str, said: str) -> None:
    """
    With what is allowed.
    """
    path = tmp_path / "faults.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"faults\.yaml") as caught:
        read_faults(path, provider)
    assert said in str(caught.value)


def test_a_file_that_is_not_there_is_told(provider: EmbeddedProvider, tmp_path: Path) -> None:
    """
    By its name.
    """
    with pytest.raises(ValueError, match=r"none\.yaml cannot be read: No such file"):
        read_faults(tmp_path / "none.yaml", provider)
