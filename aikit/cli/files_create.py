"""
``aikit files create``: many uploads at once, each with its bar; Ctrl-C stops them and tells what was done.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from types import FrameType, TracebackType
from typing import Any, Final, Self

import attrs

from aikit.cli.inputs import STDIN_NAME
from aikit.cli.options import usage_errors
from aikit.cli.output import Answer, Exit, Output, leave_now, worst
from aikit.cli.output.formats import counted, human_seconds, human_size, named, safe
from aikit.cli.output.progress import many_bars
from aikit.client import OpenAIClient
from aikit.http.sources import FileSource
from aikit.resources.files.many_parameters import OpenAIFileManyParameters
from aikit.resources.files.many_results import OpenAIFileManyResult
from aikit.types.bulk_files import CANCELLED, FAILED, UPLOADED, OpenAIFileItem
from aikit.types.errors import CancelledError, OpenAIError

_NAMED: Final = 5
_GRACE_S: Final = 1.2
_POLL_S: Final = 0.1


@attrs.define(eq=False)
class Interrupt:
    """
    Ctrl-C as a question to be asked instead of an exception; a second one ends the process at once.

    Attributes:
        asked_at: When it was first pressed, on the monotonic clock.
    """

    asked_at: float | None = None
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
        """Whether what was stopped had its time to end."""
        return self.asked_at is not None and time.monotonic() > self.asked_at + _GRACE_S

    def once(self, stop: Callable[[], object]) -> None:
        """
        Stop what is to be stopped, once; in a thread of its own, for cutting off an exchange may block.
        """
        if not self._is_done:
            self._is_done = True
            threading.Thread(target=stop, daemon=True).start()

    def _press(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  signal's signature
        if self.asked_at is not None:
            _show_cursor()
            os._exit(Exit.INTERRUPTED)
        self.asked_at = time.monotonic()


def _show_cursor() -> None:
    """
    Give a terminal back its cursor, which bars hide; without a lock that somebody may hold.
    """
    with suppress(OSError, ValueError):  # whatever became of stderr
        if sys.__stderr__ is not None and sys.__stderr__.isatty():
            os.write(sys.__stderr__.fileno(), b"\x1b[?25h\n")


@attrs.define
class Names:
    """
    How many there are, and the first of their names.
    """

    count: int = 0
    first: list[str] = attrs.field(factory=list)

    def add(self, name: str) -> None:
        """
        Count one more.
        """
        self.count += 1
        if len(self.first) < _NAMED:
            self.first.append(name)

    def __str__(self) -> str:
        return named(self.first, total=self.count)


@attrs.define
class Summary:
    """
    What became of files so far, in as little as a summary needs.

    Attributes:
        already: Files that were not sent because they are there.

        size_bytes: Of those that were uploaded.

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
        Count one more.
        """
        if status != CANCELLED or self.is_by_user:  # what ended all for the others has an exit code of its own
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
        Count those of *total* that nobody listed, too, as stopped.
        """
        self.stopped.count = max(self.stopped.count, total - self.uploaded.count - self.already - self.failed)

    def summary(self, seconds: float) -> str:
        """
        Return in words how it went.
        """
        rest = f", {self.already:,} there already" if self.already else ""
        rest += f", {self.failed:,} failed" if self.failed else ""
        if self.stopped.count:
            those = f" ({self.uploaded})" if self.uploaded.count else ""
            stopped = f"{self.stopped.count:,} not ({self.stopped})"
            why = " by Ctrl-C" if self.is_by_user else ""
            return f"stopped{why}: {self.uploaded.count:,} uploaded{those}{rest}, {stopped}"
        told = f"{counted(self.uploaded.count, 'file')} uploaded{rest}"
        if not self.uploaded.count:  # no bytes, in a time that nobody wants to know
            return told
        rate = f" ({human_size(self.size_bytes / seconds)}/s)" if seconds >= 1 else ""
        return f"{told}: {human_size(self.size_bytes)} in {human_seconds(seconds)}{rate}"


@attrs.define(eq=False)
class Uploads:
    """
    Many uploads under way.

    Attributes:
        interrupt: Asked whether to stop.

        is_stuck: Whether one did not end in time after Ctrl-C.

        result: What comes of them; ``None`` before they have begun.

        notes: What is worth knowing beside what came of them.
    """

    client: OpenAIClient
    purpose: str
    options: OpenAIFileManyParameters
    output: Output
    interrupt: Interrupt
    is_stuck: bool = False
    told: Summary = attrs.field(factory=Summary)
    result: OpenAIFileManyResult | None = None
    notes: tuple[str, ...] = ()

    def run(self, files: Sequence[FileSource], *, is_many: bool) -> int:
        """
        Upload all, print what came of them and a summary; return the exit code.
        """
        began = time.monotonic()
        answers = self._answers(files)
        try:
            self.output.streamed(answers, is_many=is_many)
        except OSError:  # nobody will know the ids of what is still to come
            self._stop(answers)
            self.output.say(self.told.summary(time.monotonic() - began))
            raise
        self.output.say(self.told.summary(time.monotonic() - began))
        for note in self.notes:
            self.output.say(safe(note))
        if self.told.stopped.count and self.options.manifest is not None:
            self.output.say("to go on, say the same again: what is done stands in the manifest")
        if self.is_stuck:
            leave_now(Exit.INTERRUPTED)
        self.client.close()
        return worst(self.told.exits)

    def _stop(self, answers: Iterator[Answer]) -> None:
        """
        Stop what is under way, and count what came of it.
        """
        if self.result is not None:
            self.result.cancel(keep=True)
        for _ in answers:
            pass

    def _answers(self, files: Sequence[FileSource]) -> Iterator[Answer]:
        """
        Start all, and yield what came of each, in their order, as soon as it is known.
        """
        with many_bars(self.output) as on_progress:
            options = attrs.evolve(self.options, background=True, on_progress=on_progress)
            with usage_errors():
                paths = files[0] if len(files) == 1 else files
                self.result = self.client.files.create_many(paths, self.purpose, options)
            yield from self._ended(self.result)

    def _ended(self, result: OpenAIFileManyResult) -> Iterator[Answer]:
        number, is_over = 0, False
        while not self.is_stuck:
            item = result.items.get(number)
            if item is not None:
                number += 1
                yield self._answer(item)
            elif is_over:
                break
            else:
                is_over = self._waited(result)
        if self.is_stuck:
            yield from self._left(result)
        elif not number:  # a manifest that cannot be used, and the like
            yield self._failed(result.errors, was_sent=False)
        elif result.ended_by is not None and not self.told.is_by_user:
            yield self._failed([result.ended_by], was_sent=True)
        if self.told.stopped.count:
            self.told.count_all(result.progress.files_total or 0)

    def _waited(self, result: OpenAIFileManyResult) -> bool:
        """
        Wait for a moment; tell whether all is over.
        """
        if result.wait(0 if self.interrupt.is_over else _POLL_S):
            self.notes = result.notes
            return True
        if self.interrupt.asked_at is not None:
            self.told.is_by_user = True
            self.interrupt.once(partial(result.cancel, keep=True))
        self.is_stuck = self.interrupt.is_over
        return False

    def _answer(self, item: OpenAIFileItem) -> Answer:
        subject = item.path or STDIN_NAME
        answer = Answer(subject=subject, value=item.file, errors=item.errors, was_sent=item.was_sent)
        self.told.add(answer, item.status)
        return answer

    def _failed(self, errors: Sequence[OpenAIError], *, was_sent: bool) -> Answer:
        """
        Return what is wrong with all of them, and with no file in particular.
        """
        answer = Answer(subject="", errors=tuple(errors), was_sent=was_sent)
        self.told.exits.add(answer.exit)
        return answer

    def _left(self, result: OpenAIFileManyResult) -> Iterator[Answer]:
        for one in result.progress.under_way:
            yield self._answer(OpenAIFileItem(path=one.path, status=CANCELLED, errors=(CancelledError(),)))
