"""
The protocol between a batch and the model or server that answers its lines: a task, its answer, and retries.
"""

from __future__ import annotations

import json
from typing import Any, Protocol

import attrs

from aikit.http.context import CallContext
from aikit.validation.lines import parsed


@attrs.frozen(kw_only=True)
class Task:
    """
    One request of a batch.

    Attributes:
        line: 1-based line of the input file; blank ones do not count.

        custom_id: Name that the batch gives the request.

        url: Path of the endpoint, for example ``"/v1/chat/completions"``.

        body: JSON object.

        attempt: 1 for the first; attempts that reached no server do not count.

        failures: Attempts that failed otherwise than by a refusal of a server that has too many requests.

        refusals: Such refusals in a row, while no other request of the batch was answered.

        answered_before: Requests of the batch that had been answered when the last refusal came.

        batch_id: Batch that the request belongs to.
    """

    line: int
    custom_id: str
    url: str
    body: bytes = attrs.field(repr=False)
    attempt: int = 1
    failures: int = 0
    refusals: int = 0
    answered_before: int = 0
    batch_id: str = ""

    def failed(self) -> Task:
        """
        Return the task of the next attempt after one that failed.
        """
        return attrs.evolve(self, attempt=self.attempt + 1, failures=self.failures + 1)

    def refused(self, answered: int) -> Task:
        """
        Return the task of the next attempt after a refusal, when so many others have been *answered*.

        A server that goes on to answer others will answer this one, too: then the refusals before do not count.
        """
        refusals = self.refusals + 1 if answered == self.answered_before else 1
        return attrs.evolve(self, attempt=self.attempt + 1, refusals=refusals, answered_before=answered)

    def restarted(self, answered: int) -> Task:
        """
        Return the task as it is begun, when so many others have been *answered*.
        """
        return attrs.evolve(self, refusals=0) if self.refusals and answered > self.answered_before else self


@attrs.frozen(kw_only=True)
class Answer:
    """
    The answer to a request of a batch, or the reason why there is none.

    Attributes:
        status_code: HTTP status; ``None`` when there was no answer.

        request_id: Name that the server gives the exchange.

        body: JSON, as bytes; empty when there is none.

        error: Code and message of a request that got no answer, for example ``"request_timeout"``.

        is_denial: Whether the server seems to refuse the client, whatever it asks: a wrong key, address or account.

        nothing_left_s: Seconds for which the server answers no request of this client, as it says.
    """

    status_code: int | None
    request_id: str = ""
    body: bytes = attrs.field(default=b"", repr=False)
    error: tuple[str, str] | None = None
    is_denial: bool = False
    nothing_left_s: float = attrs.field(default=0.0, eq=False, repr=False)

    @property
    def is_ok(self) -> bool:
        """Whether the status is a success."""
        return self.error is None and self.status_code is not None and 200 <= self.status_code < 300

    @property
    def is_served(self) -> bool:
        """Whether the server dealt with the request, be it by refusing what it asks."""
        status = self.status_code
        return status is not None and status < 500 and status != 429 and not self.is_denial


def failed_answer(code: str, message: str) -> Answer:
    """
    Return the answer of a request that got none.
    """
    return Answer(status_code=None, error=(code, message))


@attrs.frozen(slots=False)
class Throttled(Exception):  # noqa: N818  a request, not a fault
    """
    The server has too many requests: send this one again later, and fewer at once if most are refused.

    Attributes:
        retry_after_s: Pause that the server asked for, in seconds; ``None`` if it did not say.

        nothing_left_s: Seconds for which the server answers no request of this client, as it says.
    """

    retry_after_s: float | None = None
    nothing_left_s: float = 0.0


@attrs.frozen(slots=False)
class TryAgain(Exception):  # noqa: N818  a request, not a fault
    """
    The attempt failed, and another may succeed; the answerer that raises this counts the attempts.

    Attributes:
        after_s: Pause before the next attempt, in seconds.

        is_overload: Whether it tells of a server that has too many requests.
    """

    after_s: float
    is_overload: bool = False


@attrs.frozen(slots=False)
class Unreachable(Exception):  # noqa: N818  a state, not a fault of the request
    """
    The server cannot be reached; the request is not at fault.

    Attributes:
        message: Reason.
    """

    message: str


class Answerer(Protocol):
    """
    A model or server that answers requests of batches, called by several threads at once.
    """

    def answer(self, task: Task, context: CallContext) -> Answer:
        """
        Try once to answer *task*.

        Raises:
            Throttled: The server has too many requests; the task is retried.
            TryAgain: The attempt failed, and another may succeed.
            Unreachable: The server cannot be reached; the task is retried, and the attempt does not count.
            CancelledError: *context* was cancelled.
        """
        ...


def read_json(content: bytes) -> tuple[Any, bytes]:
    """
    Return the value of *content*, and *content* as JSON on one line; content that is not JSON becomes a string or null.
    """
    try:
        value = parsed(content)
    except ValueError:
        try:
            value = json.loads(content, parse_constant=lambda _: None, parse_float=_finite)  # some servers write NaN
        except (ValueError, RecursionError):
            value = content.decode("utf-8", "replace") or None
        return value, json.dumps(value).encode()
    return value, content.strip().replace(b"\r", b" ").replace(b"\n", b" ")  # line breaks stand only between tokens


def _finite(text: str) -> float | None:
    value = float(text)
    return value if abs(value) != float("inf") else None
