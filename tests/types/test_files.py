"""
Objects: what providers say, read with care for what they leave out and what they add.
"""

from __future__ import annotations

import pickle
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.types.errors import OpenAIError
from aikit.types.files import FilePage, OpenAIFile, OpenAIFileDeleted

_WIRE: dict[str, Any] = {
    "id": "file-1",
    "object": "file",
    "bytes": 3,
    "created_at": 1,
    "filename": "a.txt",
    "purpose": "user_data",
}
_FILE = OpenAIFile("file-1", 3, 1, "a.txt", "user_data")
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*_WIRE, "status", "data", "has_more", "last_id", "deleted"]), inner)
    ),
    max_leaves=12,
)


def test_file_is_read() -> None:
    """
    A File object without optional fields has them as ``None``.
    """
    assert OpenAIFile.from_wire(_WIRE) == _FILE


def test_time_of_expiry_may_be_null() -> None:
    """
    Whether it is left out or null, a file is kept until it is deleted; otherwise it is Unix seconds.
    """
    assert OpenAIFile.from_wire(_WIRE | {"expires_at": None}) == _FILE
    assert OpenAIFile.from_wire(_WIRE | {"expires_at": 7}).expires_at == 7


def test_unknown_fields_are_kept() -> None:
    """
    What a provider adds is in ``extra``, on files and deletions.
    """
    known: dict[str, Any] = {"status": "processed", "expires_at": 9, "status_details": "fine"}
    assert OpenAIFile.from_wire(_WIRE | known | {"region": {"a": 1}, "x": None}) == attrs.evolve(
        _FILE, **known, extra={"region": {"a": 1}, "x": None}
    )
    assert OpenAIFileDeleted.from_wire({"id": "f", "deleted": False, "at": 5}) == OpenAIFileDeleted(
        "f", deleted=False, extra={"at": 5}
    )


@pytest.mark.parametrize("missing", ["id", "bytes", "created_at", "filename", "purpose"])
def test_missing_field_is_named(missing: str) -> None:
    """
    An answer without a required field is an error that names it and keeps the answer.
    """
    data = {name: value for name, value in _WIRE.items() if name != missing}
    with pytest.raises(OpenAIError, match=f"'{missing}' is missing") as caught:
        OpenAIFile.from_wire(data)
    assert (caught.value.code, caught.value.body) == ("invalid_response", data)


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": 5},
        {"id": None},
        {"bytes": "3.5"},
        {"bytes": 3.5},
        {"bytes": True},
        {"created_at": False},
        {"expires_at": "2026"},
        {"expires_at": 5.5},
        {"expires_at": True},
        {"created_at": "2026"},
        {"filename": None},
        {"purpose": ["a"]},
        {"status": ["processed"]},
        {"status": {}},
    ],
    ids=str,
)
def test_field_of_another_type_is_an_error(wrong: dict[str, Any]) -> None:
    """
    A field that callers rely on has the type they rely on, or the answer is refused.
    """
    with pytest.raises(OpenAIError, match="another type"):
        OpenAIFile.from_wire(_WIRE | wrong)


@pytest.mark.parametrize("data", [None, [], "file", 5, True])
def test_what_is_no_object_is_named(data: Any) -> None:
    """
    An answer of another kind of JSON is an error that says which.
    """
    with pytest.raises(OpenAIError, match=f"it is {type(data).__name__}, not an object"):
        OpenAIFile.from_wire(data)


def test_size_that_is_not_known_yet_is_none() -> None:
    """
    A provider may say ``null`` for the size while it imports a file.
    """
    assert OpenAIFile.from_wire(_WIRE | {"bytes": None}).bytes is None


@given(_JSON)
def test_no_answer_crashes_the_reader(data: Any) -> None:
    """
    Whatever JSON comes, it is read or it is an ``invalid_response``, and what was read can be pickled.
    """
    for kind in (OpenAIFile, OpenAIFileDeleted, FilePage):
        try:
            value = kind.from_wire(data)
        except OpenAIError as error:
            assert error.code == "invalid_response"  # noqa: PT017  both ends are right
        else:
            assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301  our own
