"""
The life of a batch: from one status to the next, for whoever works on it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Final

import attrs

from aikit.providers.local.batches.answerer import Answer, Task
from aikit.providers.local.batches.input import (
    DamagedInput,
    Verdict,
    damaged_input,
    judged,
    missing_input,
    tasks,
    unfit_input,
)
from aikit.providers.local.batches.journal import Journal, Record
from aikit.providers.local.batches.output import answered_line, conclude, tally_columns
from aikit.providers.local.store.batches import BatchStore, StoredBatch, Superseded
from aikit.storage.database import giving_up
from aikit.storage.errors import StoreError, telling_faults
from aikit.types.usage import Usage

_BEAT_S: Final = 0.2
_COUNTS_EVERY: Final = 2  # beats
_SYNC_EVERY: Final = 10
_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0
log: Final = logging.getLogger("aikit.providers.local")

Execute = Callable[[Iterator[Task], Callable[[Task, Answer], None], Callable[[], bool]], None]
"""Has tasks answered; see `aikit.providers.local.batches.executor.Executor.run`."""


class Stopped(Exception):  # noqa: N818  a wish, not a fault
    """
    Whoever works on batches here is to stop.
    """


@attrs.define(eq=False)
class BatchWork:
    """
    Work on one batch, for whoever holds its lock.

    Attributes:
        batch_id: The batch.

        may_answer: Whether its lines may be answered now.

        stop: Set when the work is to end soon; what is done stays done.
    """

    batches: BatchStore
    batch_id: str
    execute: Execute
    stop: threading.Event
    may_answer: bool
    _pause_s: float = attrs.field(default=_PAUSE_S, init=False)
    _told: str = attrs.field(default="", init=False)

    def run(self) -> bool:
        """
        Take the batch from status to status as far as it goes; return whether its lines wait to be answered.

        Where the disk is full or the store busy, it waits until that is over.

        Raises:
            Stopped: It was asked to.
        """
        with giving_up(self._raise_if_stopped):
            return self._taken_as_far_as_it_goes()

    def _taken_as_far_as_it_goes(self) -> bool:
        while True:
            self._raise_if_stopped()
            try:
                batch = self.batches.retrieve(self.batch_id)
                if batch is None or batch.is_ended:
                    self.batches.store.batch_folder.forget(self.batch_id)
                    return False
                if self._is_waiting(batch):
                    return True
                self._step(batch)
            except Superseded:
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
            elif batch.status == "finalizing" and journal.left:  # the disk lost what it was to keep
                self.batches.change(batch, status="in_progress", finalizing_at=None)
            else:
                conclude(self.batches.store, batch, journal, self._raise_if_stopped)
        finally:
            journal.close()

    def _validate(self, batch: StoredBatch) -> None:
        verdict = self._verdict(batch)
        now = int(self.batches.store.clock.now())
        found = {"total": verdict.total, "model": verdict.model}
        if batch.status == "cancelling":  # only what is valid has lines that an error file can name
            change = {"status": "cancelled", "cancelled_at": now} if verdict.problems else found
        elif verdict.problems:
            change = {"status": "failed", "failed_at": now, "errors": verdict.errors()}
        else:
            change = found | {"status": "in_progress", "in_progress_at": now}
        self.batches.change(batch, **change)

    def _verdict(self, batch: StoredBatch) -> Verdict:
        store = self.batches.store
        try:
            file = store.batch_folder.input(batch.id).open("rb", buffering=0)
        except FileNotFoundError:
            return missing_input(batch.input_file_id)
        with file:
            known = store.retrieve(batch.input_file_id)
            if known is not None and known.purpose != "batch":
                return unfit_input(known.purpose)
            return judged(file, batch.endpoint, lambda _: self._raise_if_stopped())

    def _answer(self, batch: StoredBatch, journal: Journal) -> None:
        before = journal.left
        if before and not self._finds_input(batch):
            failure = missing_input(batch.input_file_id).errors()
            conclude(self.batches.store, batch, journal, self._raise_if_stopped, failure)
            return
        session = Session(batches=self.batches, batch=batch, journal=journal, stop=self.stop)
        if before:
            session.run(self.execute)
        self._keep(journal)
        if journal.left < before:
            self._pause_s = _PAUSE_S
        if not journal.left:
            now = int(self.batches.store.clock.now())
            self.batches.change(batch, status="finalizing", finalizing_at=now, **tally_columns(journal))
        elif isinstance(session.trouble, DamagedInput):
            failure = damaged_input(batch.input_file_id, session.trouble).errors()
            conclude(self.batches.store, batch, journal, self._raise_if_stopped, failure)
        elif session.trouble is not None:
            self._pause(session.trouble)

    def _finds_input(self, batch: StoredBatch) -> bool:
        store = self.batches.store
        with telling_faults(store.folder):
            return store.batch_folder.finds_input(batch.id, store.blob(batch.input_file_id))

    def _keep(self, journal: Journal) -> None:
        """
        Have the disk keep all answers; where it is full, hold them until there is room.
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
        if str(error) != self._told:
            self._told = str(error)
            log.warning("batch %s waits, and goes on by itself: %s", self.batch_id, error)
        self.stop.wait(self._pause_s)
        self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)

    def _raise_if_stopped(self) -> None:
        if self.stop.is_set():
            raise Stopped


@attrs.define(eq=False, kw_only=True)
class Session:
    """
    One stretch of answering lines: until all are, or the batch is cancelled or out of time, or it cannot go on.

    Attributes:
        trouble: Why it could not go on.
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
        Have the lines answered that are not, and write down what becomes of them.
        """
        heart = threading.Thread(target=self._beat, name="aikit-batch-journal", daemon=True)
        heart.start()
        try:
            with self.batches.store.batch_folder.input(self.batch.id).open("rb", buffering=0) as file:
                execute(tasks(file, self.journal.is_done, self.batch.id), self._take, self._should_stop)
            if self.journal.left and not self._should_stop():
                self._break_off(DamagedInput("lines of it are missing"))
        except Exception as error:
            if not self.stop.is_set():
                log.exception("batch %s: answering its lines broke off", self.batch.id)
            self._break_off(error)
        finally:
            self._ended.set()
            heart.join()

    def _take(self, task: Task, answer: Answer) -> None:
        text, usage = answered_line(task.custom_id, answer)
        self.journal.add(Record(task.line, answer.is_ok, usage or Usage(), text))

    def _should_stop(self) -> bool:
        return self._is_over or self.stop.is_set()

    def _beat(self) -> None:
        beats = 0
        while not self._ended.wait(_BEAT_S):
            beats += 1
            try:
                with giving_up(self._raise_if_stopped):
                    self._look_around(beats)
            except (Superseded, Stopped):
                self._is_over = True
            except Exception as error:  # noqa: BLE001  it is told as trouble; without a beat nothing would be written
                self._break_off(error)

    def _look_around(self, beats: int) -> None:
        if self.batch.is_out_of_time(self.batches.store.clock.now()):
            self._is_over = True
        (self.journal.flush if beats % _SYNC_EVERY else self.journal.sync)()  # what ends in its last second, too
        if beats % _COUNTS_EVERY and not self._should_stop():
            self.batches.change(self.batch, **tally_columns(self.journal))  # also tells whether it was cancelled

    def _raise_if_stopped(self) -> None:
        if self.stop.is_set():
            raise Stopped

    def _break_off(self, error: Exception) -> None:
        self.trouble, self._is_over = self.trouble or error, True
