"""
The problems of a JSONL file: the first hundred are kept, all are counted; and texts they share.
"""

from __future__ import annotations

from typing import Any, Final

import attrs

from aikit.types.errors import OpenAIError

SHOWN_MAX: Final = 100
"""The most problems of one file that are reported."""

_KINDS: Final = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal",
    type(None): "null",
    list: "an array",
    dict: "an object",
}


@attrs.define
class Problems:
    """
    The problems of one file: all are counted, the first hundred kept.

    Attributes:
        count: The number of all problems.

        notes: What is no problem and yet may be a mistake.
    """

    count: int = 0
    notes: tuple[str, ...] = ()
    _of_file: list[OpenAIError] = attrs.field(factory=list)
    _of_lines: list[OpenAIError] = attrs.field(factory=list)

    def add(self, error: OpenAIError) -> None:
        """
        Add a problem of the whole file.
        """
        self.count += 1
        self._of_file.append(error)

    def add_line(self, line: int, code: str, message: str, param: str | None = None) -> None:
        """
        Add a problem of a line.
        """
        self.count += 1
        if len(self._of_lines) < SHOWN_MAX:
            self._of_lines.append(OpenAIError(message=message, code=code, param=param, line=line))

    def add_lines(self, lines: range, code: str, message: str) -> None:
        """
        Add the same problem for each of *lines*, in constant memory.
        """
        for line in lines[:SHOWN_MAX]:
            self.add_line(line, code, message)
        self.count += len(lines[SHOWN_MAX:])

    def add_late(self, late: Problems) -> None:
        """
        Add problems of lines that were found at the end of the file.
        """
        self.count += late.count
        self._of_lines = sorted([*self._of_lines, *late._of_lines], key=lambda error: error.line or 0)[:SHOWN_MAX]

    def shown(self) -> list[OpenAIError]:
        """
        Return the problems of the file, then those of lines in order: at most a hundred, the last counting the rest.
        """
        errors = [*self._of_file, *self._of_lines]
        if self.count <= SHOWN_MAX:
            return errors
        hidden = self.count - SHOWN_MAX + 1
        message = f"{hidden:,} more problems are not shown; correct those above and check again"
        return [*errors[: SHOWN_MAX - 1], OpenAIError(message=message, code="too_many_errors", param="file")]


def add_missing(problems: Problems, line: int, param: str) -> None:
    """
    Add the problem that a required parameter is missing.
    """
    problems.add_line(line, "missing_required_parameter", f"Missing required parameter: '{param}'.", param)


def kind_of(value: Any) -> str:
    """
    Return the JSON type of a decoded *value*, as a message names it.
    """
    return _KINDS[type(value)]


def add_wrong_type(problems: Problems, line: int, param: str, expected: str, value: Any) -> None:
    """
    Add the problem that a parameter has another JSON type than *expected*, for example ``"a string"``.
    """
    got = kind_of(value)
    message = f"Invalid type for '{param}': expected {expected}, but got {got} instead."
    problems.add_line(line, "invalid_type", message, param)


def excerpt(value: object) -> str:
    """
    Return *value* as text for a message, cut to a hundred characters.
    """
    text = str(value)
    return text if len(text) <= 100 else f"{text[:97]}..."
