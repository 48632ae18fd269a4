"""
Callbacks that are awaited: async functions of every kind, where they run, and where they are refused.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from aikit import OpenAIClient, OpenAIFileResult, dispatch, jsonl
from aikit.types.events import OpenAIBatchEvent
from tests.scripted_server import FILE, ScriptedServer, answer, serving

_LINE: Final = json.dumps(jsonl.chat_line(custom_id="one", model="gpt-5", messages=[{"role": "user", "content": "Hi"}]))


async def _plain(_: Any) -> None:
    """An async function."""


async def _of_two(_: str, __: Any) -> None:
    """An async function that a partial gives its first argument."""


class _Asked:
    """An object that is called asynchronously."""

    async def __call__(self, _: Any) -> None:
        """Do nothing."""

    async def method(self, _: Any) -> None:
        """Do nothing."""

    @classmethod
    async def of_class(cls, _: Any) -> None:
        """Do nothing."""


_KINDS: Final[tuple[Callable[[Any], Any], ...]] = (
    _plain,
    partial(_of_two, "first"),
    partial(partial(_of_two), "first"),
    partial(_Asked()),
    _Asked(),
    _Asked().method,
    _Asked.of_class,
)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A server with one file."""
    with serving(answer(200, FILE)) as running:
        yield running


@pytest.mark.parametrize("callback", _KINDS)
@pytest.mark.parametrize("name", ["on_response", "on_error", "on_terminate", "on_progress"])
def test_async_callbacks_are_refused_before_sending_where_nothing_awaits(
    server: ScriptedServer, name: str, callback: Callable[[Any], Any]
) -> None:
    """The call itself says what to pass, nothing is sent, and the caller's stream is free again."""
    options: dict[str, Any] = {name: callback}
    for dispatcher in (None, "queue"):
        with OpenAIClient("k", base_url=server.url, dispatcher=dispatcher) as client:
            with pytest.raises(TypeError, match=rf'{name} is an async function.*dispatcher="asyncio".*plain function'):
                client.files.retrieve("file-1", **options)
            with pytest.raises(TypeError, match=name):
                client.files.create_many([b"{}"], "user_data", **options)
    assert not server.received


def test_a_refused_callback_leaves_the_stream_free(server: ScriptedServer, tmp_path: Path) -> None:
    """A stream that a refused call would have read serves the next call."""
    (tmp_path / "a.bin").write_bytes(b"content")
    with OpenAIClient("k", base_url=server.url) as client, (tmp_path / "a.bin").open("rb") as file:
        with pytest.raises(TypeError, match="async"):
            client.files.create(file, "user_data", {"on_terminate": _plain})
        assert client.files.create(file, "user_data").success


def test_generator_functions_are_no_callbacks() -> None:
    """Calling one would run none of its code, so it is refused wherever callbacks are given."""

    def generated(_: Any) -> Generator[int]:
        yield 1

    async def both(_: Any) -> AsyncIterator[int]:
        yield 1

    for callback in (generated, both):
        with pytest.raises(TypeError, match="without yield"):
            OpenAIClient("k").files.retrieve("file-1", {"on_terminate": callback})
        with pytest.raises(TypeError, match="without yield"):
            OpenAIClient("k", hooks=[callback])


@pytest.mark.parametrize("callback", _KINDS)
def test_async_hooks_and_progress_of_splitting_are_refused(tmp_path: Path, callback: Callable[[Any], Any]) -> None:
    """The ledger's hooks need a dispatcher that awaits, and splitting has none."""
    with pytest.raises(TypeError, match=r"hook .* is an async function"):
        OpenAIClient("k", hooks=[callback])
    with pytest.raises(TypeError, match="on_progress is an async function"):
        jsonl.split(_LINE.encode(), tmp_path / "parts", filename="in.jsonl", on_progress=callback)
    assert not (tmp_path / "parts").exists()


@pytest.mark.filterwarnings("error")
def test_a_coroutine_that_nothing_awaits_is_closed_and_logged(
    server: ScriptedServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A plain callback whose answer would have to be awaited is told in the log, not by a warning of Python's."""
    with OpenAIClient("k", base_url=server.url) as client, caplog.at_level(logging.ERROR, "aikit"):
        client.files.retrieve("file-1", {"on_terminate": lambda result: _plain(result)}).wait(10)  # noqa: PLW0108  it is the case
        jsonl.split(_LINE.encode(), tmp_path, filename="in.jsonl", on_progress=lambda told: _plain(told))  # noqa: PLW0108  likewise
        gc.collect()
    assert caplog.text.count("returned a coroutine that nothing awaits here") == 2


def test_async_callbacks_run_in_the_loop_one_after_the_other(server: ScriptedServer) -> None:
    """Each is awaited to its end before the next of its call begins, in the loop's thread, also after collections."""

    async def main() -> list[tuple[str, bool]]:
        seen: list[tuple[str, bool]] = []
        is_over = asyncio.Event()

        def telling(name: str) -> Callable[[Any], Any]:
            async def tell(_: Any) -> None:
                seen.append((f"{name} begins", threading.current_thread() is threading.main_thread()))
                gc.collect()
                await asyncio.sleep(0.05)
                seen.append((f"{name} ends", threading.current_thread() is threading.main_thread()))

            return tell

        def last(result: OpenAIFileResult) -> Any:
            async def end() -> None:
                await telling("last")(result)
                is_over.set()

            return end()

        with OpenAIClient("k", base_url=server.url, dispatcher="asyncio") as client:
            asked: dict[str, Any] = {
                "on_progress": telling("progress"),
                "on_response": telling("response"),
                "on_terminate": last,
            }
            client.files.create(b"content", "user_data", **{**asked, "filename": "a.bin"})
            await asyncio.wait_for(is_over.wait(), 10)
        return seen

    seen = asyncio.run(main())
    assert all(is_main for _, is_main in seen)
    words = [word for word, _ in seen]
    assert [(begun, ended) for begun, ended in zip(words[::2], words[1::2], strict=True)] == [
        (f"{name} begins", f"{name} ends") for name in ("progress",) * (len(words) // 2 - 2) + ("response", "last")
    ]


def test_slow_async_progress_gets_the_newest_only() -> None:
    """While a report is awaited, of those that come only the last waits."""

    async def main() -> list[int]:
        dispatcher, seen, is_over = dispatch.asyncio(), list[int](), asyncio.Event()
        from aikit.runtime.callbacks import CallbackQueue, run_callbacks  # noqa: PLC0415  of this test alone

        queue = CallbackQueue.on(dispatcher)
        assert queue is not None

        async def show(number: int) -> None:
            await asyncio.sleep(0.05)
            seen.append(number)

        newest = dispatch.Newest(queue, partial(run_callbacks, [show], queue=queue))
        newest.tell(1)
        await asyncio.sleep(0.02)
        for number in range(2, 20):
            newest.tell(number)
        queue.deliver(is_over.set)
        await asyncio.wait_for(is_over.wait(), 10)
        return seen

    assert asyncio.run(main()) == [1, 19]


def test_what_async_callbacks_raise_is_logged_and_the_others_run(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A failure counts as that of a plain callback, and being cancelled is told too."""

    async def fails(_: Any) -> None:
        await asyncio.sleep(0)
        raise LookupError("of its own")

    async def gives_up(_: Any) -> None:
        raise asyncio.CancelledError

    async def main() -> None:
        for first in (fails, gives_up, lambda _: asyncio.ensure_future(fails(_))):
            is_over = asyncio.Event()
            with OpenAIClient("k", base_url=server.url, dispatcher="asyncio") as client:
                asked: dict[str, Any] = {"on_response": first, "on_terminate": lambda _, over=is_over: over.set()}
                client.files.retrieve("file-1", **asked)
                await asyncio.wait_for(is_over.wait(), 10)

    with caplog.at_level(logging.ERROR, "aikit"):
        asyncio.run(main())
    assert caplog.text.count("LookupError: of its own") == 2
    assert "was ended before it was over" in caplog.text


def test_a_callback_that_begins_a_call_does_not_wait_for_it(server: ScriptedServer) -> None:
    """A result is awaitable, but what a callback began goes on by itself."""

    async def main() -> list[bool]:
        begun: list[OpenAIFileResult] = []
        seen: list[bool] = []
        is_over, held = asyncio.Event(), threading.Event()

        def begin(_: Any) -> OpenAIFileResult:
            begun.append(client.files.retrieve("file-2", {"on_terminate": lambda _: held.set()}))
            return begun[0]

        def end(_: Any) -> None:
            seen.append(held.is_set())
            is_over.set()

        with OpenAIClient("k", base_url=server.url, dispatcher="asyncio") as client:
            client.files.retrieve("file-1", {"on_response": begin, "on_terminate": end})
            await asyncio.wait_for(is_over.wait(), 10)
            await begun[0]
        return seen

    assert asyncio.run(main()) == [False]


def test_async_callbacks_of_a_stopped_loop_run_in_close(server: ScriptedServer) -> None:
    """What a loop that was stopped left behind runs to its end in its thread, in close()."""
    loop, seen = asyncio.new_event_loop(), list[str]()

    async def tell(_: Any) -> None:
        await asyncio.sleep(0.02)
        seen.append("told")

    client = OpenAIClient("k", base_url=server.url, dispatcher=dispatch.asyncio(loop))
    loop.run_until_complete(asyncio.sleep(0))
    client.files.retrieve("file-1", {"on_terminate": tell}).wait(10)
    client.close()
    loop.close()
    assert seen == ["told"]


@pytest.mark.parametrize("is_run_before", [False, True])
@pytest.mark.parametrize("has_more", [False, True])
def test_a_callback_may_stop_the_loop(
    server: ScriptedServer,
    is_run_before: bool,  # noqa: FBT001  a column
    has_more: bool,  # noqa: FBT001  a column
) -> None:
    """What the loop does not come to then, close() does, also when it was close() that ran the callback."""
    loop, seen = asyncio.new_event_loop(), list[str]()

    async def stop(_: Any) -> None:
        loop.stop()
        seen.append("stopped")

    async def tell(_: Any) -> None:
        await asyncio.sleep(0.02)
        seen.append("told")

    client = OpenAIClient("k", base_url=server.url, dispatcher=dispatch.asyncio(loop))
    loop.run_until_complete(asyncio.sleep(0))
    more: dict[str, Any] = {"on_terminate": tell} if has_more else {}
    client.files.retrieve("file-1", **{"on_response": stop, **more}).wait(10)
    if is_run_before:
        loop.run_forever()
    client.close()
    loop.close()
    assert seen == ["stopped", "told"][: 1 + has_more]


@pytest.mark.filterwarnings("error")
def test_async_callbacks_of_a_closed_loop_are_dropped_and_logged(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A loop that is closed amid a callback ends it, with a line in the log and no warning of Python's."""
    loop, ended = asyncio.new_event_loop(), list[str]()

    async def tell(_: Any) -> None:
        try:
            loop.stop()
            await asyncio.sleep(100)
        finally:
            ended.append("let go")

    client = OpenAIClient("k", base_url=server.url, dispatcher=dispatch.asyncio(loop))
    client.files.retrieve("file-1", {"on_terminate": tell})
    loop.run_forever()
    loop.close()
    with caplog.at_level(logging.WARNING, "aikit"):
        client.close()
    assert "did not run to the end of callbacks" in caplog.text
    assert ended == ["let go"]
    del client
    gc.collect()


def test_the_end_of_the_loop_cancels_what_is_under_way(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """`asyncio.run` ends callbacks that are still awaited, and the log says so."""
    begun = asyncio.Event()

    async def tell(_: Any) -> None:
        begun.set()
        await asyncio.sleep(100)

    async def main() -> None:
        client = OpenAIClient("k", base_url=server.url, dispatcher="asyncio")
        client.files.retrieve("file-1", {"on_terminate": tell})
        await asyncio.wait_for(begun.wait(), 10)

    with caplog.at_level(logging.ERROR, "aikit"):
        asyncio.run(main())
    assert "was ended before it was over" in caplog.text


def test_async_hooks_get_events_in_the_loop(tmp_path: Path) -> None:
    """Async hooks, and plain ones that return a coroutine, are awaited in the loop of the asyncio dispatcher."""

    async def main() -> list[tuple[str, str, bool]]:
        seen: list[tuple[str, str, bool]] = []
        is_over = asyncio.Event()

        async def tell(name: str, event: OpenAIBatchEvent) -> None:
            await asyncio.sleep(0)
            seen.append((name, event.kind, threading.current_thread() is threading.main_thread()))
            if len(seen) == 2:
                is_over.set()

        hooks: list[Callable[[OpenAIBatchEvent], object]] = [partial(tell, "async"), lambda event: tell("plain", event)]
        with OpenAIClient(provider="local", home=tmp_path, hooks=hooks, dispatcher="asyncio") as client:
            stored = await client.files.create(_LINE.encode(), "batch", {"filename": "in.jsonl", "background": True})
            assert stored.file is not None
            await client.batches.create(stored.file.id, "/v1/chat/completions", {"background": True})
            await asyncio.wait_for(is_over.wait(), 10)
        return seen

    assert asyncio.run(main()) == [("async", "created", True), ("plain", "created", True)]


@pytest.mark.filterwarnings("error")
def test_a_hook_whose_coroutine_nothing_awaits_is_told_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Without the asyncio dispatcher the coroutine is closed, and the event stays booked."""

    async def tell(_: OpenAIBatchEvent) -> None:
        """Never runs."""

    with (
        OpenAIClient(provider="local", home=tmp_path, hooks=[lambda event: tell(event)]) as client,  # noqa: PLW0108  it is the case
        caplog.at_level(logging.ERROR, "aikit"),
    ):
        stored = client.files.create(_LINE.encode(), "batch", {"filename": "in.jsonl"})
        assert stored.file is not None
        assert client.batches.create(stored.file.id, "/v1/chat/completions").success
        gc.collect()
    assert caplog.text.count("returned a coroutine that nothing awaits here") >= 1
