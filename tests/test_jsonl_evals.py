"""
JSONL: the rules of eval lines.
"""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import settings

from aikit.errors import OpenAIError
from aikit.jsonl import check_lines
from aikit.jsonl_problems import Problems
from aikit.limits import Limits, limits_for

_OPENAI = limits_for("openai")
_RELAXED = settings(deadline=None)


def _errors_of(purpose: str, content: bytes, limits: Limits = _OPENAI) -> list[OpenAIError]:
    problems = Problems()
    check_lines(purpose, io.BytesIO(content), limits, problems)
    return problems.shown()


def _told(purpose: str, *values: Any, limits: Limits = _OPENAI) -> list[tuple[str | None, str | None, int | None]]:
    content = "".join(json.dumps(value) + "\n" for value in values).encode()
    return [(error.code, error.param, error.line) for error in _errors_of(purpose, content, limits)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ({"item": {}}, []),
        ({"item": {"a": 1}, "sample": {"b": 2}, "more": 3}, []),
        ({"sample": {}}, [("missing_required_parameter", "item", 1)]),
        ({"item": {}, "sample": None}, []),
        ({"item": None, "sample": None}, [("invalid_type", "item", 1)]),
        ({"item": [], "sample": []}, [("invalid_type", "item", 1), ("invalid_type", "sample", 1)]),
    ],
)
def test_eval_lines_have_an_item_and_perhaps_a_sample(line: Any, expected: list[Any]) -> None:
    """
    Both are objects, and other keys are free.
    """
    assert _told("evals", line) == expected
