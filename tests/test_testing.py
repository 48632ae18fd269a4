"""
The fixtures for other people's tests: used from outside, by a pytest of their own, and bare.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import aikit
from aikit import OpenAIClient
from aikit.providers.local.clock import SpedUpClock
from aikit.providers.local.provider import LocalProvider
from aikit.testing import EmbeddedProvider, embedded_provider
from tests.clocks import set_forward
from tests.stopwatch import Stopwatch

ENDPOINT = "/v1/chat/completions"
LINE = (
    '{{"custom_id": "q{0}", "method": "POST", "url": "/v1/chat/completions", '
    '"body": {{"model": "m", "messages": [{{"role": "user", "content": "hi {0}"}}]}}}}\n'
)
FOREIGN_TEST = '''
import pytest

from aikit import OpenAIClient
from aikit.jsonl import chat_line, write

pytest_plugins = ["aikit.testing"]


def answers(client: OpenAIClient, path):
    """A program that somebody wants to test."""
    batch = client.batches.create(client.files.create(path, "batch").file.id, "/v1/chat/completions").batch
    batch = client.batches.wait(batch.id, {"poll_interval": 0.05}).batch
    return batch, [row.status for row in client.batches.results(batch)]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "lines.jsonl"
    write(path, [chat_line(f"question {number}", model="m", custom_id=f"q{number}") for number in range(1, 11)])
    return path


def test_all_is_well(aikit_provider, path):
    batch, rows = answers(aikit_provider.client(), path)
    assert (batch.status, rows) == ("completed", ["ok"] * 10)


def test_lines_fail(aikit_provider, path):
    aikit_provider.fail_lines("q3", status=500)
    aikit_provider.fail_lines(every=5, timeout=True)
    batch, rows = answers(aikit_provider.client(), path)
    assert [number for number, status in enumerate(rows, 1) if status == "failed"] == [3, 5, 10]


def test_the_window_is_over(aikit_provider, path):
    aikit_provider.expire_after(4)
    batch, rows = answers(aikit_provider.client(), path)
    assert (batch.status, sorted(rows)) == ("expired", ["expired"] * 6 + ["ok"] * 4)


def test_the_api_is_busy(aikit_provider, path):
    aikit_provider.fail("POST", "/files", status=503, times=2)
    result = aikit_provider.client(max_retries=1).files.create(path, "batch")
    assert [error.status for error in result.errors] == [503]


@pytest.mark.parametrize("number", range(2))
def test_each_test_has_a_folder_of_its_own(aikit_provider, number, path):
    client = aikit_provider.client()
    assert client.files.list().files == ()
    assert client.files.create(path, "batch").success
'''


@pytest.fixture
def provider(tmp_path: Path) -> Any:
    """Give a provider, without pytest's help."""
    with embedded_provider(tmp_path / "home") as found:
        yield found


def stored(client: OpenAIClient, lines: int = 20) -> str:
    """Store a batch input file."""
    content = "".join(LINE.format(number) for number in range(1, lines + 1)).encode()
    file = client.files.create(content, "batch").throw().file
    assert file is not None
    return file.id


def ended(client: OpenAIClient, lines: int = 20) -> Any:
    """Run a batch to its end."""
    batch = client.batches.create(stored(client, lines), ENDPOINT).throw().batch
    assert batch is not None
    return client.batches.wait(batch.id, {"poll_interval": 0.05, "max_wait": 20}).batch


def passed_in(folder: Path, tests: str) -> int:
    """Run tests in a process of their own; return how many passed, if none failed."""
    (folder / "test_mine.py").write_text(tests, "utf-8")
    environment = os.environ | {"PYTHONPATH": str(Path(aikit.__file__).parents[1])}
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "."]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (passed,) = re.findall(r"(\d+) passed", done.stdout)
    return int(passed)


def test_foreign_tests_pass(tmp_path: Path) -> None:
    """
    A test file that knows nothing of ours but the fixtures, in a process of its own, warnings as errors.
    """
    assert passed_in(tmp_path, FOREIGN_TEST) == 6


def test_pytest_is_loaded_by_nobody_else(tmp_path: Path) -> None:
    """
    Programs that use aikit need no pytest, and the embedded provider knows of no scripts.
    """
    program = f"import aikit, sys; c = aikit.OpenAIClient(provider='local', home={str(tmp_path)!r})\n"
    program += "assert c.files.list().success and c.batches.list().success; c.close()\n"
    program += "assert not {'pytest', 'aikit.providers.local.faults'} & set(sys.modules)\n"
    program += "import aikit.providers.local.faults\nassert 'pytest' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(aikit.__file__).parents[1], timeout=30)


def test_tests_of_other_kinds_need_no_pytest(tmp_path: Path) -> None:
    """
    With unittest, where pytest is not installed, the context manager is there.
    """
    program = "import sys; from pathlib import Path; sys.modules['pytest'] = None\n"
    program += "from aikit.testing import embedded_provider\n"
    program += f"with embedded_provider(Path({str(tmp_path)!r})) as p: assert p.client().files.list().success"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(aikit.__file__).parents[1], timeout=30)


def test_a_provider_within_another_on_one_folder(tmp_path: Path) -> None:
    """
    The inner script is in force while it is, and then the outer one again.
    """
    with embedded_provider(tmp_path) as outer:
        with embedded_provider(tmp_path) as inner:
            inner.fail(status=418)
            assert not inner.client(max_retries=0).files.list().success
        outer.fail(status=418)
        assert not outer.client(max_retries=0).files.list().success


def test_a_program_that_makes_its_own_client_meets_the_faults(
    provider: EmbeddedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The folder counts, not who made the client, and not by which name the folder goes.
    """
    provider.fail("GET", "/files", status=418)
    provider.home.mkdir()
    monkeypatch.setenv("AIKIT_HOME", str(provider.home / ".." / provider.home.name))
    with OpenAIClient(provider="local", max_retries=0) as client:
        assert [error.status for error in client.files.list().errors] == [418]
        assert client.files.list().success


def test_after_the_last_provider_is_closed_nothing_is_scripted(tmp_path: Path) -> None:
    """
    In whatever order they are closed, each folder keeps its faults till then, and the class is as it was.
    """
    before = LocalProvider.make_transport
    first, second = embedded_provider(tmp_path / "a"), embedded_provider(tmp_path / "b")
    one, other = first.__enter__(), second.__enter__()
    assert LocalProvider.make_transport is not before
    first.__exit__(None, None, None)
    other.fail(status=418)
    assert not other.client(max_retries=0).files.list().success
    second.__exit__(None, None, None)
    assert LocalProvider.make_transport is before
    one.fail(status=418)
    with OpenAIClient(provider="local", home=one.home, max_retries=0) as client:
        assert client.files.list().success


def test_calls_fail_as_often_as_said(provider: EmbeddedProvider) -> None:
    """
    Status, body and headers are as scripted; the call after that is a call like others.
    """
    client = provider.client(max_retries=0)
    provider.fail(
        "get", "/files", times=2, status=429, body={"error": {"message": "slow"}}, headers={"Retry-After": "9"}
    )
    for _ in range(2):
        (error,) = client.files.list().errors
        assert (error.status, error.message, error.headers["Retry-After"]) == (429, "slow", "9")
    assert client.files.list().success


def test_only_calls_that_match_fail(provider: EmbeddedProvider) -> None:
    """
    Method and path choose, with a star for any part.
    """
    client = provider.client(max_retries=0)
    file_id = stored(client)
    provider.fail("GET", "/files/*/content", status=500)
    provider.fail("DELETE", status=500)
    assert client.files.list().success
    assert client.files.retrieve(file_id).success
    assert not client.files.content(file_id).success
    assert not client.files.delete(file_id).success
    assert client.files.delete(file_id).success


def test_calls_are_retried_through_scripted_faults(provider: EmbeddedProvider) -> None:
    """
    The client does what it would do with a server.
    """
    provider.fail("POST", "/files", status=503, headers={"retry-after-ms": "1"})
    assert stored(provider.client())


def test_breaks_and_garbage(provider: EmbeddedProvider, tmp_path: Path) -> None:
    """
    Each is the error that a socket would have made of it.
    """
    client = provider.client(max_retries=0)
    file_id = stored(client)
    provider.fail(reset=True)
    provider.fail(garbage=True)
    provider.fail("GET", "/files/*/content", body="<html>", status=200)
    assert client.files.list().errors[0].code == "connection_error"
    assert client.files.list().errors[0].code == "invalid_response"
    saved = client.files.download(file_id, tmp_path / "copy.jsonl")
    assert (saved.success, saved.bytes_written, (tmp_path / "copy.jsonl").read_text()) == (True, 6, "<html>")


def test_an_answer_is_lost_after_the_call_was_carried_out(provider: EmbeddedProvider) -> None:
    """
    The batch is there although nobody was told; whoever looks finds one, and the client finds it.
    """
    client = provider.client()
    file_id = stored(client)
    provider.fail("POST", "/batches", reset=True, acts_first=True)
    result = client.batches.create(file_id, ENDPOINT)
    assert result.success
    assert len(client.batches.list().batches) == 1
    provider.fail("DELETE", reset=True, acts_first=True)
    once = provider.client(max_retries=0)
    assert once.files.delete(file_id).errors[0].code == "connection_error"
    assert once.files.list({"purpose": "batch"}).files == ()


def test_a_delay_passes_with_the_clock(provider: EmbeddedProvider) -> None:
    """
    An hour's delay ends when the clock is set forward an hour, or the call is cancelled.
    """
    client = provider.client()
    provider.fail("GET", "/files", times=2, delay=3600)
    watch = Stopwatch()
    with set_forward(provider.clock, 3600):
        assert client.files.list().success
    result = client.files.list({"background": True})
    assert not result.wait(0.1)
    result.cancel()
    assert result.wait(20)
    assert result.errors[0].code == "cancelled"
    assert watch.stop() < 5


def test_lines_fail_by_name_and_by_number(provider: EmbeddedProvider) -> None:
    """
    With status and body as scripted, or without any answer; the rule that was added last counts.
    """
    provider.fail_lines(every=10, timeout=True)
    provider.fail_lines("q20", status=422, body={"error": {"message": "no"}})
    client = provider.client()
    batch = ended(client)
    assert (batch.status, batch.request_counts.failed) == ("completed", 2)
    rows = {row.custom_id: row for row in client.batches.results(batch) if row.status != "ok"}
    assert set(rows) == {"q10", "q20"}
    refused, late = rows["q20"], rows["q10"].error
    assert (refused.status_code, refused.error and refused.error.message) == (422, "no")
    assert late is not None
    assert late.code == "request_timeout"


def test_a_slow_model_takes_its_time_by_the_clock(provider: EmbeddedProvider) -> None:
    """
    Ten minutes a line, and a clock that runs ten thousand times as fast.
    """
    provider.fail_lines(delay=600)
    provider.clock.run_at(10_000.0)
    batch = ended(provider.client(concurrency=20))
    assert batch.status == "completed"
    assert batch.completed_at - batch.in_progress_at >= 600


@pytest.mark.parametrize("lines", [0, 1, 7])
def test_a_window_that_is_over_leaves_exactly_so_many(provider: EmbeddedProvider, lines: int) -> None:
    """
    The rest is in the error file, as expired.
    """
    provider.expire_after(lines)
    client = provider.client(concurrency=16)
    batch = ended(client)
    assert (batch.status, batch.request_counts.completed) == ("expired", lines)
    assert provider.clock.now() - time.time() < 2 * 86_400
    assert sorted(row.status for row in client.batches.results(batch)) == ["expired"] * (20 - lines) + ["ok"] * lines


def test_batches_after_the_window_have_their_own_day(provider: EmbeddedProvider) -> None:
    """
    What expired is sent again and answered, as a program under test would.
    """
    provider.expire_after(4)
    client = provider.client(concurrency=16)
    first = ended(client)
    again = client.batches.resubmit(first.id, only=("expired",)).throw().batch
    assert again is not None
    batch = client.batches.wait(again.id, {"poll_interval": 0.05, "max_wait": 20}).batch
    assert batch is not None
    assert (first.status, batch.status, batch.request_counts.completed) == ("expired", "completed", 16)


def test_heal_ends_all_faults(provider: EmbeddedProvider) -> None:
    """
    Also those that nobody has met yet.
    """
    provider.fail(times=100, status=500)
    provider.fail_lines(status=500)
    provider.expire_after(0)
    provider.heal()
    assert ended(provider.client()).request_counts.completed == 20


def test_another_folder_meets_no_faults(provider: EmbeddedProvider, tmp_path: Path) -> None:
    """
    A script is in force in its own folder, and only while it is.
    """
    provider.fail(times=100, status=500)
    with OpenAIClient(provider="local", home=tmp_path / "other") as other:
        assert other.files.list().success
    with embedded_provider(tmp_path / "third") as third:
        third.fail(times=100, status=500)
    with OpenAIClient(provider="local", home=tmp_path / "third") as later:
        assert later.files.list().success


@pytest.mark.parametrize(
    "call",
    [
        lambda provider: provider.fail(times=0),
        lambda provider: provider.fail_lines("a", every=2),
        lambda provider: provider.fail_lines(every=0),
        lambda provider: provider.expire_after(-1),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(provider: EmbeddedProvider, call: Any) -> None:
    """
    A mistake in a test must not make it pass.
    """
    with pytest.raises(ValueError, match=r"at least|not by both"):
        call(provider)


def test_a_clock_changes_its_speed_without_a_jump() -> None:
    """
    What has passed has passed; backwards it does not run.
    """
    clock = SpedUpClock()
    clock.advance(86_400)
    before = clock.now()
    clock.run_at(1000.0)
    assert 0 <= clock.now() - before < 60
    time.sleep(0.02)
    assert clock.now() - before >= 20
    clock.run_at(0.0)
    stopped = clock.now()
    time.sleep(0.01)
    assert clock.now() == stopped
    with pytest.raises(ValueError, match="backwards"):
        clock.run_at(-1.0)


@pytest.mark.parametrize(("page", "tests"), [("README.md", 1), ("aikit/docs/testing.md", 3)])
def test_examples_on_pages_pass(page: str, tests: int, tmp_path: Path) -> None:
    """
    What the README and the page of testing show can be copied into a file and run.
    """
    text = (Path(__file__).parents[1] / page).read_text("utf-8")
    (example,) = (block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "aikit_provider" in block)
    assert passed_in(tmp_path, example) == tests
