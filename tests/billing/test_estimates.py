"""
Estimates: what lines say, what models can say, and what nobody knows.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
import toktok
from hypothesis import given
from hypothesis import strategies as st

from aikit.billing.estimates import Estimator, refusal
from aikit.billing.prices import Prices
from aikit.billing.rates import FREE, Price, Rates
from aikit.types.costs import OpenAIBatchEstimate, OpenAIModelEstimate
from tests.billing.lines import file_of
from tests.jsonl.test_text_bounds import DENSE

_RATES = Rates(input=Decimal(1_000_000), cached_input=Decimal(500_000), output=Decimal(2_000_000))
_PRICE = Price(model="m", batch=_RATES)
_NAMED = Prices(own={"m": _PRICE}, path=Path("prices.json"))


def _estimate(*lines: Any, price: Price = _PRICE) -> OpenAIBatchEstimate:
    estimator = Estimator(attrs.evolve(_NAMED, own={"m": price}))
    estimator.add_lines(file_of(*lines), 0)
    return estimator.result()


def _line(model: Any = "m", url: str = "/v1/chat/completions", text: str = "a", **body: Any) -> dict[str, Any]:
    return {"url": url, "body": {"model": model, "messages": [{"role": "user", "content": text}], **body}}


def test_low_is_no_answer_and_all_read_before() -> None:
    """
    The least a request can cost is its prompt at the price of cached input.
    """
    estimate = _estimate(_line(max_tokens=10))
    assert estimate.cost_low == Decimal("0.5") * estimate.input_tokens_low
    assert estimate.cost_high == estimate.input_tokens_high + 2 * 10


def test_what_a_line_does_not_bound_its_model_does() -> None:
    """
    The user's bound first, else what the prompt leaves of the context; for each of *n* answers.
    """
    bounded = _estimate(_line(), _line(n=3), price=attrs.evolve(_PRICE, max_output_tokens=50, context_tokens=9))
    assert bounded.output_tokens_high == 200
    whole = _estimate(_line(), price=attrs.evolve(_PRICE, context_tokens=1_000))
    assert whole.output_tokens_high == 1_000 - whole.input_tokens_low
    assert "the most the model can say" in whole.notes[0]


def test_what_nobody_bounds_is_unbounded() -> None:
    """
    The high end is not known, the low end is; one such line is enough.
    """
    estimate = _estimate(_line(max_tokens=1), _line())
    assert (estimate.is_unbounded, estimate.output_tokens_high, estimate.cost_high) == (True, None, None)
    assert estimate.cost_low is not None
    assert "max_completion_tokens" in estimate.notes[0]


@pytest.mark.parametrize("body", [{"prompt": ["a"] * 4}, {"prompt": "a", "best_of": 4}, {"prompt": ["a"] * 2, "n": 2}])
def test_each_answer_of_a_request_counts(body: dict[str, Any]) -> None:
    """
    Of several prompts, of several tries, whether the line sets the bound or the model has one.
    """
    line = {"url": "/v1/completions", "body": {"model": "m", **body}}
    assert _estimate(line, price=attrs.evolve(_PRICE, max_output_tokens=50)).output_tokens_high == 200
    bounded = {"url": "/v1/completions", "body": {"model": "m", "max_tokens": 50, **body}}
    assert _estimate(bounded).output_tokens_high == 200


_FILE = [{"type": "file", "file": {"file_id": "file-1"}}]


def test_what_cannot_be_counted_fills_the_context_at_most() -> None:
    """
    A file in the prompt is not taken for nothing: where no context is known, nobody knows what it costs.
    """
    line = _line(messages=[{"role": "user", "content": _FILE}], max_tokens=1)
    unknown = _estimate(line)
    assert (unknown.cost_high, unknown.unpriced) == (None, ())
    assert unknown.cost_low is not None
    assert "could not be counted" in unknown.notes[0]
    known = _estimate(line, price=attrs.evolve(_PRICE, context_tokens=1_000))
    assert known.cost_high == 1_000 + 2
    assert _estimate(line, price=attrs.evolve(_PRICE, batch=FREE)).cost_high == 0


def test_free_answers_need_no_bound() -> None:
    """
    However long they are, they cost nothing.
    """
    estimate = _estimate(_line(), price=attrs.evolve(_PRICE, batch=FREE))
    assert (estimate.cost_low, estimate.cost_high, estimate.is_unbounded) == (Decimal(0), Decimal(0), True)


def test_embeddings_have_no_output() -> None:
    """
    Low and high differ by their texts only.
    """
    line = {"url": "/v1/embeddings", "body": {"model": "m", "input": "a text"}}
    estimate = _estimate(line, price=attrs.evolve(_PRICE, batch=Rates(input=Decimal(1))))
    assert (estimate.output_tokens_high, estimate.unpriced) == (0, ())
    assert estimate.cost_high is not None


def test_models_are_told_apart_and_a_total_lacks_what_is_unknown() -> None:
    """
    The model with most requests comes first; the high end of all is unknown when one is.
    """
    estimate = _estimate(_line("x", max_tokens=1), _line(max_tokens=1), _line(max_tokens=1))
    assert [(model.model, model.requests) for model in estimate.models] == [("m", 2), ("x", 1)]
    assert (estimate.unpriced, estimate.cost_high) == (("x",), None)
    assert estimate.cost_low == estimate.models[0].cost_low
    assert "no price is known for x" in estimate.notes[0]


def test_lines_that_are_none_are_told() -> None:
    """
    With their numbers; blank ones are nothing.
    """
    estimate = _estimate(b"garbage\n", b"\n", _line(max_tokens=1), {"body": 1}, [])
    assert [problem.line for problem in estimate.problems] == [1, 4, 5]
    assert (estimate.problem_count, estimate.requests) == (3, 1)


def test_long_requests_cost_what_long_ones_cost() -> None:
    """
    Low and high each take the rates of their own size.
    """
    price = attrs.evolve(_PRICE, batch=Rates(input=Decimal(1), output=Decimal(0)))
    dear = attrs.evolve(price, batch_above=((10, Rates(input=Decimal(1_000_000), output=Decimal(0))),))
    estimate = _estimate(_line(text="word " * 100, max_tokens=1), price=dear)
    assert estimate.cost_high == estimate.input_tokens_high


@given(st.binary(max_size=200))
def test_no_input_breaks_it(content: bytes) -> None:
    """
    Every line is a request or a problem, or blank.
    """
    estimator = Estimator(_NAMED)
    lines = content + b"\n"
    assert estimator.add_lines(lines, 0) == lines.count(b"\n")
    estimate = estimator.result()
    assert estimate.requests + estimate.problem_count == sum(1 for line in lines.split(b"\n") if line.strip())


def _made(**fields: Any) -> OpenAIBatchEstimate:
    model = OpenAIModelEstimate(model="m", cost_low=Decimal(1), cost_high=Decimal(5))
    return OpenAIBatchEstimate(models=(attrs.evolve(model, **fields),), notes=("do this",))


@pytest.mark.parametrize(
    ("estimate", "max_cost", "of", "code"),
    [
        (_made(), 5, "high", None),
        (_made(), 4, "high", "max_cost_exceeded"),
        (_made(), 1, "low", None),
        (_made(), "0.99", "low", "max_cost_exceeded"),
        (_made(cost_high=None), 100, "high", "unknown_cost"),
        (_made(cost_high=None), 100, "low", None),
        (_made(cost_low=None, cost_high=None), 100, "low", "unknown_cost"),
        (attrs.evolve(_made(), problem_count=1), 100, "high", "unknown_cost"),
        (OpenAIBatchEstimate(), 0, "high", None),
    ],
)
def test_a_bound_refuses_what_is_above_it_or_unknown(
    estimate: OpenAIBatchEstimate, max_cost: Any, of: str, code: str | None
) -> None:
    """
    The bound itself is allowed; each refusal says what to do.
    """
    problem = refusal(estimate, Decimal(max_cost), of)
    assert (problem.code if problem else None) == code
    if problem is not None:
        assert _says_what_to_do(problem.message)


def _says_what_to_do(message: str) -> bool:
    """
    Tell whether *message* says what to do.
    """
    return "do this" in message or "raise max_cost" in message


@pytest.mark.parametrize("name", DENSE)
def test_max_cost_stops_dense_texts(name: str) -> None:
    """
    What is paid for numbers, ids, dumps and deep indentation is never more than the high end, with any tokenizer.
    """
    real = max(toktok.batch_count([DENSE[name]], tokenizer, 1)[0] for tokenizer in ("o200k_base", "cl100k_base"))
    for model in ("m", "gpt-5"):
        line = {"url": "/v1/embeddings", "body": {"model": model, "input": DENSE[name]}}
        estimator = Estimator(
            attrs.evolve(_NAMED, own={model: attrs.evolve(_PRICE, batch=Rates(input=Decimal(1_000_000)))})
        )
        estimator.add_lines(file_of(line), 0)
        counted = toktok.batch_count([DENSE[name]], "o200k_base", 1)[0] if model == "gpt-5" else real
        refused = refusal(estimator.result(), Decimal(counted - 1), "high")
        assert refused is not None
        assert refused.code == "max_cost_exceeded"


def test_a_note_tells_which_texts_were_counted() -> None:
    """
    What the model's own tokenizer counted is exact; all else is bounded, and has no note.
    """
    counted = _estimate(_line("gpt-5", max_tokens=1), _line("gpt-5-mini", max_tokens=1))
    assert counted.notes[-1] == "texts for gpt-5, gpt-5-mini were counted with their tokenizer, o200k_base"
    assert not any("tokenizer" in note for note in _estimate(_line(max_tokens=1)).notes)
