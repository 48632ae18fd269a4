"""
Texts of all scripts and shapes, made from a seed.
"""

from __future__ import annotations

import base64
import json
import random
import string
import uuid
from collections.abc import Callable
from typing import Final

from aikit.jsonl.text_bounds import _known

_SIGNS: Final = string.punctuation
_ID: Final = string.ascii_letters + string.digits + "-_"
_BLANKS: Final = "    \t\t\n\n\r\x0b\x0c\x1c\x1f\x85\xa0\u2003\u2028\u202f\u3000"
_MARKS: Final = "\u0301\u0308\u064b\u093f\u094d\u0e31\u20dd\ufe0f\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\xad"
_SCRIPTS: Final = (
    *((0x20, 0x7E), (0x00, 0x7F), (0xA0, 0x17F), (0x180, 0x24F), (0x250, 0x2AF), (0x300, 0x36F), (0x370, 0x3FF)),
    *((0x400, 0x4FF), (0x430, 0x44F), (0x530, 0x58F), (0x590, 0x5FF), (0x600, 0x6FF), (0x700, 0x74F), (0x900, 0x97F)),
    *((0x980, 0x9FF), (0xA00, 0xA7F), (0xB80, 0xBFF), (0xC00, 0xC7F), (0xD00, 0xD7F), (0xE00, 0xE7F), (0xF00, 0xFFF)),
    *((0x1000, 0x109F), (0x10A0, 0x10FF), (0x1100, 0x11FF), (0x1200, 0x137F), (0x13A0, 0x13FF), (0x1780, 0x17FF)),
    *((0x1800, 0x18AF), (0x1E00, 0x1EFF), (0x1F00, 0x1FFF), (0x2000, 0x206F), (0x2070, 0x209F), (0x20A0, 0x20CF)),
    *((0x2100, 0x214F), (0x2190, 0x21FF), (0x2200, 0x22FF), (0x2500, 0x257F), (0x2580, 0x259F), (0x2600, 0x26FF)),
    *((0x2700, 0x27BF), (0x2800, 0x28FF), (0x3000, 0x303F), (0x3040, 0x309F), (0x30A0, 0x30FF), (0x3130, 0x318F)),
    *((0x3400, 0x4DBF), (0x4E00, 0x4EFF), (0x4E00, 0x9FFF), (0xA000, 0xA48F), (0xAC00, 0xD7A3), (0xE000, 0xF8FF)),
    *((0xF900, 0xFAFF), (0xFB50, 0xFDFF), (0xFE00, 0xFE0F), (0xFE70, 0xFEFF), (0xFF00, 0xFFEF), (0xFFF0, 0xFFFF)),
    *((0x10000, 0x100FF), (0x10330, 0x1034F), (0x12000, 0x123FF), (0x13000, 0x1342F), (0x16800, 0x16A3F)),
    *((0x1D400, 0x1D7FF), (0x1F1E6, 0x1F1FF), (0x1F300, 0x1F5FF), (0x1F600, 0x1F64F), (0x1F900, 0x1F9FF)),
    *((0x20000, 0x2A6DF), (0x30000, 0x3134F), (0xE0020, 0xE007F), (0xF0000, 0xF00FF), (0x80, 0x10FFFF)),
)
_Shape = Callable[[random.Random], str]


def texts(seed: int, number: int) -> list[str]:
    """
    Return so many texts; each of one shape, or of pieces of several.
    """
    chance = random.Random(seed)  # noqa: S311  a test repeats what it tried
    return [_text(chance) for _ in range(number)]


def _text(chance: random.Random) -> str:
    if chance.random() < 0.5:
        return chance.choice(SHAPES)(chance)
    pieces = (_cut(chance, chance.choice(SHAPES)(chance)) for _ in range(chance.randint(2, 6)))
    return chance.choice(("", " ", "\n", "'", ", ")).join(pieces)


def _cut(chance: random.Random, text: str) -> str:
    start = chance.randrange(len(text) + 1)
    return text[start : start + chance.randint(1, 40)]


def _some(chance: random.Random, alphabet: str, low: int = 1, high: int = 60) -> str:
    return "".join(chance.choices(alphabet, k=chance.randint(low, high)))


def _words(chance: random.Random, alphabet: str, between: str = " ") -> str:
    return between.join(_some(chance, alphabet, 1, 12) for _ in range(chance.randint(1, 20)))


def _script(chance: random.Random) -> str:
    first, last = chance.choice(_SCRIPTS)
    chars = [chance.randint(first, last) for _ in range(chance.randint(1, 60))]
    text = "".join(chr(char) for char in chars if not 0xD800 <= char < 0xE000)
    return chance.choice((text, text.replace(text[:1], " "), text + _some(chance, _MARKS, 0, 9)))


def _known_words(chance: random.Random) -> str:
    known = chance.choice((_ONE, _TWO))
    betweens = (
        " ",
        "  ",
        "\n",
        "\t",
        ", ",
        "'",
        " '",
        "'s ",
        "-",
        "/",
        "(",
        "\n//",
        "\x00",
        "7",
        " 7",
        "\u2019",
        "“",
        "—",
        "é",
    )
    between = chance.choice(betweens)
    return between + between.join(chance.choices(known, k=chance.randint(1, 12))) + chance.choice(("", between))


def _camel(chance: random.Random) -> str:
    words = chance.choices(_ONE, k=chance.randint(1, 6))
    return chance.choice(("".join(words), "".join(map(str.title, words)), "".join(map(str.upper, words))))


def _numbers(chance: random.Random) -> str:
    numbers = [chance.choice((chance.randint(0, 99), chance.random(), chance.gauss(0, 1e6))) for _ in range(20)]
    return chance.choice((json.dumps(numbers), " ".join(map(str, numbers)), "\n".join(f"{x:.3f}" for x in numbers)))


def _hex(chance: random.Random) -> str:
    data = chance.randbytes(chance.randint(1, 60))
    return chance.choice((data.hex(), data.hex(" "), base64.b64encode(data).decode(), base64.b85encode(data).decode()))


def _id(chance: random.Random) -> str:
    return chance.choice((str(uuid.UUID(int=chance.getrandbits(128))), _words(chance, _ID), _some(chance, _ID)))


def _url(chance: random.Random) -> str:
    path, words = _words(chance, string.ascii_lowercase, "/"), chance.choices(_ONE, k=3)
    query = f"{words[0]}={chance.randint(0, 10**9)}&q=%{chance.randint(10, 99)}"
    return f"https://{'.'.join(words)}.com/{path}?{query}#{words[1]}"


def _runs(chance: random.Random) -> str:
    signs = chance.choices(_SIGNS + _BLANKS + "aA0…—─　", k=chance.randint(1, 5))
    return "".join(sign * chance.choice((1, 2, 3, 5, 9, 16, 17, 40, 79, 80, 81, 100, 200)) for sign in signs)


def _code(chance: random.Random) -> str:
    words = chance.choices(_ONE, k=6)
    blanks = " " * chance.randint(0, 44)
    return chance.choice(
        (
            f"{blanks}def {words[0]}_{words[1]}(self, {words[2]}):\n{blanks}    return {words[3]}[{words[4]}:-1]\n",
            f"!function({words[0][:1]}){{'{words[1]}'===typeof {words[2]}&&({words[3]}=!0)}}(this);//{words[4]}\r\n",
            f"\\frac{{\\partial^2 {words[0][:1]}}}{{\\partial t^2}} = \\sum_{{k=0}}^{{\\infty}} \\{words[1]}_{{i,j}}",
            json.dumps(
                {word: [words[1], {"id": chance.randint(0, 999)}] for word in words}, indent=chance.choice((0, 2))
            ),
            f"| {words[0]} | {words[1]} |\n|---|:---:|\n| {words[2]} | {chance.random():.2f} |\n",
            f"<{words[0]} class='{words[1]}'>\n{blanks}<{words[2]}/>&nbsp;</{words[0]}>\n",
        )
    )


_ONE: Final = sorted(_known().one)
_TWO: Final = sorted(_known().two)
SHAPES: Final[tuple[_Shape, ...]] = (
    _script,
    _script,
    _script,
    _known_words,
    _known_words,
    _camel,
    _numbers,
    _hex,
    _id,
    _url,
    _runs,
    _code,
    lambda chance: _some(chance, chr(chance.randint(32, 126)) + chr(chance.randint(1, 0x2FF)) + " ", 1, 300),
    lambda chance: _some(chance, _SIGNS),
    lambda chance: _some(chance, _SIGNS + "  \n/"),
    lambda chance: _some(chance, _BLANKS + "a.9"),
    lambda chance: _some(chance, "abc" + _MARKS),
    lambda chance: _some(chance, "'sStTdDmMlLrReEvV \n"),
    lambda chance: _words(chance, string.ascii_lowercase),
    lambda chance: _words(chance, string.ascii_lowercase, "\n"),
    lambda chance: _words(chance, string.ascii_uppercase, chance.choice(_SIGNS)),
    lambda chance: _words(chance, string.ascii_letters),
    lambda chance: _words(chance, "bfghjkmnoqrtuvwxyz", chance.choice(" '\t-")),
    lambda chance: _words(chance, "qzjxkwvg"),
    lambda chance: _words(chance, "0123456789", chance.choice((" ", "  ", "\n", ".", "a"))),
    lambda chance: _words(chance, string.digits + "abcdef"),
)
