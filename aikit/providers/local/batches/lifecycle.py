"""
The life of a batch: what happens in each status, and which status comes next.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

import attrs

from aikit.providers.local.batches.access import AccessDenied, access_error
from aikit.providers.local.batches.answerer import Answer, Task
from aikit.providers.local.batches.input import (
    DamagedInput,
    InputCheck,
    check_input,
    damaged_input,
    missing_input,
    refused_input,
    tasks,
    unfit_input,
)
from aikit.providers.local.batches.journal import Journal, Record
from aikit.providers.local.batches.output import answered_line, conclude, count_columns
from aikit.providers.local.ends import tell_end
from aikit.providers.local.store.batches import BatchStore, StatusChanged, StoredBatch
from aikit.storage.database import giving_up
from aikit.storage.errors import StoreError, telling_faults
from aikit.types.usage import Usage

_WRITE_S: Final = 0.2
_COUNTS_EVERY: Final = 2  # writes
_SYNC_EVERY: Final = 10
_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0
log: Final = logging.getLogger("aikit.providers.local")

Execute = Callable[[Iterator[Task], Callable[[Task, Answer], None], Callable[[], bool]], None]
"""Answers tasks; see `aikit.providers.local.batches.executor.Executor.run`."""


class Stopped(Exception):  # noqa: N818  a request, not a fault
    """
    The worker was asked to stop.
    """


@attrs.define(eq=False)
class BatchRun:
    """
    One run of the work on a batch, by the thread that holds the batch's lock.

    Attributes:
        may_answer: Whether the run answers lines, or leaves that to another thread.

        stop: Set to end the run soon; answers so far are kept.
    """

    batches: BatchStore
    batch_id: str
    execute: Execute
    stop: threading.Event
    may_answer: bool
    _pause_s: float = attrs.field(default=_PAUSE_S, init=False)
    _last_reason: str = attrs.field(default="", init=False)

    def run(self) -> bool:
        """
        Take the batch from status to status; return whether its lines wait to be answered.

        While the disk is full or the store is busy, the run waits.

        Raises:
            Stopped: *stop* was set.
        """
        with giving_up(self._raise_if_stopped):
            return self._run_steps()

    def _run_steps(self) -> bool:
        while True:
            self._raise_if_stopped()
            try:
                batch = self.batches.retrieve(self.batch_id)
                if batch is None or batch.is_ended:
                    self.batches.store.batch_folder.forget(self.batch_id)
                    tell_end(self.batch_id)
                    return False
                if self._is_waiting(batch):
                    return True
                self._step(batch)
            except StatusChanged:
                continue
            except StoreError as error:
                self._pause(error)

    def _is_waiting(self, batch: StoredBatch) -> bool:
        is_out_of_time = batch.is_out_of_time(self.batches.store.clock.now())
        return batch.status == "in_progress" and not is_out_of_time and not self.may_answer

    def _step(self, batch: StoredBatch) -> None:
        if batch.total is None:
            self._validate(batch)
            return
        folder = self.batches.store.batch_folder
        journal = Journal.open(folder.journal(batch.id), batch.total)
        try:
            if batch.status == "in_progress" and not batch.is_out_of_time(self.batches.store.clock.now()):
                self._answer(batch, journal)
            elif batch.status == "finalizing" and journal.left:  # the disk lost records
                self.batches.change(batch, status="in_progress", finalizing_at=None)
            else:
                conclude(self.batches.store, batch, journal, self._raise_if_stopped)
        finally:
            journal.close()

    def _validate(self, batch: StoredBatch) -> None:
        check = self._check_input(batch)
        now = int(self.batches.store.clock.now())
        found = {"total": check.total, "model": check.model}
        if batch.status == "cancelling":  # only a valid input has lines that an error file can name
            change = {"status": "cancelled", "cancelled_at": now} if check.problems else found
        elif check.problems:
            change = {"status": "failed", "failed_at": now, "errors": check.errors()}
        else:
            change = found | {"status": "in_progress", "in_progress_at": now}
        self.batches.change(batch, **change)

    def _check_input(self, batch: StoredBatch) -> InputCheck:
        store = self.batches.store
        try:
            file = store.batch_folder.input(batch.id).open("rb", buffering=0)
        except FileNotFoundError:
            return missing_input(batch.input_file_id)
        with file:
            known = store.retrieve(batch.input_file_id)
            if known is not None and known.purpose != "batch":
                return unfit_input(known.purpose)
            return check_input(file, batch.endpoint, lambda _: self._raise_if_stopped())

    def _answer(self, batch: StoredBatch, journal: Journal) -> None:
        before = journal.left
        if before and not self._finds_input(batch):
            failure = missing_input(batch.input_file_id).errors()
            conclude(self.batches.store, batch, journal, self._raise_if_stopped, failure)
            return
        answering = AnswerRun(batches=self.batches, batch=batch, journal=journal, stop=self.stop)
        if before:
            answering.run(self.execute)
        self._sync(journal)
        if journal.left < before:
            self._pause_s = _PAUSE_S
        if not journal.left:
            now = int(self.batches.store.clock.now())
            self.batches.change(batch, status="finalizing", finalizing_at=now, **count_columns(journal))
        elif isinstance(answering.trouble, DamagedInput):
            failure = damaged_input(batch.input_file_id, answering.trouble).errors()
            conclude(self.batches.store, batch, journal, self._raise_if_stopped, failure)
        elif isinstance(answering.trouble, AccessDenied):
            failure = refused_input(access_error(batch.upstream, answering.trouble)).errors()
            conclude(self.batches.store, batch, journal, self._raise_if_stopped, failure)
        elif answering.trouble is not None:
            self._pause(answering.trouble)

    def _finds_input(self, batch: StoredBatch) -> bool:
        store = self.batches.store
        with telling_faults(store.folder):
            return store.batch_folder.finds_input(batch.id, store.blob(batch.input_file_id))

    def _sync(self, journal: Journal) -> None:
        """
        Sync the journal to disk; while the disk is full, keep its records in memory.
        """
        while True:
            try:
                journal.sync()
            except StoreError as error:
                self._pause(error)
                self._raise_if_stopped()
            else:
                return

    def _pause(self, error: Exception) -> None:
        if str(error) != self._last_reason:
            self._last_reason = str(error)
            log.warning("batch %s pauses and continues by itself: %s", self.batch_id, error)
        self.stop.wait(self._pause_s)
        self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)

    def _raise_if_stopped(self) -> None:
        if self.stop.is_set():
            raise Stopped


@attrs.define(eq=False, kw_only=True)
class AnswerRun:
    """
    One run of answering lines: until all are answered, the batch is cancelled or out of time, or something fails.

    The caller of `run` answers; a second thread writes the journal and the counts. Both may set `_is_over` and
    `trouble`, without a lock: if both fail at once, either failure may be told.

    Attributes:
        trouble: The failure that ended the run.
    """

    batches: BatchStore
    batch: StoredBatch
    journal: Journal
    stop: threading.Event
    trouble: Exception | None = attrs.field(default=None, init=False)
    _is_over: bool = attrs.field(default=False, init=False)
    _ended: threading.Event = attrs.field(factory=threading.Event, init=False)

    def run(self, execute: Execute) -> None:
        """
        Answer the lines that have no record in the journal.
        """
        writer = threading.Thread(target=self._write_periodically, name="aikit-batch-journal", daemon=True)
        with suppress(RuntimeError):  # no thread can be had: what is answered is written at the end
            writer.start()
        try:
            with self.batches.store.batch_folder.input(self.batch.id).open("rb", buffering=0) as file:
                execute(
                    tasks(file, self.journal.is_done, self.batch.endpoint, self.batch.id), self._take, self._should_stop
                )
            if self.journal.left and not self._should_stop():
                self._fail(DamagedInput("lines are missing"))
        except AccessDenied as error:
            self._fail(error)
        except Exception as error:
            if not self.stop.is_set():
                log.exception("batch %s: answering its lines failed", self.batch.id)
            self._fail(error)
        finally:
            self._ended.set()
            if writer.ident is not None:
                writer.join()

    def _take(self, task: Task, answer: Answer) -> None:
        text, usage = answered_line(task.custom_id, answer)
        self.journal.add(Record(task.line, answer.is_ok, usage or Usage(), text))

    def _should_stop(self) -> bool:
        return self._is_over or self.stop.is_set()

    def _write_periodically(self) -> None:
        count = 0
        while not self._ended.wait(_WRITE_S):
            count += 1
            try:
                with giving_up(self._raise_if_stopped):
                    self._write(count)
            except (StatusChanged, Stopped):
                self._is_over = True
            except Exception as error:  # noqa: BLE001  it ends the run: without this thread nothing would be written
                self._fail(error)

    def _write(self, count: int) -> None:
        if self.batch.is_out_of_time(self.batches.store.clock.now()):
            self._is_over = True
        (self.journal.flush if count % _SYNC_EVERY else self.journal.sync)()  # also when the window is over
        if count % _COUNTS_EVERY and not self._should_stop():
            self.batches.change(self.batch, **count_columns(self.journal))  # raises when the batch was cancelled

    def _raise_if_stopped(self) -> None:
        if self.stop.is_set():
            raise Stopped

    def _fail(self, error: Exception) -> None:
        self.trouble, self._is_over = self.trouble or error, True
