"""
Bounds of the tokens of a text, without a tokenizer: what ``o200k_base`` and ``cl100k_base`` count lies between them.

Both tokenizers cut a text into pieces (a word with one blank before it, up to three digits, a run of signs, a run of
blanks), and merge the bytes of each piece until no two neighbours together are in their vocabulary. So of *n* letters
with *b* neighbours that are in no vocabulary as a pair there are at most (2n + 1 + b) / 3 tokens. That is the bound of
unknown words; known ones, two lists of them, have one token or two. The number of tokens is the same for all numbers
of equal lengths, one sign is one token at most, and a run of blanks, dashes or dots has one for many.
"""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Iterable
from typing import Any, Final

import attrs

from aikit.storage.package_data import read_data

_BLANK, _SIGN, _QUOTE, _DIGIT, _LINE, _ODD = b" ", b"\x0b", b"\x0c", b"\r", b"\n", b"\t"
_UPPER: Final = bytes(range(ord("A"), ord("Z") + 1))
_LOWER: Final = bytes(range(ord("a"), ord("z") + 1))
_WIDE: Final = bytes(range(0x80, 0x100))
_LETTERS: Final = _UPPER + _LOWER + _WIDE


def _table(kinds: Iterable[tuple[bytes, bytes]], other: bytes = b"") -> bytes:
    table = bytearray(other * 256 or range(256))
    for of, kind in kinds:
        for byte in of:
            table[byte] = kind[0]
    return bytes(table)


_SIGNS: Final = bytes(set(range(33, 127)) - set(_LETTERS) - set(b"0123456789'"))
_KINDS: Final = _table(
    (
        (b" ", _BLANK),
        (_SIGNS, _SIGN),
        (b"'", _QUOTE),
        (b"0123456789", _DIGIT),
        (b"\n", _LINE),
        *tuple((bytes((letter,)), bytes((letter,))) for letter in _LETTERS),
    ),
    _ODD,
)
"""Letters as they are, all else by its kind, each of which is a blank to `str.split`."""

_STARTS: Final = _table(((_LETTERS, b"a"), (b" ", b" ")), b".")
_ENDINGS: Final = _table(((_LETTERS, b"a"), (_QUOTE, b"'")), b".")
_CASES: Final = _table(((_UPPER, b"A"), (_LOWER, b"a")), b" ")
_NO_PAIR_FIRST: Final = b"qxjzy"
_NO_PAIR_SECOND: Final = b"qjz"
_NO_PAIRS: Final = (b"gk", b"kx", b"wv")
"""Pairs of small letters that are not in both vocabularies: those with one of these first, or second, or just these."""

_RUNS: Final = ((b"-" * 16, 13), (b"=" * 16, 13), (b"*" * 8, 5), (b"#" * 6, 3), (b"_" * 5, 2), (b"." * 9, 6))
"""Signs whose runs are one token up to this length, so three tokens for each such run; and how many fewer that are."""

_LINES, _TABS, _BLANKS = (b"\n" * 10, 7), (b"\t" * 20, 37), b" " * 79
_TYPOGRAPHIC: Final = (*tuple((char, ",") for char in "\u2019\u201c\u201d\u2014\u2013\u2026\u2018"), ("\xa0", "\t"))
_BLANK_RUNS: Final = re.compile(b"  +")
_ASCII_RUNS: Final = re.compile(r"[\x00-\x7f]+")
_CJK: Final = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
_CJK_MAX: Final = 11  # characters of one token
_CHARS_MAX: Final = 21


@attrs.frozen
class _Known:
    """
    What the vocabularies are known to have: words of one token and of two, and characters.
    """

    one: frozenset[str]
    two: frozenset[str]
    chars: _CharCosts


class _CharCosts(dict[str, int]):
    """
    The most tokens of each character beyond ASCII, found when it is first asked for.
    """

    def __init__(self, data: dict[str, Any]) -> None:
        super().__init__(dict.fromkeys("".join(data["one_char"]), 1))
        self._two = frozenset(_numbers(data["blocks_of_two"]))
        self._three = frozenset(_numbers(data["blocks_of_three"]))

    def __missing__(self, char: str) -> int:
        size, block = len(char.encode("utf-8", "surrogatepass")), ord(char) // 64
        saves = (size == 3 and block in self._two) or (size == 4 and block in self._three)
        cost = size - 1 if saves else size
        if size < 4:
            self[char] = cost
        return cost


def _numbers(ranges: list[list[int]]) -> Iterable[int]:
    return itertools.chain.from_iterable(range(first, last + 1) for first, last in ranges)


@functools.cache
def _known() -> _Known:
    data = read_data("aikit.jsonl", "text_bounds.json")
    one, two = (frozenset(" ".join(data[name]).split()) for name in ("one", "two"))
    return _Known(one, two, _CharCosts(data))


def text_bounds(text: str) -> tuple[int, int]:
    """
    Return the least and the most tokens that *text* has; both are 0 for an empty one.
    """
    if not text:
        return 0, 0
    plain = text
    if not text.isascii():
        for char, instead in _TYPOGRAPHIC:
            plain = plain.replace(char, instead)
    return _Counted(text, plain).bounds()


class _Counted:
    """
    A text, and how much of each kind is in it.
    """

    def __init__(self, text: str, plain: str) -> None:
        self.text = text
        self.data = plain.encode("utf-8", "surrogatepass")
        self.is_ascii = len(self.data) == len(plain)
        self.kinds = self.data.translate(_KINDS)
        self.words = self.kinds.decode("utf-8", "surrogatepass").split()
        rest = self.kinds.translate(None, _LETTERS)
        self.blanks, self.lines, self.odd = rest.count(_BLANK), rest.count(_LINE), rest.count(_ODD)
        self.quotes, self.digits = rest.count(_QUOTE), rest.count(_DIGIT)
        self.signs = rest.count(_SIGN) + self.quotes
        self.wide_blanks = 0 if self.is_ascii else len(plain) - len(rest) - len("".join(self.words))

    def bounds(self) -> tuple[int, int]:
        numbers, ended = self._numbers(), self.kinds.count(_SIGN + _BLANK) if self.signs else 0
        unknown = [word for word in self.words if word not in _known().one]
        strange = [word for word in unknown if word not in _known().two]
        known = len(self.words) - len(strange)
        high = known + len(unknown) - len(strange) + numbers + self.signs + self.lines + 2 * self.odd
        high += 4 * self.wide_blanks + min(self._after_others(ended), known) + self._blank_runs() - self._runs()
        if strange:
            high += self._strange(strange)
        low = self._least() + numbers + ended
        return max(low, 1 if self.is_ascii else self._least_of_wide()), max(high, 1)

    def _numbers(self) -> int:
        """
        Return the tokens of all digits: one for each three; and one for a blank before them.
        """
        if not self.digits:
            return 0
        rest = self.kinds.replace(_DIGIT * 3, _LINE)
        threes = (len(self.kinds) - len(rest)) // 2
        return threes + rest.count(_DIGIT) - rest.count(_DIGIT * 2) + self.kinds.count(_BLANK + _DIGIT)

    def _after_others(self, ended: int) -> int:
        """
        Return how many words have no blank before them, at most; each may have a token more.
        """
        others = self.signs - ended + self.lines + self.odd + self.digits + self.wide_blanks + 1
        if 5 * others < len(self.words):
            return others
        starts = self.kinds.translate(_STARTS)
        return starts.count(b".a") + starts.startswith(b"a") + self.wide_blanks

    def _blank_runs(self) -> int:
        at_end = self.kinds.endswith(_BLANK)
        pairs = self.kinds.count(b"  ")
        if 16 * pairs < len(self.words):
            return pairs + at_end
        return len(_BLANK_RUNS.findall(self.kinds)) + at_end + 4 * self.data.count(_BLANKS)

    def _runs(self) -> int:
        """
        Return how many tokens fewer there are because runs of the same sign have few.
        """
        fewer = self.data.count(b"\r\n") if self.odd else 0
        if 4 * self.signs > len(self.words):
            fewer += sum(less * self.data.count(run) for run, less in _RUNS)
        if self.lines > len(self.words):
            fewer += _LINES[1] * self.data.count(_LINES[0])
        if self.odd > len(self.words):
            fewer += _TABS[1] * self.data.count(_TABS[0])
        return fewer

    def _strange(self, words: list[str]) -> int:
        """
        Return the most tokens of words that are not known.
        """
        joined = " ".join(words)
        data = joined.encode("utf-8", "surrogatepass")
        cases = data.translate(_CASES)
        spaced, runs, wide = 2 * min(len(words), self.blanks), len(words), 0
        if not self.is_ascii:
            wide = sum(map(_known().chars.__getitem__, _ASCII_RUNS.sub("", joined)))
            spaced, runs = 3 * spaced // 2, len(cases.split())
        upper = cases.count(b"A")
        unpaired = upper + cases.count(b"aA") + _count(data, _NO_PAIR_FIRST) + _count(data, _NO_PAIR_SECOND)
        unpaired += sum(map(data.count, _NO_PAIRS))
        return wide + math.ceil((2 * (upper + cases.count(b"a")) + runs + spaced + unpaired) / 3)

    def _least(self) -> int:
        """
        Return the number of words of ASCII letters; a word, an apostrophe and its ending may be one token together.
        """
        joined = self.kinds.translate(_ENDINGS).count(b"a'a") if self.quotes else 0
        return len(self.words) - joined if self.is_ascii else sum(map(str.isascii, self.words)) - joined

    def _least_of_wide(self) -> int:
        pieces = len(self.text.split()) - self.data.count(b"\n/") - self.data.count(b"\r/")
        cjk = len(self.text) - len(_CJK.sub("", self.text))
        wide = len(self.text) - len(self.text.encode("ascii", "ignore"))
        return max(1, pieces, cjk // _CJK_MAX, wide // _CHARS_MAX)


def _count(data: bytes, kind: bytes) -> int:
    return len(data) - len(data.translate(None, kind))
