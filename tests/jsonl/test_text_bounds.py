"""
Bounds of texts, held against the two real tokenizers.
"""

from __future__ import annotations

import itertools
import json
import random
import string
import time
from typing import Final

import pytest
import toktok
from hypothesis import given
from hypothesis import strategies as st

from aikit.jsonl.text_bounds import _known, text_bounds
from tests.jsonl.texts import texts

_TOKENIZERS: Final = ("o200k_base", "cl100k_base")
_CHANCE: Final = random.Random(10)  # noqa: S311  a test repeats what it tried
_ID: Final = string.ascii_letters + string.digits + "-_"
_GRID: Final = [[_CHANCE.choice(string.digits) for _ in range(20)] for _ in range(20)]
DENSE: Final = {
    "small numbers": json.dumps([_CHANCE.randint(0, 99) for _ in range(400)]),
    "digit grid": "\n".join(" ".join(row) for row in _GRID),
    "random ids": "\n".join("".join(_CHANCE.choices(_ID, k=11)) for _ in range(150)),
    "hex dump": "\n".join(_CHANCE.randbytes(16).hex(" ") for _ in range(60)),
    "indented code": "".join(f"{' ' * 40}x{n} = f({n})\n" for n in range(60)),
    "dashes": ("-" * 80 + "\n") * 60,
}
"""Texts whose tokens are many for their length, or few."""


def _counts(some: list[str]) -> list[tuple[int, int]]:
    """
    Return the least and the most that a real tokenizer counts, of each text.
    """
    both = zip(*(toktok.batch_count(some, name, 1) for name in _TOKENIZERS), strict=True)
    return [(min(counts), max(counts)) for counts in both]


def _outside(some: list[str]) -> list[tuple[int, int, int, int, str]]:
    found = ((*text_bounds(text), *counts, text) for text, counts in zip(some, _counts(some), strict=True))
    return [case for case in found if not case[0] <= case[2] <= case[3] <= case[1]]


@pytest.mark.parametrize("name", DENSE)
def test_dense_texts_lie_between_their_bounds(name: str) -> None:
    """
    Numbers, ids, dumps, deep indentation and runs of one sign are what a rate for each character cannot bound.
    """
    assert _outside([DENSE[name]]) == []


@pytest.mark.parametrize(("name", "factor"), [("small numbers", 1.01), ("digit grid", 1.01), ("indented code", 1.3)])
def test_numbers_and_blanks_are_all_but_exact(name: str, factor: float) -> None:
    """
    Digits go by threes, and a run of blanks is one token.
    """
    assert text_bounds(DENSE[name])[1] <= factor * _counts([DENSE[name]])[0][1]


def test_runs_of_one_sign_cost_a_few_tokens() -> None:
    """
    A thousand dashes are not a thousand tokens at most, nor a hundred at least.
    """
    low, high = text_bounds("-" * 1_000)
    assert low <= _counts(["-" * 1_000])[0][0]
    assert high < 250


@given(st.text(max_size=300))
def test_any_text_lies_between_its_bounds(text: str) -> None:
    """
    All scripts and signs in any order.
    """
    assert _outside([text]) == []


@given(st.text(alphabet=string.printable, max_size=300))
def test_any_ascii_text_lies_between_its_bounds(text: str) -> None:
    """
    Likewise for letters, digits, signs and blanks of ASCII, where most texts are.
    """
    assert _outside([text]) == []


@given(st.lists(st.sampled_from(sorted(_known().one | _known().two)), max_size=20), st.text(max_size=3))
def test_known_words_lie_between_their_bounds_whatever_is_between(words: list[str], between: str) -> None:
    """
    A word that is one token after a blank may be two after another sign.
    """
    assert _outside([between.join(words)]) == []


def test_texts_of_all_scripts_and_shapes_lie_between_their_bounds() -> None:
    """
    URLs, ids, code, tables, camel case, combining marks, emoji, private use, runs, alone and put together.
    """
    assert _outside(texts(1, 3_000)) == []


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
def test_a_hundred_thousand_texts_lie_between_their_bounds(seed: int) -> None:
    """
    Likewise, of ten seeds.
    """
    assert _outside(texts(1_000 + seed, 10_000)) == []


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("around", ["{}", " {}", "a{}", "{}a", "\n{}"])
def test_each_character_lies_between_its_bounds(around: str) -> None:
    """
    No character has more tokens than it is taken for, alone or beside others.
    """
    chars = (chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)
    while some := [around.format(char) for char in itertools.islice(chars, 50_000)]:
        assert _outside(some) == []


@pytest.mark.parametrize("before", ["", " ", "\n", "(", "\t", "'", "_", "“"])
def test_each_known_word_has_the_tokens_it_is_known_for(before: str) -> None:
    """
    The lists are right: one or two tokens after a blank, and at most one more elsewhere.
    """
    for words, tokens in ((_known().one, 1), (_known().two, 2)):
        several = tokens + (before.strip(" ") != "") + (before != " ")
        some = sorted(words)[:: 1 if before == " " else 7]
        wrong = [
            word
            for word, counts in zip(some, _counts([before + word for word in some]), strict=True)
            if counts[1] > several
        ]
        assert wrong == []


def test_each_pair_of_small_letters_is_one_token_or_known_not_to_be() -> None:
    """
    The bound of unknown words counts the pairs that no vocabulary has.
    """
    pairs = ["".join(pair) for pair in itertools.product(string.ascii_lowercase, repeat=2)]
    missing = [pair for pair, counts in zip(pairs, _counts(pairs), strict=True) if counts[1] > 1]
    assert all(pair[0] in "qxjzy" or pair[1] in "qjz" or pair in {"gk", "kx", "wv"} for pair in missing)


def test_prose_lies_close_below_its_bound() -> None:
    """
    The bound is of use: English takes more than 0.6 of it.
    """
    prose = (
        "The house stands at the end of a narrow street. In the morning you can hear the river, and in the evening "
        "people sit outside and talk about what they did during the day, or about what they are going to do tomorrow. "
    )
    assert 0.6 * text_bounds(prose)[1] < _counts([prose])[0][0]


def test_lone_surrogates_have_bounds_too() -> None:
    """
    JSON can carry what UTF-8 cannot.
    """
    assert text_bounds("a\ud800 \udfff")[1] >= 2


@pytest.mark.parametrize("piece", ["a", "ab ", " ", "-", "\n", "7", "é", "漢", "\u0301", "' "])
def test_a_long_text_takes_time_in_step_with_its_length(piece: str) -> None:
    """
    Of ten times as many characters the bounds take no more than some ten times as long.
    """
    text_bounds("a")
    took = []
    for size in (100_000, 1_000_000):
        start = time.thread_time()
        text_bounds(piece * (size // len(piece)))
        took.append(time.thread_time() - start)
    assert took[1] < 30 * took[0] + 0.1
