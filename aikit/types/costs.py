"""
What batches cost, as frozen values: in tokens and in US dollars, per model and in all.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import attrs

from aikit.types.errors import OpenAIError
from aikit.types.json_form import Jsonable
from aikit.types.usage import Usage


@attrs.frozen(kw_only=True)
class OpenAIModelCost(Jsonable):
    """
    What the answers of one model cost.

    Attributes:
        model: As the answers name it, ``"gpt-4o-mini-2024-07-18"``; empty where it is not known.

        requests: Lines that told their tokens.

        usage: Their tokens.

        cost: US dollars; ``None`` where no price is known, never 0 for that.

        is_lower_bound: Whether it cost more than *cost*, or may have: some tokens are not told, or are of a kind, such
            as audio, that has no price of its own and is counted as text.
    """

    model: str
    requests: int = 0
    usage: Usage = attrs.field(factory=Usage)
    cost: Decimal | None = None
    is_lower_bound: bool = False


@attrs.frozen(kw_only=True)
class OpenAIBatchCost(Jsonable):
    """
    What a batch cost.

    Attributes:
        models: Each model asked, the one with most requests first.

        answered: Lines with a good answer, those that `batches.results` calls ok.

        failed: All other lines: with an error, or never asked.

        untold: Answered lines that do not tell their tokens; what they cost is missing here.

        missing: Answers that there are or may be, and that are in neither file; what they cost is missing here.

        problem_count: Lines that could not be read; what they cost is missing here.

        problems: The first 100 of these, each with its line.

        notes: What to know of *total*, and what to do about it, in sentences.
    """

    models: tuple[OpenAIModelCost, ...] = ()
    answered: int = 0
    failed: int = 0
    untold: int = 0
    missing: int = 0
    problem_count: int = 0
    problems: tuple[OpenAIError, ...] = ()
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """
        Return it as JSON; *total* is ``"cost"``, a string that is exact to the last digit.
        """
        values = super().to_dict()
        return {"object": "batch.cost", "currency": "USD", "cost": values.pop("total")} | values

    @property
    def usage(self) -> Usage:
        """Tokens of all models."""
        return sum((model.usage for model in self.models), Usage())

    @property
    def total(self) -> Decimal | None:
        """US dollars of all models whose price is known; ``None`` if there is no price, or nothing tells its tokens."""
        is_unknown = not self.models and self.is_lower_bound
        return None if is_unknown else _total(model.cost for model in self.models)

    @property
    def unpriced(self) -> tuple[str, ...]:
        """Models whose price is not known."""
        return tuple(model.model for model in self.models if model.cost is None)

    @property
    def is_lower_bound(self) -> bool:
        """Whether it cost more than *total*, or may have: prices or tokens are missing."""
        is_partly_told = any(model.is_lower_bound for model in self.models)
        return bool(is_partly_told or self.unpriced or self.untold or self.missing or self.problem_count)


@attrs.frozen(kw_only=True)
class OpenAIModelEstimate(Jsonable):
    """
    What the requests to one model will take, at least and at most.

    Attributes:
        model: As the lines name it; empty where they do not.

        requests: Lines.

        input_tokens_low: Of the prompts.

        input_tokens_high: Likewise, at most.

        output_tokens_low: Of the answers.

        output_tokens_high: Likewise, at most; ``None`` where a line sets no bound, and the model's is not known.

        cost_low: US dollars; ``None`` where no price is known.

        cost_high: Likewise; ``None`` also where *output_tokens_high* is, or where the size of a prompt is unknown.
    """

    model: str
    requests: int = 0
    input_tokens_low: int = 0
    input_tokens_high: int = 0
    output_tokens_low: int = 0
    output_tokens_high: int | None = 0
    cost_low: Decimal | None = None
    cost_high: Decimal | None = None


@attrs.frozen(kw_only=True)
class OpenAIBatchEstimate(Jsonable):
    """
    What a batch will take, at least and at most; an estimate, for only the provider's own tokenizer is exact.

    Attributes:
        models: Each model asked, the one with most requests first.

        problem_count: Lines that could not be read, and are not in the estimate.

        problems: The first 100 of these, each with its line.

        notes: What to know of the figures, and what to do about it, in sentences.
    """

    models: tuple[OpenAIModelEstimate, ...] = ()
    problem_count: int = 0
    problems: tuple[OpenAIError, ...] = ()
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """
        Return it as JSON; dollars are strings that are exact to the last digit.
        """
        return {"currency": "USD"} | super().to_dict()

    @property
    def requests(self) -> int:
        """Lines in all."""
        return sum(model.requests for model in self.models)

    @property
    def input_tokens_low(self) -> int:
        """Tokens of all prompts, at least."""
        return sum(model.input_tokens_low for model in self.models)

    @property
    def input_tokens_high(self) -> int:
        """Tokens of all prompts, at most."""
        return sum(model.input_tokens_high for model in self.models)

    @property
    def output_tokens_low(self) -> int:
        """Tokens of all answers, at least."""
        return sum(model.output_tokens_low for model in self.models)

    @property
    def output_tokens_high(self) -> int | None:
        """Tokens of all answers, at most; ``None`` where nothing bounds them."""
        highs = [model.output_tokens_high for model in self.models]
        return None if None in highs else sum(high or 0 for high in highs)

    @property
    def cost_low(self) -> Decimal | None:
        """US dollars, at least: of the models whose price is known; ``None`` if there are models and no price."""
        return _total(model.cost_low for model in self.models)

    @property
    def cost_high(self) -> Decimal | None:
        """US dollars, at most; ``None`` where a price is not known, or nothing bounds prompts or answers."""
        costs = [model.cost_high for model in self.models]
        return None if None in costs else _total(costs)

    @property
    def unpriced(self) -> tuple[str, ...]:
        """Models whose price is not known."""
        return tuple(model.model for model in self.models if model.cost_low is None)

    @property
    def is_unbounded(self) -> bool:
        """Whether nothing bounds the answers of some line."""
        return self.output_tokens_high is None


def _total(costs: Iterable[Any]) -> Decimal | None:
    every = list(costs)
    known = [cost for cost in every if cost is not None]
    return None if every and not known else sum(known, Decimal(0))
