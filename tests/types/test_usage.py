"""
Tokens, as providers count them.
"""

from __future__ import annotations

from typing import Any

import pytest

from aikit.types.usage import Usage

_CHAT = {
    "prompt_tokens": 10,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens": 7,
    "completion_tokens_details": {"reasoning_tokens": 3},
    "total_tokens": 17,
}
_WHOLE = Usage(input_tokens=10, cached_tokens=4, output_tokens=7, reasoning_tokens=3)


@pytest.mark.parametrize("data", [_CHAT, _WHOLE.to_wire()])
def test_both_spellings_are_understood(data: Any) -> None:
    """
    Chat Completions and Responses name the same counts differently.
    """
    assert Usage.from_wire(data) == _WHOLE


def test_embeddings_have_input_only() -> None:
    """
    What an endpoint does not count is 0.
    """
    assert Usage.from_wire({"prompt_tokens": 5, "total_tokens": 5}) == Usage(input_tokens=5)


@pytest.mark.parametrize("data", [None, [], {}, {"prompt_tokens": None}, {"input_tokens": True}, {"input_tokens": -1}])
def test_what_counts_nothing_is_none(data: Any) -> None:
    """
    An answer without counts is told apart from one that used nothing.
    """
    assert Usage.from_wire(data) is None


def test_garbage_in_the_details_counts_as_nothing() -> None:
    """
    Details that are no counts do not lose the rest.
    """
    data = {"input_tokens": 1, "output_tokens": "x", "input_tokens_details": {"cached_tokens": 1.5}}
    assert Usage.from_wire(data) == Usage(input_tokens=1)


def test_numbers_without_a_sum_are_no_tokens() -> None:
    """
    Of hundreds of digits and a fraction there is none, and nothing is raised.
    """
    names = ("prompt_tokens", "completion_tokens")
    told = dict(zip(names, (10**400, 0.5), strict=True)) | {"total_tokens": 1}
    details = {"prompt_tokens_details": {"cached_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 0}}
    for data in (told | details, told | details | {"total_tokens": 10**400}):
        usage = Usage.from_wire(data)
        assert usage is None or usage.output_tokens <= 1


def test_usages_add_up() -> None:
    """
    The usage of many is the sum of each.
    """
    assert (_WHOLE + _WHOLE).total_tokens == 34
    assert _WHOLE + Usage() == _WHOLE
