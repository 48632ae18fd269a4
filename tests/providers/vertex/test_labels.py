"""
What the labels of a job keep comes back as it was, also metadata of OpenAI's characters.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.providers.vertex.labels import MOST_BYTES, JobLabels, filter_for, labels_for, with_lines
from aikit.types.batches import INTENT_KEY, BatchOrder
from aikit.types.errors import OpenAIError

_CHAT = "/v1/chat/completions"


def _order(metadata: dict[str, str], intent: str = "i", endpoint: str = _CHAT) -> BatchOrder:
    return BatchOrder(input_file_id="file-1", endpoint=endpoint, metadata=metadata, intent=intent)


@given(
    metadata=st.dictionaries(st.text(max_size=64), st.text(max_size=200), max_size=16),
    intent=st.text(),
    endpoint=st.sampled_from([_CHAT, "/v1/embeddings"]),
    lines=st.integers(0, 10**6),
)
def test_metadata_endpoint_and_lines_come_back(
    metadata: dict[str, str], intent: str, endpoint: str, lines: int
) -> None:
    """
    In keys and values that Google takes, in whichever order it gives them; what has no room is refused.
    """
    kept = {**metadata, INTENT_KEY: intent}
    if len(json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode()) > MOST_BYTES:
        with pytest.raises(OpenAIError, match="labels"):
            labels_for(_order(metadata, intent, endpoint))
        return
    labels = with_lines(labels_for(_order(metadata, intent, endpoint)), lines)
    assert len(labels) <= 64
    for key, value in labels.items():
        assert re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", key)
        assert re.fullmatch(r"[a-z0-9_-]{0,63}", value)
    told = dict(sorted(labels.items(), reverse=True))
    assert JobLabels.from_wire(told) == JobLabels(kept, endpoint, lines)


def test_lone_surrogates_of_a_filename_are_kept() -> None:
    """
    They are no UTF-8, and strings of Python all the same.
    """
    labels = labels_for(_order({"file": "a\udc80b"}))
    assert JobLabels.from_wire(labels).metadata["file"] == "a\udc80b"


def test_what_has_room_is_a_matter_of_bytes() -> None:
    """
    The message says how many there are, and how many there may be.
    """
    half = (MOST_BYTES - 34) // 2
    fits = {"a": "x" * half, "b": "x" * (MOST_BYTES - 34 - half)}
    assert len(with_lines(labels_for(_order(fits)), 7)) == 64
    with pytest.raises(OpenAIError, match=f"{MOST_BYTES:,} bytes .* {MOST_BYTES + 1:,}") as raised:
        labels_for(_order(fits | {"a": "x" * (half + 1)}))
    assert (raised.value.code, raised.value.param) == ("too_many_metadata", "metadata")


def test_an_intent_that_has_no_room_is_unsupported() -> None:
    """
    It cannot be left out: by it the batch is found again.
    """
    with pytest.raises(OpenAIError, match="intent") as raised:
        labels_for(_order({}, "x" * MOST_BYTES))
    assert raised.value.code == "unsupported"


def test_the_filter_names_the_label_that_the_job_has() -> None:
    """
    Whatever characters the intent has, the filter has none of them.
    """
    intent = 'a" OR state="x'
    (name, value) = re.fullmatch(r"labels\.([a-z_]+)=([a-z][0-9a-f]+)", filter_for(intent)).groups()  # type: ignore[union-attr]  # it is one
    assert labels_for(_order({}, intent))[name] == value


@pytest.mark.parametrize(
    "labels",
    [
        {"team": "x"},
        {"aikit_metadata_0": "x"},
        {"aikit_metadata_0": "1890"},
        {"aikit_metadata_0": "lm"},
        {"aikit_metadata_0": "pm"},
        {"aikit_metadata_1": "pm"},
    ],
)
def test_labels_of_others_are_pairs_as_they_are(labels: dict[str, str]) -> None:
    """
    Also those that look like ours and are not.
    """
    assert JobLabels.from_wire(labels) == JobLabels(labels)


@pytest.mark.parametrize("labels", [None, [], "x", 5, {"a": 1, "b": None}])
def test_what_is_no_labels_is_none(labels: Any) -> None:
    """
    Odd values are left out.
    """
    assert JobLabels.from_wire(labels) == JobLabels()
