"""
A run in one call, for programs: what ``aikit batch run`` does, without its output.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from aikit.resources.batches.run.folder import RunFolder
from aikit.resources.batches.run.plan import Fingerprint, fingerprint, plan
from aikit.resources.batches.run.results import Joined, fetch_and_join, require_writable, write_rows
from aikit.resources.batches.run.state import Part, RunOrder, RunState
from aikit.resources.batches.run.steps import Listener, plan_again, run_all
from aikit.storage import home_folder, is_file
from aikit.types.errors import OpenAIError, Rejected

if TYPE_CHECKING:
    from aikit.resources.batches.run.client import Client

_GONE: Final = "file_gone"


def answer_file(
    client: Client,
    path: Path,
    results: Path,
    *,
    metadata: Mapping[str, str] | None = None,
    output_expires_after: Mapping[str, Any] | None = None,
    wait: Mapping[str, Any] | None = None,
    home: Path | None = None,
) -> RunState:
    """
    Have all lines of the file at *path* run_all, and a row for each written to *results*, in the file's order.

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
        OpenAIError: Another process works on this run (code ``"run_in_progress"``), the file was changed meanwhile
            (``"input_changed"``), or the results cannot be written.
        StoreError: The home cannot be used.
    """
    require_writable(results)
    mark = fingerprint(path, _unheard)
    order = RunOrder(
        provider=client.provider.identity,
        input=str(path.resolve()),
        sha256=mark.sha256,
        size_bytes=mark.size_bytes,
        metadata=dict(metadata or {}),
        output_expires_after=output_expires_after and dict(output_expires_after),
    )
    folder = RunFolder.of(home or home_folder())
    listener = Listener(on_state=folder.save, on_uploaded=lambda _: mark.require(path))
    with folder.lock(order.key):
        state = load_or_rebuild(client, order, folder)
        if state is None:
            place, provider = folder.parts_of(order.key), client.provider
            parts = plan(Path(order.input), provider.limits, place, _unheard, provider.line_rules)
            state = RunState(order=order, created_at=time.time(), parts=parts)
        elif state.is_ended:
            state = plan_again(state, is_free_only=True)
        mark.require(path)
        over = run_all(client, state, listener, wait or {})
        return finish(client, over, mark, folder, target=results, use=lambda found: write_rows(found.rows, results))


def load_or_rebuild(client: Client, order: RunOrder, folder: RunFolder) -> RunState | None:
    """
    Return the state of the run of *order*, with its parts made again where they are lost; ``None`` for a new run.

    Raises:
        Rejected: Its parts are gone, and cannot be made again.
        OpenAIError: What was kept cannot be used (code ``"run_damaged"``).
    """
    known = folder.load(order.key)
    if known is None:
        return None
    known = attrs.evolve(known, order=order)
    if len(known.parts) == 1:  # the same lines may have another name by now
        return known.with_part(attrs.evolve(known.parts[0], path=order.input))
    if all(part.file_id is not None or is_file(part.path) for part in known.parts):
        return known
    parts = plan(Path(order.input), client.provider.limits, folder.parts_of(order.key), _unheard)
    if [_what(part) for part in parts] != [_what(part) for part in known.parts]:
        message = f"the parts of this run are gone from {folder.parts_of(order.key)}, and splitting gives others now"
        raise OpenAIError(message=f"{message}; put them back, or start over and pay again", code="run_damaged")
    return attrs.evolve(
        known,
        parts=tuple(attrs.evolve(part, path=made.path) for part, made in zip(known.parts, parts, strict=True)),
    )


def finish(
    client: Client,
    state: RunState,
    mark: Fingerprint,
    folder: RunFolder,
    *,
    target: Path | None,
    use: Callable[[Joined], object],
) -> RunState:
    """
    Pass the rows of a run, whose batches have ended, to *use*, and save that the run is finished.

    Where the provider no longer has all results of a finished run, those that it wrote stay.

    Args:
        client: Whose provider has them.

        state: The run.

        mark: Of its input.

        folder: Where it is kept.

        target: Where *use* writes the rows to; ``None`` for no file.

        use: Not called if the rows at *target* are there, and cannot be had again.

    Raises:
        Rejected: The results of a batch cannot be had.
        OpenAIError: As `fetch_and_join` and *use*.
    """
    place = None if target is None else str(target.absolute())
    if place is not None:  # kept before, so that who is killed in between finds the file his own
        state = state.with_results(place)
        folder.save(state)
    with ExitStack() as stack:
        try:
            found = stack.enter_context(fetch_and_join(client, state, mark))
            _require_all(state, found)
        except Rejected as problem:
            if not state.is_ended or not any(_is_gone(error) for error in problem.errors):
                raise
            if place in state.intact_results:
                return state
            raise Rejected([_with_places(error, state) for error in problem.errors]) from problem
        use(found)
    done = attrs.evolve(found.state, ended_at=state.ended_at or time.time())
    done = done if place is None else done.with_written(place)
    folder.save(done)
    folder.forget_parts(done.order.key)
    return done


def _what(part: Part) -> tuple[int, str, int]:
    return part.number, part.endpoint, part.lines


def _require_all(state: RunState, found: Joined) -> None:
    """
    Check that a finished run has lost nothing since.
    """
    gone = [problem for problem in found.problems if problem.code == _GONE]
    if state.is_ended and gone and found.state.counts != state.counts:
        raise Rejected([OpenAIError(message=problem.message, code=problem.code) for problem in gone])


def _is_gone(error: OpenAIError) -> bool:
    return error.is_not_found_error or error.code in {_GONE, "lineage_broken"}


def _with_places(error: OpenAIError, state: RunState) -> OpenAIError:
    """
    Say where the results are that were written before.
    """
    places = ", ".join(state.intact_results)
    return attrs.evolve(error, message=f"{error.message}; this run wrote its results to {places}") if places else error


def _unheard(_: int) -> None:
    pass
