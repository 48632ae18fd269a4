"""
JSONL: the rules of eval lines.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings

from aikit.validation.limits import limits_for
from tests.jsonl.errors import told

_OPENAI = limits_for("openai")
_RELAXED = settings(deadline=None)


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
    assert told("evals", line) == expected
