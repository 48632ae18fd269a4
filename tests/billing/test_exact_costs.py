"""
Cost beside a computation of its own: what the answers took is made up first, told in all forms, and priced by hand.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import pytest

from aikit import OpenAIClient
from tests.billing.account_server import AccountServer, account_server, ended_batch
from tests.billing.lines import file_of
from tests.billing.usage_forms import Truth, kinds, line, text, untold, writes

_TEXT = {"input": "1.25", "cached_input": "0.2", "output": "2.5"}
_ODD = {"input": "0.0750000019", "cached_input": "0.000000007", "output": "0.30000000003"}
_DEAR = {"input_audio": "10.01", "input_image": "3.3", "output_audio": "20.07"}
# model → its prices, what its answers take, and whether all of that is told and priced
_MODELS: dict[str, tuple[dict[str, str], Callable[[Random], tuple[Truth, Any]], bool]] = {
    "plain": (_TEXT, text, True),
    "odd": (_ODD, text, True),
    "no-cache": ({"input": "3", "output": "15"}, text, True),
    "free": ({"input": "0", "output": "0"}, kinds, True),
    "writing": (_TEXT | {"cache_write": "1.5625"}, writes, True),
    "loud": (_TEXT | _DEAR, kinds, True),
    "writing-unpriced": (_TEXT, writes, False),
    "loud-unpriced": (_TEXT, kinds, False),
    "untold": (_TEXT, untold, False),
    "ünïcode": (_ODD, text, True),
}
_PRICES = {name: {"batch": rates} for name, (rates, _, _) in _MODELS.items()}


def _cost(truth: Truth, rates: dict[str, str]) -> Fraction:
    """
    Return millionths of a dollar: each token has its own price, or that of text on its side.
    """
    price = {name: Fraction(rate) for name, rate in rates.items()}
    asked, answered = price["input"], price["output"]
    whole = truth.fresh * asked + truth.cached * price.get("cached_input", asked)
    whole += (truth.said + truth.thought) * answered + truth.written * price.get("cache_write", asked)
    for kind, count in truth.kinds.items():
        whole += count * price.get(kind, answered if kind.startswith("output_") else asked)
    return whole


@pytest.fixture
def server() -> Iterator[AccountServer]:
    """A server of one batch."""
    with account_server() as running:
        yield running


@pytest.mark.parametrize(
    ("seed", "count"), [(1, 3_000), pytest.param(2, 100_000, marks=(pytest.mark.slow, pytest.mark.long))]
)
def test_cost_is_what_is_computed_by_hand(server: AccountServer, tmp_path: Path, seed: int, count: int) -> None:
    """
    To the last digit, model by model; rows and ledger have the same tokens, and what is not told is a lower bound.
    """
    random = Random(seed)  # noqa: S311  no secret
    dollars, asked, answered, lines = defaultdict[str, Fraction](Fraction), 0, 0, []
    for number in range(count):
        name = random.choice(list(_MODELS))
        rates, make, _ = _MODELS[name]
        truth, usage = make(random)
        dollars[name] += _cost(truth, rates) / 1_000_000
        asked, answered = asked + truth.asked, answered + truth.answered
        lines.append(line(str(number), name, usage, random))
    server.files["file-out"] = b"".join(lines)
    request = {"method": "POST", "url": "/v1/chat/completions", "body": {"model": "m"}}
    server.files["file-in"] = file_of(*({"custom_id": str(number), **request} for number in range(count)))
    told = {"total": count, "completed": count, "failed": 0}
    server.batches["batch_1"] = ended_batch(output_file_id="file-out", request_counts=told)
    with OpenAIClient("sk-1", base_url=server.url, home=tmp_path, prices=_PRICES) as client:
        cost = client.batches.cost("batch_1").throw().cost
        assert cost is not None
        with client.batches.results("batch_1").throw() as rows:
            usages = [row.usage for row in rows if row.usage is not None]
        (event,) = client.ledger.events(kind="ended")
    assert {model.model: Fraction(model.cost or 0) for model in cost.models} == dollars
    assert {model.model: not model.is_lower_bound for model in cost.models} == {
        name: is_complete for name, (_, _, is_complete) in _MODELS.items()
    }
    assert cost.total == event.cost == sum((model.cost or Decimal(0) for model in cost.models), Decimal(0))
    assert (cost.usage.input_tokens, cost.usage.output_tokens) == (asked, answered)
    assert (sum(one.input_tokens for one in usages), sum(one.output_tokens for one in usages)) == (asked, answered)
    assert (event.usage, event.is_lower_bound, cost.problem_count, cost.failed) == (cost.usage, True, 0, 0)
