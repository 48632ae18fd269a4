"""
``aikit files create``: many uploads at once, each with its bar; Ctrl-C stops them and prints a summary.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import FrameType, TracebackType
from typing import Any, Final, Self

import attrs

from aikit.cli.inputs import STDIN_NAME
from aikit.cli.options import usage_errors
from aikit.cli.output import Answer, Exit, Output, leave_now, worst
from aikit.cli.output.formats import counted, human_seconds, human_size, named
from aikit.cli.output.messages import begin_line
from aikit.cli.output.progress import many_bars
from aikit.cli.safety import safe
from aikit.cli.signals import show_cursor
from aikit.client import OpenAIClient
from aikit.http.sources import FileContent
from aikit.resources.files.parameters import OpenAIFileManyParameters
from aikit.resources.files.results import OpenAIFileManyResult
from aikit.types.bulk_files import CANCELLED, FAILED, UPLOADED, OpenAIFileItem
from aikit.types.errors import CancelledError, OpenAIError

_NAMED: Final = 5
_GRACE_S: Final = 1.2
_POLL_S: Final = 0.1


@attrs.define(eq=False)
class Interrupt:
    """
    Ctrl-C as a flag instead of an exception; pressed a second time, it ends the process at once.

    Attributes:
        pressed_at: When Ctrl-C was first pressed, on the monotonic clock; ``None`` before.
    """

    pressed_at: float | None = None
    _before: Any = None
    _is_done: bool = False

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # signals are handled there only
            self._before = signal.signal(signal.SIGINT, self._press)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    @property
    def is_over(self) -> bool:
        """Whether the uploads that were stopped have had their time to end."""
        return self.pressed_at is not None and time.monotonic() > self.pressed_at + _GRACE_S

    def stop_once(self, stop: Callable[[], object]) -> None:
        """
        Call *stop*, the first time only, and in a thread of its own, since cutting off an exchange may block.
        """
        if not self._is_done:
            self._is_done = True
            threading.Thread(target=stop, daemon=True).start()

    def _press(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  signal's signature
        if self.pressed_at is not None:
            show_cursor()
            os._exit(Exit.INTERRUPTED)
        self.pressed_at = time.monotonic()


@attrs.define
class Names:
    """
    A count of files, and the names of the first of them.
    """

    count: int = 0
    first: list[str] = attrs.field(factory=list)

    def add(self, name: str) -> None:
        """
        Count one more file.
        """
        self.count += 1
        if len(self.first) < _NAMED:
            self.first.append(name)

    def __str__(self) -> str:
        return named(self.first, total=self.count)


@attrs.define
class Summary:
    """
    Counts of uploaded, stopped and failed files, for the summary at the end.

    Attributes:
        already: Files that were not sent because the provider has them.

        size_bytes: Of the uploaded files.

        is_by_user: Whether Ctrl-C was pressed.
    """

    is_by_user: bool = False
    uploaded: Names = attrs.field(factory=Names)
    stopped: Names = attrs.field(factory=Names)
    already: int = 0
    failed: int = 0
    size_bytes: int = 0
    exits: set[Exit] = attrs.field(factory=set)

    def add(self, answer: Answer, status: str) -> None:
        """
        Count one more file.
        """
        if status != CANCELLED or self.is_by_user:  # the error that ended all others is counted itself
            self.exits.add(answer.exit)
        if status == UPLOADED:
            self.uploaded.add(answer.subject)
            self.size_bytes += answer.value.bytes or 0
        elif status == CANCELLED:
            self.stopped.add(answer.subject)
        elif status == FAILED:
            self.failed += 1
        else:
            self.already += 1

    def count_all(self, total: int) -> None:
        """
        Count the files of *total* that were never started as stopped, too.
        """
        self.stopped.count = max(self.stopped.count, total - self.uploaded.count - self.already - self.failed)

    def text(self, seconds: float) -> str:
        """
        Return the summary on one line.
        """
        rest = f", {self.already:,} there already" if self.already else ""
        rest += f", {self.failed:,} failed" if self.failed else ""
        if self.stopped.count:
            those = f" ({self.uploaded})" if self.uploaded.count else ""
            stopped = f"{self.stopped.count:,} not ({self.stopped})"
            why = " by Ctrl-C" if self.is_by_user else ""
            return f"stopped{why}: {self.uploaded.count:,} uploaded{those}{rest}, {stopped}"
        text = f"{counted(self.uploaded.count, 'file')} uploaded{rest}"
        if not self.uploaded.count:
            return text
        rate = f" ({human_size(self.size_bytes / seconds)}/s)" if seconds >= 1 else ""
        return f"{text}: {human_size(self.size_bytes)} in {human_seconds(seconds)}{rate}"


@attrs.define(eq=False)
class Uploads:
    """
    A bulk upload from its start to its summary.

    Attributes:
        interrupt: Says whether Ctrl-C was pressed.

        is_stuck: Whether an upload did not end in time after Ctrl-C.

        result: Of the bulk upload; ``None`` before its start.

        notes: Remarks of the result, printed after the summary.
    """

    client: OpenAIClient
    purpose: str
    options: OpenAIFileManyParameters
    output: Output
    interrupt: Interrupt
    is_stuck: bool = False
    summary: Summary = attrs.field(factory=Summary)
    result: OpenAIFileManyResult | None = None
    notes: tuple[str, ...] = ()

    def run(self, files: Sequence[str | FileContent], *, is_many: bool) -> int:
        """
        Upload *files*, print the stored files and a summary; return the exit code.
        """
        began = time.monotonic()
        answers = self._answers(files)
        try:
            self.output.streamed(answers, is_many=is_many)
        except OSError:  # the ids of further files could not be printed
            self._stop(answers)
            self.output.say(self.summary.text(time.monotonic() - began))
            raise
        if self.summary.is_by_user:
            begin_line()
        self.output.say(self.summary.text(time.monotonic() - began))
        for note in self.notes:
            self.output.say(safe(note))
        if self.summary.stopped.count and self.options.manifest is not None:
            self.output.say("to resume, run the same command again: the manifest records the files that are uploaded")
        if self.is_stuck:
            leave_now(Exit.INTERRUPTED)
        self.client.close()
        return worst(self.summary.exits)

    def _stop(self, answers: Iterator[Answer]) -> None:
        """
        Stop the uploads under way, and count how they ended.
        """
        if self.result is not None:
            self.result.cancel(keep=True)
        for _ in answers:
            pass

    def _answers(self, files: Sequence[str | FileContent]) -> Iterator[Answer]:
        """
        Start all uploads, and yield the answer of each, in their order, as soon as it ends.
        """
        with many_bars(self.output) as on_progress:
            options = attrs.evolve(self.options, background=True, on_progress=on_progress)
            with usage_errors():
                paths = files[0] if len(files) == 1 else files
                self.result = self.client.files.create_many(paths, self.purpose, options)
            yield from self._iterate(self.result)

    def _iterate(self, result: OpenAIFileManyResult) -> Iterator[Answer]:
        number, is_over = 0, False
        while not self.is_stuck:
            item = result.items.get(number)
            if item is not None:
                number += 1
                yield self._answer(item)
            elif is_over:
                break
            else:
                is_over = self._wait(result)
        if self.is_stuck:
            yield from self._unfinished(result)
        elif not number:  # for example a manifest that cannot be used
            yield self._failed(result.errors, was_sent=False)
        elif result.ended_by is not None and not self.summary.is_by_user:
            yield self._failed([result.ended_by], was_sent=True)
        if self.summary.stopped.count:
            self.summary.count_all(result.progress.files_total or 0)

    def _wait(self, result: OpenAIFileManyResult) -> bool:
        """
        Wait for a moment; return whether the bulk upload has ended.
        """
        if result.wait(0 if self.interrupt.is_over else _POLL_S):
            self.notes = result.notes
            return True
        if self.interrupt.pressed_at is not None:
            self.summary.is_by_user = True
            self.interrupt.stop_once(partial(result.cancel, keep=True))
        self.is_stuck = self.interrupt.is_over
        return False

    def _answer(self, item: OpenAIFileItem) -> Answer:
        subject = item.path or STDIN_NAME
        answer = Answer(subject=subject, value=item.file, errors=item.errors, was_sent=item.was_sent)
        self.summary.add(answer, item.status)
        return answer

    def _failed(self, errors: Sequence[OpenAIError], *, was_sent: bool) -> Answer:
        """
        Return the answer for *errors* of the bulk upload as a whole.
        """
        answer = Answer(subject="", errors=tuple(errors), was_sent=was_sent)
        self.summary.exits.add(answer.exit)
        return answer

    def _unfinished(self, result: OpenAIFileManyResult) -> Iterator[Answer]:
        for one in result.progress.under_way:
            yield self._answer(OpenAIFileItem(path=one.path, status=CANCELLED, errors=(CancelledError(),)))
