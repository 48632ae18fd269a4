"""
The worker of the embedded provider: two threads that advance the batches that a process asks about.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Final

import attrs

from aikit.providers.local.batches.answer_settings import AnswerSettings
from aikit.providers.local.batches.answerer import Answer, Task
from aikit.providers.local.batches.executor import Executor
from aikit.providers.local.batches.lifecycle import BatchRun, Stopped
from aikit.providers.local.store.batches import BatchStore, StoredBatch
from aikit.storage.shutdown import stop_at_exit

_STOP_S: Final = 4.0
log: Final = logging.getLogger("aikit.providers.local")


@attrs.define(eq=False)
class BatchWorker:
    """
    Advances batches of a store in two background threads, started by the first batch.

    One thread does the short work (checks inputs, writes output files, carries out cancellations), so that it never
    waits for the other, which answers the lines of one batch after another. One thread of one process at a time works
    on a batch: the one that holds the batch's file lock, see `BatchFolder.working_on`. The threads are daemons, so a
    program can end at any time; the next program that asks about a batch continues it.
    """

    batches: BatchStore
    answers: AnswerSettings
    _stop: threading.Event = attrs.field(init=False)
    _short: _QueueThread = attrs.field(init=False)
    _lines: _QueueThread = attrs.field(init=False)
    _pid: int = attrs.field(init=False)
    _warned: set[str] = attrs.field(factory=set, init=False)
    _executor: Executor | None = attrs.field(default=None, init=False)
    _open_answerers: ExitStack = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._begin()

    def advance(self, batch: StoredBatch) -> None:
        """
        Work on *batch*, unless it has ended, is being worked on, or belongs to another upstream.
        """
        if self._pid != os.getpid():
            self._begin()  # a child made by fork has none of the threads
        if batch.is_ended or self._stop.is_set():
            return
        if self._is_ours(batch):
            if not self._is_being_answered(batch):
                self._short.put(batch.id)
        else:
            self._leave_alone(batch)

    def ask_to_stop(self) -> None:
        """
        Ask the threads to end soon, without waiting for them.
        """
        self._stop.set()

    def stop(self, timeout_s: float = _STOP_S) -> None:
        """
        Stop the threads; unfinished batches wait for the next program that asks about them.

        Args:
            timeout_s: Seconds to wait for the threads.
        """
        self.ask_to_stop()
        if self._pid == os.getpid():
            ends_at = time.monotonic() + timeout_s
            for worker in (self._short, self._lines):
                worker.join(max(ends_at - time.monotonic(), 0.0))
            self._open_answerers.close()

    def _begin(self) -> None:
        self._pid, self._stop = os.getpid(), threading.Event()
        self._executor, self._open_answerers = None, ExitStack()
        self._short = _QueueThread("aikit-batches", self._do_short_work, self._stop)
        self._lines = _QueueThread("aikit-batch-lines", self._answer_lines, self._stop)
        try:
            stop_at_exit(self)
        except RuntimeError:  # the interpreter is ending: requests are answered, but no work starts
            self._stop.set()

    def _is_ours(self, batch: StoredBatch) -> bool:
        """
        Return whether *batch* was created for this upstream, or needs none any more.
        """
        if self.answers.upstream == batch.upstream or batch.status in {"cancelling", "finalizing"}:
            return True
        return self.batches.store.clock.now() >= batch.expires_at

    def _is_being_answered(self, batch: StoredBatch) -> bool:
        """
        Return whether the lines of *batch* are being answered, or only wait for that.
        """
        if self._lines.current == batch.id:
            return True
        is_waiting = batch.status == "in_progress" and not batch.is_out_of_time(self.batches.store.clock.now())
        return is_waiting and self._lines.has(batch.id)

    def _leave_alone(self, batch: StoredBatch) -> None:
        if batch.id not in self._warned:
            self._warned.add(batch.id)
            log.warning(
                "batch %s is left alone: it was created for %s, and this provider uses %s",
                batch.id,
                _named(batch.upstream),
                _named(self.answers.upstream),
            )

    def _do_short_work(self, batch_id: str) -> None:
        if not self._work_on(batch_id, may_answer=False):
            return
        batch = self.batches.retrieve(batch_id)
        if batch is None or self._is_ours(batch):
            self._lines.put(batch_id)
        else:  # it needed no answers until the disk was found to have lost some
            self._leave_alone(batch)

    def _answer_lines(self, batch_id: str) -> None:
        self._work_on(batch_id, may_answer=True)

    def _work_on(self, batch_id: str, *, may_answer: bool) -> bool:
        folder = self.batches.store.batch_folder
        with folder.working_on(batch_id) as is_mine:
            if not is_mine:
                return False
            return BatchRun(self.batches, batch_id, self._execute, self._stop, may_answer).run()

    def _execute(
        self, tasks: Iterator[Task], on_answer: Callable[[Task, Answer], None], should_stop: Callable[[], bool]
    ) -> None:
        if self._executor is None:
            answerer = self._open_answerers.enter_context(self.answers.open_answerer())
            clock, concurrency = self.batches.store.clock, self.answers.concurrency
            self._executor = Executor(answerer, clock=clock, concurrency=concurrency)
        self._executor.run(tasks, on_answer, should_stop)


@attrs.define(eq=False)
class _QueueThread:
    """
    A thread that works through a queue of batches, and ends when the queue is empty.

    `_lock` guards the queue, `current` and the thread; the work runs outside it.

    Attributes:
        current: Id of the batch that is being worked on.
    """

    _name: str
    _work: Callable[[str], None]
    _stop: threading.Event
    current: str | None = attrs.field(default=None, init=False)
    _ids: dict[str, None] = attrs.field(factory=dict, init=False)
    _thread: threading.Thread | None = attrs.field(default=None, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def has(self, batch_id: str) -> bool:
        return batch_id in self._ids

    def put(self, batch_id: str) -> None:
        with self._lock:
            if self._stop.is_set():
                return
            self._ids[batch_id] = None  # once, in its old place
            if self._thread is not None or self._has_started():
                return
            self._thread = threading.current_thread()
        self._run()

    def _has_started(self) -> bool:
        thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # as at the interpreter's end: the thread that asks does the work
            return False
        self._thread = thread
        return True

    def join(self, timeout_s: float) -> None:
        with self._lock:
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)

    def _run(self) -> None:
        while (batch_id := self._next()) is not None:
            try:
                self._work(batch_id)
            except Stopped:
                pass
            except Exception:
                log.exception("batch %s: the work on it failed; it continues when a program asks about it", batch_id)

    def _next(self) -> str | None:
        with self._lock:
            self.current = next(iter(self._ids), None) if not self._stop.is_set() else None
            if self.current is None:
                self._thread = None
            else:
                del self._ids[self.current]
            return self.current


def _named(upstream: str | None) -> str:
    return upstream or "the built-in model"
