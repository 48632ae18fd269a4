"""
Dispatchers: callbacks run where they may.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from aikit import OpenAIClient, OpenAIFileResult, dispatch
from tests.scripted_server import FILE, answer, serving


@attrs.define
class FakeWidget:
    """
    As much of a Tk widget as the dispatcher asks for, driven by hand; the real one is tested with the example.
    """

    scheduled: list[Callable[[], None]] = attrs.field(factory=list)
    on_destroy: Any = None

    def bind(self, sequence: str, function: Callable[[Any], None], add: str) -> None:
        """
        Keep the handler of <Destroy>.
        """
        assert (sequence, add) == ("<Destroy>", "+")
        self.on_destroy = function

    def after(self, _: int, function: Callable[[], None]) -> None:
        """
        Keep what is to be run.
        """
        self.scheduled.append(function)

    def turn(self) -> None:
        """
        Run the main loop once.
        """
        functions, self.scheduled = self.scheduled, []
        for function in functions:
            function()


def test_immediate_runs_callbacks_on_the_pools_thread() -> None:
    """
    Without a dispatcher callbacks run on the thread that ended the call, before wait() returns.
    """
    names: list[str] = []
    with serving(answer(200, FILE)) as server, OpenAIClient("k", base_url=server.url) as client:
        result = client.files.retrieve(
            "file-1", {"on_terminate": lambda _: names.append(threading.current_thread().name)}
        )
        assert result.wait(20)
        assert len(names) == 1
        assert names[0].startswith("aikit")


def test_queue_runs_callbacks_in_pump_only() -> None:
    """
    With the queue dispatcher nothing runs before pump(), and then in the thread that pumps, in order.
    """
    seen: list[tuple[int, int]] = []
    with (
        serving(answer(200, FILE)) as server,
        OpenAIClient("k", base_url=server.url, dispatcher="queue", max_workers=1) as client,
    ):
        results = [
            client.files.retrieve("file-1", {"on_terminate": lambda _, n=n: seen.append((n, threading.get_ident()))})
            for n in range(3)
        ]
        assert all(result.wait(5) for result in results)
        assert seen == []
        assert client.pump() == 3
        assert seen == [(0, threading.get_ident()), (1, threading.get_ident()), (2, threading.get_ident())]
        assert client.pump() == 0


def test_closing_runs_queued_callbacks() -> None:
    """
    close() leaves no callback behind.
    """
    seen: list[bool] = []
    with serving(answer(200, FILE)) as server:
        client = OpenAIClient("k", base_url=server.url, dispatcher="queue")
        client.files.retrieve("file-1", {"on_terminate": lambda result: seen.append(result.success)})
        client.close()
    assert seen == [True]


def test_job_that_a_pumped_callback_adds_waits_for_the_next_pump() -> None:
    """
    A callback that always calls again cannot keep pump() from returning.
    """
    pumped = dispatch.pumped()
    seen: list[int] = []

    def again() -> None:
        seen.append(len(seen))
        pumped.deliver(again)

    pumped.deliver(again)
    assert [pumped.pump(), pumped.pump()] == [1, 1]
    assert seen == [0, 1]


def test_tk_runs_callbacks_in_the_main_loop_also_when_it_starts_later() -> None:
    """
    What ends before the main loop runs waits for its first turn.
    """
    widget = FakeWidget()
    seen: list[int] = []
    with (
        serving(answer(200, FILE)) as server,
        OpenAIClient("k", base_url=server.url, dispatcher=dispatch.tk(widget)) as client,
    ):
        result = client.files.retrieve("file-1", {"on_terminate": lambda _: seen.append(threading.get_ident())})
        assert result.wait(20)
        assert seen == []
        widget.turn()
        assert seen == [threading.get_ident()]


def test_tk_drops_and_logs_callbacks_once_the_window_is_gone(caplog: pytest.LogCaptureFixture) -> None:
    """
    After the window's end nothing runs and nothing raises into the pool.
    """
    widget = FakeWidget()
    dispatcher = dispatch.tk(widget)
    seen: list[int] = []
    event = attrs.make_class("Event", ["widget"])(widget)
    widget.on_destroy(event)
    with caplog.at_level(logging.WARNING, "aikit"):
        dispatcher.deliver(lambda: seen.append(1))
    widget.turn()
    assert (seen, widget.scheduled) == ([], [])
    assert "window is gone" in caplog.text


def test_tk_outlives_other_widgets() -> None:
    """
    The end of a button inside the window is not the end of the window.
    """
    widget = FakeWidget()
    dispatcher = dispatch.tk(widget)
    widget.on_destroy(attrs.make_class("Event", ["widget"])(object()))
    seen: list[int] = []
    dispatcher.deliver(lambda: seen.append(1))
    widget.turn()
    assert seen == [1]


def test_asyncio_runs_callbacks_in_the_loop() -> None:
    """
    With the asyncio dispatcher callbacks run on the loop's thread.
    """

    async def main(url: str) -> list[int]:
        seen: list[int] = []
        with OpenAIClient("k", base_url=url, dispatcher="asyncio") as client:
            await client.files.retrieve("file-1", {"on_terminate": lambda _: seen.append(threading.get_ident())})
            await asyncio.sleep(0.05)
        return seen

    with serving(answer(200, FILE)) as server:
        assert asyncio.run(main(server.url)) == [threading.get_ident()]


def test_asyncio_drops_and_logs_callbacks_once_the_loop_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    """
    A closed loop gets nothing, and the pool does not notice.
    """
    loop = asyncio.new_event_loop()
    dispatcher = dispatch.asyncio(loop)
    loop.close()
    with caplog.at_level(logging.WARNING, "aikit"):
        dispatcher.deliver(lambda: None)
    assert "loop is closed" in caplog.text


def test_unknown_dispatcher_is_refused() -> None:
    """
    A misspelt name and an object that cannot deliver are the caller's fault.
    """
    with pytest.raises(ValueError, match="immediate, queue, asyncio, qt, wx"):
        OpenAIClient("k", dispatcher="imediate")  # type: ignore[arg-type]  # that is the test
    with pytest.raises(TypeError, match=r"aikit\.dispatch"):
        OpenAIClient("k", dispatcher=5)  # type: ignore[arg-type]  # that is the test


@pytest.mark.parametrize("maker", [dispatch.tk, dispatch.LoopDispatcher])
def test_what_makes_a_dispatcher_is_none(maker: Any) -> None:
    """
    Forgotten parentheses are told at once, and not by callbacks that never run.
    """
    with pytest.raises(TypeError, match=f"call {maker.__name__}, which makes one"):
        OpenAIClient("k", dispatcher=maker)


def test_a_dispatcher_of_ones_own_needs_deliver_only() -> None:
    """
    Any object with deliver() will do, for example one for a toolkit of one's own.
    """

    class Own:
        """
        Runs at once.
        """

        def deliver(self, job: Callable[[], None]) -> None:
            """
            Run.
            """
            job()

    seen: list[OpenAIFileResult] = []
    with serving(answer(200, FILE)) as server:
        client = OpenAIClient("k", base_url=server.url, dispatcher=Own())
        result = client.files.retrieve("file-1", {"on_terminate": seen.append})
        assert result.wait(20)
        client.close()
        time.sleep(0)
    assert seen == [result]
