"""
Costs and estimates as values: sums that do not hide what is unknown.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from aikit.types.batches import OpenAIBatch
from aikit.types.costs import OpenAIBatchCost, OpenAIBatchEstimate, OpenAIModelCost, OpenAIModelEstimate
from aikit.types.events import ended_at
from aikit.types.usage import Usage

_KNOWN = OpenAIModelCost(model="a", requests=1, usage=Usage(input_tokens=3, output_tokens=1), cost=Decimal("0.5"))
_UNKNOWN = OpenAIModelCost(model="b", requests=1, usage=Usage(input_tokens=4))


@pytest.mark.parametrize(
    ("models", "total", "is_lower_bound"),
    [
        ((), Decimal(0), False),
        ((_KNOWN,), Decimal("0.5"), False),
        ((_KNOWN, _UNKNOWN), Decimal("0.5"), True),
        ((_UNKNOWN,), None, True),
    ],
)
def test_total_is_what_is_known(
    models: tuple[OpenAIModelCost, ...],
    total: Decimal | None,
    is_lower_bound: bool,  # noqa: FBT001  a parameter
) -> None:
    """
    Nothing asked costs 0; no price at all is ``None``; some prices are a lower bound.
    """
    cost = OpenAIBatchCost(models=models)
    assert (cost.total, cost.is_lower_bound) == (total, is_lower_bound)


def test_usage_is_that_of_all_models() -> None:
    """
    Also of those without a price.
    """
    assert OpenAIBatchCost(models=(_KNOWN, _UNKNOWN)).usage == Usage(input_tokens=7, output_tokens=1)


@pytest.mark.parametrize("missing", ["untold", "problem_count"])
def test_missing_tokens_make_it_a_lower_bound(missing: str) -> None:
    """
    Whatever prices are known.
    """
    fields: dict[str, Any] = {missing: 1}
    assert OpenAIBatchCost(models=(_KNOWN,), **fields).is_lower_bound


def test_estimates_add_up() -> None:
    """
    Tokens and dollars, each end for itself; a high end that is unknown for one is unknown for all.
    """
    model = OpenAIModelEstimate(
        model="a",
        requests=2,
        input_tokens_low=1,
        input_tokens_high=2,
        output_tokens_high=3,
        cost_low=Decimal(1),
        cost_high=Decimal(4),
    )
    estimate = OpenAIBatchEstimate(models=(model, model))
    assert (estimate.requests, estimate.input_tokens_low, estimate.input_tokens_high) == (4, 2, 4)
    assert (estimate.output_tokens_low, estimate.output_tokens_high) == (0, 6)
    assert (estimate.cost_low, estimate.cost_high, estimate.is_unbounded) == (Decimal(2), Decimal(8), False)
    unbounded = OpenAIBatchEstimate(models=(model, OpenAIModelEstimate(model="b", output_tokens_high=None)))
    assert (unbounded.output_tokens_high, unbounded.cost_high, unbounded.cost_low) == (None, None, Decimal(1))
    assert unbounded.unpriced == ("b",)


def test_an_end_has_the_time_of_its_status() -> None:
    """
    Of a batch that is not over there is none.
    """
    fields = {"id": "b", "endpoint": "/v1/x", "input_file_id": "f", "completion_window": "24h", "created_at": 1}
    batch = OpenAIBatch.from_wire({**fields, "status": "expired", "expired_at": 7, "completed_at": 5})
    assert ended_at(batch) == 7
    assert ended_at(OpenAIBatch.from_wire({**fields, "status": "in_progress"})) is None
