"""
The steps of a run after its plan: each takes the state of the run, and returns the next state.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from aikit.http.retry import may_have_been_applied
from aikit.resources.batches.create import new_intent
from aikit.resources.batches.fetch import output_missing
from aikit.resources.batches.queue import FULL
from aikit.resources.batches.rows.join import lacks_output, was_begun
from aikit.resources.batches.run.state import Part, RunState
from aikit.resources.call import wait_interruptibly
from aikit.resources.files.wait import UNREADY
from aikit.resources.polling import looks_s
from aikit.types.batches import INTENT_KEY
from aikit.types.errors import OpenAIError, Rejected

if TYPE_CHECKING:
    from aikit.resources.batches.results import OpenAIBatchResult
    from aikit.resources.batches.run.client import Client
    from aikit.types.batches import OpenAIBatch, OpenAIBatchProgress
    from aikit.types.files import OpenAIFile
    from aikit.types.progress import Progress

NOT_OK: Final = ("failed", "expired", "cancelled", "missing")
"""Statuses of lines that are sent again on request."""

_FILE_WAIT: Final[dict[str, Any]] = {"max_wait": 1800.0}

OnUpload = Callable[[Part], "Callable[[Progress], object] | None"]
"""Given a part, returns what its upload reports to."""

OnWait = Callable[[Part], "Callable[[OpenAIBatchProgress], object] | None"]
"""Given a part, returns what the waiting for its batch reports to."""


def _no_progress(_: RunState) -> AbstractContextManager[Callable[[Part], None]]:
    return nullcontext(lambda _: None)


@attrs.frozen(kw_only=True)
class Listener:
    """
    Callbacks of a run.

    Attributes:
        on_state: Keeps the state, before and after each step that counts.

        uploading: Inside of it parts are uploaded; it tells each where to report to.

        on_uploaded: Given a part before its upload counts; what it raises ends the run there.

        waiting: Inside of it batches are waited for, likewise.

        on_batch: Told each batch as soon as it is known.

        on_room: Called before batches are tried again that found no room.
    """

    on_state: Callable[[RunState], object]
    uploading: Callable[[RunState], AbstractContextManager[OnUpload]] = _no_progress
    on_uploaded: Callable[[Part], object] = lambda _: None
    waiting: Callable[[RunState], AbstractContextManager[OnWait]] = _no_progress
    on_batch: Callable[[Part, OpenAIBatch], object] = lambda _, __: None
    on_room: Callable[[], object] = lambda: None


def run_all(client: Client, state: RunState, listener: Listener, wait: Mapping[str, Any]) -> RunState:
    """
    Submit and await batches until all have ended; those refused for lack of room are tried again as others end.

    Args:
        client: Whose provider answers.

        state: The run.

        listener: Told what happens.

        wait: *poll_interval* and *max_wait*, as for ``batches.wait``.

    Raises:
        Rejected: A step failed; what was done before is kept.
    """
    while not state.is_ended:
        before, state = state, wait_until_ended(client, submit(client, state, listener), listener, wait)
        if has_gained_room(before, state):
            listener.on_room()
            state = plan_again(state, is_free_only=True)
        elif all(part.is_submitted for part in state.parts):
            break
    return state


def submit(client: Client, state: RunState, listener: Listener) -> RunState:
    """
    Upload each part that is not at the provider, and create each batch that is not there.

    Before a batch is created its intent is kept, so that it is found when this program ends before it knows of it. One
    that is refused because too many tokens are enqueued is left for later, as long as others are under way.

    Args:
        client: Whose provider gets them.

        state: The run.

        listener: Told what happens.

    Raises:
        Rejected: A step failed; what was done before is kept.
    """
    with listener.uploading(state) as on_upload:
        for number in range(len(state.parts)):
            state = _upload(client, state, state.parts[number], listener, on_upload)
            state = _create(client, state, state.parts[number], listener)
    return state


def wait_until_ended(client: Client, state: RunState, listener: Listener, wait: Mapping[str, Any]) -> RunState:
    """
    Wait until all batches are over, side by side.

    Args:
        client: Whose provider has them.

        state: Parts without a batch are left for later.

        listener: Told how far they come.

        wait: *poll_interval* and *max_wait*, as for ``batches.wait``.

    Raises:
        Rejected: One could not be waited for; which of the others are over is kept.
    """
    failures: list[OpenAIError] = []
    with listener.waiting(state) as on_wait:
        for number, result in [
            _start_waiting(client, part, wait, on_wait)
            for part in state.parts
            if part.is_submitted and not part.is_ended
        ]:
            wait_interruptibly(result)
            batch = result.batch
            if batch is None or not batch.is_ended:
                failures += result.errors
                continue
            if lacks_output(batch):  # not noted as over, so that it is waited for again
                failures.append(output_missing(batch))
                continue
            code = batch.errors[0].code if batch.errors else None
            known = {"status": batch.status, "code": code, "is_begun": was_begun(batch)}
            state = state.with_part(state.parts[number - 1].with_last(**known))
            listener.on_state(state)
    if failures:
        raise Rejected(failures)
    return state


def plan_again(state: RunState, *, is_free_only: bool) -> RunState:
    """
    Return *state* with a batch more to be created for each part that has something left undone.

    Args:
        state: All its batches are over.

        is_free_only: Only where the provider refused the whole batch, so that nothing was done and nothing is paid.
    """
    for part in state.parts:
        if part.is_refused or (part.has_undone and not is_free_only):
            state = attrs.evolve(state.with_part(part.intending(new_intent())), ended_at=None)
    return state


def has_gained_room(before: RunState, state: RunState) -> bool:
    """
    Tell whether batches were refused because too much was waiting, and others have ended since *before*.

    As long as that is so, trying again gets ahead.
    """
    refused = [part for part in state.parts if part.is_refused and part.attempts[-1].code == FULL]
    crowded = refused or [part for part in state.parts if not part.is_submitted]
    begun = [part.number for part in before.parts if not part.is_ended]
    return bool(crowded) and any(part.number in begun and not part.is_refused for part in state.parts)


def _upload(client: Client, state: RunState, part: Part, listener: Listener, on_upload: OnUpload) -> RunState:
    if part.file_id is not None:
        if not part.attempts:  # this program may have ended while it was waited for
            known = client.files.retrieve(part.file_id, **_in_background({}))
            wait_interruptibly(known)
            _require_usable(client, state, part, known.file)
        return state
    result = client.files.create(Path(part.path), "batch", **_in_background({"on_progress": on_upload(part)}))
    wait_interruptibly(result)
    if result.file is None:
        raise Rejected(_of_part(part, result.errors, state), result.request)
    listener.on_uploaded(part)
    state = state.with_part(attrs.evolve(part, file_id=result.file.id))
    listener.on_state(state)
    _require_usable(client, state, part, result.file)
    return state


def _require_usable(client: Client, state: RunState, part: Part, file: OpenAIFile | None) -> None:
    """
    Wait, where the provider still processes *file*, until a batch can be made of it.
    """
    if file is None or file.status not in UNREADY:
        return
    waited = client.files.wait(file.id, **_in_background(_FILE_WAIT))
    wait_interruptibly(waited)
    if waited.errors:
        raise Rejected(_of_part(part, waited.errors, state), waited.request)


def _create(client: Client, state: RunState, part: Part, listener: Listener) -> RunState:
    if part.is_submitted:
        return state
    if not part.attempts:
        part = part.intending(new_intent())
    asked_at = part.attempts[-1].asked_at
    batch = None if asked_at is None else _find_earlier(client, part, asked_at)
    part = part.with_last(asked_at=time.time())
    listener.on_state(state.with_part(part))  # before it is asked for: this is what makes it one batch
    errors: tuple[OpenAIError, ...] = ()
    if batch is None:
        result = _ask(client, state, part)
        batch, errors = result.batch, result.errors
    if batch is not None:
        state = state.with_part(part.with_last(batch_id=batch.id))
        listener.on_state(state)
        listener.on_batch(part, batch)
    elif not any(map(may_have_been_applied, errors)):
        listener.on_state(state.with_part(part.with_last(asked_at=None)))
    if errors and errors[0].code == "nothing_to_resubmit":  # what was missing is there by now
        state = state.with_part(attrs.evolve(part, attempts=part.attempts[:-1]))
        listener.on_state(state)
    elif errors and not _is_for_later(errors, state):
        raise Rejected(_of_part(part, errors, state), result.request)
    return state


def _is_for_later(errors: tuple[OpenAIError, ...], state: RunState) -> bool:
    """
    Return whether *errors* refuse a batch because too many tokens are enqueued, and others of the run take up room.
    """
    is_under_way = any(part.is_submitted and not part.is_ended for part in state.parts)
    return is_under_way and errors[0].code == FULL


def _ask(client: Client, state: RunState, part: Part) -> OpenAIBatchResult:
    """
    Ask for the last batch of *part*, and wait for the answer.
    """
    options = _in_background(_options(state) | {"intent": part.attempts[-1].intent})
    if len(part.attempts) == 1:
        result = client.batches.create(part.file_id or "", part.endpoint, **options)
    else:
        result = client.batches.resubmit(part.attempts[-2].batch_id or "", NOT_OK, **options)
    wait_interruptibly(result)
    return result


def _find_earlier(client: Client, part: Part, asked_at: float) -> OpenAIBatch | None:
    """
    Return the batch of *part* that a call asked for which ended before it knew; ``None`` if it is not listed in time.

    A provider that drops metadata shows it by its input.
    """
    longest_s = sum(looks_s(client.provider))
    for pause_s in looks_s(client.provider):
        page = client.batches.list(**_in_background({"limit": 100}))
        wait_interruptibly(page)
        for batch in reversed(page.batches):  # the oldest stays
            is_of_input = len(part.attempts) == 1 and not batch.metadata and batch.input_file_id == part.file_id
            if is_of_input or batch.metadata.get(INTENT_KEY) == part.attempts[-1].intent:
                return batch
        left_s = asked_at + longest_s - time.time()
        if left_s <= 0:
            break
        time.sleep(min(pause_s, left_s))
    return None


def _options(state: RunState) -> dict[str, Any]:
    order = state.order
    options = {"metadata": dict(order.metadata) or None, "output_expires_after": order.output_expires_after}
    return {name: value for name, value in options.items() if value is not None}


def _start_waiting(
    client: Client, part: Part, wait: Mapping[str, Any], on_wait: OnWait
) -> tuple[int, OpenAIBatchResult]:
    options = _in_background({**wait, "on_progress": on_wait(part)})
    return part.number, client.batches.wait(part.batch_id or "", **options)


def _in_background(options: dict[str, Any]) -> dict[str, Any]:
    return {**options, "background": True}  # so that Ctrl-C ends the waiting, wherever the call stands


def _of_part(part: Part, errors: tuple[OpenAIError, ...], state: RunState) -> list[OpenAIError]:
    """
    Say of which part *errors* are, where there are several.
    """
    if len(state.parts) == 1:
        return list(errors)
    return [attrs.evolve(error, message=f"part {part.number}: {error.message}") for error in errors]
