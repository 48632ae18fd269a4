"""
Numbers, times and fields of providers' objects: what is read of odd ones, and what is said of the rest.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.types.batches import OpenAIBatch
from aikit.types.errors import OpenAIError
from aikit.types.files import OpenAIFile
from aikit.types.uploads import OpenAIUpload, OpenAIUploadPart
from aikit.types.wire import unix_time, whole_number

_NEVER: tuple[Any, ...] = (None, True, False, "", "soon", "1.5", "٣", [], {}, math.nan, math.inf, 10**400, 1e300)
_FILE: dict[str, Any] = {"id": "x-1", "bytes": 3, "created_at": 1, "filename": "a", "purpose": "batch"}
_BATCH: dict[str, Any] = {
    "id": "x-1",
    "endpoint": "/v1/embeddings",
    "input_file_id": "file-1",
    "completion_window": "24h",
    "status": "validating",
    "created_at": 1,
}
_KINDS: list[tuple[Any, dict[str, Any]]] = [
    (OpenAIFile, _FILE),
    (OpenAIBatch, _BATCH),
    (OpenAIUpload, _FILE | {"status": "pending"}),
    (OpenAIUploadPart, {"id": "x-1", "created_at": 1, "upload_id": "u"}),
]


@pytest.mark.parametrize(("value", "number"), [(3, 3), (12.0, 12), ("12", 12), (-1, -1), (1.5, None), ("-1", None)])
def test_whole_numbers(value: Any, number: int | None) -> None:
    """
    A whole number may be written as one with a point, or in a string.
    """
    assert whole_number(value) == number


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (1_700_000_000, 1_700_000_000),
        (1_700_000_000.0, 1_700_000_000),
        (1_700_000_000.75, 1_700_000_000),
        ("1700000000", 1_700_000_000),
        ("2023-11-14T22:13:20Z", 1_700_000_000),
        ("2023-11-14t22:13:20.999999999z", 1_700_000_000),
        ("2023-11-14 22:13:20", 1_700_000_000),
        ("2023-11-15T00:13:20+02:00", 1_700_000_000),
        ("2023-11-14", 1_699_920_000),
        ("20231114", 1_699_920_000),
        (1.5, None),
        ("2026", None),
        ("2023-13-14", None),
        ("0001-01-01T00:00:00+23:00", -62_135_679_600),
        ("2" * 100, None),
    ],
)
def test_times(value: Any, seconds: int | None) -> None:
    """
    A time is Unix seconds, also with a fraction or in a string, or an ISO date, in UTC where it names no zone.
    """
    assert unix_time(value) == seconds


@pytest.mark.parametrize("value", _NEVER, ids=repr)
def test_what_is_neither_number_nor_time(value: Any) -> None:
    """
    Truth values, words, fractions and numbers beyond all reason are none.
    """
    assert whole_number(value) is None
    assert unix_time(value) is None


@given(st.text() | st.floats() | st.integers() | st.from_regex(r"\d{1,5}-\d\d?-\d\d?([tT ]\d+:\d+.*)?"))
def test_no_value_crashes_the_readers(value: Any) -> None:
    """
    Whatever stands where a number or a time should be, it is one or none.
    """
    assert isinstance(whole_number(value), int | None)
    assert isinstance(unix_time(value), int | None)


@pytest.mark.parametrize(("kind", "wire"), _KINDS)
@pytest.mark.parametrize(
    "created_at",
    [1_700_000_000.0, "1700000000", "2023-11-14T22:13:20Z", 1_700_000_000_999, 1.700000000999e12, "1700000000000000"],
)
def test_every_object_reads_the_same_times(kind: Any, wire: dict[str, Any], created_at: Any) -> None:
    """
    Files, batches, uploads and parts have one reader.
    """
    assert kind.from_wire(wire | {"created_at": created_at}).created_at == 1_700_000_000


@pytest.mark.parametrize(("kind", "wire"), _KINDS)
@pytest.mark.parametrize("created_at", [None, "soon", True, {}, 1.5, 10**400], ids=repr)
def test_every_object_names_the_field_that_cannot_be_read_and_its_id(
    kind: Any, wire: dict[str, Any], created_at: Any
) -> None:
    """
    The error tells field, value and id, so that the object can be found and deleted.
    """
    with pytest.raises(OpenAIError, match=r"'created_at' is not of type int .*; its id is x-1$") as caught:
        kind.from_wire(wire | {"created_at": created_at})
    assert caught.value.code == "invalid_response"
    assert len(str(caught.value)) < 250


def test_sizes_and_counts_that_are_written_oddly_are_numbers() -> None:
    """
    ``12.0`` and ``"12"`` are 12 wherever something is counted.
    """
    assert OpenAIFile.from_wire(_FILE | {"bytes": 12.0, "expires_at": "2023-11-14T22:13:20Z"}) == OpenAIFile(
        "x-1", 12, 1, "a", "batch", expires_at=1_700_000_000
    )
    assert OpenAIUpload.from_wire(_FILE | {"bytes": "12", "status": "pending", "expires_at": 9.0}).expires_at == 9
    odd = {"request_counts": {"total": 3.0, "completed": "2", "failed": None}, "metadata": ["a"], "completed_at": "x"}
    batch = OpenAIBatch.from_wire(_BATCH | odd | {"errors": {"data": [{"message": "m", "line": "7"}]}})
    assert (batch.request_counts.total, batch.request_counts.completed, batch.request_counts.failed) == (3, 2, 0)
    assert (batch.metadata, batch.completed_at, batch.errors[0].line) == ({}, None, 7)


@pytest.mark.parametrize("size", [10**400, 1e300, "1" * 100], ids=["integer", "float", "text"])
def test_a_number_beyond_reason_is_an_error_that_names_its_field(size: Any) -> None:
    """
    Four hundred digits are no size.
    """
    with pytest.raises(OpenAIError, match="'bytes' is not of type int"):
        OpenAIFile.from_wire(_FILE | {"bytes": size})
