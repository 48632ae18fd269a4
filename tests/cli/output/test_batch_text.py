"""
Batches as people read them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from aikit.cli.output.batch_text import cost_text, estimate_text
from aikit.types.costs import OpenAIBatchCost, OpenAIBatchEstimate, OpenAIModelCost, OpenAIModelEstimate


@pytest.mark.parametrize(
    ("cost", "words"),
    [
        (OpenAIBatchCost(), "cost $0"),
        (OpenAIBatchCost(models=(OpenAIModelCost(model="m", cost=Decimal(2)),), missing=1), "cost at least $2"),
        (OpenAIBatchCost(models=(OpenAIModelCost(model="m"),)), "cost unknown, there is no price for m"),
        (OpenAIBatchCost(missing=2), "cost unknown, no response has its usage"),
    ],
)
def test_what_is_not_known_of_a_cost_is_said(cost: OpenAIBatchCost, words: str) -> None:
    """
    Where there is no price, where no tokens are told, and where some are missing.
    """
    assert cost_text(cost).startswith(words)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"output_tokens_high": None}, "the output has no token limit"),
        ({"output_tokens_high": 9}, "some of the input cannot be counted"),
    ],
)
def test_why_an_estimate_has_no_high_end_is_said(fields: dict[str, Any], words: str) -> None:
    """
    Answers without a bound, or prompts with files in them.
    """
    model = OpenAIModelEstimate(model="m", requests=1, cost_low=Decimal(1), **fields)
    assert words in estimate_text(OpenAIBatchEstimate(models=(model,)))
