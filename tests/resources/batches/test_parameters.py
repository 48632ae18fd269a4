"""
Parameters of batches: what a caller may ask, and how a mistake is told.
"""

from __future__ import annotations

from typing import Any

import pytest

from aikit.resources.batches.parameters import (
    OpenAIBatchListParameters,
    OpenAIBatchParameters,
    OpenAIBatchResubmitParameters,
    OpenAIBatchRowsParameters,
    OpenAIBatchWaitParameters,
)
from aikit.resources.batches.run.parameters import OpenAIBatchRunParameters
from aikit.runtime.parameters import OpenAIParameters

_EXPIRY = {"anchor": "created_at", "seconds": 3600}


@pytest.mark.parametrize(
    ("cls", "field", "value"),
    [
        (OpenAIBatchParameters, "metadata", [("a", "b")]),
        (OpenAIBatchParameters, "metadata", {"a": 5}),
        (OpenAIBatchParameters, "metadata", {"a": None}),
        (OpenAIBatchParameters, "metadata", {5: "a"}),
        (OpenAIBatchParameters, "completion_window", None),
        (OpenAIBatchParameters, "completion_window", 24),
        (OpenAIBatchParameters, "output_expires_after", 3600),
        (OpenAIBatchParameters, "validate", "no"),
        (OpenAIBatchParameters, "intent", 5),
        (OpenAIBatchRowsParameters, "input_file", 5),
        (OpenAIBatchRowsParameters, "input_file", b"x"),
        (OpenAIBatchRowsParameters, "with_lineage", 1),
        (OpenAIBatchResubmitParameters, "completion_window", None),
        (OpenAIBatchResubmitParameters, "input_file", 5),
        (OpenAIBatchListParameters, "after", 5),
        (OpenAIBatchListParameters, "limit", "5"),
        (OpenAIBatchListParameters, "limit", True),
        (OpenAIBatchListParameters, "all_pages", 1),
        (OpenAIBatchWaitParameters, "poll_interval", None),
        (OpenAIBatchWaitParameters, "max_wait", "long"),
    ],
)
def test_wrong_type_is_refused_by_name(cls: type[OpenAIParameters], field: str, value: Any) -> None:
    """
    A value of the wrong type is a TypeError that begins with the option's name.
    """
    with pytest.raises(TypeError, match=f"^{field} "):
        cls.of({field: value})


@pytest.mark.parametrize(
    ("cls", "field", "value"),
    [
        (OpenAIBatchParameters, "metadata", {"": "a"}),
        (OpenAIBatchParameters, "metadata", {"k" * 65: "a"}),
        (OpenAIBatchParameters, "metadata", {"a": "v" * 513}),
        (OpenAIBatchParameters, "metadata", {"a": "\ud800"}),
        (OpenAIBatchParameters, "metadata", {"\udcff": "a"}),
        (OpenAIBatchParameters, "metadata", {str(number): "" for number in range(16)}),
        (OpenAIBatchParameters, "completion_window", ""),
        (OpenAIBatchParameters, "intent", ""),
        (OpenAIBatchParameters, "intent", "x" * 513),
        (OpenAIBatchRowsParameters, "input_file", ""),
        (OpenAIBatchRowsParameters, "input_file", "a\0b"),
        (OpenAIBatchParameters, "output_expires_after", {**_EXPIRY, "seconds": 3599}),
        (OpenAIBatchParameters, "output_expires_after", {**_EXPIRY, "seconds": 2_592_001}),
        (OpenAIBatchParameters, "output_expires_after", {"seconds": 3600}),
        *((OpenAIBatchListParameters, "limit", value) for value in (0, -1, 101)),
        (OpenAIBatchListParameters, "after", ""),
        *((OpenAIBatchWaitParameters, name, value) for name in ("poll_interval", "max_wait") for value in (0, -1)),
    ],
)
def test_value_out_of_bounds_is_refused_by_name(cls: type[OpenAIParameters], field: str, value: Any) -> None:
    """
    A value that is never right is a ValueError that begins with the option's name.
    """
    with pytest.raises(ValueError, match=f"^{field} "):
        cls.of({field: value})


@pytest.mark.parametrize(
    ("cls", "field", "value"),
    [
        (OpenAIBatchParameters, "metadata", None),
        (OpenAIBatchParameters, "metadata", {}),
        (OpenAIBatchParameters, "metadata", {"k" * 64: "v" * 512, "empty": "", "ü": "日本"}),
        (OpenAIBatchParameters, "metadata", {str(number): "" for number in range(15)}),
        (OpenAIBatchParameters, "metadata", {str(number): "" for number in range(15)} | {"aikit_intent": "copied"}),
        (OpenAIBatchParameters, "output_expires_after", {**_EXPIRY, "seconds": 2_592_000}),
        (OpenAIBatchParameters, "completion_window", "1h"),
        (OpenAIBatchListParameters, "limit", 1),
        (OpenAIBatchListParameters, "limit", 100),
        (OpenAIBatchWaitParameters, "max_wait", 0.001),
    ],
)
def test_bounds_themselves_are_allowed(cls: type[OpenAIParameters], field: str, value: Any) -> None:
    """
    The outermost values are taken as they are, nothing as an empty mapping; a copied intent does not count.
    """
    assert getattr(cls.of({field: value}), field) == ({} if value is None else value)


def test_too_many_pairs_are_told_with_the_reason() -> None:
    """
    A caller who counts to sixteen learns where the sixteenth went.
    """
    with pytest.raises(ValueError, match=r"at most 15 pairs, not 16: of the 16 .* aikit_intent is one"):
        OpenAIBatchParameters(metadata={str(number): "" for number in range(16)})


@pytest.mark.parametrize("count", [15, 16])
def test_a_run_takes_as_many_pairs_as_lines_that_are_sent_again_can_carry(count: int) -> None:
    """
    More are refused before anything is sent; a copied intent and parent do not count.
    """
    pairs = {str(number): "" for number in range(count)}
    with pytest.raises(ValueError, match=rf"at most 14 pairs, not {count}: of the 16 .* aikit_parent one"):
        OpenAIBatchRunParameters(metadata=pairs)
    fitting = dict(list(pairs.items())[:14]) | {"aikit_intent": "x", "aikit_parent": "b"}
    assert OpenAIBatchRunParameters(metadata=fitting).metadata == fitting


def test_parameters_stay_as_they_were_checked() -> None:
    """
    A mapping that is changed after the call was made changes nothing.
    """
    metadata, expiry = {"a": "b"}, dict(_EXPIRY)
    parameters = OpenAIBatchParameters(metadata=metadata, output_expires_after=expiry)
    metadata["a"] = "v" * 1000
    expiry["seconds"] = 1
    assert parameters == OpenAIBatchParameters(metadata={"a": "b"}, output_expires_after=_EXPIRY)


def test_query_has_what_was_asked_for_only() -> None:
    """
    Options that were left out are left to the provider.
    """
    assert OpenAIBatchListParameters(all_pages=True, timeout=3).query() == {}
    assert OpenAIBatchListParameters(after="b", limit=2).query() == {"after": "b", "limit": 2}


def test_defaults_are_those_of_a_day() -> None:
    """
    A batch is wanted within a day and waited for two.
    """
    assert OpenAIBatchParameters().completion_window == "24h"
    assert OpenAIBatchWaitParameters().max_wait == 48 * 3600


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("temperature", "; a parameter of the requests goes into body: body={'temperature': …}"),
        ("temprature", "; a parameter of the requests goes into body: body={'temperature': …}"),
        ("max_tokens", "; a parameter of the requests goes into body: body={'max_tokens': …}"),
        ("modle", '; did you mean "model"?'),
        ("max_costs", '; did you mean "max_cost"?'),
        ("onTerminate", '; did you mean "on_terminate"?'),
    ],
)
def test_parameter_of_a_request_is_no_option_of_a_run(name: str, says: str) -> None:
    """
    What the lines are to have is told where it goes; a misspelt option is told as ever.
    """
    with pytest.raises(TypeError, match=f"has no option '{name}'") as raised:
        OpenAIBatchRunParameters.of(None, {name: 1})
    assert str(raised.value).endswith(says)
