"""
Make ``aikit/jsonl/text_bounds.json`` anew.

    python -m tests.jsonl.make_text_bounds o200k_base.tiktoken cl100k_base.tiktoken

The two files are the vocabularies as OpenAI publishes them: a token in base64, and its rank, on each line.
"""

from __future__ import annotations

import base64
import json
import string
import sys
import textwrap
import unicodedata
from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path
from typing import Any, Final

import toktok

_TOKENIZERS: Final = ("o200k_base", "cl100k_base")
_TWO_MAX: Final = 10_000
_UNKNOWN: Final = 9
_SUFFIXES: Final = ("s", "t", "re", "ve", "m", "ll", "d", "S", "T", "RE", "VE", "M", "LL", "D")
_BEFORE: Final = (*string.punctuation, "\t", *"\u2019\u201c\u201d\u2014\u2013\u2026\u2018")
_ABOUT: Final = (
    "Facts of the vocabularies of o200k_base and cl100k_base (https://github.com/openai/tiktoken, MIT), 2026-11-30,",
    "made by tests/jsonl/make_text_bounds.py. one, two: words that both have as so many tokens after a blank, and as",
    "at most one more elsewhere, the most usual 10,000 of two. one_char: characters of one token. blocks_of_two,",
    "blocks_of_three: ranges of 64 characters (code point // 64) of three and four bytes that are one token fewer.",
)


def _most(texts: Iterable[str]) -> list[int]:
    some = list(texts)
    return [max(counts) for counts in zip(*(toktok.batch_count(some, name) for name in _TOKENIZERS), strict=True)]


def _words(files: list[str]) -> list[str]:
    """
    Return the words of both vocabularies, the most usual first.
    """
    found: dict[str, int] = {}
    for weight, file in enumerate(files, 1):
        for line in Path(file).read_bytes().splitlines():
            token, rank = line.split()
            word = base64.b64decode(token).decode("utf-8", "replace")
            if word.removeprefix(" ").isalpha():
                usual = int(rank) * weight if word.startswith(" ") else int(rank) * 2 + 100_000
                found[word.removeprefix(" ")] = min(usual, found.get(word.removeprefix(" "), usual))
    found |= {"".join(pair): found.get("".join(pair), 1) for pair in product(string.ascii_letters, repeat=2)}
    found |= dict.fromkeys(string.ascii_letters, 0)
    return sorted(found, key=found.__getitem__)


def _costs(words: list[str]) -> dict[str, int]:
    """
    Return how many tokens each word has after a blank, where it has at most one more elsewhere.
    """
    spaced, elsewhere = _most(" " + word for word in words), _most(words)
    for before in _BEFORE:
        elsewhere = [max(most, now - 1) for most, now in zip(elsewhere, _most(before + w for w in words), strict=True)]
    is_odd = [False] * len(words)
    for suffix, (blank, usual) in product(_SUFFIXES, ((" ", spaced), ("", elsewhere))):
        counts = _most(f"{blank}{word}'{suffix}" for word in words)
        is_odd = [odd or now > most + 2 for odd, now, most in zip(is_odd, counts, usual, strict=True)]
    each = zip(words, spaced, elsewhere, is_odd, strict=True)
    return {word: _UNKNOWN if odd else max(after, other - 1) for word, after, other, odd in each}


def _char_costs() -> dict[str, int]:
    chars = [chr(code) for code in range(0x80, 0x110000) if not 0xD800 <= code < 0xE000]
    chars = [char for char in chars if unicodedata.category(char) not in {"Cn", "Co"}]
    both = zip(_most(chars), _most(" " + char for char in chars), strict=True)
    return {char: max(alone, spaced - 1) for char, (alone, spaced) in zip(chars, both, strict=True)}


def _blocks(costs: dict[str, int], is_meant: Callable[[int], bool], most: int) -> list[list[int]]:
    highest: dict[int, int] = {}
    for char, cost in costs.items():
        highest[ord(char) // 64] = max(cost, highest.get(ord(char) // 64, 0))
    ranges: list[list[int]] = []
    for block in sorted(block for block, cost in highest.items() if is_meant(block) and cost <= most):
        if ranges and ranges[-1][1] == block - 1:
            ranges[-1][1] = block
        else:
            ranges.append([block, block])
    return ranges


def _write(file: Path, data: dict[str, Any]) -> None:
    parts = []
    for name, values in data.items():
        items = [json.dumps(value, ensure_ascii=False) for value in values]
        lines = textwrap.wrap(", ".join(items), 112) if name.startswith("blocks") else ",\n".join(items).split("\n")
        parts.append(f'  "{name}": [\n' + "\n".join(f"    {line}" for line in lines) + "\n  ]")
    file.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


def _main(files: list[str]) -> None:
    words, chars = _costs(_words(files)), _char_costs()
    one = [word for word, cost in words.items() if cost == 1]
    two = [word for word, cost in words.items() if cost == 2][:_TWO_MAX]
    single = "".join(sorted(char for char, cost in chars.items() if cost == 1))
    data = {
        "about": _ABOUT,
        "blocks_of_two": _blocks(chars, lambda block: 0x800 <= block * 64 < 0x10000, 2),
        "blocks_of_three": _blocks(chars, lambda block: block * 64 >= 0x10000, 3),
        "one_char": [single[start : start + 60] for start in range(0, len(single), 60)],
        "one": textwrap.wrap(" ".join(sorted(one)), 112, break_long_words=False),
        "two": textwrap.wrap(" ".join(sorted(two)), 112, break_long_words=False),
    }
    _write(Path(__file__).parents[2] / "aikit/jsonl/text_bounds.json", data)


if __name__ == "__main__":
    _main(sys.argv[1:])
