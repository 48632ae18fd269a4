"""
A run in one call, for programs: what ``aikit batch run`` does, without a word.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from aikit.disk import home_folder
from aikit.runs.folder import RunFolder
from aikit.runs.joining import rows_of, written
from aikit.runs.plan import fingerprint, planned
from aikit.runs.state import RunOrder, RunState, identity
from aikit.runs.steps import Listener, ended, has_gained_room, intending_again, submitted

if TYPE_CHECKING:
    from aikit.client import OpenAIClient


def answer_file(
    client: OpenAIClient,
    path: Path,
    results: Path,
    *,
    metadata: Mapping[str, str] | None = None,
    output_expires_after: Mapping[str, Any] | None = None,
    wait: Mapping[str, Any] | None = None,
    home: Path | None = None,
) -> RunState:
    """
    Have all lines of the file at *path* answered, and a row for each written to *results*, in the file's order.

    It may be stopped at any moment; called again with the same content, provider and options it goes on where it was,
    and creates no batch twice. A finished run writes its results again.

    Args:
        client: Whom to ask.

        path: Lines as batches take them; what one batch cannot take is split.

        results: JSON lines, or comma-separated values if its name ends in ``.csv``.

        metadata: Kept with each batch.

        output_expires_after: As for ``batches.create``.

        wait: *poll_interval* and *max_wait*, as for ``batches.wait``.

        home: Where runs are kept; else that of aikit.

    Returns:
        The run, with ``counts`` of what became of the lines.

    Raises:
        Rejected: The check found problems, or the provider refused a step; what was done is kept.
        OpenAIError: Another process is at this run (code ``"run_in_progress"``), the file was changed meanwhile
            (``"input_changed"``), or the results cannot be written.
        StoreError: The home cannot be used.
    """
    mark = fingerprint(path, _unheard)
    order = RunOrder(
        provider=identity(client.provider),
        input=str(path.resolve()),
        sha256=mark.sha256,
        size_bytes=mark.size_bytes,
        metadata=dict(metadata or {}),
        output_expires_after=output_expires_after and dict(output_expires_after),
    )
    folder = RunFolder.of(home or home_folder())
    listener = Listener(on_state=folder.keep, on_uploaded=lambda _: mark.require(path))
    with folder.held(order.key):
        begun = _taken_up(client, order, folder)
        mark.require(path)
        over = _answered(client, begun, listener, dict(wait or {})).with_results(str(results.absolute()))
        folder.keep(over)  # before, so that who is killed in between finds the file his own
        with rows_of(client, over) as (state, rows):
            written(rows, results)
        state = attrs.evolve(state, ended_at=state.ended_at or time.time())
        folder.keep(state)
        folder.forget_parts(order.key)
    return state


def _taken_up(client: OpenAIClient, order: RunOrder, folder: RunFolder) -> RunState:
    known = folder.load(order.key)
    if known is None:
        parts = planned(Path(order.input), client.provider.limits, folder.parts_of(order.key), _unheard)
        return RunState(order=order, created_at=time.time(), parts=parts)
    known = attrs.evolve(known, order=order)
    if len(known.parts) == 1:  # the same lines may have another name by now
        known = known.with_part(attrs.evolve(known.parts[0], path=order.input))
    return intending_again(known, is_free_only=True) if known.is_ended else known


def _answered(client: OpenAIClient, state: RunState, listener: Listener, wait: dict[str, Any]) -> RunState:
    while not state.is_ended:
        before, state = state, ended(client, submitted(client, state, listener), listener, wait)
        if not has_gained_room(before, state):
            break
        state = intending_again(state, is_free_only=True)
    return state


def _unheard(_: int) -> None:
    pass
