"""
What lies between a batch and whatever answers its lines: one line's task, its answer, and who turns one into the other.
"""

from __future__ import annotations

from typing import Protocol

import attrs

from aikit.http.context import CallContext


@attrs.frozen(kw_only=True)
class Task:
    """
    One request of a batch.

    Attributes:
        line: 1-based line of the input file.

        custom_id: The caller's name for it.

        url: Where it goes, for example ``"/v1/chat/completions"``.

        body: A JSON object, as bytes.

        attempt: 1 for the first try; tries that found nobody at all do not count.

        batch_id: The batch it belongs to.
    """

    line: int
    custom_id: str
    url: str
    body: bytes = attrs.field(repr=False)
    attempt: int = 1
    batch_id: str = ""


@attrs.frozen(kw_only=True)
class Answer:
    """
    What became of a request.

    Attributes:
        status_code: HTTP status; ``None`` when there was no answer.

        request_id: The answerer's name for the exchange.

        body: JSON, as bytes; empty when there is none.

        error: Code and message of a request that got no answer, for example ``"request_timeout"``.
    """

    status_code: int | None
    request_id: str = ""
    body: bytes = attrs.field(default=b"", repr=False)
    error: tuple[str, str] | None = None

    @property
    def is_ok(self) -> bool:
        """Whether it is an answer, and no refusal."""
        return self.error is None and self.status_code is not None and 200 <= self.status_code < 300


@attrs.frozen(slots=False)
class Throttled(Exception):  # noqa: N818  a wish, not a fault
    """
    The answerer wants to be asked less, and this request again.

    Attributes:
        retry_after_s: Seconds after which it wants to be asked; ``None`` if it did not say.
    """

    retry_after_s: float | None = None


@attrs.frozen(slots=False)
class TryAgain(Exception):  # noqa: N818  a wish, not a fault
    """
    The request was not answered, and may be when it is asked again; whoever raises this decides how often.

    Attributes:
        after_s: Seconds after which it is worth it.

        is_overload: Whether less should be asked at once.
    """

    after_s: float
    is_overload: bool = False


@attrs.frozen(slots=False)
class Unreachable(Exception):  # noqa: N818  says what is so, for whoever decides how long to go on
    """
    The answerer cannot be reached at all; nothing is wrong with the request.

    Attributes:
        message: Why.
    """

    message: str


class Answerer(Protocol):
    """
    Whatever answers the requests of batches; asked by several threads at once.
    """

    def answer(self, task: Task, context: CallContext) -> Answer:
        """
        Answer *task*, in one try or as many as it takes.

        Raises:
            Throttled: It was told to wait; it is asked again.
            TryAgain: It failed in a way that may not last.
            Unreachable: There was nobody to tell it anything.
            CancelledError: *context* was cancelled.
        """
        ...
