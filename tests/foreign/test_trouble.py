"""
A foreign server in trouble: it fails, limits, babbles, hangs up or hangs, because the call's own headers ask it to.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from aikit import OpenAIClient
from tests.foreign.aimock import BODY_MAX_BYTES, Aimock
from tests.foreign.conftest import Manner, noise
from tests.stopwatch import Stopwatch

pytestmark = pytest.mark.foreign

FAILS = {"x-aimock-chaos-drop": "1"}
LIMITS = {"x-aimock-chaos-ratelimit": "1"}
BABBLES = {"x-aimock-chaos-malformed": "1"}
HANGS_UP = {"x-aimock-chaos-disconnect": "1"}
HANGS = {"x-aimock-chaos-latency": "5000"}


def test_a_failing_server_is_asked_as_often_as_allowed(client: OpenAIClient, aimock: Aimock, manner: Manner) -> None:
    """A 500 is tried again, with the whole body each time, and told when there are no more tries."""
    content = noise(300_000)

    result = manner(client.files.create, content, "user_data", filename="x.bin", extra_headers=FAILS, max_retries=1)

    assert [error.is_internal_server_error for error in result.errors] == [True]
    assert result.errors[0].code == "chaos_drop"
    assert aimock.statuses() == [500, 500]
    lengths = {entry["headers"]["content-length"] for entry in aimock.journal()}
    assert len(lengths) == 1
    assert int(lengths.pop()) > len(content)


def test_a_limit_is_told_with_its_numbers(client: OpenAIClient, aimock: Aimock, manner: Manner) -> None:
    """A 429 without a retry left is an error, and the result tells what the server lets through."""
    result = manner(client.files.list, extra_headers=LIMITS, max_retries=0)

    assert [error.is_rate_limit_error for error in result.errors] == [True]
    assert result.rate_limit.limit == {"requests": 60, "tokens": 150_000}
    assert result.rate_limit.remaining == {"requests": 0, "tokens": 0}
    assert result.rate_limit.reset == {"requests": "1s", "tokens": "6m0s"}
    assert aimock.statuses() == [429]


def test_a_pause_that_the_server_asks_for_is_kept(client: OpenAIClient, aimock: Aimock) -> None:
    """With one retry, the second attempt comes after the second that ``Retry-After`` asks for, not before."""
    client.files.list({"extra_headers": LIMITS, "max_retries": 1})

    first, second = (entry["timestamp"] for entry in aimock.journal())
    assert 1000 <= second - first < 5000


def test_an_answer_that_is_no_json_is_an_error(client: OpenAIClient, manner: Manner) -> None:
    """Garbage with status 200 is told as what it is."""
    result = manner(client.files.retrieve, "file-x", extra_headers=BABBLES)

    assert [(error.code, error.status) for error in result.errors] == [("invalid_response", 200)]
    assert result.file is None


def test_a_server_that_hangs_up_is_a_connection_error(client: OpenAIClient, manner: Manner) -> None:
    """A connection that ends without an answer is an error without a status."""
    result = manner(client.files.delete, "file-x", extra_headers=HANGS_UP, max_retries=0)

    assert [(error.code, error.status) for error in result.errors] == [("connection_error", None)]


def test_a_server_that_hangs_is_a_timeout(client: OpenAIClient, manner: Manner) -> None:
    """An answer that does not come in time ends the call when *timeout* says."""
    watch = Stopwatch()

    result = manner(client.files.content, "file-x", extra_headers=HANGS, timeout=0.3, max_retries=0)

    assert [error.code for error in result.errors] == ["timeout"]
    assert watch.stop() < 2


def test_a_call_on_a_server_that_hangs_can_be_cancelled(client: OpenAIClient, tmp_path: Path) -> None:
    """Cancelling cuts a blocked exchange off at once, and nothing is left on disk."""
    result = client.files.download("file-x", tmp_path / "x.bin", {"extra_headers": HANGS, "background": True})
    time.sleep(0.3)
    watch = Stopwatch()

    assert result.cancel()
    assert result.wait(20)

    assert watch.stop() < 1
    assert [error.code for error in result.errors] == ["cancelled"]
    assert list(tmp_path.iterdir()) == []


def test_a_body_that_the_server_does_not_read_to_its_end_is_an_error(client: OpenAIClient, tmp_path: Path) -> None:
    """A file so large that the server hangs up in its middle is an error of the connection, not an exception."""
    path = tmp_path / "huge.bin"
    with path.open("wb") as file:
        file.truncate(BODY_MAX_BYTES + 8 * 1024 * 1024)

    result = client.files.create(path, "user_data", {"max_retries": 0})

    assert [(error.code, error.status) for error in result.errors] == [("connection_error", None)]


def test_the_server_is_fine_again_afterwards(client: OpenAIClient) -> None:
    """A call that failed leaves a client behind that works."""
    for trouble in (FAILS, LIMITS, BABBLES, HANGS_UP):
        assert not client.files.list({"extra_headers": trouble, "max_retries": 0}).success
        assert client.files.list().success


def test_nobody_at_the_address_is_a_connection_error(manner: Manner, aimock: Aimock) -> None:
    """Where no server listens, the call ends with an error that names the address."""
    host, port = aimock.address.rsplit(":", 1)
    nowhere = f"{host}:{1 if port != '1' else 2}/v1"
    with OpenAIClient("sk-of-a-test", base_url=nowhere) as client:
        result = manner(client.files.list, max_retries=0)

    assert [error.code for error in result.errors] == ["connection_error"]
    assert nowhere in result.errors[0].message
