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
            if name not in self.known and (text := _note_on(excerpt(name), self._endpoint, self._has_others)):
                self._count(text, number)

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

    def _count(self, text: str, number: int) -> None:
        if text in self._found:
            self._found[text][1] += 1
        elif len(self._found) < _MOST_NAMES:
            self._found[text] = [number, 1]


@functools.lru_cache(maxsize=256)  # a misspelt name is in each line of a file, and looking for the nearest takes long
def _note_on(name: str, endpoint: str, has_others: bool) -> str | None:  # noqa: FBT001  part of the key
    """
    Return the note on an unknown parameter; ``None`` if another server may know it.
    """
    data, known = _data(), known_parameters(endpoint)
    text = f"unknown parameter '{name}' of {endpoint}"
    if has_others:
        end = did_you_mean(name, known, _NEAR)
        return text + end if end and name not in data["others"] else None
    meant: Mapping[str, str] = data["meant"].get(endpoint, {})
    near = nearest(name, {*known, *meant}, _NEAR)
    if near is None:
        return f"{text}; the provider may refuse these lines"
    words = meant.get(near, near)
    return f"{text}; did you mean {words}?" if " " in words else f'{text}; did you mean "{words}"?'
