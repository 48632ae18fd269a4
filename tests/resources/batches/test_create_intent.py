"""
One batch for one intent of the caller, also from several runs and processes.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit import OpenAIBatch, OpenAIBatchParameters, OpenAIClient
from aikit.http.flow import Flow, Pause
from aikit.http.messages import Request, Response
from aikit.http.retry import RetryPolicy
from aikit.providers.openai import OpenAIProvider
from aikit.resources import polling
from aikit.resources.batches.create import create_for_intent
from aikit.resources.batches.search import find_all, find_oldest
from aikit.types.batches import BatchOrder
from aikit.types.errors import CancelledError, ExchangeError, OpenAIError, Rejected
from tests.answering_server import AnsweringServer, answering_server
from tests.resources.batches.rows.files import WIRE

_ENDPOINT = "/v1/embeddings"
_INTENT: dict[str, Any] = {"intent": "nightly 2026-11-22"}
_PROVIDER = OpenAIProvider(base_url="https://api.example/v1")


@pytest.fixture
def server() -> Iterator[AnsweringServer]:
    """A provider without batches."""
    with answering_server() as server:
        yield server


def test_second_run_finds_the_batch_of_the_first(server: AnsweringServer) -> None:
    """
    With another client, another input and whatever became of it; another intent makes another batch.
    """
    with OpenAIClient("k", base_url=server.url) as client:
        first = client.batches.create("file-1", _ENDPOINT, **_INTENT).throw().batch
    assert first is not None
    assert first.metadata["aikit_intent"] == _INTENT["intent"]
    server.batches[first.id]["status"] = "failed"
    with OpenAIClient("k", base_url=server.url) as client:
        parameters = OpenAIBatchParameters(intent=_INTENT["intent"])
        second = client.batches.create("file-2", _ENDPOINT, parameters).throw().batch
        third = client.batches.create("file-1", _ENDPOINT, {"intent": "another"}).throw().batch
    assert second is not None
    assert third is not None
    assert (second.id, second.status, third.id) == (first.id, "failed", "batch_new1")


def test_a_new_intent_is_not_looked_for(server: AnsweringServer) -> None:
    """
    It is one request, and the batch is found later by the intent that the caller has noted.
    """
    with OpenAIClient("k", base_url=server.url) as client:
        options: dict[str, Any] = {**_INTENT, "intent_is_new": True}
        first = client.batches.create("file-1", _ENDPOINT, **options).throw().batch
        asked = list(server.asked)
        again = client.batches.create("file-1", _ENDPOINT, **_INTENT).throw().batch
    assert first == again
    assert len(asked) == 1


def test_two_processes_at_once_have_the_same_batch(server: AnsweringServer) -> None:
    """
    Both look before either creates: the younger batch is cancelled by its creator, and both return the older one.
    """
    server.meeting = threading.Barrier(2)
    results: list[Any] = []

    def run() -> None:
        with OpenAIClient("k", base_url=server.url) as client:
            results.append(client.batches.create("file-1", _ENDPOINT, **_INTENT))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [result.batch.id for result in results] == ["batch_new0"] * 2
    assert {name: batch["status"] for name, batch in server.batches.items()} == {
        "batch_new0": "validating",
        "batch_new1": "cancelling",
    }


@pytest.mark.parametrize("intent", ["", "x" * 513, "\ud800"])
def test_intent_must_fit_into_metadata(intent: str) -> None:
    """
    It is a value there: 1 to 512 characters.
    """
    with pytest.raises(ValueError, match="intent"):
        OpenAIBatchParameters(intent=intent)
    with pytest.raises(TypeError, match="intent"):
        OpenAIBatchParameters(intent=5)  # type: ignore[arg-type]  # wrong on purpose


def _wire(name: str, created_at: int, intent: str = "mine") -> dict[str, Any]:
    metadata = {"aikit_intent": intent}
    return WIRE | {"id": name, "created_at": created_at, "metadata": metadata, "status": "in_progress"}


def _answer(request: Request, status: int, value: Any) -> Response:
    return Response(status=status, body=json.dumps(value).encode(), request=request)


def _page(*batches: dict[str, Any], has_more: bool = False) -> dict[str, Any]:
    return {"data": list(batches), "has_more": has_more}


def _flow() -> Flow[OpenAIBatch]:
    order = BatchOrder(input_file_id="file-1", endpoint=_ENDPOINT, intent="mine")
    return create_for_intent(_PROVIDER, order, RetryPolicy(max_retries=0))


def _returned(flow: Flow[Any], response: Response) -> Any:
    with pytest.raises(StopIteration) as stop:
        flow.send(response)
    return stop.value.value


def _created(flow: Flow[OpenAIBatch]) -> Any:
    """
    Look, find none, create; return the request that looks again.
    """
    creation = flow.send(_answer(_request(next(flow)), 200, _page()))
    return flow.send(_answer(_request(creation), 200, _wire("ours", 100)))


def _request(step: Any) -> Request:
    assert isinstance(step, Request)
    return step


def test_what_cannot_be_looked_for_is_not_created() -> None:
    """
    A provider that does not list its batches cannot tell whether there is one.
    """
    flow = _flow()
    with pytest.raises(OpenAIError, match="404"):
        flow.send(_answer(_request(next(flow)), 404, {}))


def test_creation_stands_though_looking_again_fails() -> None:
    """
    Also if the caller cancelled: the batch comes along.
    """
    flow = _flow()
    _created(flow)
    for _ in polling.LOOKS_S:
        assert isinstance(flow.throw(ExchangeError(message="broke")), Pause)
        flow.send(0.0)
    with pytest.raises(StopIteration) as stop:
        flow.throw(ExchangeError(message="broke"))
    assert stop.value.value.id == "ours"
    flow = _flow()
    _created(flow)
    with pytest.raises(Rejected, match=r"cancelled.*batch ours was created") as caught:
        flow.throw(CancelledError())
    assert caught.value.value.id == "ours"


def test_a_list_without_the_created_batch_is_too_old_to_show_another_one() -> None:
    """
    It is looked again until the new batch is listed: then an older one of another process is listed as well.
    """
    flow = _flow()
    step = _created(flow)
    for _ in range(3):
        assert isinstance(flow.send(_answer(_request(step), 200, _page())), Pause)
        step = flow.send(0.0)
    cancel = _request(flow.send(_answer(_request(step), 200, _page(_wire("ours", 100), _wire("theirs", 99)))))
    assert cancel.url.endswith("/batches/ours/cancel")
    assert _returned(flow, _answer(cancel, 200, _wire("ours", 100))).id == "theirs"


def test_a_provider_that_drops_metadata_is_looked_at_once() -> None:
    """
    Its list will never show which batch has the intent.
    """
    flow = _flow()
    creation = flow.send(_answer(_request(next(flow)), 200, _page()))
    looking = flow.send(_answer(_request(creation), 200, WIRE | {"id": "ours", "metadata": None}))
    assert _returned(flow, _answer(_request(looking), 200, _page())).id == "ours"


@pytest.mark.parametrize(
    ("batches", "found"),
    [
        ([_wire("ours", 100)], "ours"),
        ([_wire("theirs", 101), _wire("ours", 100)], "ours"),
        ([_wire("theirs", 100), _wire("ours", 100)], "ours"),
        ([_wire("theirs", 99, "other"), _wire("ours", 100)], "ours"),
    ],
)
def test_older_batch_stays(batches: list[dict[str, Any]], found: str) -> None:
    """
    Of those created in the same second, the one that is listed later.
    """
    flow = _flow()
    assert _returned(flow, _answer(_request(_created(flow)), 200, _page(*batches))).id == found


@pytest.mark.parametrize("times", [(100, 99), (100, 100)])
def test_younger_batch_is_cancelled(times: tuple[int, int]) -> None:
    """
    The older one is the answer.
    """
    flow = _flow()
    listed = _page(_wire("ours", times[0]), _wire("theirs", times[1]))
    cancel = _request(flow.send(_answer(_request(_created(flow)), 200, listed)))
    assert (cancel.method, cancel.url) == ("POST", "https://api.example/v1/batches/ours/cancel")
    assert _returned(flow, _answer(cancel, 200, _wire("ours", 100))).id == "theirs"


@pytest.mark.parametrize("end", ["completed", "expired", "finalizing", "cancelled", "failed"])
@pytest.mark.parametrize("is_listed", [True, False])
@pytest.mark.parametrize("refused", [400, 409])
def test_a_younger_batch_that_was_over_before_is_told_where_it_is_paid(
    end: str, refused: int, *, is_listed: bool
) -> None:
    """
    It cannot be cancelled, and costs what it answered; one that was refused, or stopped by another, is none.
    """
    flow = _flow()
    ours, over = _wire("ours", 100), _wire("ours", 100) | {"status": end}
    listed = _page(over if is_listed else ours, _wire("theirs", 99))
    step = _answer(_request(_created(flow)), 200, listed)
    if not is_listed or end == "finalizing":
        looking = _request(flow.send(_answer(_request(flow.send(step)), refused, {})))
        assert (looking.method, looking.url) == ("GET", "https://api.example/v1/batches/ours")
        step = _answer(looking, 200, over)
    if end in {"cancelled", "failed"}:
        assert _returned(flow, step).id == "theirs"
        return
    with pytest.raises(Rejected, match=f"theirs stays, and ours is {end}, and costs") as caught:
        flow.send(step)
    assert caught.value.value.id == "theirs"


@pytest.mark.parametrize("status", [200, 403])
def test_who_got_no_answer_leaves_none_but_the_oldest(status: int) -> None:
    """
    Which of several is its own nobody knows, so all younger ones are cancelled that nobody has; what cannot be is told.
    """
    begun = {"status": "validating"}
    stopping, *others = (_wire(name, at) | begun for name, at in (("d", 102), ("c", 101), ("b", 101), ("a", 100)))
    listed = _page(stopping | {"status": "cancelling"}, *others)
    flow = _flow()
    flow.send(_answer(_request(next(flow)), 200, _page()))
    assert not isinstance(flow.throw(ExchangeError(message="broke")), Request)  # a pause
    looking_again = flow.send(_answer(_request(flow.send(0.0)), 200, listed))
    cancels = [_request(flow.send(_answer(_request(looking_again), 200, listed)))]
    cancels.append(_request(flow.send(_answer(cancels[0], status, _wire("b", 101)))))
    assert [cancel.url.split("/")[-2:] for cancel in cancels] == [["b", "cancel"], ["c", "cancel"]]
    last = _answer(cancels[1], 200, _wire("c", 101))
    if status == 200:
        assert _returned(flow, last).id == "a"
        return
    with pytest.raises(Rejected, match="and b could not be cancelled") as caught:
        flow.send(last)
    assert caught.value.value.id == "a"


@pytest.mark.parametrize("refused", [400, 409])
def test_a_refusal_to_stop_what_goes_on_is_told(refused: int) -> None:
    """
    Not each refusal says that a batch is over: one that is worked on costs money.
    """
    flow = _flow()
    ours = _wire("ours", 100) | {"status": "in_progress"}
    cancel = _request(flow.send(_answer(_request(_created(flow)), 200, _page(ours, _wire("theirs", 99)))))
    looking = _request(flow.send(_answer(cancel, refused, {"error": {"message": "no"}})))
    with pytest.raises(Rejected, match="and ours could not be cancelled: no"):
        flow.send(_answer(looking, 200, ours))


def test_one_too_many_that_cannot_be_cancelled_is_told() -> None:
    """
    The older one comes along, and the error says what is to be done.
    """
    flow = _flow()
    listed = _page(_wire("ours", 100), _wire("theirs", 99))
    cancel = _request(flow.send(_answer(_request(_created(flow)), 200, listed)))
    with pytest.raises(Rejected, match="ours could not be cancelled") as caught:
        flow.send(_answer(cancel, 403, {}))
    assert caught.value.value.id == "theirs"
    assert [error.code for error in caught.value.errors] == ["created_twice"]


def test_newest_thousand_are_looked_through() -> None:
    """
    Ten pages of a hundred, and no more.
    """
    flow = find_oldest(_PROVIDER, "mine")
    step = next(flow)
    for number in range(9):
        step = flow.send(_answer(_request(step), 200, _page(_wire(f"b{number}", 5, "other"), has_more=True)))
        assert _request(step).url.endswith(f"?limit=100&after=b{number}")
    assert _returned(flow, _answer(_request(step), 200, _page(_wire("b9", 1), has_more=True))).id == "b9"


def test_looking_again_ends_where_all_is_older() -> None:
    """
    A page that reaches back beyond the hour before the creation is the last, unless the list begins with the oldest.
    """
    flow = find_all(_PROVIDER, "mine", since=100)
    page = _page(_wire("b", 100, "other"), _wire("c", 99, "other"), has_more=True)
    assert _returned(flow, _answer(_request(next(flow)), 200, page)) == []
    flow = find_all(_PROVIDER, "mine", since=100)
    page = _page(_wire("b", 10, "other"), _wire("c", 20, "other"), has_more=True)
    assert _request(flow.send(_answer(_request(next(flow)), 200, page))).url.endswith("after=c")


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(("mine", "other"))), max_size=8))
def test_oldest_is_the_same_for_everybody(listed: list[tuple[int, str]]) -> None:
    """
    Whatever is listed newest first, the one with the least time is chosen, and of several the last.
    """
    newest_first = sorted(listed, key=lambda pair: -pair[0])
    wires = [_wire(f"b{number}", *pair) for number, pair in enumerate(newest_first)]
    flow = find_oldest(_PROVIDER, "mine")
    found = _returned(flow, _answer(_request(next(flow)), 200, _page(*wires)))
    own = [wire["id"] for wire in wires if wire["metadata"]["aikit_intent"] == "mine"]
    assert (found.id if found else None) == (own[-1] if own else None)


def test_a_rival_of_some_seconds_ago_is_looked_for_on_the_next_page() -> None:
    """
    Looking again goes back an hour before the creation: another process may have been a little quicker.
    """
    flow = _flow()
    looking = _created(flow)
    more = flow.send(_answer(looking, 200, _page(_wire("ours", 100), _wire("x", 95, "other"), has_more=True)))
    cancelling = _request(flow.send(_answer(_request(more), 200, _page(_wire("rival", 90)))))
    assert cancelling.url.endswith("/batches/ours/cancel")
    assert _returned(flow, _answer(cancelling, 200, _wire("ours", 100))).id == "rival"


def test_an_empty_page_with_more_to_come_is_not_the_end_of_the_search() -> None:
    """
    The batch with the intent is on the page after it.
    """
    flow = find_oldest(_PROVIDER, "mine")
    second = flow.send(_answer(next(flow), 200, _page(has_more=True) | {"last_id": "cursor"}))  # type: ignore[arg-type]
    assert isinstance(second, Request)
    assert "after=cursor" in second.url
    assert _returned(flow, _answer(second, 200, _page(_wire("batch_1", 5)))).id == "batch_1"


def test_a_list_of_other_things_does_not_show_that_there_is_no_batch() -> None:
    """
    A gateway mixed up two answers; nothing is created.
    """
    flow = _flow()
    with pytest.raises(OpenAIError, match="is a file") as caught:
        flow.send(_answer(next(flow), 200, _page({"id": "file-1", "object": "file"})))  # type: ignore[arg-type]
    assert caught.value.code == "invalid_response"
