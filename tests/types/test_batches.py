"""
Batches: what providers say of them, read with care for what they leave out, leave empty and add.
"""

from __future__ import annotations

import json
import pickle
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.types.batches import (
    BatchOrder,
    BatchPage,
    OpenAIBatch,
    OpenAIBatchError,
    OpenAIBatchProgress,
    OpenAIBatchRequestCounts,
)
from aikit.types.errors import OpenAIError

_WIRE: dict[str, Any] = {
    "id": "batch_1",
    "object": "batch",
    "endpoint": "/v1/embeddings",
    "input_file_id": "file-1",
    "completion_window": "24h",
    "status": "validating",
    "created_at": 1,
}
_BATCH = OpenAIBatch(
    id="batch_1",
    endpoint="/v1/embeddings",
    input_file_id="file-1",
    completion_window="24h",
    status="validating",
    created_at=1,
)
_TIMES = ("in_progress", "expires", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([*_WIRE, "errors", "data", "request_counts", "usage", "metadata", "model", "line"]), inner
        )
        | inner.map(lambda value: {**_WIRE, "errors": value, "request_counts": value, "metadata": value})
    ),
    max_leaves=12,
)


def test_batch_is_read() -> None:
    """
    A Batch object without optional fields has them as nothing, and its counts as zeros.
    """
    assert OpenAIBatch.from_wire(_WIRE) == _BATCH
    assert _BATCH.request_counts == OpenAIBatchRequestCounts(0, 0, 0)


def test_what_is_alike_in_thousands_of_batches_is_held_once() -> None:
    """
    Status, endpoint and completion window of two answers are the same strings; what is overlong is not kept for others.
    """
    one, other = (OpenAIBatch.from_wire(json.loads(json.dumps(_WIRE))) for _ in range(2))
    assert one.status is other.status
    assert one.endpoint is other.endpoint
    assert one.completion_window is other.completion_window
    long, longer = (OpenAIBatch.from_wire(json.loads(json.dumps(_WIRE | {"status": "s" * 65}))) for _ in range(2))
    assert long == longer
    assert long.status is not longer.status


def test_every_field_is_read() -> None:
    """
    All that the reference describes has its place, and what a provider adds is in ``extra``.
    """
    known: dict[str, Any] = {f"{name}_at": number for number, name in enumerate(_TIMES)}
    known |= {"model": "m", "output_file_id": "file-2", "error_file_id": "file-3"}
    known |= {"usage": {"input_tokens": 1}, "metadata": {"a": "b"}}
    errors = {"object": "list", "data": [{"code": "c", "message": "m", "param": "body.model", "line": 7}, {}]}
    counts = {"total": 3, "completed": 1, "failed": 2}
    read = OpenAIBatch.from_wire(_WIRE | known | {"errors": errors, "request_counts": counts, "region": None})
    assert read == attrs.evolve(
        _BATCH,
        **known,
        errors=(OpenAIBatchError("c", "m", "body.model", 7), OpenAIBatchError()),
        request_counts=OpenAIBatchRequestCounts(3, 1, 2),
        extra={"region": None},
    )


_EMPTY: dict[tuple[str, ...], tuple[Any, ...]] = {
    ("output_file_id", "error_file_id", "model"): (None, "", 5, []),
    tuple(f"{name}_at" for name in _TIMES): (None, "soon", True),
    ("errors",): (None, {}, [], {"data": None}, {"data": [5]}, "x"),
    ("request_counts",): (None, {}, [], {"total": None, "completed": None, "failed": None}),
    ("usage",): (None, 5, []),
    ("metadata",): (None, {}, [], "x"),
}


@pytest.mark.parametrize("names", _EMPTY)
def test_what_is_null_or_empty_is_nothing(names: tuple[str, ...]) -> None:
    """
    Nulls, empty strings and nonsense in optional fields are as good as their absence.
    """
    for name in names:
        assert [OpenAIBatch.from_wire(_WIRE | {name: value}) for value in _EMPTY[names]] == [_BATCH] * len(
            _EMPTY[names]
        )


def test_batch_without_a_name_is_none() -> None:
    """
    An empty id is no id: no other call could name the batch.
    """
    with pytest.raises(OpenAIError, match="'id' is empty") as caught:
        OpenAIBatch.from_wire(_WIRE | {"id": ""})
    assert caught.value.code == "invalid_response"


def test_errors_may_be_a_bare_list() -> None:
    """
    A server that leaves out the list object around the errors is understood.
    """
    assert OpenAIBatch.from_wire(_WIRE | {"errors": [{"message": "m"}]}).errors == (OpenAIBatchError(message="m"),)


@pytest.mark.parametrize(
    ("errors", "read"),
    [
        ({"data": ["line 3 is bad"]}, OpenAIBatchError(message="line 3 is bad")),
        ({"message": "no quota", "code": 7}, OpenAIBatchError(code="7", message="no quota")),
        ([{"error": {"message": "m", "code": "in"}, "line": 3.0}], OpenAIBatchError("in", "m", line=3)),
        ([{"detail": [{"loc": ["body", "n"], "msg": "required"}]}], OpenAIBatchError(message="body.n: required")),
    ],
)
def test_words_of_a_failed_batch_are_read_in_other_shapes(errors: Any, read: OpenAIBatchError) -> None:
    """
    Why a batch failed is told, however its provider wraps it.
    """
    assert OpenAIBatch.from_wire(_WIRE | {"errors": errors}).errors == (read,)


@pytest.mark.parametrize("missing", sorted(set(_WIRE) - {"object"}))
def test_missing_field_is_named(missing: str) -> None:
    """
    An answer without a required field, or with null or another type there, is an error that names it.
    """
    data = {name: value for name, value in _WIRE.items() if name != missing}
    with pytest.raises(OpenAIError, match=f"'{missing}' is missing") as caught:
        OpenAIBatch.from_wire(data)
    assert (caught.value.code, caught.value.body) == ("invalid_response", data)
    wrongs: tuple[Any, ...] = (None, [], {}, 1.5, True)
    for wrong in wrongs:
        with pytest.raises(OpenAIError, match=f"'{missing}' is not of type"):
            OpenAIBatch.from_wire(_WIRE | {missing: wrong})


@pytest.mark.parametrize("data", [None, [], "batch", 5, True])
def test_what_is_no_object_is_named(data: Any) -> None:
    """
    An answer of another kind of JSON is an error that says which.
    """
    with pytest.raises(OpenAIError, match=f"it is {type(data).__name__}, not an object"):
        OpenAIBatch.from_wire(data)


@pytest.mark.parametrize(
    ("status", "is_ended"),
    [
        ("validating", False),
        ("in_progress", False),
        ("finalizing", False),
        ("cancelling", False),
        ("paused by the weather", False),
        ("completed", True),
        ("failed", True),
        ("expired", True),
        ("cancelled", True),
    ],
)
def test_status_that_is_the_end(status: str, is_ended: bool) -> None:  # noqa: FBT001  a column
    """
    Four statuses are final; one that nobody knows is kept, and is not.
    """
    batch = OpenAIBatch.from_wire(_WIRE | {"status": status})
    assert (batch.status, batch.is_ended) == (status, is_ended)


def test_page_has_its_batches() -> None:
    """
    A list of batches is read as a list of files is.
    """
    page = BatchPage.from_wire({"data": [_WIRE], "has_more": True, "last_id": "batch_1"})
    assert page == BatchPage((_BATCH,), has_more=True, first_id="batch_1", last_id="batch_1")
    assert page.batches == (_BATCH,)
    assert BatchPage.from_wire({"data": []}) == BatchPage(())


@given(_JSON)
def test_no_answer_crashes_the_reader(data: Any) -> None:
    """
    Whatever JSON comes, it is read or it is an ``invalid_response``, and what was read can be pickled and hashed.
    """
    for kind in (OpenAIBatch, BatchPage):
        try:
            value = kind.from_wire(data)
        except OpenAIError as error:
            assert error.code == "invalid_response"  # noqa: PT017  both ends are right
        else:
            assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301  our own
            assert hash(value) == hash(value)


def test_order_is_sent_with_its_intent() -> None:
    """
    The caller's pairs go with one of aikit's, which replaces one that was copied from another batch.
    """
    order = BatchOrder(
        input_file_id="file-1",
        endpoint="/v1/embeddings",
        metadata={"a": "b", "aikit_intent": "of another"},
        output_expires_after={"anchor": "created_at", "seconds": 3600},
        intent="key",
    )
    assert order.to_wire() == {
        "input_file_id": "file-1",
        "endpoint": "/v1/embeddings",
        "completion_window": "24h",
        "metadata": {"a": "b", "aikit_intent": "key"},
        "output_expires_after": {"anchor": "created_at", "seconds": 3600},
    }
    assert "output_expires_after" not in attrs.evolve(order, output_expires_after=None).to_wire()


@pytest.mark.parametrize(
    ("counts", "done", "total", "fraction"),
    [((4, 1, 1), 2, 4, 0.5), ((0, 0, 0), 0, None, None), ((4, 4, 0), 4, 4, 1.0), ((2, 0, 0), 3, 2, 1.0)],
)
def test_fraction_of_progress(
    counts: tuple[int, int, int], done: int, total: int | None, fraction: float | None
) -> None:
    """
    Before a batch is in progress nobody knows the total, and it never is more than done.
    """
    progress = OpenAIBatchProgress(attrs.evolve(_BATCH, request_counts=OpenAIBatchRequestCounts(*counts)), done)
    assert (progress.phase, progress.done, progress.total, progress.fraction) == ("validating", done, total, fraction)
