"""
What a batch will cost, estimated from its input.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

import attrs

from aikit.billing.prices import Prices
from aikit.billing.rates import Price, Rates
from aikit.jsonl.tokens import TokenEstimate, answer_count, estimate_body, prompt_count
from aikit.types.costs import OpenAIBatchEstimate, OpenAIModelEstimate
from aikit.types.errors import OpenAIError
from aikit.types.interruptions import let_through
from aikit.types.usage import Usage
from aikit.validation.lines import parsed

_MAX_PROBLEMS: Final = 100
_MAX_MODELS: Final = 1_000
_OTHER_MODELS: Final = "(more models)"


@attrs.define(eq=False)
class _Counts:
    price: Price | None
    requests: int = 0
    input_low: int = 0
    input_high: int = 0
    output_high: int | None = 0
    uncounted: int = 0
    counted_by: str | None = None
    cost_low: Decimal | None = Decimal(0)
    cost_high: Decimal | None = Decimal(0)
    is_limit_guessed: bool = False


@attrs.define(eq=False)
class Estimator:
    """
    Token and cost estimate of the lines of an input, in constant memory.

    An answer has no tokens at least, and at most what its line allows; where that allows any, what its model can say:
    the user's ``max_output_tokens``, else what of its context the prompt leaves. What of a prompt cannot be counted
    costs at most as much as fills the context.
    """

    prices: Prices
    _by_model: dict[str, _Counts] = attrs.field(factory=dict)
    _problem_count: int = 0
    _problems: list[OpenAIError] = attrs.field(factory=list)

    def add_lines(self, lines: bytes, number: int) -> int:
        """
        Estimate whole lines that follow line *number*; see `CountingSink`.
        """
        for line in lines[:-1].split(b"\n"):
            number += 1
            if line.strip():
                self._add_line(line, number)
        return number

    def add_problem(self, number: int, message: str) -> None:
        """
        Note that line *number* cannot be read.
        """
        self._problem_count += 1
        if len(self._problems) < _MAX_PROBLEMS:
            self._problems.append(OpenAIError(message=message, code="invalid_json_line", line=number))

    def result(self) -> OpenAIBatchEstimate:
        """
        Return the estimate of all lines so far.
        """
        found = sorted(self._by_model.items(), key=lambda item: -item[1].requests)
        return OpenAIBatchEstimate(
            models=tuple(_model(name, counts) for name, counts in found),
            problem_count=self._problem_count,
            problems=tuple(self._problems),
            notes=tuple(self._notes()),
        )

    def _add_line(self, line: bytes, number: int) -> None:
        try:
            value = parsed(line)
        except ValueError as error:
            let_through(error)
            self.add_problem(number, f"This line is not parseable as valid JSON. {error}")
            return
        body = value.get("body") if isinstance(value, dict) else None
        if not isinstance(body, dict):
            self.add_problem(number, "This line has no body that could be estimated.")
            return
        url = value.get("url")
        self._add_body(url if isinstance(url, str) else "", body)

    def _add_body(self, url: str, body: Mapping[str, Any]) -> None:
        counts = self._counts(body.get("model"))
        tokens, most = estimate_body(url, body)
        if most is None and counts.price is not None:
            most = _model_limit(counts.price, tokens.low, body)
            counts.is_limit_guessed |= most is not None
        counts.requests += 1
        counts.input_low += tokens.low
        counts.input_high += tokens.high
        counts.uncounted += tokens.uncounted
        counts.counted_by = tokens.tokenizer
        counts.output_high = None if most is None or counts.output_high is None else counts.output_high + most
        read = _with_uncounted(counts.price, tokens, body) if tokens.uncounted else tokens.high
        _add_costs(counts, tokens.low, read, most)

    def _counts(self, model: Any) -> _Counts:
        name = model if isinstance(model, str) else ""
        if name not in self._by_model and len(self._by_model) >= _MAX_MODELS:
            name = _OTHER_MODELS
        if name not in self._by_model:
            self._by_model[name] = _Counts(self.prices.price_of(name))
        return self._by_model[name]

    def _notes(self) -> list[str]:
        notes = []
        unpriced = [name for name, counts in self._by_model.items() if counts.cost_low is None]
        if unpriced:
            notes.append(self.prices.why_unknown(unpriced))
        if any(counts.output_high is None for counts in self._by_model.values()):
            notes.append(
                "nothing bounds the answers of some lines: set max_completion_tokens (chat), max_output_tokens "
                '(responses) or max_tokens in them, or "max_output_tokens" of the model in the prices'
            )
        if any(counts.is_limit_guessed for counts in self._by_model.values()):
            notes.append(
                "some lines set no bound to their answers, so the high figures take the most the model can say"
            )
        uncounted = sum(counts.uncounted for counts in self._by_model.values())
        if uncounted:
            notes.append(
                f"{uncounted:,} parts (files, audio, what is stored or searched at the provider) could not be counted: "
                "the highest cost takes them for all that fits into the model's context, and is not known where that "
                "is not"
            )
        if self._problem_count:
            notes.append(f"{self._problem_count:,} lines could not be read, see problems; they are not in it")
        return [*notes, *self._counted_notes()]

    def _counted_notes(self) -> Iterator[str]:
        for tokenizer in sorted({counts.counted_by for counts in self._by_model.values() if counts.counted_by}):
            models = [name for name, counts in self._by_model.items() if counts.counted_by == tokenizer]
            more = f" and {len(models) - 3:,} more" if len(models) > 3 else ""
            yield f"texts for {', '.join(models[:3])}{more} were counted with their tokenizer, {tokenizer}"


def _model_limit(price: Price, input_tokens: int, body: Mapping[str, Any]) -> int | None:
    if price.max_output_tokens is not None:
        limit = price.max_output_tokens
    elif price.context_tokens is not None:
        limit = max(price.context_tokens - (input_tokens if prompt_count(body) == 1 else 0), 0)
    else:
        return None
    return limit * answer_count(body)


def _with_uncounted(price: Price | None, tokens: TokenEstimate, body: Mapping[str, Any]) -> int | None:
    """
    Return the most tokens of a prompt with parts that cannot be counted; ``None`` if the context size is unknown.
    """
    if price is None or price.context_tokens is None:
        return None
    return max(tokens.high, price.context_tokens * prompt_count(body))


def _add_costs(counts: _Counts, low: int, high: int | None, most: int | None) -> None:
    """
    Add one request's dollars: at least without an answer, at most with the longest, and nothing read before.
    """
    if counts.price is None:
        counts.cost_low = counts.cost_high = None
        return
    if counts.cost_low is not None:
        rates = counts.price.batch_rates(counts.price.step(low))
        cost = Rates(input=_least(rates.input, rates.cached_input)).cost(Usage(input_tokens=low))
        counts.cost_low = None if cost is None else counts.cost_low + cost
    if counts.cost_high is not None:
        rates = counts.price.batch_rates(counts.price.step(high or 0)).dearest()
        high = 0 if high is None and rates.input == 0 else high  # what is free may be as long as it likes
        most = 0 if most is None and rates.output == 0 else most
        is_known = high is not None and most is not None
        cost = rates.cost(Usage(input_tokens=high or 0, output_tokens=most or 0)) if is_known else None
        counts.cost_high = None if cost is None else counts.cost_high + cost


def _least(first: Decimal | None, second: Decimal | None) -> Decimal | None:
    return first if second is None or first is None else min(first, second)


def _model(name: str, counts: _Counts) -> OpenAIModelEstimate:
    return OpenAIModelEstimate(
        model=name,
        requests=counts.requests,
        input_tokens_low=counts.input_low,
        input_tokens_high=counts.input_high,
        output_tokens_high=counts.output_high,
        cost_low=counts.cost_low,
        cost_high=counts.cost_high,
    )


def refusal(estimate: OpenAIBatchEstimate, max_cost: Decimal, of: str) -> OpenAIError | None:
    """
    Return the error for a batch that may cost more than *max_cost* US dollars; ``None`` if it may not.

    Args:
        estimate: Of its input.

        max_cost: US dollars.

        of: ``"high"`` or ``"low"``: which end of the estimate must not be above it.
    """
    is_high = of == "high"
    cost = estimate.cost_high if is_high else estimate.cost_low
    why, least = "; ".join(estimate.notes), estimate.cost_low
    if estimate.problem_count:
        return _refused("unknown_cost", f"what the batch will cost cannot be estimated: {why}")
    if estimate.unpriced:
        return _refused("unknown_cost", f"what the batch will cost is not known: {why}")
    if cost is None:
        message = f"what the batch will cost at most is not known, it is at least ${least:.4f}: {why}"
        return _refused("unknown_cost", f'{message}, or compare the low end, with max_cost_of="low"')
    if cost <= max_cost:
        return None
    bound, end = ("at most", "high") if is_high else ("at least", "low")
    hint = f"raise max_cost, send fewer lines, bound their answers{_or_low(least, max_cost) if is_high else ''}"
    message = f"the batch will cost {bound} ${cost:.4f} (the {end} end of the estimate), more than max_cost ${max_cost}"
    return _refused("max_cost_exceeded", f"{message}; nothing was created: {hint}")


def _or_low(least: Decimal | None, max_cost: Decimal) -> str:
    return ', or compare the low end, with max_cost_of="low"' if least is not None and least <= max_cost else ""


def _refused(code: str, message: str) -> OpenAIError:
    return OpenAIError(message=message, code=code, param="max_cost")
