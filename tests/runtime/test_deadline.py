"""
Deadlines: a call is over in time, whatever it is doing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aikit import OpenAIClient
from aikit.runtime import timers
from tests.scripted_server import FILE, answer, cut, serving, silent
from tests.stopwatch import Stopwatch
from tests.threads import Threads


def code_of(result: Any) -> str | None:
    """
    Return the code of the only error.
    """
    (error,) = result.errors
    code: str | None = error.code
    return code


@pytest.mark.parametrize("is_background", [False, True])
def test_a_silent_server_is_left_in_time(is_background: bool) -> None:  # noqa: FBT001  a parameter of pytest
    """
    The deadline counts where no byte comes, long before the time-out of the socket.
    """
    with serving(silent()) as server, OpenAIClient("k", base_url=server.url) as client:
        watch = Stopwatch()
        result = client.files.retrieve("file-1", {"deadline": 0.3, "background": is_background})
        assert result.wait(20)
        assert watch.stop() <= 1.3
        assert watch.wall_s >= 0.25
    assert code_of(result) == "deadline_exceeded"
    assert "0.3 s" in result.errors[0].message


@pytest.mark.parametrize("is_background", [False, True])
def test_all_attempts_and_pauses_are_in_it(is_background: bool) -> None:  # noqa: FBT001  a parameter of pytest
    """
    Retries do not begin the time anew, and a pause before one is cut short.
    """
    with serving(cut()) as server, OpenAIClient("k", base_url=server.url, max_retries=50) as client:
        watch = Stopwatch()
        result = client.files.retrieve("file-1", {"deadline": 0.7, "background": is_background})
        assert result.wait(20)
        assert watch.stop() <= 1.6
        assert watch.wall_s >= 0.6
    assert code_of(result) == "deadline_exceeded"


@pytest.mark.parametrize("is_background", [False, True])
def test_waiting_ends_with_it(is_background: bool) -> None:  # noqa: FBT001  a parameter of pytest
    """
    Where a call only waits, it waits no longer than its deadline.
    """
    unready = FILE.replace(b"processed", b"uploaded")
    with serving(answer(200, unready)) as server, OpenAIClient("k", base_url=server.url) as client:
        watch = Stopwatch()
        options: dict[str, Any] = {"deadline": 0.3, "poll_interval": 60, "background": is_background}
        result = client.files.wait("file-1", **options)
        assert result.wait(20)
        assert watch.stop() <= 1.3
    assert code_of(result) == "deadline_exceeded"


def test_a_body_is_cut_in_its_middle(tmp_path: Path) -> None:
    """
    An upload and a download that would take a minute end with it, and nothing half is left.
    """
    with serving(answer(200, bytes(1_000_000))) as server:
        client = OpenAIClient("k", base_url=server.url, bandwidth=16_000)
        for call in (
            lambda: client.files.create(bytes(1_000_000), "user_data", {"filename": "a.bin", "deadline": 0.4}),
            lambda: client.files.download("file-1", tmp_path / "a", {"deadline": 0.4}),
        ):
            watch = Stopwatch()
            assert code_of(call()) == "deadline_exceeded"
            assert watch.stop() <= 1.4
        client.close()
    assert list(tmp_path.iterdir()) == []


def test_a_call_that_is_over_in_time_leaves_nothing_behind() -> None:
    """
    No thread waits for a deadline that cannot come any more.
    """
    with serving(answer(200, FILE)) as server, OpenAIClient("k", base_url=server.url) as client:
        timers = Threads("aikit-timer")
        assert client.files.retrieve("file-1", {"deadline": 60}).success
        result = client.files.retrieve("file-1", {"deadline": 60, "background": True})
        assert result.wait(20)
        assert result.success
        assert timers.are_over()


@pytest.mark.parametrize("is_background", [False, True])
@pytest.mark.parametrize("step", [silent(), cut(), answer(200, FILE.replace(b"processed", b"uploaded"))])
def test_it_is_kept_where_no_thread_can_be_had_for_it(
    step: Any,
    is_background: bool,  # noqa: FBT001  a parameter of pytest
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    The call looks at the time itself: while no byte comes, between attempts, and where it only waits.
    """
    monkeypatch.setattr(timers.Timer, "park", lambda *_: False)
    with serving(step) as server, OpenAIClient("k", base_url=server.url, max_retries=50) as client:
        watch = Stopwatch()
        result = client.files.wait("file-1", {"deadline": 0.4, "background": is_background})
        assert result.wait(20)
        assert watch.stop() <= 1.4
        assert watch.wall_s >= 0.35
    assert code_of(result) == "deadline_exceeded"


@pytest.mark.parametrize("value", [0, -1, "1", True])
def test_what_is_no_deadline_is_refused(value: Any) -> None:
    """
    A mistake is told before anything is sent.
    """
    with OpenAIClient("k", base_url="http://127.0.0.1:1/v1") as client, pytest.raises((TypeError, ValueError)):
        client.files.list({"deadline": value})


def test_interrupted_begin_leaves_no_deadline_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Ctrl-C that comes when the time has just begun to run: no timer holds up the program's end for an hour.
    """
    begin = timers.Deadline.begin

    def interrupted(deadline: timers.Deadline) -> None:
        begun.append(deadline)
        begin(deadline)
        raise KeyboardInterrupt

    begun: list[timers.Deadline] = []
    monkeypatch.setattr(timers.Deadline, "begin", interrupted)
    with serving(silent()) as server, OpenAIClient("k", base_url=server.url) as client:
        with pytest.raises(KeyboardInterrupt):
            client.files.retrieve("file-1", {"deadline": 3600})
        assert begun[0].ticket is None
