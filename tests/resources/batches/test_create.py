"""
A batch is created once, however the network and the provider fail, and whoever asked for it has it.
"""

from __future__ import annotations

import itertools
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aikit import OpenAIBatchParameters, OpenAIBatchResult, OpenAIClient
from aikit.http.flow import Flow, Pause
from aikit.http.headers import Headers
from aikit.http.messages import Request, Response
from aikit.http.retry import RetryPolicy
from aikit.providers.local.provider import LocalProvider
from aikit.providers.openai import OpenAIProvider
from aikit.resources.batches.create import create_once
from aikit.resources.polling import looks_s
from aikit.types.batches import INTENT_KEY, BatchOrder
from aikit.types.errors import CancelledError, ExchangeError, OpenAIError, Rejected
from tests.batch_server import (
    Fault,
    batch_server,
    busy,
    cut_after_acting,
    dropped_after_acting,
    dropped_before_acting,
    dropped_while_acting,
    late,
    never,
    nonsense_after_acting,
    refused_after_acting,
    refused_before_acting,
)
from tests.cli.batch_service import serving_batches

_ACTING = (dropped_after_acting, cut_after_acting, refused_after_acting, nonsense_after_acting)
_IDLE = (dropped_before_acting, refused_before_acting, busy)
_ENDPOINT = "/v1/embeddings"
_NOW_S = 1_800_000_000.0
_LOOKS = 5


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aikit.http.retry.RetryPolicy._backoff", lambda *_: 0.01)


@pytest.fixture
def one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """A single look, for tests of what one look sees."""
    monkeypatch.setattr("aikit.resources.polling.LOOKS_S", (1.0,))


@pytest.mark.parametrize("callback", [False, True])
@pytest.mark.parametrize("faults", [(), *((act,) for act in (*_ACTING, *_IDLE)), *itertools.product(_IDLE, _ACTING)])
def test_one_batch_exists_and_the_caller_has_it(faults: tuple[Fault, ...], callback: bool) -> None:  # noqa: FBT001  a column
    """
    Whether the server fails before it acts or after, inline and on the pool.
    """
    with batch_server(*faults) as server, OpenAIClient("k", base_url=server.url) as client:
        options: dict[str, Any] = {"background": True} if callback else {}
        result = client.batches.create("file-1", _ENDPOINT, **{"metadata": {"a": "b"}, **options})
        assert result.wait(10)
    assert result.errors == ()
    assert result.batch is not None
    assert [batch["id"] for batch in server.batches] == [result.batch.id]
    assert {**result.batch.metadata, "aikit_intent": ""} == {"a": "b", "aikit_intent": ""}


@pytest.mark.parametrize("fault", _IDLE)
def test_trying_ends(fault: Fault) -> None:
    """
    A server that never acts is asked as often as any other, and its last word is the error.
    """
    with batch_server(*[fault] * 99) as server, OpenAIClient("k", base_url=server.url, max_retries=2) as client:
        result = client.batches.create("file-1", _ENDPOINT)
    assert (len(result.errors), result.batch, server.batches, server.creations) == (1, None, [], 3)


@pytest.mark.parametrize("fault", _ACTING)
def test_looking_is_no_retry(fault: Fault) -> None:
    """
    Also a caller who wants no retries has the batch that was created.
    """
    with batch_server(fault) as server, OpenAIClient("k", base_url=server.url, max_retries=0) as client:
        result = client.batches.create("file-1", _ENDPOINT)
    assert result.batch is not None
    assert (len(server.batches), server.creations) == (1, 1)


def test_what_is_created_late_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A server that acts when the caller has lost patience is looked to several times.
    """
    monkeypatch.setattr("aikit.resources.polling.LOOKS_S", (0.4,) * _LOOKS)
    with batch_server(late) as server, OpenAIClient("k", base_url=server.url) as client:
        result = client.batches.create("file-1", _ENDPOINT, {"timeout": 0.2})
    assert result.success
    assert (len(server.batches), server.creations) == (1, 1)


def test_what_is_created_after_the_connection_broke_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    That it is not there yet is believed at the last look only: who hung up may still be at it.
    """
    monkeypatch.setattr("aikit.resources.polling.LOOKS_S", (0.4,) * _LOOKS)
    with batch_server(dropped_while_acting) as server, OpenAIClient("k", base_url=server.url) as client:
        result = client.batches.create("file-1", _ENDPOINT)
    assert result.success
    assert (len(server.batches), server.creations) == (1, 1)


def test_silence_is_not_answered_by_asking_again() -> None:
    """
    A provider that said nothing in time may act even now: the caller learns how to find out, and nothing is paid twice.
    """
    with batch_server(never) as server, OpenAIClient("k", base_url=server.url) as client:
        (error,) = client.batches.create("file-1", _ENDPOINT, {"timeout": 0.2}).errors
    assert (error.code, server.creations) == ("timeout", 1)
    assert "batches.list()" in error.message
    assert "aikit_intent" in error.message


def test_server_that_drops_metadata_is_not_asked_twice() -> None:
    """
    A batch with the same input that could be the one is named by nobody, so nobody asks for another one.
    """
    with batch_server(dropped_after_acting) as server, OpenAIClient("k", base_url=server.url) as client:
        server.keeps_metadata = False
        (error,) = client.batches.create("file-1", _ENDPOINT).errors
    assert (len(server.batches), server.creations) == (1, 1)
    assert "may exist all the same" in error.message


def test_batches_of_others_are_not_taken_for_it() -> None:
    """
    Among hundreds of others, also of the same input with intents of their own, only the very one is returned.
    """
    with batch_server(refused_after_acting) as server, OpenAIClient("k", base_url=server.url) as client:
        for number in range(250):
            order = BatchOrder(input_file_id="file-1", endpoint=_ENDPOINT, intent=str(number))
            server.create(order.to_wire())
        batch = client.batches.create("file-1", _ENDPOINT).throw().batch
    assert batch is not None
    assert (batch.id, server.creations) == ("batch_250", 1)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([*_ACTING, *_IDLE]), max_size=5))
def test_whatever_happens_there_is_never_a_second_batch(faults: list[Fault]) -> None:
    """
    In any order of faults, at most one batch exists; and if one does, the caller has it.
    """
    with batch_server(*faults) as server, OpenAIClient("k", base_url=server.url) as client:
        result = client.batches.create("file-1", _ENDPOINT)
    assert [batch["id"] for batch in server.batches] == ([result.batch.id] if result.batch else [])
    assert result.success is bool(server.batches)


_PROVIDER = OpenAIProvider(base_url="https://api.example/v1")
_ORDER = BatchOrder(input_file_id="file-1", endpoint=_ENDPOINT, intent="mine")
_LIST = "https://api.example/v1/batches?limit=100"


def _wire(**fields: Any) -> dict[str, Any]:
    order = _ORDER.to_wire() | {"id": "batch_1", "status": "validating", "created_at": _NOW_S - 1}
    return {**order, "created_at": int(order["created_at"]), **fields}


def _other(number: int, **fields: Any) -> dict[str, Any]:
    created_at = int(_NOW_S) - number
    return _wire(id=f"batch_{number}", metadata={"aikit_intent": "other"}, created_at=created_at, **fields)


def _flow(max_retries: int = 2) -> Flow[Any]:
    return create_once(_PROVIDER, _ORDER, RetryPolicy(max_retries=max_retries, now=lambda: _NOW_S))


def _asked(step: Any) -> Request:
    assert isinstance(step, Request)
    return step


def _answer(step: Any, status: int, value: Any = None, **headers: str) -> Response:
    fields = Headers({name.replace("_", "-"): text for name, text in headers.items()})
    return Response(status=status, headers=fields, body=json.dumps(value).encode(), request=_asked(step))


def _looking(flow: Flow[Any], step: Any) -> Request:
    """
    After a pause comes the search.
    """
    assert isinstance(step, Pause)
    asked = _asked(flow.send(1.0))
    assert (asked.method, asked.url) == ("GET", _LIST)
    return asked


def _missed(flow: Flow[Any], step: Any, page: dict[str, Any] | None = None) -> Any:
    """
    All looks but the last find nothing; return the last one.
    """
    for _ in range(_LOOKS - 1):
        step = _looking(flow, flow.send(_answer(step, 200, page or _page())))
    return step


def _returned(flow: Flow[Any], response: Response) -> Any:
    with pytest.raises(StopIteration) as stop:
        flow.send(response)
    return stop.value.value


def _page(*batches: dict[str, Any], has_more: bool = False) -> dict[str, Any]:
    return {"data": list(batches), "has_more": has_more}


def test_lost_answer_is_looked_for_and_found() -> None:
    """
    After a pause the newest batches are asked for, and the one with the intent is the answer.
    """
    flow = _flow()
    next(flow)
    search = _looking(flow, flow.throw(ExchangeError(message="broke")))
    found = _returned(flow, _answer(search, 200, _page(_other(1), _wire(id="batch_7"))))
    assert found.id == "batch_7"


def test_what_was_not_created_is_asked_for_again() -> None:
    """
    When no look found it, the very same order is sent again; the older of two would stay, so it is looked for again.
    """
    flow = _flow()
    first = _asked(next(flow))
    search = _missed(flow, _looking(flow, flow.send(_answer(first, 503))), _page(_other(1)))
    second = _asked(flow.send(_answer(search, 200, _page(_other(1)))))
    assert second == first
    step = flow.send(_answer(second, 200, _wire()))
    for _ in range(_LOOKS):
        step = _looking(flow, flow.send(_answer(step, 200, _page(_wire()))))
    assert _returned(flow, _answer(step, 200, _page(_wire()))).id == "batch_1"


@pytest.mark.parametrize("status", [400, 401, 404, 409, 429])
def test_refusal_is_the_answer(status: int) -> None:
    """
    What was refused was not done: nothing is looked for.
    """
    flow = _flow()
    with pytest.raises(OpenAIError) as caught:
        flow.send(_answer(next(flow), status))
    assert caught.value.status == status


@pytest.mark.parametrize("error", [ExchangeError(message="x", is_ambiguous=False), CancelledError()])
def test_what_never_left_or_was_given_up_is_not_looked_for(error: OpenAIError) -> None:
    """
    Without a connection nothing was done, and who cancels wants no more requests, but is told that it may exist.
    """
    flow = _flow()
    next(flow)
    with pytest.raises(type(error)) as caught:
        flow.throw(error)
    is_given_up = isinstance(error, CancelledError)
    assert (caught.value is error, caught.value.is_ambiguous) == (not is_given_up, is_given_up)


@pytest.mark.parametrize("headers", [{"x_should_retry": "false"}, {"retry_after": "3600"}])
def test_provider_that_wants_no_retry_gets_none(headers: dict[str, str]) -> None:
    """
    It is looked for, and when it is not there the refusal is the answer.
    """
    flow = _flow()
    search = _missed(flow, _looking(flow, flow.send(_answer(next(flow), 500, **headers))))
    with pytest.raises(OpenAIError) as caught:
        flow.send(_answer(search, 200, _page()))
    assert (caught.value.status, "may exist" in caught.value.message) == (500, False)


def test_pause_that_is_asked_for_is_kept() -> None:
    """
    A provider that is overloaded says when to come back.
    """
    flow = _flow()
    assert flow.send(_answer(next(flow), 503, retry_after="7")) == Pause(7.0)


@pytest.mark.parametrize(
    "failure", [ExchangeError(message="x", code="timeout"), OpenAIError(message="x", status=504), None]
)
def test_what_may_still_come_is_looked_for_and_not_asked_for_again(failure: OpenAIError | None) -> None:
    """
    After silence, a gateway's time-out, and an answer that cannot be read, it is only looked for, as long as ever.
    """
    flow = _flow(max_retries=2)
    first = next(flow)
    step = flow.throw(failure) if failure else flow.send(_answer(first, 200, "what?"))
    search = _missed(flow, _looking(flow, step))
    with pytest.raises(OpenAIError, match="batch may exist all the same") as caught:
        flow.send(_answer(search, 200, _page()))
    assert caught.value.code == (failure.code if failure else "invalid_response")


@pytest.mark.parametrize(("status", "looks"), [(404, 1), (405, 1), (501, 1), (403, _LOOKS), (500, _LOOKS)])
def test_search_that_fails_leaves_doubt(status: int, looks: int) -> None:
    """
    Where batches cannot be listed, the search is tried again if there is a list, and then nothing is asked for again.
    """
    flow = _flow(max_retries=1)
    next(flow)
    step = flow.throw(ExchangeError(message="broke", code="connection_error"))
    for _ in range(looks - 1):
        step = flow.send(_answer(_looking(flow, step), status))
    search = _looking(flow, step)
    with pytest.raises(OpenAIError, match="batch may exist all the same") as caught:
        flow.send(_answer(search, status))
    assert caught.value.code == "connection_error"


def test_cancelling_ends_the_search() -> None:
    """
    Who cancels during the search hears of that, not of the failure before, and that the batch may exist.
    """
    for is_pause in (True, False):
        flow = _flow()
        next(flow)
        step = flow.throw(ExchangeError(message="broke"))
        _ = step if is_pause else _looking(flow, step)
        with pytest.raises(CancelledError, match=r"cancelled.*batch may exist all the same"):
            flow.throw(CancelledError())


def test_last_look_must_have_seen_the_list() -> None:
    """
    A list that cannot be had at last shows nothing, whatever it showed before.
    """
    flow = _flow()
    next(flow)
    last = _missed(flow, _looking(flow, flow.throw(ExchangeError(message="broke"))))
    with pytest.raises(OpenAIError, match="batch may exist all the same"):
        flow.send(_answer(last, 500))


def test_looks_are_spread_over_fifteen_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Each comes later than the one before, as the page says; the embedded provider, which lists at once, takes two.
    """
    monkeypatch.undo()
    flow = _flow()
    next(flow)
    step, pauses = flow.throw(ExchangeError(message="broke")), []
    while isinstance(step, Pause):
        pauses.append(step.seconds)
        step = flow.send(_answer(_asked(flow.send(1.0)), 200, _page()))
    assert pauses == sorted(pauses)
    assert sum(pauses) == pytest.approx(15.5)
    assert _asked(step).method == "POST"
    assert looks_s(LocalProvider(home=Path())) == (0.5, 1.0)


def test_younger_of_two_of_its_own_is_cancelled() -> None:
    """
    Where the first batch is listed only after the second was created, the first stays; the second is cancelled.
    """
    flow = _flow()
    next(flow)
    last = _missed(flow, _looking(flow, flow.throw(ExchangeError(message="broke"))))
    step = flow.send(_answer(flow.send(_answer(last, 200, _page())), 200, _wire(id="second")))
    step = _looking(flow, flow.send(_answer(step, 200, _page(_wire(id="second")))))
    cancel = _asked(flow.send(_answer(step, 200, _page(_wire(id="second"), _wire(id="first")))))
    assert cancel.url == "https://api.example/v1/batches/second/cancel"
    assert _returned(flow, _answer(cancel, 200, _wire(id="second", status="cancelling"))).id == "first"


def test_cancelled_after_the_second_creation_has_the_batch() -> None:
    """
    Who cancels while it is looked for the first one is told of the second, which is paid for.
    """
    flow = _flow()
    next(flow)
    last = _missed(flow, _looking(flow, flow.throw(ExchangeError(message="broke"))))
    flow.send(_answer(flow.send(_answer(last, 200, _page())), 200, _wire(id="second")))
    with pytest.raises(Rejected, match="batch second was created") as caught:
        flow.throw(CancelledError())
    assert (caught.value.value.id, [error.code for error in caught.value.errors]) == ("second", ["cancelled"])


@pytest.mark.parametrize(
    ("fault", "unlisted_s"),
    [
        *((fault, 0.3) for fault in _ACTING),
        *((fault, 0.9) for fault in (dropped_after_acting, cut_after_acting, refused_after_acting)),
    ],
)
@pytest.mark.parametrize("intent", [None, "nightly"])
def test_late_list_leaves_one_batch(
    fault: Fault, intent: str | None, unlisted_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A batch that is listed late is found by a later look, or when a second was created, which is cancelled then.
    """
    monkeypatch.setattr("aikit.resources.polling.LOOKS_S", (0.05, 0.1, 0.2, 0.3))
    with batch_server(fault) as server, OpenAIClient("k", base_url=server.url) as client:
        server.unlisted_s = unlisted_s
        options: dict[str, Any] = {"intent": intent} if intent else {}
        result = client.batches.create("file-1", _ENDPOINT, **options)
    assert (result.errors, result.batch and result.batch.id) == ((), "batch_0")
    assert [batch["id"] for batch in server.batches if batch["status"] != "cancelling"] == ["batch_0"]


def test_rivals_of_a_late_list_agree() -> None:
    """
    Several processes create at once, and none sees the others' batches at first: the oldest stays, and all return it.
    """
    results: list[OpenAIBatchResult] = []

    def run() -> None:
        with OpenAIClient("k", base_url=server.url) as client:
            results.append(client.batches.create("file-1", _ENDPOINT, {"intent": "nightly"}))

    with batch_server() as server:
        server.unlisted_s = 0.05
        threads = [threading.Thread(target=run) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert {(result.errors, result.batch and result.batch.id) for result in results} == {((), "batch_0")}
    assert [batch["id"] for batch in server.batches if batch["status"] != "cancelling"] == ["batch_0"]


def test_created_batch_is_known_and_booked_though_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A deadline that ends the looking after the second creation leaves batch and error, and the ledger has it.
    """
    monkeypatch.setattr("aikit.resources.polling.LOOKS_S", (1.5,))
    with batch_server(dropped_before_acting) as server, OpenAIClient("k", base_url=server.url) as client:
        result = client.batches.create("file-1", _ENDPOINT, {"deadline": 2.3})
        assert [event.batch_id for event in client.ledger.events(kind="created")] == ["batch_0"]
    assert result.batch is not None
    assert [error.code for error in result.errors] == ["deadline_exceeded"]
    assert "batch batch_0 was created" in result.errors[0].message


@pytest.mark.parametrize("wanted", ["cancel", "deadline"])
def test_search_is_cut_short(wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Cancels and deadlines get through while it is looked for the batch, and the error says that there may be one.
    """
    monkeypatch.setattr("aikit.resources.polling.LOOKS_S", (60.0,))
    with batch_server(dropped_after_acting) as server, OpenAIClient("k", base_url=server.url) as client:
        options: dict[str, Any] = {"deadline": 0.3} if wanted == "deadline" else {}
        result = client.batches.create("file-1", _ENDPOINT, **{"background": True, **options})
        if wanted == "cancel":
            assert not result.wait(0.3)
            result.cancel()
        assert result.wait(20)
    assert result.errors[0].code == {"cancel": "cancelled", "deadline": "deadline_exceeded"}[wanted]
    assert "batch may exist all the same" in result.errors[0].message


def test_search_goes_on_page_after_page_until_it_is_old_enough() -> None:
    """
    Further pages are asked for until all that follow are older than the call, allowing for clocks an hour apart.
    """
    flow = _flow()
    next(flow)
    search = _missed(flow, _looking(flow, flow.throw(ExchangeError(message="broke"))))
    following = _asked(flow.send(_answer(search, 200, _page(_other(1), _other(3000), has_more=True))))
    assert following.url == f"{_LIST}&after=batch_3000"
    again = _asked(flow.send(_answer(following, 200, _page(_other(3001), _other(3601), has_more=True))))
    assert again.method == "POST"


def test_oldest_first_is_no_end() -> None:
    """
    A server that lists the oldest first is read on, for the newest are yet to come.
    """
    flow = _flow()
    next(flow)
    search = _looking(flow, flow.throw(ExchangeError(message="broke")))
    following = _asked(flow.send(_answer(search, 200, _page(_other(9999), _other(9998), has_more=True))))
    assert _returned(flow, _answer(following, 200, _page(_other(1), _wire()))).id == "batch_1"


@pytest.mark.usefixtures("one_look")
def test_search_that_leads_in_a_circle_leaves_doubt() -> None:
    """
    A server that gives the same page again hides what follows: it is not asked a third time.
    """
    flow = _flow(max_retries=0)
    next(flow)
    search = _looking(flow, flow.throw(ExchangeError(message="broke")))
    page = _page(_other(1), has_more=True)
    following = _asked(flow.send(_answer(search, 200, page)))
    with pytest.raises(OpenAIError, match="batch may exist all the same"):
        flow.send(_answer(following, 200, page))


@pytest.mark.usefixtures("one_look")
def test_search_without_end_leaves_doubt() -> None:
    """
    After a thousand newer batches it is not known, and not asked for again.
    """
    flow = _flow(max_retries=0)
    next(flow)
    step: Any = _looking(flow, flow.throw(ExchangeError(message="broke")))
    for number in range(9):
        step = _asked(flow.send(_answer(step, 200, _page(_other(number), has_more=True))))
    with pytest.raises(OpenAIError, match="batch may exist all the same"):
        flow.send(_answer(step, 200, _page(_other(9), has_more=True)))


@pytest.mark.parametrize(
    ("fields", "is_in_doubt"),
    [
        ({"metadata": None}, True),
        ({"metadata": {}}, True),
        ({"metadata": None, "input_file_id": "file-2"}, False),
        ({"metadata": None, "created_at": int(_NOW_S) - 4000}, True),
        ({"metadata": None, "created_at": int(_NOW_S) - 4000, "status": "completed"}, False),
        ({"metadata": {"a": "b"}}, False),
    ],
)
@pytest.mark.usefixtures("one_look")
def test_new_batch_of_the_same_input_without_metadata_leaves_doubt(
    fields: dict[str, Any],
    is_in_doubt: bool,  # noqa: FBT001  a column
) -> None:
    """
    Some servers drop metadata: what may be the batch is neither taken for it nor overlooked, whatever their clock says.
    """
    flow = _flow(max_retries=0)
    next(flow)
    search = _looking(flow, flow.throw(ExchangeError(message="broke")))
    with pytest.raises(OpenAIError) as caught:
        flow.send(_answer(search, 200, _page(_wire(**fields))))
    assert ("may exist" in caught.value.message) is is_in_doubt


def test_each_order_has_an_intent_of_its_own() -> None:
    """
    Two batches of the same input are two, also where the metadata was copied from the first.
    """
    with batch_server() as server, OpenAIClient("k", base_url=server.url) as client:
        first = client.batches.create("file-1", _ENDPOINT).throw().batch
        assert first is not None
        client.batches.create("file-1", _ENDPOINT, {"metadata": first.metadata}).throw()
        client.batches.create("file-1", _ENDPOINT, OpenAIBatchParameters()).throw()
    intents = [batch["metadata"]["aikit_intent"] for batch in server.batches]
    assert len(set(intents)) == 3
    assert all(len(intent) == 32 for intent in intents)


@pytest.mark.parametrize("deadline", [None, 0.5])
def test_a_creation_that_was_stopped_says_that_the_batch_may_exist(tmp_path: Path, deadline: float | None) -> None:
    """
    The request was on its way, so whoever asks again without looking may pay twice.
    """
    with (
        serving_batches(hold_at="after creation") as service,
        OpenAIClient("k", base_url=service.url, home=tmp_path) as client,
    ):
        result = client.batches.create("file-1", "/v1/chat/completions", background=True, deadline=deadline)
        assert service.reached.wait(20)
        if deadline is None:
            result.cancel()
        assert result.wait(20)
        (error,) = result.errors
        (batch,) = service.batches.values()
    assert error.is_ambiguous
    assert f"{INTENT_KEY} {batch['metadata'][INTENT_KEY]}" in error.message
