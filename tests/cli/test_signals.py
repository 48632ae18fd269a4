"""
Ctrl-C in the midst of an import, and SIGTERM amid bars on a terminal.
"""

from __future__ import annotations

import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from aikit.cli.signals import heard
from tests.cli.processes import Terminal

_STEP = "signal.raise_signal(signal.SIGINT); told.append('the step is done')"


def test_ctrl_c_waits_for_the_end_of_a_step_of_an_import() -> None:
    """
    It is raised soon after: inside, Python's import lock could stay taken, and the exception be lost.
    """
    told = list[str]()

    def step() -> None:
        exec(compile(_STEP, "<frozen importlib._bootstrap>", "exec"), {"signal": signal, "told": told})  # noqa: S102  its file decides
        time.sleep(10)

    with heard(), pytest.raises(KeyboardInterrupt):
        step()
    assert told == ["the step is done"]


def test_ctrl_c_is_heard_at_once_elsewhere() -> None:
    """
    As without; and all is as it was in the end.
    """
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), heard():
        signal.raise_signal(signal.SIGINT)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_handlers_of_a_program_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Who calls `main` has signals of his own, and other threads have none to set.
    """
    before = signal.signal(signal.SIGINT, own := lambda *_: None)
    try:
        with heard():
            assert signal.getsignal(signal.SIGINT) is own
    finally:
        signal.signal(signal.SIGINT, before)
    threads = list[object]()
    monkeypatch.setattr(signal, "signal", lambda *_: threads.append(threading.current_thread()))

    def elsewhere() -> None:
        with heard():
            pass

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert threads == []


@pytest.mark.slow
def test_a_terminal_has_its_cursor_when_a_command_is_terminated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    SIGTERM ends the program amid its bars, which hide the cursor, and its exit code is that of the signal.
    """
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    with (tmp_path / "a.bin").open("wb") as file:
        file.truncate(50_000_000)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        words = ("files", "create", "a.bin", "-p", "user_data", "--provider", "openai", "--base-url", url)
        terminal = Terminal.start(*words)
        terminal.wait_for("a.bin ")
        terminal.process.terminate()
        assert terminal.end() == -signal.SIGTERM
    assert "\x1b[?25l" in terminal.seen
    assert terminal.seen.rindex("\x1b[?25h") > terminal.seen.rindex("\x1b[?25l")
