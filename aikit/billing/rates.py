"""
What tokens of one model cost.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import attrs

from aikit.types.usage import Usage

_MILLION: Final = 1_000_000


@attrs.frozen(kw_only=True)
class Rates:
    """
    US dollars per million tokens; ``None`` where unknown.

    Attributes:
        input: Of the prompts.

        cached_input: Of prompts that the provider had read before; without it they cost as others.

        output: Of the answers, with what was thought and not said.
    """

    input: Decimal | None = None
    cached_input: Decimal | None = None
    output: Decimal | None = None

    def cost(self, usage: Usage) -> Decimal | None:
        """
        Return what *usage* costs in US dollars; ``None`` when it has tokens without a price.
        """
        cached = min(usage.cached_tokens, usage.input_tokens)
        total = Decimal(0)
        for tokens, rate in (
            (usage.input_tokens - cached, self.input),
            (cached, self.cached_input if self.cached_input is not None else self.input),
            (usage.output_tokens, self.output),
        ):
            if rate is not None:
                total += rate * tokens
            elif tokens:
                return None
        return total / _MILLION

    def cheaper_by(self, share: Decimal) -> Rates:
        """
        Return these rates less *share* of them, 0 to 1.
        """
        rates: dict[str, Decimal | None] = attrs.asdict(self)
        return Rates(**{name: None if rate is None else rate * (1 - share) for name, rate in rates.items()})


FREE: Final = Rates(input=Decimal(0), cached_input=Decimal(0), output=Decimal(0))


@attrs.frozen(kw_only=True)
class Price:
    """
    What one model costs.

    Attributes:
        model: Its name in the price list.

        standard: Of single calls.

        batch: Of requests in batches.

        batch_above: Input tokens → rates of requests in batches that have more of them, the smallest first.

        max_output_tokens: That one answer can have; ``None`` if it is not known.

        context_tokens: That prompt and answer can have together; ``None`` if it is not known.

        source: Who says so, and when.
    """

    model: str
    standard: Rates = Rates()
    batch: Rates = Rates()
    batch_above: tuple[tuple[int, Rates], ...] = ()
    max_output_tokens: int | None = None
    context_tokens: int | None = None
    source: str = ""

    def step(self, input_tokens: int) -> int:
        """
        Return which of the batch rates a request with so many *input_tokens* has: 0 for *batch*, n for the nth above.
        """
        return sum(input_tokens > start for start, _ in self.batch_above)

    def batch_rates(self, step: int) -> Rates:
        """
        Return the rates of that *step*.
        """
        return self.batch_above[step - 1][1] if step else self.batch
