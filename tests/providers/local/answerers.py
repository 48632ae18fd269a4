"""
Answerers for tests: one that waits to be let go, one that refuses some, one that counts.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import attrs

from aikit.http.context import CallContext
from aikit.providers.local.batches.answer_settings import AnswerSettings
from aikit.providers.local.batches.answerer import Answer, Answerer, Task


@attrs.define(eq=False)
class Gate:
    """
    Answers the first *free* requests; the others wait until the gate is opened, or their watch is cancelled.

    Attributes:
        asked: Input lines in the order in which they were asked.
    """

    free: int = 0
    is_open: threading.Event = attrs.field(factory=threading.Event)
    asked: list[int] = attrs.field(factory=list)
    refuses: Callable[[Task], bool] = lambda _: False

    def answer(self, task: Task, context: CallContext) -> Answer:
        """
        Answer, in time.
        """
        self.asked.append(task.line)
        if len(self.asked) > self.free:
            while not self.is_open.wait(0.01):
                context.raise_if_cancelled()
        if self.refuses(task):
            return Answer(status_code=400, body=b'{"error": {"message": "no"}}')
        usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        return Answer(status_code=200, request_id=f"r{task.line}", body=json.dumps({"usage": usage}, indent=1).encode())


def answers_of(answerer: Answerer, upstream: str | None = None, concurrency: int = 4) -> AnswerSettings:
    """
    Have lines answered by *answerer*.
    """

    @contextmanager
    def opened() -> Iterator[Answerer]:
        yield answerer

    return AnswerSettings(upstream=upstream, open_answerer=opened, concurrency=concurrency)
