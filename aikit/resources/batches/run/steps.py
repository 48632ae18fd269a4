"""
The steps of a run after its plan: flows that take the state of the run, and return the next state.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from aikit.http.checked_file import CheckedFile
from aikit.http.context import CallContext
from aikit.http.flow import Flow, Gather
from aikit.http.messages import Request, Response
from aikit.http.retry import RetryPolicy, intercept, may_have_been_applied
from aikit.http.sources import source_of
from aikit.resources.batches.costs import check_affordable
from aikit.resources.batches.create import create_checked, new_intent
from aikit.resources.batches.fetch import Answers, output_missing
from aikit.resources.batches.parameters import (
    OpenAIBatchResubmitParameters,
    OpenAIBatchWaitParameters,
)
from aikit.resources.batches.queue import FULL
from aikit.resources.batches.recording import record_created, record_end
from aikit.resources.batches.resubmit import resubmit_lines
from aikit.resources.batches.rows.join import lacks_output, was_begun
from aikit.resources.batches.run.blocked import errors_of, with_next_call
from aikit.resources.batches.run.earlier import find_earlier
from aikit.resources.batches.run.progress import RunTracker
from aikit.resources.batches.run.state import Part, RunState
from aikit.resources.batches.wait import wait_until_ended
from aikit.resources.files.create import create_file
from aikit.resources.files.parameters import OpenAIFileParameters, OpenAIFileWaitParameters
from aikit.resources.files.wait import UNREADY, wait_until_processed
from aikit.resources.polling import ask_until_known, begun_now
from aikit.storage import is_file
from aikit.types.batches import BatchOrder, OpenAIBatch
from aikit.types.errors import CancelledError, OpenAIError, Rejected
from aikit.types.files import OpenAIFile

if TYPE_CHECKING:
    from aikit.providers import Provider
    from aikit.resources.session import Session

NOT_OK: Final = ("failed", "expired", "cancelled", "missing")
"""Statuses of lines that are sent again on request."""

_FILE_WAIT: Final[dict[str, Any]] = {"max_wait": 1800.0}
_WATCHERS: Final = 8
_LONGEST_LOOK_S: Final = 20.0
_SHORTEST_LOOK_S: Final = 5.0
_ROOM: Final = "some batches did not fit the provider's queue; others have ended, so they are tried again"


@attrs.frozen(kw_only=True, eq=False)
class Steps:
    """
    The steps of one run.

    Attributes:
        session: Of the client whose run it is.

        provider: Who answers.

        context: Of the call.

        tracker: Told how far the run has come.

        policy: How often a batch is asked for again whose creation failed.

        wait: *poll_interval* and *max_wait*.

        keep: Keeps the state, before and after each step that counts.

        require_same: Checks that the input is what it was; what it raises ends the run before an upload counts.

        answers: Gets the files of batches that have ended.
    """

    session: Session
    provider: Provider
    context: CallContext
    tracker: RunTracker
    policy: RetryPolicy
    wait: OpenAIBatchWaitParameters
    keep: Callable[[RunState], None]
    require_same: Callable[[], None]
    answers: Answers

    def run_all(self, state: RunState) -> Flow[RunState]:
        """
        Submit and await batches until all have ended; those refused for lack of room are tried again as others end.

        Raises:
            Rejected: A step failed; what was done before is kept.
        """
        while not state.is_ended:
            before, state = state, (yield from self.submit(state))
            state = yield from self.wait_until_ended(state)
            if has_gained_room(before, state):
                self.tracker.note(_ROOM)
                state = plan_again(state, is_free_only=True)
            elif all(part.is_submitted for part in state.parts):
                break
        return state

    def submit(self, state: RunState) -> Flow[RunState]:
        """
        Upload each part that is not at the provider, and create each batch that is not there.

        Before a batch is created its intent is kept, so that it is found when this program ends before it knows of it.
        One that is refused because too many tokens are enqueued is left for later, as long as others are under way.

        Raises:
            Rejected: A step failed; what was done before is kept.
        """
        for number in range(len(state.parts)):
            if not state.parts[number].is_submitted:
                self.tracker.begin_part(number + 1)
                state = yield from self._upload(state, state.parts[number])
                self.tracker.begin("creating")
                state = yield from self._create(state, state.parts[number])
        return state

    def wait_until_ended(self, state: RunState) -> Flow[RunState]:
        """
        Wait until all batches are over, side by side; parts without a batch are left for later.

        Raises:
            Rejected: One could not be waited for; which of the others are over is kept.
        """
        parts = [part for part in state.parts if part.is_submitted and not part.is_ended]
        if not parts:
            return state
        self.tracker.begin("waiting")
        flows = [self._watch(part) for part in parts]
        if len(flows) == 1:  # needs no thread beside that of a call that is waited for
            found = [(yield from begun_now(flows[0]))]
        else:
            found = yield Gather(flows, len(flows), _WATCHERS, on_progress=lambda *_: None)
        failures: list[OpenAIError] = []
        for part, (batch, errors) in zip(parts, found, strict=True):
            if batch is None or not batch.is_ended:
                failures += errors
                continue
            self.tracker.saw(part.number, batch)
            if lacks_output(batch):  # not noted as over, so that it is waited for again
                failures.append(output_missing(batch))
                continue
            code = batch.errors[0].code if batch.errors else None
            state = state.with_part(part.with_last(status=batch.status, code=code, is_begun=was_begun(batch)))
            self.keep(state)
        if failures:
            raise Rejected(failures)
        return state

    def _watch(self, part: Part) -> Flow[tuple[OpenAIBatch | None, Sequence[OpenAIError]]]:
        """
        Return the batch of *part* when it is over, or as it was last known, with what went wrong.
        """
        context = self.tracker.watching(part.number)
        flow = wait_until_ended(self.provider, part.batch_id or "", self.wait, context)
        try:
            flow = record_end(flow, self.provider, self.session.recorder, answers=self.answers)
            return (yield from intercept(flow, self._look)), ()
        except CancelledError:
            raise
        except Rejected as rejected:
            return rejected.value, rejected.errors
        except OpenAIError as error:
            return None, (error,)

    def _look(self, request: Request) -> Flow[Response]:
        """
        Ask once and not for long: waiting asks again by itself.
        """
        if request.sink is None:
            longest_s = min(max(self.wait.max_wait, _SHORTEST_LOOK_S), _LONGEST_LOOK_S)
            request = attrs.evolve(request, is_best_effort=True, timeout_s=min(request.timeout_s, longest_s))
        response: Response = yield request
        return response

    def _upload(self, state: RunState, part: Part) -> Flow[RunState]:
        if part.file_id is not None and (part.is_asked or not (yield from self._is_gone(part.file_id))):
            return state
        try:
            source = source_of(_checked(part), purpose="batch")
            options = OpenAIFileParameters()
            file = yield from create_file(self.session, self.provider, source, "batch", options, context=self.context)
            self.require_same()
            state = state.with_part(attrs.evolve(part, file_id=file.id))
            self.keep(state)
            yield from self._require_usable(file)
        except (OpenAIError, Rejected) as error:
            if len(state.parts) == 1:
                raise
            raise _of_part(part, error) from error
        return state

    def _is_gone(self, file_id: str) -> Flow[bool]:
        """
        Return whether the provider has deleted the file of an earlier call; if not, wait until it can be used.
        """
        try:
            file = yield from ask_until_known(self.provider, partial(self.provider.retrieve_file, file_id))
        except CancelledError:
            raise
        except OpenAIError as error:
            return error.is_not_found_error
        yield from self._require_usable(file)
        return False

    def _require_usable(self, file: OpenAIFile) -> Flow[None]:
        """
        Wait, where the provider still processes *file*, until a batch can be made of it.
        """
        if file.status in UNREADY:
            yield from begun_now(wait_until_processed(self.provider, file.id, OpenAIFileWaitParameters(**_FILE_WAIT)))

    def _create(self, state: RunState, part: Part) -> Flow[RunState]:
        batch: OpenAIBatch | None = None
        failure: OpenAIError | Rejected | None = None
        if not part.attempts:
            part = part.intending(new_intent())
        asked_at = part.attempts[-1].asked_at
        if asked_at is not None:
            try:
                batch = yield from find_earlier(self.provider, part, asked_at, self.tracker.note)
            except Rejected as error:
                if error.value is None:
                    raise
                failure, batch = error, error.value
        part = part.with_last(asked_at=time.time())
        self.keep(state.with_part(part))  # before it is asked for: this is what makes it one batch
        if batch is None:
            try:
                asking = record_created(self._ask(state, part), self.provider, self.session.recorder)
                batch = yield from begun_now(asking)
            except (OpenAIError, Rejected) as error:
                failure, batch = error, error.value if isinstance(error, Rejected) else None
        return self._created(state, part, batch, failure)

    def _created(
        self, state: RunState, part: Part, batch: OpenAIBatch | None, failure: OpenAIError | Rejected | None
    ) -> RunState:
        """
        Keep what came of asking for the last batch of *part*, and raise *failure* unless the run goes on all the same.
        """
        errors = errors_of(failure)
        if batch is not None:
            state = state.with_part(part.with_last(batch_id=batch.id))
            self.keep(state)
            self.tracker.saw(part.number, batch)
            self.tracker.note(_creation(part, batch))
        elif not any(isinstance(error, CancelledError) or may_have_been_applied(error) for error in errors):
            self.keep(state.with_part(part.with_last(asked_at=None)))
        if errors and errors[0].code == "nothing_to_resubmit":  # what was missing is there by now
            state = state.with_part(attrs.evolve(part, attempts=part.attempts[:-1]))
            self.keep(state)
        elif failure is not None and not _is_for_later(errors, state):
            failure = failure if batch is not None else with_next_call(failure)
            raise failure if len(state.parts) == 1 else _of_part(part, failure)
        return state

    def _ask(self, state: RunState, part: Part) -> Flow[OpenAIBatch]:
        """
        Ask for the last batch of *part*.
        """
        order, intent, file_id = state.order, part.attempts[-1].intent, part.file_id or ""
        options = OpenAIBatchResubmitParameters(
            metadata=order.metadata or None, output_expires_after=order.output_expires_after, intent=intent
        )
        provider, recorder = self.provider, self.session.recorder
        if len(part.attempts) > 1:
            return self._ask_again(state, part, options)
        wanted = BatchOrder(
            input_file_id=file_id,
            endpoint=part.endpoint,
            metadata=order.metadata,
            output_expires_after=order.output_expires_after,
            intent=intent,
        )
        checking = check_affordable(provider, file_id, options, recorder, self.context)
        return create_checked(provider, wanted, self.policy, options, checking)

    def _ask_again(self, state: RunState, part: Part, options: OpenAIBatchResubmitParameters) -> Flow[OpenAIBatch]:
        """
        Ask for a batch of what the last but one of *part* left undone; where the input is gone, it is taken from here.
        """
        ask = partial(
            resubmit_lines,
            self.provider,
            part.attempts[-2].batch_id or "",
            NOT_OK,
            policy=self.policy,
            recorder=self.session.recorder,
            context=self.context,
            once=partial(self._upload_once, state, part),
            answers=self.answers,
        )
        try:
            return (yield from ask(options=options))
        except OpenAIError as error:
            if error.param != "input_file" or len(part.attempts) > 2 or not is_file(part.path):
                raise
        self.require_same()
        return (yield from ask(options=attrs.evolve(options, input_file=part.path)))

    def _upload_once(self, state: RunState, part: Part, upload: Flow[OpenAIFile]) -> Flow[str]:
        """
        Return the file of the last batch of *part*: an earlier call's, or that of *upload*, kept before it is used.
        """
        file_id = part.attempts[-1].file_id
        if file_id is None or (yield from self._is_gone(file_id)):
            file_id = (yield from upload).id
            self.keep(state.with_part(part.with_last(file_id=file_id)))
        return file_id


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


def _creation(part: Part, batch: OpenAIBatch) -> str:
    before = part.attempts[-2].batch_id if len(part.attempts) > 1 else None
    count = "1 request" if part.lines == 1 else f"{part.lines:,} requests"
    what = count if before is None else f"the lines not ok in {before}"
    return f"{batch.id} created: {what}, to {batch.endpoint}"


def _is_for_later(errors: Sequence[OpenAIError], state: RunState) -> bool:
    """
    Return whether *errors* surely refuse a batch for too many enqueued tokens, and others of the run take up room.
    """
    is_under_way = any(part.is_submitted and not part.is_ended for part in state.parts)
    return is_under_way and errors[0].code == FULL and not any(map(may_have_been_applied, errors))


def _checked(part: Part) -> CheckedFile | Path:
    """
    Return the file of *part*, which the plan has checked, or its path where that is gone, which its upload tells.
    """
    try:
        return CheckedFile.of(part.path, "batch")
    except OSError:
        return Path(part.path)


def _of_part(part: Part, failure: OpenAIError | Rejected) -> Rejected:
    """
    Say of which part *failure* is.
    """
    return Rejected(
        [attrs.evolve(error, message=f"part {part.number}: {error.message}") for error in errors_of(failure)]
    )
