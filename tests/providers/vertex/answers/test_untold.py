"""
Tokens that a row does not tell are unknown, and no zeros: what they cost is a lower bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from aikit.billing.usage_counter import UsageCounter
from aikit.types.usage import Usage
from tests.providers.vertex.answers.translated import candidate, ids_of, lines_of, row


def _counted(*rows: Any) -> UsageCounter:
    output, errors = lines_of(rows, ids_of(f"id-{number}" for number in range(len(rows))))
    counter = UsageCounter(lambda _: None)
    for number, line in enumerate([*output, *errors], 1):
        counter.add(line, number)
    return counter


def _usage(told: Any) -> Usage:
    (counts,) = _counted(row(told)).counts.values()
    return counts.usage


@pytest.mark.parametrize(
    ("told", "asked", "answered", "is_lower_bound"),
    [
        ({"promptTokenCount": 9}, 9, 0, True),
        ({"promptTokenCount": 9, "responseTokenCount": 4}, 9, 0, True),
        ({"candidatesTokenCount": 4}, 0, 4, True),
        ({"totalTokenCount": 13}, 13, 0, True),
        ({"promptTokenCount": 9, "totalTokenCount": 13}, 9, 4, False),
        ({"candidatesTokenCount": 4, "totalTokenCount": 13}, 9, 4, False),
        ({"promptTokenCount": 9, "thoughtsTokenCount": 4}, 9, 4, False),
        ({"promptTokenCount": 9, "candidatesTokenCount": 0}, 9, 0, False),
    ],
)
def test_a_count_of_gemini_that_is_missing_is_what_the_others_leave_or_unknown(
    told: Any, asked: int, answered: int, *, is_lower_bound: bool
) -> None:
    """
    The total tells it; without one the tokens of a prompt or of an answer are more than those that are told.
    """
    usage = _usage({"candidates": [candidate("x")], "usageMetadata": told})
    assert (usage.input_tokens, usage.output_tokens, usage.is_lower_bound) == (asked, answered, is_lower_bound)


@pytest.mark.parametrize(
    "told",
    [{"input_tokens": 9}, {"output_tokens": 4}, {"input_tokens": 9, "output_tokens": 4, "thinking_output_tokens": 7}],
)
def test_what_claude_leaves_out_is_unknown(told: Any) -> None:
    """
    So is what tokens cost whose name is not known.
    """
    usage = _usage({"type": "message", "content": [{"type": "text", "text": "x"}], "usage": told})
    assert (usage.input_tokens, usage.output_tokens) == (told.get("input_tokens", 0), told.get("output_tokens", 0))
    assert usage.is_lower_bound


def _kinds(count: Any) -> Mapping[str, int]:
    told = {"promptTokenCount": 50, "promptTokensDetails": [{"modality": "IMAGE", "tokenCount": count}]}
    kinds = _usage({"embedding": {"values": [1.0]}, "usageMetadata": told}).other_tokens
    answer = {"candidates": [candidate("x")], "usageMetadata": {**told, "candidatesTokenCount": 1}}
    assert _usage(answer).other_tokens == kinds
    return kinds


def test_tokens_of_images_are_no_text_however_they_are_written() -> None:
    """
    Neither in embeddings nor where a number came back as a text.
    """
    assert _kinds(40) == _kinds("40") == {"input_image": 40}


@pytest.mark.parametrize("values", [[], [None]])
def test_tokens_of_an_embedding_that_is_not_understood_are_counted(values: list[Any]) -> None:
    """
    They may be paid, as those of other answers.
    """
    assert _usage({"embedding": {"values": values}, "tokenCount": "7"}).input_tokens == 7


@pytest.mark.parametrize(
    "told",
    [
        row({"candidates": [7]}),
        row({}),
        {"key": "r-1"},
        row([{"type": "message"}]),
        b'{"key": "r-1", "status": "", "resp',
        row({"embedding": {"values": []}}),
    ],
)
def test_an_answer_that_cannot_be_read_and_tells_no_tokens_may_be_paid(told: Any) -> None:
    """
    One that was refused is not.
    """
    counter = _counted(told)
    assert (counter.failed, counter.untold) == (2 if isinstance(told, bytes) else 1, 1)
    assert _counted(row({}, status="Bad Request")).untold == 0
