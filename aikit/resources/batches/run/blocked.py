"""
Errors that a run may end with each time it is called again, and what can be done then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from aikit.http.retry import may_have_been_applied
from aikit.resources.batches.run.state import RunState
from aikit.types.batches import INTENT_KEY
from aikit.types.errors import OpenAIError, Rejected
from aikit.types.suggestions import continued

GONE: Final = "file_gone"
_OF_GONE: Final = frozenset((GONE, "lineage_broken"))
_IN_DOUBT: Final = "creation_unknown"
_BLOCKING: Final = _OF_GONE | {_IN_DOUBT, "invalid_response", "output_missing"}


def errors_of(problem: OpenAIError | Rejected | None) -> Sequence[OpenAIError]:
    """
    Return the errors of *problem*.
    """
    if problem is None:
        return ()
    return problem.errors if isinstance(problem, Rejected) else (problem,)


def is_of_gone(problem: OpenAIError | Rejected) -> bool:
    """
    Return whether the provider has not, or shows not, what the run made there.
    """
    return any(error.is_not_found_error or error.code in _OF_GONE for error in errors_of(problem))


def with_way_out(problem: OpenAIError | Rejected, state: RunState) -> OpenAIError | Rejected:
    """
    Return *problem*; where it may come each time, with where the results are that were written before, and a way on.
    """
    errors = errors_of(problem)
    if not any(error.is_not_found_error or error.code in _BLOCKING for error in errors):
        return problem
    return Rejected([_with_way_out(error, state) for error in errors])


def with_next_call(problem: OpenAIError | Rejected) -> OpenAIError | Rejected:
    """
    Return *problem*, which leaves open whether a batch was created, with what the next call does.
    """
    told = [
        attrs.evolve(error, message=continued(error.message, "the same call again does so first"))
        if may_have_been_applied(error) and INTENT_KEY in error.message  # it tells to look for the batch
        else error
        for error in errors_of(problem)
    ]
    return Rejected(told) if isinstance(problem, Rejected) else told[0]


def _with_way_out(error: OpenAIError, state: RunState) -> OpenAIError:
    places = ", ".join(state.intact_results)
    told = [f"this run wrote its results to {places}"] if places else []
    if error.code == _IN_DOUBT:
        told.append("if it is there, batches.results() gives its answers")
    elif error.code not in _BLOCKING:
        told.append("if the key is of another account or project than when this run was begun, give the former one")
    told.append("again=True starts over, and pays again")
    return attrs.evolve(error, message=continued(error.message, "; ".join(told)))
