"""
``aikit files create``: many uploads at once, each with its bar; Ctrl-C stops them and tells what was done.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from types import FrameType, TracebackType
from typing import Any, Final, Self

import attrs

from aikit.cli.inputs import Input
from aikit.cli.output import Answer, Exit, Output, exit_of, leave_now
from aikit.cli.progress import Bar, bars
from aikit.cli.text import counted, human_seconds, human_size, named, safe
from aikit.client import OpenAIClient
from aikit.errors import CancelledError
from aikit.file_parameters import OpenAIFileParameters
from aikit.results import OpenAIFileResult

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

    def _press(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  signal's signature
        if self.asked_at is not None:
            os._exit(Exit.INTERRUPTED)
        self.asked_at = time.monotonic()


@attrs.define(eq=False)
class Uploads:
    """
    Several uploads under way.

    Attributes:
        options: Those of each.

        interrupt: Asked whether to stop.

        is_stuck: Whether one did not end in time after Ctrl-C.

        notes: What is worth knowing beside what came of them.
    """

    client: OpenAIClient
    purpose: str
    options: OpenAIFileParameters
    output: Output
    interrupt: Interrupt
    is_stuck: bool = False
    notes: list[str] = attrs.field(factory=list)
    _is_cancelled: bool = False

    def run(self, inputs: Sequence[Input], *, is_many: bool) -> int:
        """
        Upload all, print what came of them and a summary; return the exit code.
        """
        began = time.monotonic()
        answers = self.output.answers(self.answers(inputs), is_many=is_many)
        self.output.say(summary(answers, time.monotonic() - began))
        for note in self.notes:
            self.output.say(safe(note))
        if self.is_stuck:
            leave_now(Exit.INTERRUPTED)
        self.client.close()
        return exit_of(answers)

    def answers(self, inputs: Sequence[Input]) -> Iterator[Answer]:
        """
        Start all, and yield what came of each, in their order, as soon as it is known.
        """
        with bars(self.output, [one.size_bytes for one in inputs]) as shown:
            started = [(one, self._started(one, shown.file(one.name, one.size_bytes))) for one in inputs]
            results = [result for _, result in started if result is not None]
            for one, result in started:
                yield self._answer(one, result, results)

    def _started(self, one: Input, bar: Bar) -> OpenAIFileResult | None:
        if one.error is not None or self.interrupt.asked_at is not None:
            bar.close()
            return None
        own = attrs.evolve(self.options, on_progress=bar, on_terminate=lambda _: bar.close())
        return self.client.files.create(one.file, self.purpose, own)

    def _answer(self, one: Input, result: OpenAIFileResult | None, results: list[OpenAIFileResult]) -> Answer:
        if result is None:
            return Answer(subject=one.name, errors=(one.error or CancelledError(),), was_sent=False)
        while not result.wait(0 if self.interrupt.is_over else _POLL_S):
            if self.interrupt.asked_at is not None and not self._is_cancelled:
                self._is_cancelled = True
                _cancel(results)
            if self.interrupt.is_over:
                self.is_stuck = True
                return Answer(subject=one.name, errors=(CancelledError(),))
        self.notes += result.notes
        was_sent = result.request is not None
        return Answer(subject=one.name, value=result.file, errors=result.errors, was_sent=was_sent)


def summary(answers: Sequence[Answer], seconds: float) -> str:
    """
    Return in words how *answers* went.
    """
    done = [answer for answer in answers if not answer.errors]
    size = sum(answer.value.bytes or 0 for answer in done)
    stopped = [answer.subject for answer in answers if answer.is_cancelled]
    failed = len(answers) - len(done) - len(stopped)
    if stopped:
        those = f" ({named([answer.subject for answer in done])})" if done else ""
        failures = f", {failed:,} failed" if failed else ""
        return f"stopped by Ctrl-C: {len(done):,} uploaded{those}{failures}, {len(stopped):,} not ({named(stopped)})"
    failures = f", {failed:,} failed" if failed else ""
    told = f"{counted(len(done), 'file')} uploaded{failures}"
    if not done:  # no bytes, in a time that nobody wants to know
        return told
    rate = f" ({human_size(size / seconds)}/s)" if seconds >= 1 else ""
    return f"{told}: {human_size(size)} in {human_seconds(seconds)}{rate}"


def _cancel(results: Sequence[OpenAIFileResult]) -> None:
    # In a thread of its own: cutting off an exchange may block, and Ctrl-C may not.
    threading.Thread(target=partial(_cancel_each, list(results)), daemon=True).start()


def _cancel_each(results: Sequence[OpenAIFileResult]) -> None:
    for result in results:
        result.cancel(keep=True)
