"""
What tests of JSONL lines share: the errors of lines, as values to compare.
"""

from __future__ import annotations

import io
import json
from typing import Any

from hypothesis import strategies as st

from aikit.types.errors import OpenAIError
from aikit.validation.limits import Limits, limits_for
from aikit.validation.lines import check_lines
from aikit.validation.problems import Problems

_OPENAI = limits_for("openai")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)


def errors_of(purpose: str, content: bytes, limits: Limits = _OPENAI) -> list[OpenAIError]:
    """
    Return the errors of the lines of *content*.
    """
    problems = Problems()
    check_lines(purpose, io.BytesIO(content), limits, problems)
    return problems.shown()


def told(purpose: str, *values: Any, limits: Limits = _OPENAI) -> list[tuple[str | None, str | None, int | None]]:
    """
    Return code, param and line of the errors of *values*, one a line.
    """
    content = "".join(json.dumps(value) + "\n" for value in values).encode()
    return [(error.code, error.param, error.line) for error in errors_of(purpose, content, limits)]


def worded(errors: list[OpenAIError]) -> list[tuple[str | None, str, str | None, int | None]]:
    """
    Return code, message, param and line of *errors*.
    """
    return [(error.code, error.message, error.param, error.line) for error in errors]
