"""
Prompts with places for the cells of a row.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Final

import attrs

from aikit.types.suggestions import did_you_mean
from aikit.validation.problems import excerpt

_PLACE: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_NAMES_MAX: Final = 4_000
_TEXT: Final = "; for braces that are text, write {{ and }}"


@attrs.frozen
class Template:
    """
    A text in which ``{column}`` stands for a cell of that column, and ``{{`` and ``}}`` for braces.

    Attributes:
        pieces: Texts, each with the column whose cell follows it, if one does.
    """

    pieces: tuple[tuple[str, str | None], ...]

    @classmethod
    def of(cls, name: str, text: Any) -> Template:
        """
        Read *text*, the argument *name*.

        Raises:
            TypeError: It is no string.
            ValueError: It is empty, a place has no name, or a brace stands alone.
        """
        if not isinstance(text, str):
            raise TypeError(f"{name} must be a string, not {type(text).__name__}")
        if not text.strip():
            raise ValueError(f"{name} must not be empty")
        pieces: list[tuple[str, str | None]] = []
        before, position = "", 0
        for place in _PLACE.finditer(text):
            before += text[position : place.start()]
            position = place.end()
            column = place[1]
            if place[0] in ("{{", "}}"):
                before += place[0][0]
            elif column is None or not column.strip():
                where = excerpt(text[place.start() : place.start() + 20])
                raise ValueError(f'{name} has a brace without a column at "{where}": write {{column}}{_TEXT}')
            else:
                pieces.append((before, column.strip()))
                before = ""
        return cls((*pieces, (before + text[position:], None)))

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Columns it names, each once."""
        return tuple(dict.fromkeys(column for _, column in self.pieces if column is not None))

    def size_bytes(self, cells: Mapping[str, str]) -> int:
        """
        Return how long the text with the *cells* is in UTF-8, without making it.
        """
        sizes = {column: _size_bytes(cells[column]) for column in self.columns}
        return self._own_bytes + sum(sizes[column] for _, column in self.pieces if column is not None)

    @cached_property
    def _own_bytes(self) -> int:
        return sum(_size_bytes(text) for text, _ in self.pieces)

    def filled(self, cells: Mapping[str, str]) -> str:
        """
        Return the text with the *cells*, by column.
        """
        return "".join(text if column is None else text + cells[column] for text, column in self.pieces)


def _size_bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def unknown_column(name: str, column: str, there: Iterable[str]) -> str:
    """
    Return the message that a prompt, the argument *name*, names a *column* that is not *there*.
    """
    known = list(there)
    near = did_you_mean(column, known)
    names, shown = [excerpt(one) or "(without a name)" for one in known], 0
    while shown < len(names) and sum(map(len, names[: shown + 1])) < _NAMES_MAX:
        shown += 1
    more = f" and {len(names) - shown:,} more" if shown < len(names) else ""
    is_text = not near and re.search(r"[\"':\n]", column)
    listed = ", ".join(names[:shown]) or "none"
    return f'{name} names the column "{excerpt(column)}"; there are {listed}{more}{near}{_TEXT if is_text else ""}'
