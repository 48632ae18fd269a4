"""
Errors: exceptions that are values, and stay whole wherever they are carried.
"""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import attrs
import pytest

from aikit.http.headers import Headers
from aikit.types.bulk_files import OpenAIFileItem
from aikit.types.errors import CancelledError, ExchangeError, OpenAIError, Rejected

_FULL = OpenAIError(
    message="no such file",
    code="file_missing",
    type="invalid_request_error",
    param="file_id",
    status=404,
    line=7,
    request_id="req_1",
    headers=Headers({"X-Request-Id": "req_1"}),
    body={"error": {"message": "no such file"}},
)


def _fields(error: OpenAIError) -> dict[str, Any]:
    return attrs.asdict(error, recurse=False)


def test_message_tells_the_line() -> None:
    """
    The text of an error is its message, after the line where there is one.
    """
    assert str(_FULL) == "line 7: no such file"
    assert str(OpenAIError(message="no such file")) == "no such file"


@pytest.mark.parametrize("carry", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])  # noqa: S301  our own
@pytest.mark.parametrize(
    "error",
    [_FULL, ExchangeError(message="broke", code="timeout", is_ambiguous=False), CancelledError()],
    ids=lambda error: type(error).__name__,
)
def test_error_is_the_same_elsewhere(error: OpenAIError, carry: Any) -> None:
    """
    Copies and pickles have the same class and the same fields.
    """
    carried = carry(error)
    assert type(carried) is type(error)
    assert _fields(carried) == _fields(error)


def test_repr_has_neither_headers_nor_body() -> None:
    """
    What the provider said at length is left out of ``repr``.
    """
    assert repr(_FULL) == (
        "OpenAIError(message='no such file', code='file_missing', type='invalid_request_error', "
        "param='file_id', status=404, line=7, request_id='req_1')"
    )


@pytest.mark.parametrize(
    ("status", "true"),
    [
        (400, "is_bad_request_error"),
        (401, "is_authentication_error"),
        (403, "is_permission_denied_error"),
        (404, "is_not_found_error"),
        (409, "is_conflict_error"),
        (422, "is_unprocessable_entity_error"),
        (429, "is_rate_limit_error"),
        (500, "is_internal_server_error"),
        (599, "is_internal_server_error"),
        (418, None),
        (None, None),
    ],
)
def test_status_answers_one_question_with_yes(status: int | None, true: str | None) -> None:
    """
    Each status is of one kind at most.
    """
    error = OpenAIError(message="x", status=status)
    kinds = [name for name in dir(OpenAIError) if name.startswith("is_")]
    assert [name for name in kinds if getattr(error, name)] == ([true] if true else [])


def test_error_can_be_noted_chained_and_collected() -> None:
    """
    Frozen as its fields are, Python may still do with it what it does with exceptions.
    """
    error = OpenAIError(message="x")
    with pytest.raises(OpenAIError) as caught:
        raise error from ValueError("why")
    caught.value.add_note("also: y")
    assert (error.__cause__.args, error.__notes__) == (("why",), ["also: y"])  # type: ignore[union-attr]  # it has one
    assert {error, error} == {error}
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        error.message = "y"  # type: ignore[misc]  # that is the test


@pytest.mark.parametrize("kind", [OpenAIError, ExchangeError, CancelledError])
def test_messages_are_bounded(kind: type[OpenAIError]) -> None:
    """
    What servers, files and names put into one is cut in the middle; what is added later stands at its end.
    """
    long = kind(message="begin" + "x" * 1_000_000 + "end")
    added = attrs.evolve(long, message=f"{long.message}; and do this")
    assert (len(long.message), len(added.message)) == (4_000, 4_000)
    assert long.message.startswith("beginx")
    assert long.message.endswith("xend")
    assert added.message.endswith("xend; and do this")
    assert pickle.loads(pickle.dumps(long)).message == long.message  # noqa: S301  our own
    assert kind(message="x" * 4_000).message == "x" * 4_000


def test_rejected_names_all_problems() -> None:
    """
    Several problems are one exception that says them all, and may carry a value.
    """
    rejected = Rejected([OpenAIError(message="a", line=1), OpenAIError(message="b")], value=3)
    assert (str(rejected), rejected.value, len(rejected.errors)) == ("line 1: a; b", 3, 2)


def test_the_error_of_one_of_many_files_says_still_that_it_is_ambiguous() -> None:
    """
    Items are kept as JSON, on disk and in manifests; what is no doubt is not written.
    """
    errors = (ExchangeError(message="lost"), OpenAIError(message="refused", status=400))
    item = OpenAIFileItem(path="a", status="failed", errors=errors)
    again = OpenAIFileItem.from_dict(json.loads(json.dumps(item.to_dict())))
    assert [error.is_ambiguous for error in again.errors] == [True, False]
    assert "is_ambiguous" not in item.to_dict()["errors"][1]
