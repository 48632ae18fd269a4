"""
Real tokenizers, for the models that they are right for.
"""

from __future__ import annotations

from typing import Any

import pytest
import toktok

from aikit.jsonl import tokenizers
from aikit.jsonl.tokenizers import count_tokens, tokenizer_of
from aikit.jsonl.tokens import TokenEstimate, estimate_tokens

_TEXT = "0xDEADBEEF, xylophone; 12345 日本"


@pytest.mark.parametrize(
    ("model", "tokenizer"),
    [
        ("gpt-5-mini", "o200k_base"),
        ("gpt-5.1-2026-01-01", "o200k_base"),
        ("gpt-4o-mini-2024-07-18", "o200k_base"),
        ("gpt-4.1", "o200k_base"),
        ("o3", "o200k_base"),
        ("ft:gpt-4o-mini:org::id", "o200k_base"),
        ("openai/gpt-oss-120b", "o200k_base"),
        ("gpt-4", "cl100k_base"),
        ("gpt-4-turbo", "cl100k_base"),
        ("gpt-35-turbo", "cl100k_base"),
        ("text-embedding-3-small", "cl100k_base"),
        ("gpt-4.9", None),
        ("gpt-50", None),
        ("gpt-6", None),
        ("o30", None),
        ("mistral-large", None),
        ("my-gpt-4o", None),
        ("", None),
    ],
)
def test_models_have_the_tokenizer_of_their_family(model: str, tokenizer: str | None) -> None:
    """
    A model that is not known has none, however much its name is like another's.
    """
    assert tokenizer_of(model) == tokenizer


def test_texts_for_a_known_model_are_counted() -> None:
    """
    Low and high are what the tokenizer counts, and the estimate says which.
    """
    for model, name in (("gpt-5", "o200k_base"), ("text-embedding-3-small", "cl100k_base")):
        (counted,) = toktok.batch_count([_TEXT], name, 1)
        assert estimate_tokens({"model": model, "input": _TEXT}) == TokenEstimate(counted, counted, 0, name)


def test_texts_for_other_models_are_bounded() -> None:
    """
    So is a text of which no model is known, and what no tokenizer takes.
    """
    for body in ({"model": "mistral-large", "input": _TEXT}, {"model": None, "input": _TEXT}, {"input": _TEXT}):
        estimate = estimate_tokens(body)
        assert (estimate.tokenizer, estimate.low < estimate.high) == (None, True)
    assert estimate_tokens(_TEXT).tokenizer is None
    assert count_tokens("\ud800", "o200k_base") is None
    assert estimate_tokens({"model": "gpt-5", "input": "a\ud800"}).high >= 1


def test_without_the_extra_all_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What a program with the extra counts lies between the bounds of one without.
    """
    body: dict[str, Any] = {"model": "gpt-5", "messages": [{"role": "user", "content": f"{_TEXT} again"}]}
    counted = estimate_tokens(body)
    monkeypatch.setattr(tokenizers, "is_installed", lambda: False)
    tokenizer_of.cache_clear()
    bounded = estimate_tokens(body)
    tokenizer_of.cache_clear()
    assert bounded.tokenizer is None
    assert bounded.low <= counted.low <= counted.high <= bounded.high


def test_estimates_of_one_tokenizer_add_up_to_one_of_it() -> None:
    """
    A sum of what was counted and what was not names no tokenizer.
    """
    counted = TokenEstimate(1, 1, 0, "o200k_base")
    assert (TokenEstimate() + counted + counted).tokenizer == "o200k_base"
    assert (counted + TokenEstimate(1, 2)).tokenizer is None
