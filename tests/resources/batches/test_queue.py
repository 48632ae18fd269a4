"""
Batches for which there is no room: when they are asked for again, and that no second one is begun.
"""

from __future__ import annotations

import gc
import weakref
from functools import partial
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.http.context import CallContext
from aikit.http.flow import Flow, Pause, Work
from aikit.resources.batches.queue import create_when_there_is_room, found_no_room
from aikit.types.batches import OpenAIBatch, OpenAIBatchError, OpenAIBatchRequestCounts
from aikit.types.errors import CancelledError, ExchangeError, OpenAIError, Rejected

_FULL = OpenAIError(message="Too many.", code="token_limit_exceeded", status=400)
_ERRORS = (OpenAIBatchError("token_limit_exceeded", "Too many."),)
_BATCH = OpenAIBatch(
    id="batch_0", endpoint="/e", input_file_id="f", completion_window="24h", status="validating", created_at=1
)


@attrs.define
class _Queue:
    """
    A provider that has room from some second on, and needs some to look at an input.
    """

    room_at_s: float
    validates_s: float = 0.0
    is_quick: bool = True
    is_embedded: bool = False
    now: float = 0.0
    asked_at: list[float] = attrs.field(factory=list)
    batches: dict[str, tuple[float, bool]] = attrs.field(factory=dict)
    context: CallContext = attrs.field(factory=CallContext)

    def create(self) -> Flow[OpenAIBatch]:
        yield from ()
        self.asked_at.append(self.now)
        if self.is_quick and self.now < self.room_at_s:
            raise _FULL
        name = f"batch_{len(self.batches)}"
        self.batches[name] = (self.now + self.validates_s, self.now >= self.room_at_s)
        return self._as_it_is(name)

    def retrieve_batch(self, batch_id: str) -> Flow[OpenAIBatch]:
        yield from ()
        return self._as_it_is(batch_id)

    def run(self, flow: Flow[OpenAIBatch]) -> OpenAIBatch:
        """Drive *flow* by a clock of its own."""
        step = next(flow)
        try:
            while True:
                if isinstance(step, Pause):
                    self.now += step.seconds
                    step = flow.send(self.now)
                else:
                    assert isinstance(step, Work)
                    step = flow.send(step.run(self.context))
        except StopIteration as stop:
            batch: OpenAIBatch = stop.value
            return batch

    def wait(self, longest_s: float) -> OpenAIBatch:
        provider: Any = self
        return self.run(create_when_there_is_room(self.create, provider, longest_s))

    def _as_it_is(self, name: str) -> OpenAIBatch:
        until_s, has_room = self.batches[name]
        batch = attrs.evolve(_BATCH, id=name)
        if self.now < until_s:
            return batch
        return (
            attrs.evolve(batch, status="in_progress")
            if has_room
            else attrs.evolve(batch, status="failed", errors=_ERRORS)
        )


def test_it_is_asked_for_again_after_growing_pauses() -> None:
    """
    A minute first, half an hour at most, and a note each time.
    """
    queue = _Queue(room_at_s=10_000)
    assert queue.wait(20_000).status == "in_progress"
    assert queue.asked_at == [0, 60, 180, 420, 900, 1860, 3660, 5460, 7260, 9060, 10_860]
    assert queue.context.notes[0] == "too many tokens are enqueued; the batch is asked for again after 60 s"
    assert len(queue.context.notes) == 10


def test_who_waits_holds_no_refusal() -> None:
    """
    Ten thousand may wait, and each refusal holds what led to it: the request, the answer, and frames.
    """
    queue, refusals = _Queue(room_at_s=0), list[Any]()

    def refuse() -> Flow[OpenAIBatch]:
        yield from ()
        error = attrs.evolve(_FULL)
        refusals.append(weakref.ref(error))
        raise error

    provider: Any = queue
    flow = create_when_there_is_room(refuse, provider, 1_000)
    step = next(flow)
    while not (isinstance(step, Pause) and step.seconds):
        step = flow.send(0.0)
    gc.collect()
    assert [refusal() for refusal in refusals] == [None]
    flow.close()


@given(
    room_at_s=st.floats(0, 20_000),
    longest_s=st.floats(1, 20_000),
    validates_s=st.floats(0, 5_000),
    is_quick=st.booleans(),
)
def test_one_batch_is_begun_at_most(room_at_s: float, longest_s: float, validates_s: float, *, is_quick: bool) -> None:
    """
    Whenever there is room, and whether the provider says at once that there is none, or by a batch that fails.
    """
    queue = _Queue(room_at_s, validates_s, is_quick)
    outcome: Any = None
    try:
        outcome = queue.wait(longest_s)
    except OpenAIError as error:
        outcome = error
    except Rejected as error:
        outcome = error.errors[0]
    assert getattr(outcome, "code", "token_limit_exceeded") == "token_limit_exceeded"
    assert not (isinstance(outcome, OpenAIBatch) and found_no_room(outcome))
    assert sum(has_room for _, has_room in queue.batches.values()) <= 1
    assert queue.now <= longest_s + 1
    has_begun = any(has_room for _, has_room in queue.batches.values())
    assert has_begun or room_at_s > 0


def test_without_room_in_time_it_is_the_refusal() -> None:
    """
    With the last batch, where it was one that failed.
    """
    with pytest.raises(OpenAIError, match="Too many; there was no room within 100 s") as caught:
        _Queue(room_at_s=1_000).wait(100)
    assert (caught.value.code, caught.value.status) == ("token_limit_exceeded", 400)
    with pytest.raises(Rejected, match="batch_2 failed: Too many") as rejected:
        _Queue(room_at_s=1_000, is_quick=False).wait(100)
    assert rejected.value.value.id == "batch_2"


def test_a_batch_whose_input_is_looked_at_for_long_is_returned_as_it_is() -> None:
    """
    It may begin later.
    """
    queue = _Queue(room_at_s=0, validates_s=1e9)
    assert queue.wait(100).status == "validating"
    assert len(queue.batches) == 1


def test_a_batch_that_is_not_known_at_once_is_asked_for_again() -> None:
    """
    A provider may know it late, and have no room for it after all.
    """
    queue = _Queue(room_at_s=30, validates_s=5, is_quick=False)
    retrieve, unknown = queue.retrieve_batch, [1, 2]

    def find(batch_id: str) -> Flow[OpenAIBatch]:
        if unknown:
            unknown.pop()
            raise OpenAIError(message="no such batch", status=404)
        return (yield from retrieve(batch_id))

    provider: Any = type("Provider", (), {"retrieve_batch": staticmethod(find), "is_embedded": False})
    batch = queue.run(create_when_there_is_room(queue.create, provider, 1_000))
    assert (batch.id, batch.status) == ("batch_1", "in_progress")


@pytest.mark.parametrize(
    "error",
    [
        OpenAIError(message="no", code="invalid_value", status=400),
        ExchangeError(message="lost", code="token_limit_exceeded", is_ambiguous=True),
        OpenAIError(message="maybe", code="token_limit_exceeded", status=500),
    ],
)
def test_other_refusals_and_doubts_are_not_tried_again(error: OpenAIError) -> None:
    """
    A batch that may be there is not asked for a second time.
    """
    queue, asked = _Queue(room_at_s=0), []

    def create() -> Flow[OpenAIBatch]:
        yield from ()
        asked.append(1)
        raise error

    provider: Any = queue
    with pytest.raises(type(error)):
        queue.run(create_when_there_is_room(create, provider, 1_000))
    assert asked == [1]


@pytest.mark.parametrize("is_cancelled", [True, False])
def test_a_batch_that_cannot_be_looked_at_is_told_all_the_same(*, is_cancelled: bool) -> None:
    """
    It was created; who cancels is told which it is.
    """
    queue = _Queue(room_at_s=0, validates_s=50)

    def fail(_: str) -> Flow[OpenAIBatch]:
        yield from ()
        raise CancelledError() if is_cancelled else ExchangeError(message="gone", code="timeout")

    provider: Any = type("Provider", (), {"retrieve_batch": staticmethod(fail), "is_embedded": False})
    flow = partial(create_when_there_is_room, queue.create, provider, 1_000)
    if is_cancelled:
        with pytest.raises(Rejected, match="batch batch_0 was created") as caught:
            queue.run(flow())
        assert caught.value.value.id == "batch_0"
    else:
        assert queue.run(flow()).id == "batch_0"


@pytest.mark.parametrize(
    ("change", "is_free"),
    [
        ({}, True),
        ({"status": "completed"}, False),
        ({"errors": (OpenAIBatchError("invalid_json_line", "no"),)}, False),
        ({"in_progress_at": 5}, False),
        ({"output_file_id": "file-1"}, False),
        ({"request_counts": OpenAIBatchRequestCounts(3, 1, 0)}, False),
        ({"request_counts": OpenAIBatchRequestCounts(3, 0, 0)}, True),
    ],
)
def test_only_a_batch_of_which_nothing_was_done_counts_as_none(change: dict[str, Any], *, is_free: bool) -> None:
    """
    What was begun may have to be paid.
    """
    batch = attrs.evolve(_BATCH, **{"status": "failed", "errors": _ERRORS, **change})
    assert found_no_room(batch) is is_free
