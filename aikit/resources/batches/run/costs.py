"""
What the batches of a run cost, and the lines whose cost is still to be estimated.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from aikit.billing.corrections import sum_of
from aikit.resources.batches.rows.folder import unusable
from aikit.resources.batches.run.client import Client
from aikit.resources.batches.run.plan import Fingerprint
from aikit.resources.batches.run.results import input_of
from aikit.resources.batches.run.state import Part, RunState
from aikit.storage import NoHomeError
from aikit.storage.errors import StoreError
from aikit.storage.temporary import temporary_folder
from aikit.types.costs import OpenAIBatchCost
from aikit.types.errors import OpenAIError, Rejected
from aikit.types.interruptions import suppress


def costs_of(client: Client, state: RunState) -> tuple[list[OpenAIBatchCost], list[OpenAIError]]:
    """
    Return what each batch of *state* cost that was not refused, and why that of others cannot be told.
    """
    costs, problems = [], []
    for part in state.parts:
        for attempt in part.attempts:
            if attempt.batch_id is None or attempt.is_refused:
                continue
            cost = _recorded_cost(client, attempt.batch_id)
            if cost is None:
                result = client.batches.cost(attempt.batch_id)
                cost = result.cost
                problems += list(result.errors)
            if cost is not None:
                costs.append(cost)
    return costs, problems


def _recorded_cost(client: Client, batch_id: str) -> OpenAIBatchCost | None:
    """
    Return what the ledger says, so that no file is fetched once more; ``None`` where that is not the whole cost.

    Where not one request was counted, its end was booked before its provider told what came of it.
    """
    address = client.provider.account().address
    with suppress(StoreError, NoHomeError):
        booked = sum_of(client.ledger.of_batch(address, batch_id))
        if booked is not None and booked.cost is not None and not booked.is_lower_bound:
            counts = booked.request_counts
            if booked.models or counts.completed + counts.failed or booked.status != "completed":
                return OpenAIBatchCost(models=booked.models, answered=counts.completed, failed=counts.failed)
    return None


@contextmanager
def remaining_input(client: Client, state: RunState, mark: Fingerprint) -> Iterator[Path]:
    """
    Yield a file of the lines that no batch has yet: of a part that had a batch, those that this left undone.

    Args:
        client: Whose provider tells what was left undone.

        state: The run.

        mark: Of its input.

    Raises:
        Rejected: The results of a batch cannot be had.
        OpenAIError: There is no room for the file (code ``"temporary_storage"``).
    """
    parts = [part for part in state.parts if not part.is_submitted]
    with temporary_folder() as folder:
        path = Path(folder) / "unsent.jsonl"
        try:
            with path.open("wb") as file:
                for part in parts:
                    _add_lines(client, part, state, mark, file)
        except OSError as error:
            raise unusable(path.parent, error) from error
        yield path


def _add_lines(client: Client, part: Part, state: RunState, mark: Fingerprint, file: BinaryIO) -> None:
    if len(part.attempts) < 2:
        with Path(part.path).open("rb") as lines:
            shutil.copyfileobj(lines, file)
        file.write(b"\n")  # the last line may have no end
        return
    options: dict[str, Any] = {"with_lineage": True} | input_of(part, state, mark)
    with client.batches.results(part.attempts[-2].batch_id or "", **options) as result:
        if result.errors:
            raise Rejected(result.errors)
        for row in result:
            if not row.is_ok:
                file.write(row.input_line + b"\n")
