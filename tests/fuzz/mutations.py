"""
Bytes, JSON and header fields as broken and hostile peers write them.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Sequence
from contextlib import suppress
from random import Random
from typing import Any, Final

_SNIPPETS: Final = (
    *(b"null", b"true", b"NaN", b"-Infinity", b"1e999", b"-1", b"0", b"12.0", b"9" * 5000, b"-" + b"9" * 400, b"1e5"),
    *(
        b'""',
        b'"\\ud800"',
        b'"\\u0000"',
        b"[]",
        b"{}",
        b"[" * 3000,
        b'{"a":' * 3000,
        b"\0",
        b"\r\n",
        b"\n",
        b"\r",
        b"\x1b[2J",
    ),
    *(b"\xff\xfe", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b",", b":", b'"', b"\\", b"]", b"}", b" " * 5000),
)
_VALUES: Final[Sequence[Any]] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 10**400, -(10**30), 0.5, 12.0, 1e300, float("nan"), float("inf")),
    *(
        "",
        " ",
        "\ud800",
        "\0",
        "\x1b[31m",
        "a\nb",
        "x" * 5000,
        "\u202e",
        "../../x",
        "NaN",
        "12",
        "2026-11-30T00:00:00Z",
    ),
    *([], {}, [None], [[]], [{}], {"": None}, {"a": {"b": {}}}, ["a", 1], {"message": "x"}, "{}", '{"a": 1}'),
)
_FIELDS: Final = (
    *("Retry-After", "retry-after-ms", "x-ms-retry-after-ms", "Content-Range", "Content-Length", "Content-Encoding"),
    *("Content-Type", "ETag", "Last-Modified", "Location", "Set-Cookie", "Content-Disposition", "x-request-id", "Date"),
    *("x-should-retry", "x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    *("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens", "Transfer-Encoding", "Connection", "Server"),
)
_FIELD_VALUES: Final = (
    *("", " ", "0", "-1", "1", "1e9", "1e999", "nan", "inf", "9" * 400, "\xb2", "0x10", "1_0", "1, 1", "6m0s", "1h-1m"),
    *(
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Thu, 01 Jan 1970 00:00:00 -9999",
        "Sun, 06 Nov 94 08:49",
        "2026-11-30T00:00:00Z",
    ),
    *("bytes 0-9/10", "bytes 0-9/*", "bytes */10", "bytes 5-1/3", "bytes 0-9/" + "9" * 30, "items 0-1/2", "bytes"),
    *("gzip", "GZIP", "deflate", "br", "gzip, gzip", "identity", "chunked", ",", "text/html", "application/json"),
    *(
        '"one"',
        'W/"one"',
        '"',
        "ftp://h/" + "?" * 5000,
        "//[",
        "http://a:b@h/",
        "/v1/x",
        "\x1b[31m",
        "a=b; c",
        "x" * 5000,
    ),
)


def mutated(random: Random, sample: bytes) -> bytes:
    """
    Return *sample* as somebody else might have written it, from nearly right to rubbish.
    """
    if random.random() < 0.5:
        with suppress(ValueError):
            sample = _as_json(random, sample)
    for _ in range(random.choice((0, 1, 1, 2, 3, 8))):
        sample = _step(random, sample)
    return sample


def _as_json(random: Random, sample: bytes) -> bytes:
    """
    Return *sample* with some of its values replaced by others; of lines each is JSON.
    """
    lines = (
        [json.loads(line) for line in sample.splitlines() if line.strip()] if b"\n" in sample else [json.loads(sample)]
    )
    for _ in range(random.choice((1, 1, 2, 4))):
        number = random.randrange(len(lines)) if lines else 0
        lines[number : number + 1] = [_replaced(random, value) for value in lines[number : number + 1]]
    return b"\n".join(json.dumps(line).encode() for line in lines) + (b"\n" if b"\n" in sample else b"")


def _replaced(random: Random, value: Any) -> Any:
    if isinstance(value, dict) and value and random.random() < 0.85:
        key = random.choice(list(value))
        if random.random() < 0.1:
            return {name: each for name, each in value.items() if name != key}
        return value | {key: _replaced(random, value[key])}
    if isinstance(value, list) and value and random.random() < 0.85:
        place = random.randrange(len(value))
        return [*value[:place], _replaced(random, value[place]), *value[place + 1 :], *value[: random.randrange(2)]]
    return random.choice(_VALUES)


def _step(random: Random, sample: bytes) -> bytes:
    start = random.randrange(len(sample) + 1)
    end = min(len(sample), start + random.choice((1, 1, 2, 8, 64, 1000)))
    match random.randrange(6):
        case 0:
            return sample[:start] + random.choice(_SNIPPETS) + sample[start:]
        case 1:
            return sample[:start] + random.choice(_SNIPPETS) + sample[end:]
        case 2:
            return sample[:start] + sample[end:]
        case 3:
            return sample[:end] + sample[start:]
        case 4:
            return sample[:start]
    return sample[:start] + random.randbytes(end - start) + sample[end:]


def fields(random: Random) -> list[tuple[str, str]]:
    """
    Return some header fields.
    """
    return [(random.choice(_FIELDS), random.choice(_FIELD_VALUES)) for _ in range(random.choice((0, 0, 1, 2, 4)))]


def packed(random: Random, content: bytes) -> tuple[bytes, str]:
    """
    Return *content* encoded, perhaps broken or with something behind it, and what it is called.
    """
    name = random.choice(("gzip", "x-gzip", "deflate", "deflate"))
    data = gzip.compress(content) if "gzip" in name else zlib.compress(content)
    if name == "deflate" and random.random() < 0.5:
        data = data[2:-4]
    return (mutated(random, data) if random.random() < 0.7 else data), name
