"""
Names of the parameters of requests: which ones an endpoint is known to take, and notes of those that it is not.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from aikit.storage.package_data import read_data
from aikit.types.suggestions import did_you_mean, nearest
from aikit.validation.problems import excerpt

_NEAR: Final = 0.8
"""How alike a name is to the one that was meant: below that, other servers' own names look like misspellings."""

_MOST_NAMES: Final = 20
_LINE_KEYS: Final = frozenset(("custom_id", "method", "url", "body"))


@functools.cache
def _data() -> dict[str, Any]:
    return read_data("aikit.validation", "body_parameters.json")


@functools.cache
def known_parameters(endpoint: str) -> frozenset[str]:
    """
    Return the body parameters of *endpoint*; none where they are not known.
    """
    return frozenset(_data()["endpoints"].get(endpoint, ()))


@attrs.define
class UnknownParameters:
    """
    The parameters in lines of one endpoint that it is not known to take; those of lines beside their body, too.

    Attributes:
        known: The names that it takes; empty if that is not known, and then there are no unknown ones.
    """

    _endpoint: str
    _has_others: bool
    known: frozenset[str] = attrs.field(init=False)
    _found: dict[str, list[int]] = attrs.field(init=False, factory=dict)  # text → first line, number of lines

    def __attrs_post_init__(self) -> None:
        self.known = known_parameters(self._endpoint)

    def look(self, body: Iterable[str], number: int) -> None:
        """
        Look at the names in the *body* of the line of that *number*.
        """
        for name in body if self.known else ():
            if name not in self.known and (meant := self._meant(name)) is not None:
                self._count(f"unknown parameter '{excerpt(name)}' of {self._endpoint}{meant}", number)

    def look_beside(self, line: Iterable[str], number: int) -> None:
        """
        Look at the keys of the *line* of that *number* for what belongs into its body.
        """
        for name in self.known.intersection(line) - _LINE_KEYS:
            self._count(f"'{name}' stands beside 'body', where it is not read; put it into 'body'", number)

    def notes(self) -> tuple[str, ...]:
        """
        Return a sentence for each name, with the first line that has it and the number of further ones.
        """
        return tuple(
            f"line {first}{f' and {count - 1:,} more' if count > 1 else ''}: {text}"
            for text, (first, count) in self._found.items()
        )

    def _meant(self, name: str) -> str | None:
        """
        Return the end of the note on *name*; ``None`` if another server may know it.
        """
        data = _data()
        if self._has_others:
            near = did_you_mean(name, self.known, _NEAR)
            return near if near and name not in data["others"] else None
        meant: Mapping[str, str] = data["meant"].get(self._endpoint, {})
        near = nearest(name, {*self.known, *meant}, _NEAR)
        if near is None:
            return "; the provider may refuse these lines"
        words = meant.get(near, near)
        return f"; did you mean {words}?" if " " in words else f'; did you mean "{words}"?'

    def _count(self, text: str, number: int) -> None:
        if text in self._found:
            self._found[text][1] += 1
        elif len(self._found) < _MOST_NAMES:
            self._found[text] = [number, 1]
