"""
What works on batches: two threads of whichever process looks at one that is not ended and that nobody works on.
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

from aikit.providers.local.batches.answer_settings import Answers
from aikit.providers.local.batches.answerer import Answer, Task
from aikit.providers.local.batches.executor import Executor
from aikit.providers.local.batches.lifecycle import BatchWork, Stopped
from aikit.providers.local.store.batches import BatchStore, StoredBatch
from aikit.storage.shutdown import stop_at_exit

_STOP_S: Final = 4.0
log: Final = logging.getLogger("aikit.providers.local")


@attrs.define(eq=False)
class Engine:
    """
    Works on the batches of a store that it is told of; starts no thread before that.

    One thread does what takes moments (looks at inputs, writes output files, carries out cancellations), so that it
    never waits for the other, which has the lines of one batch answered after those of another. Over all threads and
    processes one works on a batch at a time: it holds the lock that `BatchFolder` names. Both are daemons: a program
    ends when it wants to, and what was not done is done by the next that looks.

    Attributes:
        batches: Where they are.

        answers: How their lines are answered.
    """

    batches: BatchStore
    answers: Answers
    _stop: threading.Event = attrs.field(init=False)
    _desk: _Worker = attrs.field(init=False)
    _lines: _Worker = attrs.field(init=False)
    _pid: int = attrs.field(init=False)
    _told: set[str] = attrs.field(factory=set, init=False)
    _executor: Executor | None = attrs.field(default=None, init=False)
    _opened: ExitStack = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._begin()

    def look(self, batch: StoredBatch) -> None:
        """
        Work on *batch* unless it is ended, or somebody does, or its lines are to be answered elsewhere.
        """
        if self._pid != os.getpid():
            self._begin()  # in a child made by fork the threads are not
        if batch.is_ended or self._stop.is_set():
            return
        if self._is_ours(batch):
            if not self._is_being_answered(batch):
                self._desk.put(batch.id)
        else:
            self._leave_alone(batch)

    def ask_to_stop(self) -> None:
        """
        Have the threads end soon, without waiting for that.
        """
        self._stop.set()

    def stop(self, timeout_s: float = _STOP_S) -> None:
        """
        End the threads; what is not done is left to the next who looks.

        Args:
            timeout_s: Seconds after which what is under way is not waited for any longer.
        """
        self.ask_to_stop()
        if self._pid == os.getpid():
            ends_at = time.monotonic() + timeout_s
            for worker in (self._desk, self._lines):
                worker.join(max(ends_at - time.monotonic(), 0.0))
            self._opened.close()

    def _begin(self) -> None:
        self._pid, self._stop = os.getpid(), threading.Event()
        self._executor, self._opened = None, ExitStack()
        self._desk = _Worker("aikit-batches", self._do_paperwork, self._stop)
        self._lines = _Worker("aikit-batch-lines", self._have_answered, self._stop)
        try:
            stop_at_exit(self)
        except RuntimeError:  # it is the end already: what is asked is answered, and nothing is begun
            self._stop.set()

    def _is_ours(self, batch: StoredBatch) -> bool:
        """
        Tell whether *batch* can go on here: it was made for the same upstream, or needs none any more.
        """
        if self.answers.upstream == batch.upstream or batch.status in {"cancelling", "finalizing"}:
            return True
        return self.batches.store.clock.now() >= batch.expires_at

    def _is_being_answered(self, batch: StoredBatch) -> bool:
        """
        Tell whether its lines are being answered, or wait for that and nothing else is to be done.
        """
        if self._lines.current == batch.id:
            return True
        is_waiting = batch.status == "in_progress" and not batch.is_out_of_time(self.batches.store.clock.now())
        return is_waiting and self._lines.has(batch.id)

    def _leave_alone(self, batch: StoredBatch) -> None:
        if batch.id not in self._told:
            self._told.add(batch.id)
            log.warning(
                "batch %s stays as it is: its lines are to be answered by %s, and here they would be by %s",
                batch.id,
                _named(batch.upstream),
                _named(self.answers.upstream),
            )

    def _do_paperwork(self, batch_id: str) -> None:
        if not self._work_on(batch_id, may_answer=False):
            return
        batch = self.batches.retrieve(batch_id)
        if batch is None or self._is_ours(batch):
            self._lines.put(batch_id)
        else:  # it needed nobody's answers until the disk was found to have lost some
            self._leave_alone(batch)

    def _have_answered(self, batch_id: str) -> None:
        self._work_on(batch_id, may_answer=True)

    def _work_on(self, batch_id: str, *, may_answer: bool) -> bool:
        folder = self.batches.store.batch_folder
        with folder.working_on(batch_id) as is_mine:
            if not is_mine:
                return False
            return BatchWork(self.batches, batch_id, self._execute, self._stop, may_answer).run()

    def _execute(
        self, tasks: Iterator[Task], on_answer: Callable[[Task, Answer], None], should_stop: Callable[[], bool]
    ) -> None:
        if self._executor is None:
            answerer = self._opened.enter_context(self.answers.opened())
            clock, concurrency = self.batches.store.clock, self.answers.concurrency
            self._executor = Executor(answerer, clock=clock, concurrency=concurrency)
        self._executor.run(tasks, on_answer, should_stop)


@attrs.define(eq=False)
class _Worker:
    """
    A thread that works through ids, one after the other; there is none while there are none.

    Attributes:
        current: What it is at.
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
            self._ids[batch_id] = None  # once, and where it stood
            if self._thread is None:
                self._start()

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter goes, and takes no more threads
            self._ids.clear()
        else:
            self._thread = thread

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
                log.exception("batch %s: working on it broke off; it goes on when somebody looks at it", batch_id)

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
