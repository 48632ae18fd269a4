"""
OpenAI's flows of batches, bare: what they ask, and what they make of every answer.
"""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

from aikit.http.flow import Flow
from aikit.http.headers import Headers
from aikit.http.messages import Request, Response
from aikit.providers.openai import OpenAIProvider
from aikit.types.batches import BatchOrder, BatchPage, OpenAIBatch
from aikit.types.errors import OpenAIError

_PROVIDER = OpenAIProvider(base_url="https://api.example/v1", headers=Headers({"Authorization": "Bearer k"}))
_ORDER = BatchOrder(input_file_id="file-1", endpoint="/v1/embeddings", metadata={"a": "ü"}, intent="key")
_WIRE: dict[str, Any] = {
    "id": "batch_1",
    "endpoint": "/v1/embeddings",
    "input_file_id": "file-1",
    "completion_window": "24h",
    "status": "cancelling",
    "created_at": 1,
}
_BATCH = OpenAIBatch.from_wire(_WIRE)


def _first(flow: Flow[Any]) -> Request:
    request = next(flow)
    assert isinstance(request, Request)
    return request


def _answer(request: Any, status: int = 200, body: Any = b"") -> Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status=status, body=content, request=request)


def _returned(flow: Flow[Any], response: Response) -> Any:
    with pytest.raises(StopIteration) as stop:
        flow.send(response)
    return stop.value.value


def _flows() -> tuple[Flow[Any], ...]:
    return (
        _PROVIDER.create_batch(_ORDER),
        _PROVIDER.retrieve_batch("batch_1"),
        _PROVIDER.list_batches({}),
        _PROVIDER.cancel_batch("batch_1"),
    )


def test_each_operation_asks_what_the_reference_says() -> None:
    """
    Method, address and headers of every call are OpenAI's.
    """
    asked = [_first(flow) for flow in (*_flows(), _PROVIDER.list_batches({"after": "a&b", "limit": 5}))]
    base = "https://api.example/v1/batches"
    assert [(request.method, request.url) for request in asked] == [
        ("POST", base),
        ("GET", f"{base}/batch_1"),
        ("GET", base),
        ("POST", f"{base}/batch_1/cancel"),
        ("GET", f"{base}?after=a%26b&limit=5"),
    ]
    assert {tuple(request.headers.items()) for request in asked} == {
        (("Authorization", "Bearer k"), ("Accept", "application/json"))
    }


def test_order_is_the_body() -> None:
    """
    What is ordered is sent as JSON, and is not to be sent again unasked.
    """
    request = _first(_PROVIDER.create_batch(_ORDER))
    assert request.body is not None
    assert request.body.content_type == "application/json"
    assert json.loads(request.body.open().read(10_000)) == _ORDER.to_wire()
    assert [_first(flow).is_idempotent for flow in _flows()] == [False, True, True, True]


@pytest.mark.parametrize("batch_id", ["a/b", "%2F", "ä", "a?b=c", "a#b"])
def test_odd_id_stays_one_part_of_the_path(batch_id: str) -> None:
    """
    An id is quoted whole: nothing in it becomes a folder, a query or a fragment.
    """
    for flow in (_PROVIDER.retrieve_batch(batch_id), _PROVIDER.cancel_batch(batch_id)):
        path = _first(flow).url.removeprefix("https://api.example/v1/batches/").removesuffix("/cancel")
        assert not set(path) & set("/?# ")
        assert path not in {".", ".."}


def test_batches_are_read_from_answers() -> None:
    """
    Creating, retrieving and cancelling return the Batch object, listing a page of them.
    """
    create, retrieve, listed, cancel = _flows()
    for flow in (create, retrieve, cancel):
        assert _returned(flow, _answer(next(flow), 200, _WIRE)) == _BATCH
    page = {"object": "list", "data": [_WIRE], "has_more": True}
    assert _returned(listed, _answer(next(listed), 200, page)) == BatchPage(
        (_BATCH,), has_more=True, first_id="batch_1", last_id="batch_1"
    )


@pytest.mark.parametrize("status", [302, 400, 401, 404, 409, 429, 500])
def test_refusal_is_an_error_of_every_operation(status: int) -> None:
    """
    What the provider says is told by every call alike.
    """
    for flow in _flows():
        with pytest.raises(OpenAIError) as caught:
            flow.send(_answer(next(flow), status, {"error": {"message": "no", "code": "c"}}))
        assert (caught.value.message, caught.value.code, caught.value.status) == ("no", "c", status)


@pytest.mark.parametrize("status", ["cancelling", "cancelled"])
def test_conflict_after_a_lost_attempt_may_be_its_success(status: str) -> None:
    """
    When an earlier attempt had stopped the batch already, the refusal of the next one is no failure.
    """
    flow = _PROVIDER.cancel_batch("batch_1")
    again = attrs.evolve(_first(flow), may_have_been_applied=True)
    asked: Any = flow.send(_answer(again, 409))
    assert (asked.method, asked.url) == ("GET", "https://api.example/v1/batches/batch_1")
    assert _returned(flow, _answer(asked, 200, _WIRE | {"status": status})).status == status


def test_conflict_is_the_answer_if_the_batch_is_over_otherwise() -> None:
    """
    A batch that completed before it could be stopped is told as the provider tells it.
    """
    flow = _PROVIDER.cancel_batch("batch_1")
    again = attrs.evolve(_first(flow), may_have_been_applied=True)
    asked = flow.send(_answer(again, 409, {"error": {"message": "Cannot cancel"}}))
    with pytest.raises(OpenAIError, match="Cannot cancel"):
        flow.send(_answer(asked, 200, _WIRE | {"status": "completed"}))


def test_conflict_is_final_for_cancelling() -> None:
    """
    No further attempt is wasted on a batch that is over.
    """
    assert [_first(flow).non_retryable_statuses for flow in _flows()] == [frozenset()] * 3 + [frozenset((409,))]
