"""
What tokens of one model cost.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import Final

import attrs

from aikit.types.json_form import Jsonable
from aikit.types.usage import Usage
from aikit.types.wire import NOTHING

_MILLION: Final = 1_000_000


CACHE_WRITES: Final = ("cache_write", "cache_write_1h")
_FORMS: Final = ("audio", "image", "video", "document")
KINDS: Final = (*CACHE_WRITES, *(f"{side}_{form}" for side in ("input", "cached", "output") for form in _FORMS))
"""Kinds of tokens that may have a price of their own, as in `aikit.types.usage.Usage.other_tokens`."""


@attrs.frozen(kw_only=True)
class Rates(Jsonable):
    """
    US dollars per million tokens; ``None`` where unknown.

    Attributes:
        input: Of the prompts.

        cached_input: Of prompts that the provider had read before; without it they cost as others.

        output: Of the answers, with what was thought and not said.

        kinds: Kind of tokens → what these cost; a kind that is not here costs as text, or more, see `unpriced`.
    """

    input: Decimal | None = None
    cached_input: Decimal | None = None
    output: Decimal | None = None
    kinds: Mapping[str, Decimal] = attrs.field(default=NOTHING, hash=False)

    def cost(self, usage: Usage) -> Decimal | None:
        """
        Return what *usage* costs in US dollars; ``None`` when it has tokens without a price.
        """
        if usage.other_tokens:
            return self._cost_of_kinds(usage)
        cached = min(usage.cached_tokens, usage.input_tokens)
        return self._sum(
            (
                (usage.input_tokens - cached, self.input),
                (cached, self._text_rate("cached")),
                (usage.output_tokens, self.output),
            )
        )

    def unpriced(self, usage: Usage) -> tuple[str, ...]:
        """
        Return the kinds of tokens of *usage* that are counted as text for want of a price; what is free has one.
        """
        return tuple(
            kind for kind in usage.other_tokens if kind not in self.kinds and self._text_rate(_side(kind)) != 0
        )

    def dearest(self) -> Rates:
        """
        Return rates that are as high as that of any kind, for tokens whose kind is not known.
        """
        kinds = [(_side(kind), rate) for kind, rate in self.kinds.items()]
        return Rates(
            input=_highest(self.input, [rate for side, rate in kinds if side == "input"]),
            output=_highest(self.output, [rate for side, rate in kinds if side == "output"]),
        )

    def cheaper_by(self, share: Decimal) -> Rates:
        """
        Return these rates less *share* of them, 0 to 1.
        """
        rest = 1 - share
        return Rates(
            input=None if self.input is None else self.input * rest,
            cached_input=None if self.cached_input is None else self.cached_input * rest,
            output=None if self.output is None else self.output * rest,
            kinds={kind: rate * rest for kind, rate in self.kinds.items()} or NOTHING,
        )

    def _cost_of_kinds(self, usage: Usage) -> Decimal | None:
        """
        Return the cost of *usage* kind by kind; what was cached of a kind is among the cached, and among that kind.
        """
        left = {"input": usage.input_tokens, "output": usage.output_tokens}
        priced: list[tuple[int, Decimal | None]] = []

        def take(side: str, tokens: int, rate: Decimal | None) -> int:
            taken = max(min(tokens, left[side]), 0)
            left[side] -= taken
            priced.append((taken, rate))
            return taken

        text_cached, others = usage.cached_tokens, dict(usage.other_tokens)
        for kind in [kind for kind in others if kind.startswith("cached_")]:
            taken = take("input", others.pop(kind), self._rate(kind))
            text_cached -= taken
            uncached = f"input_{kind.removeprefix('cached_')}"
            others[uncached] = others.get(uncached, 0) - taken
        take("input", text_cached, self._text_rate("cached"))
        for kind, tokens in others.items():
            take(_side(kind), tokens, self._rate(kind))
        return self._sum([*priced, (left["input"], self.input), (left["output"], self.output)])

    def _rate(self, kind: str) -> Decimal | None:
        rate = self.kinds.get(kind)
        if rate is None and kind in CACHE_WRITES:
            rate = self.kinds.get(CACHE_WRITES[0])
        return self._text_rate(_side(kind)) if rate is None else rate

    def _text_rate(self, side: str) -> Decimal | None:
        if side == "cached":
            return self.input if self.cached_input is None else self.cached_input
        return self.output if side == "output" else self.input

    @staticmethod
    def _sum(priced: Iterable[tuple[int, Decimal | None]]) -> Decimal | None:
        total = Decimal(0)
        for tokens, rate in priced:
            if rate is not None:
                total += rate * tokens
            elif tokens:
                return None
        return total / _MILLION


def _side(kind: str) -> str:
    """
    Return where tokens of *kind* stand: ``"input"``, also what is put into the cache, ``"cached"`` or ``"output"``.
    """
    side = kind.partition("_")[0]
    return side if side in {"cached", "output"} else "input"


def _highest(rate: Decimal | None, others: list[Decimal]) -> Decimal | None:
    return None if rate is None else max([rate, *others])


FREE: Final = Rates(input=Decimal(0), cached_input=Decimal(0), output=Decimal(0))


@attrs.frozen(kw_only=True)
class Price(Jsonable):
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

    def is_vague(self, told: Collection[str]) -> bool:
        """
        Return whether tokens may be of kinds with a price of their own that no usage tells apart.

        Args:
            told: Sides whose kinds the usage tells, ``"input"`` and ``"output"``.
        """
        return bool({_side(kind) for kind in self.batch.kinds if kind not in CACHE_WRITES} - {"cached", *told})
