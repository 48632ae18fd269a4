"""
What a batch will take, from what is known of the lines of its input: requests, tokens and US dollars.

An estimate is what the lines bound themselves: their prompts, and answers of at most ``max_tokens``. An answer that its
line does not bound counts as nothing, since what a model can say at most is many times what it says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

import attrs

from aikit.billing.prices import Prices
from aikit.types.costs import OpenAIBatchEstimate
from aikit.types.usage import Usage


@attrs.frozen(kw_only=True)
class Asked:
    """
    The lines that ask one model.

    Attributes:
        input_tokens: Of the prompts, at least, about.

        output_tokens: Of the answers, at most, where the lines bound them.
    """

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


@attrs.frozen(kw_only=True)
class Estimate:
    """
    What a batch will take.

    Attributes:
        models: Each model that lines ask.

        cost: US dollars of the models whose price is known; ``None`` if none is.

        unpriced: Models whose price is not known.
    """

    models: Mapping[str, Asked]
    cost: Decimal | None
    unpriced: tuple[str, ...] = ()

    @property
    def requests(self) -> int:
        """Lines."""
        return sum(asked.requests for asked in self.models.values())

    @property
    def input_tokens(self) -> int:
        """Of all prompts, about."""
        return sum(asked.input_tokens for asked in self.models.values())

    @property
    def amount(self) -> float | None:
        """*cost* as the registry keeps it."""
        return None if self.cost is None else float(self.cost)


def asked_in(facts: Mapping[str, Any]) -> dict[str, Asked]:
    """
    Return what the *facts* of a file, as the registry keeps them, say of its lines.
    """
    return {model: Asked(**told) for model, told in facts["models"].items()}


def facts_of(estimate: OpenAIBatchEstimate) -> dict[str, Any]:
    """
    Return the facts of a file that did not come through the gateway in one piece, and so was read at the provider.
    """
    models = {
        one.model: {
            "requests": one.requests,
            "input_tokens": one.input_tokens_low,
            "output_tokens": one.output_tokens_high or 0,
        }
        for one in estimate.models
    }
    return {"lines": estimate.requests, "models": models}


def estimated(
    models: Mapping[str, Asked], prices: Prices, model_for: Callable[[str], str | None] = lambda name: name
) -> Estimate:
    """
    Return what lines that ask *models* will take at *prices*.

    Args:
        models: As the lines name them.

        prices: At the account.

        model_for: Returns the provider's name of a model, if it has another one.
    """
    costs = {model: _cost(asked, prices, model_for(model) or model) for model, asked in models.items()}
    unpriced = tuple(model for model, cost in costs.items() if cost is None)
    return Estimate(models=models, cost=_total(costs.values()), unpriced=unpriced)


def _cost(asked: Asked, prices: Prices, model: str) -> Decimal | None:
    price = prices.price_of(model)
    if price is None:
        return None
    step = price.step(asked.input_tokens // max(asked.requests, 1))
    usage = Usage(input_tokens=asked.input_tokens, output_tokens=asked.output_tokens)
    return price.batch_rates(step).cost(usage)


def _total(costs: Iterable[Decimal | None]) -> Decimal | None:
    every = list(costs)
    known = [cost for cost in every if cost is not None]
    return None if every and not known else sum(known, Decimal(0))
