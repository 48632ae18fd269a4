"""
The content of one file as a stream of chunks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn, Self

import attrs

from aikit.http.flow import Flow
from aikit.http.stream_sink import EnoughError, StreamSink
from aikit.runtime.call_state import Outcome, wake
from aikit.runtime.result import OpenAIResult
from aikit.types.errors import CancelledError
from aikit.types.interruptions import LONGEST_WAIT_S

if TYPE_CHECKING:
    from aikit.providers import Provider
    from aikit.resources.session import Session
    from aikit.runtime.task import Task

_LOOK_S: Final = 0.1  # how often a worker that waits for a chunk looks whether the call needs a thread


def stream_file(provider: Provider, file_id: str, sink: StreamSink) -> Flow[None]:
    """
    Fetch the content of a file into *sink*, as fast as its reader takes it.

    Raises:
        OpenAIError: It did not arrive whole, or has no such range.
    """
    try:
        total = yield from provider.download_file(file_id, sink)
    except EnoughError:
        return
    sink.finish(total)


@attrs.define(eq=False)
class Pull:
    """
    Runs the task of a stream that its reader drives, in the reader's own thread.
    """

    session: Session
    task: Task | None = None

    def __del__(self) -> None:
        if self.task is not None and self.task.driver is None:
            self.task.let_go()  # nobody can read on: not a socket stays that only the end of the process would close

    def take(self, task: Task) -> None:
        """
        Note the task.
        """
        self.task = task

    def run(self) -> None:
        """
        Run it until something has come.
        """
        if self.task is not None:
            self.session.run_here(self.task)


@attrs.define(eq=False, slots=True, repr=False, getstate_setstate=False)  # pickled as its parent says
class OpenAIFileStreamResult(OpenAIResult["OpenAIFileStreamResult"]):
    """
    The result of ``files.stream``: chunks of bytes, for one reader, with ``for`` or with ``async for``.

    `wait`, and ``await``, are over when the answer has begun, which is when ``headers`` are there, or has failed.
    ``terminated``, ``success`` and ``errors`` are about the whole: what fails after some chunks is raised where the
    next one is asked for, so that a part is never taken for the whole. In a ``with`` block, or by `close`, the transfer
    ends when no more is wanted.
    """

    _carried: ClassVar = ("start", "size", "total")

    _sink: StreamSink = attrs.field(kw_only=True)
    _pull: Pull = attrs.field(kw_only=True)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a stream cannot be pickled or copied: it is read where it was asked for; keep its bytes")

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of the answer, found in any spelling: of the first one, where the transfer went on after a break."""
        return self._sink.headers or super().headers

    @property
    def start(self) -> int:
        """Number of the first byte that comes, from 0 on."""
        return self._sink.start

    @property
    def total(self) -> int | None:
        """Bytes that the file has; ``None`` where the provider does not tell, or not yet."""
        return self._sink.total

    @property
    def size(self) -> int | None:
        """Bytes that come in all; ``None`` likewise."""
        return self._sink.size

    @property
    def is_begun(self) -> bool:
        """Whether ``headers`` are there, or the call is over."""
        return self._sink.headers is not None or self.terminated

    def unwrap(self) -> Self:
        """
        Return the stream when its answer has begun, which a call in this thread is waited for.

        Raises:
            OpenAIError: The call failed.
            RuntimeError: The answer has not begun, in the background.
        """
        if self._is_driven_by_reader:
            self.wait()
        if not self.is_begun:
            raise RuntimeError("the answer has not begun; wait() for it, or await it")
        return self.throw()

    def wait(self, timeout: float | None = None) -> bool:
        """
        Wait until the answer has begun, or the call has failed; see `OpenAIResult.wait`.
        """
        return self._wait_until(lambda: self.is_begun, timeout)

    def cancel(self, *, keep: bool = False) -> bool:
        """
        End the transfer; what the reader asks for next is an error with code ``"cancelled"``.
        """
        task = self._pull.task
        if self.terminated or task is None:
            return False
        task.cancel(keep=keep)
        return True

    def close(self) -> None:
        """
        End the transfer if it is not over, and forget the chunks that have come.
        """
        self.cancel()
        self._sink.discard()
        if not self.terminated and self._is_driven_by_reader:
            self._pull_some()

    async def aclose(self) -> None:
        """
        The same, over when the connection was let go of and the callbacks ran.
        """
        self.close()
        if not self.terminated:
            await _terminated(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __iter__(self) -> Iterator[bytes]:
        while True:
            is_over = self.terminated
            chunk = self._sink.take()
            if chunk is not None:
                yield chunk
            elif is_over:
                self.throw()
                return
            else:
                self._wait_until(lambda: self.terminated or not self._sink.is_empty, None)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if not self.terminated and self._is_driven_by_reader:
            raise TypeError('async for needs a stream of a call with {"background": True}')
        while True:
            is_over = self.terminated
            chunk = self._sink.take()
            if chunk is not None:
                yield chunk
            elif is_over:
                self.throw()
                return
            else:
                await _Change(self, lambda: self.terminated or not self._sink.is_empty)

    def __await__(self) -> Generator[Any, None, Self]:
        if not self._is_driven_by_reader:
            yield from _Change(self, lambda: self.is_begun).__await__()
        return self

    @property
    def _is_driven_by_reader(self) -> bool:
        task = self._pull.task
        return task is not None and task.driver is None

    def _wait_until(self, is_so: Callable[[], bool], timeout: float | None) -> bool:
        until = None if timeout is None else time.monotonic() + timeout
        while not is_so():
            if self._is_driven_by_reader:
                self._pull_some()
                continue
            left_s = LONGEST_WAIT_S if until is None else min(until - time.monotonic(), LONGEST_WAIT_S)
            if left_s <= 0:
                return False
            task = self._pull.task
            if task is not None and task.run_if_idle(time.monotonic()):  # a callback: it may be in the only thread
                left_s = min(left_s, _LOOK_S)
            gate = threading.Lock()
            gate.acquire()
            self._sink.notify(gate.release)
            if not is_so():
                gate.acquire(timeout=left_s)
        return True

    def _pull_some(self) -> None:
        try:
            self._pull.run()
        except BaseException:  # Ctrl-C: what has come is not all
            self._state.settle(Outcome(errors=(CancelledError(),)))
            raise


@attrs.frozen
class _Change:
    """
    Waits in an event loop until something is so of a stream.
    """

    stream: OpenAIFileStreamResult
    is_so: Callable[[], bool]

    def __await__(self) -> Generator[Any, None, None]:
        import asyncio  # noqa: PLC0415  only those who await pay for it

        while not self.is_so():
            loop = asyncio.get_running_loop()
            future: asyncio.Future[None] = loop.create_future()
            self.stream._sink.notify(partial(wake, loop, future))  # noqa: SLF001  its own part
            if self.is_so():
                return
            try:
                yield from future
            except asyncio.CancelledError:
                self.stream.close()
                raise


def _terminated(stream: OpenAIFileStreamResult) -> _Change:
    return _Change(stream, lambda: stream.terminated)
