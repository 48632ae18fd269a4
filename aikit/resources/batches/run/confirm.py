"""
The question before a run is begun: what it may cost, and whether it is to be.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from aikit.billing.estimates import refusal
from aikit.http.context import CallContext
from aikit.http.flow import Flow, Pause
from aikit.http.sources import source_of
from aikit.resources.batches.costs import estimate
from aikit.resources.batches.run.parameters import OpenAIBatchRunParameters
from aikit.resources.batches.run.progress import RunTracker
from aikit.resources.polling import growing_pauses
from aikit.types.costs import OpenAIBatchEstimate
from aikit.types.errors import OpenAIError, Rejected
from aikit.types.interruptions import let_through

if TYPE_CHECKING:
    from aikit.providers import Provider
    from aikit.resources.session import Session

_LOOK_S: Final = 0.01


def confirm_cost(
    session: Session,
    provider: Provider,
    path: Path,
    *,
    options: OpenAIBatchRunParameters,
    tracker: RunTracker,
    context: CallContext,
) -> Flow[None]:
    """
    Estimate what the lines at *path* cost, and return if that is allowed.

    Raises:
        Rejected: It may be more than *max_cost*.
        OpenAIError: *confirm* says no (code ``"not_confirmed"``).
    """
    if options.confirm is None and options.max_cost is None:
        return
    source = source_of(path, filename="batch.jsonl")
    found = tracker.estimate = yield from estimate(provider, source, session.recorder, context)
    problem = None if options.max_cost is None else refusal(found, Decimal(options.max_cost), options.max_cost_of)
    if problem is not None:
        raise Rejected([problem])
    if options.confirm is None:
        return
    question = _Question(options.confirm, found)
    answer = question.answer
    if options.is_background:
        asked = weakref.ref(question)
        session.dispatcher.deliver(question.ask)
        del question
        pauses = growing_pauses(_LOOK_S)
        while answer.value is None and asked() is not None:  # one who takes his time holds no thread
            yield Pause(next(pauses))
    else:
        question.ask()
    answer.require()


@attrs.define(eq=False)
class _Answer:
    """
    The answer of the caller to what a run may cost.

    Attributes:
        value: Whether to go on, or what the question raised; ``None`` until it is answered.
    """

    value: bool | OpenAIError | None = None

    def require(self) -> None:
        """
        Check that the answer is yes.

        Raises:
            OpenAIError: It is not (code ``"not_confirmed"``).
        """
        if isinstance(self.value, OpenAIError):
            raise self.value
        if not self.value:
            was_asked = self.value is not None
            why = "was not confirmed" if was_asked else "could not be asked about: callbacks are not run any more"
            raise OpenAIError(message=f"what the run may cost {why}; nothing was sent", code="not_confirmed")


@attrs.define(eq=False)
class _Question:
    """
    The question what a run may cost, on its way to where callbacks run; it may be dropped there.
    """

    confirm: Callable[[OpenAIBatchEstimate], object]
    estimate: OpenAIBatchEstimate
    answer: _Answer = attrs.field(factory=_Answer)

    def ask(self) -> None:
        """
        Ask in this thread; never raises, but for a wish to end the program.
        """
        try:
            self.answer.value = bool(self.confirm(self.estimate))
        except Exception as error:  # noqa: BLE001  it is the caller's own, and ends his run
            let_through(error)
            self.answer.value = _failed(error)
        except BaseException as error:
            self.answer.value = _failed(error)
            raise


def _failed(error: BaseException) -> OpenAIError:
    message = f"confirm raised {type(error).__name__}: {error}; nothing was sent"
    failure = OpenAIError(message=message, code="not_confirmed")
    failure.__cause__ = error
    return failure
