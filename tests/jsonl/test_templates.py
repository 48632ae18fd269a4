"""
Prompts with places for cells.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.jsonl.templates import Template, unknown_column


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{review}", "good"),
        ("Summarise: {review}!", "Summarise: good!"),
        ("{ review } and {review}{stars}", "good and good5"),
        ("{{review}}", "{review}"),
        ("{{{review}}}", "{good}"),
        ('{{"label": "{review}"}}', '{"label": "good"}'),
        ("{a: b}", "odd"),
        ("{review:>10}{review!r}", "not a format"),
    ],
)
def test_places_are_filled_with_cells_and_doubled_braces_are_text(text: str, expected: str) -> None:
    """
    What stands between braces is a column's whole name: colons and marks of exclamation mean nothing.
    """
    cells = {"review": "good", "stars": "5", "a: b": "odd", "review:>10": "not ", "review!r": "a format"}
    assert Template.of("prompt", text).filled(cells) == expected


def test_cells_are_not_read_as_templates() -> None:
    """
    Braces in a cell stay what they are.
    """
    assert Template.of("prompt", "{a} {b}").filled({"a": "{b}", "b": "{{x}}"}) == "{b} {{x}}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "prompt must not be empty"),
        (" \n", "prompt must not be empty"),
        ("a { b", 'prompt has a brace without a column at "{ b"'),
        ("a } b", 'prompt has a brace without a column at "} b"'),
        ("{}", 'prompt has a brace without a column at "{}"'),
        ("{ }", "write {column}; for braces that are text, write {{ and }}"),
        ("{a{b}", 'prompt has a brace without a column at "{a{b}"'),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(text: str, words: str) -> None:
    """
    An error says how braces are written.
    """
    with pytest.raises(ValueError, match="prompt") as caught:
        Template.of("prompt", text)
    assert words in str(caught.value)


@pytest.mark.parametrize("text", [None, 1, b"{a}", ["{a}"]])
def test_a_template_is_text(text: Any) -> None:
    """
    Anything else is told by its type.
    """
    with pytest.raises(TypeError, match="prompt must be a string, not"):
        Template.of("prompt", text)


@given(st.text(), st.text())
def test_any_text_survives_with_its_braces_doubled(text: str, cell: str) -> None:
    """
    What is doubled comes back as it was, around any cell.
    """
    doubled = text.replace("{", "{{").replace("}", "}}")
    assert Template.of("prompt", f"{doubled}{{x}}{doubled}").filled({"x": cell}) == text + cell + text


def test_an_unknown_column_is_told_with_those_there_are() -> None:
    """
    The nearest is suggested; what looks like JSON is told how braces are written.
    """
    known = ["id", "review", "", "n" * 200]
    assert unknown_column("prompt", "Reviw", known) == (
        f'prompt names the column "Reviw"; there are id, review, (without a name), {"n" * 97}...; '
        'did you mean "review"?'
    )
    assert unknown_column("system", '"a": 1', ["id"]) == (
        'system names the column ""a": 1"; there are id; for braces that are text, write {{ and }}'
    )
    assert unknown_column("prompt", "x", []).endswith("there are none")
    assert len(unknown_column("prompt", "x", [f"column {number}" for number in range(10_000)])) < 8_000
