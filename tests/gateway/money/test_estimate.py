"""
What a batch will take, from the facts of its input.
"""

from __future__ import annotations

import json
from decimal import Decimal

from aikit import OpenAIClient
from aikit.gateway.money.estimate import Asked, asked_in, estimated, facts_of

_PRICES = {
    "small": {"batch": {"input": 1, "output": 4}},
    "free": {"batch": {"input": 0, "output": 0}},
}
_CLIENT = OpenAIClient("sk-1", base_url="http://127.0.0.1:9/v1", prices=_PRICES)


def test_prompts_and_bounded_answers_are_priced() -> None:
    """
    Each model has its own price, and what is free costs nothing, which is known.
    """
    models = {
        "small": Asked(requests=2, input_tokens=1_000_000, output_tokens=500_000),
        "free": Asked(requests=1, input_tokens=7, output_tokens=0),
    }
    estimate = estimated(models, _CLIENT.batches.prices())
    assert (estimate.cost, estimate.amount, estimate.unpriced) == (Decimal(3), 3.0, ())
    assert (estimate.requests, estimate.input_tokens) == (3, 1_000_007)


def test_what_has_no_price_is_unknown_and_not_free() -> None:
    """
    Beside a model with a price only that one counts; alone, nothing is known.
    """
    prices = _CLIENT.batches.prices()
    asked = Asked(requests=1, input_tokens=1_000_000)
    mixed, alone, empty = (estimated(models, prices) for models in ({"small": asked, "x": asked}, {"x": asked}, {}))
    assert (mixed.cost, mixed.unpriced) == (Decimal(1), ("x",))
    assert (alone.cost, alone.amount, alone.unpriced) == (None, None, ("x",))
    assert (empty.cost, empty.requests) == (Decimal(0), 0)


def test_facts_of_a_file_that_was_read_at_the_provider_are_as_good() -> None:
    """
    They go through JSON, as the registry keeps them, and come back the same.
    """
    body = {"model": "small", "messages": [{"role": "user", "content": "one two three"}], "max_tokens": 9}
    line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": body}
    unbounded = {**line, "custom_id": "b", "body": {"model": "x", "messages": body["messages"]}}
    content = "".join(json.dumps(each) + "\n" for each in (line, unbounded)).encode()
    read = _CLIENT.batches.estimate(content).throw().estimate
    assert read is not None
    facts = json.loads(json.dumps(facts_of(read)))
    models = asked_in(facts)
    assert facts["lines"] == 2
    assert {model: (asked.requests, asked.output_tokens) for model, asked in models.items()} == {
        "small": (1, 9),
        "x": (1, 0),
    }
    assert 0 < models["small"].input_tokens < 50
