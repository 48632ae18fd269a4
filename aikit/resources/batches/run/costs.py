"""
What the batches of a run cost, and the lines whose cost is still to be estimated.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from aikit.billing.corrections import sum_of
from aikit.http.context import CallContext
from aikit.http.flow import Flow
from aikit.resources.batches.fetch import Answers, fetch_and_join
from aikit.resources.batches.recording import count_cost
from aikit.resources.batches.rows.folder import telling_faults
from aikit.resources.batches.run.joining import AskedLines
from aikit.resources.batches.run.state import RunState
from aikit.storage.errors import StoreError
from aikit.types.costs import OpenAIBatchCost, OpenAIModelCost
from aikit.types.errors import CancelledError, OpenAIError
from aikit.types.interruptions import suppress
from aikit.types.usage import Usage

if TYPE_CHECKING:
    from aikit.billing.recorder import BillingRecorder
    from aikit.providers import Provider

_MOST_PROBLEMS = 100


def costs_of(
    provider: Provider, recorder: BillingRecorder, state: RunState, here: Mapping[str, Path]
) -> Flow[tuple[list[OpenAIBatchCost], list[OpenAIError]]]:
    """
    Return what each batch of *state* cost that was not refused, and why that of others cannot be told.

    Files that are *here*, by the provider's ids, are not fetched.
    """
    costs: list[OpenAIBatchCost] = []
    problems: list[OpenAIError] = []
    for part in state.parts:
        for attempt in part.attempts:
            if attempt.batch_id is None or attempt.is_refused:
                continue
            cost = _recorded_cost(provider, recorder, attempt.batch_id)
            try:
                costs.append(cost or (yield from count_cost(provider, attempt.batch_id, recorder, here=here)))
            except CancelledError:
                raise
            except OpenAIError as error:
                problems.append(error)
    return costs, problems


def together(costs: Iterable[OpenAIBatchCost], unknown: int) -> OpenAIBatchCost:
    """
    Return the cost of all batches in *costs*, and of *unknown* more lines of which nothing is known.
    """
    costs = list(costs)
    return OpenAIBatchCost(
        models=tuple(sorted(_models(costs), key=lambda model: -model.requests)),
        answered=sum(cost.answered for cost in costs),
        failed=sum(cost.failed for cost in costs),
        untold=sum(cost.untold for cost in costs),
        missing=sum(cost.missing for cost in costs) + unknown,
        problem_count=sum(cost.problem_count for cost in costs),
        problems=tuple(problem for cost in costs for problem in cost.problems)[:_MOST_PROBLEMS],
        notes=tuple(dict.fromkeys(note for cost in costs for note in cost.notes)),
    )


def _models(costs: list[OpenAIBatchCost]) -> Iterator[OpenAIModelCost]:
    found: dict[str, list[OpenAIModelCost]] = {}
    for cost in costs:
        for model in cost.models:
            found.setdefault(model.model, []).append(model)
    for name, models in found.items():
        known = [model.cost for model in models if model.cost is not None]
        yield OpenAIModelCost(
            model=name,
            requests=sum(model.requests for model in models),
            usage=sum((model.usage for model in models), Usage()),
            cost=sum(known, Decimal(0)) if len(known) == len(models) else None,
            is_lower_bound=any(model.is_lower_bound for model in models),
        )


def _recorded_cost(provider: Provider, recorder: BillingRecorder, batch_id: str) -> OpenAIBatchCost | None:
    """
    Return what the ledger says, so that no file is fetched once more; ``None`` where that is not the whole cost.

    Where not one request was counted, its end was booked before its provider told what came of it.
    """
    with suppress(StoreError):
        booked = sum_of(recorder.booked(provider.account(), batch_id))
        if booked is not None and booked.cost is not None and not booked.is_lower_bound:
            counts = booked.request_counts
            if booked.models or counts.completed + counts.failed or booked.status != "completed":
                return OpenAIBatchCost(models=booked.models, answered=counts.completed, failed=counts.failed)
    return None


def copy_remaining(
    provider: Provider, state: RunState, asked: AskedLines, path: Path, context: CallContext, *, answers: Answers
) -> Flow[None]:
    """
    Write the lines that no batch has yet to a file at *path*: of a part that had a batch, those that this left undone.

    Raises:
        OpenAIError: The results of a batch cannot be had, or there is no room for the file (code
            ``"temporary_storage"``).
    """
    with path.open("wb") as file:
        for part in state.parts:
            if part.is_submitted:
                continue
            if len(part.attempts) < 2:
                with telling_faults(path.parent):
                    _copy_whole(Path(part.path), file)
                continue
            before, place = part.batch_ids, asked.of(part)
            rows = yield from fetch_and_join(
                provider, before[-1], place, context, with_lineage=True, known=before, answers=answers
            )
            try:
                with telling_faults(path.parent):
                    for row in rows:
                        if not row.is_ok:
                            file.write(row.input_line + b"\n")
            finally:
                rows.close()


def _copy_whole(path: Path, file: BinaryIO) -> None:
    with path.open("rb") as lines:
        shutil.copyfileobj(lines, file)
    file.write(b"\n")  # the last line may have no end
