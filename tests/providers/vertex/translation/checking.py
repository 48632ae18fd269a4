"""
Lines drawn by chance, translated, and checked by what Google's importer can read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from random import Random, SystemRandom
from typing import Any, Final

from tests.providers.vertex.translation.chats import body
from tests.providers.vertex.translation.translating import content_of, errors_of, lines_of

_SEED: Final = int(os.environ.get("AIKIT_FUZZ_SEED") or SystemRandom().randrange(10**12))
_REFUSED: Final = {"unsupported", "invalid_type", "invalid_request", "invalid_value"}
_IN_ONE_FILE: Final = 100  # so many problems of a file are told


def check_lines(count: int, check: Callable[[Any], None]) -> None:
    """
    Translate *count* lines in files of a hundred; *check* gets each request.
    """
    random, translated = Random(_SEED), 0  # noqa: S311  what is drawn can be drawn again
    try:
        for _ in range(count // _IN_ONE_FILE):
            translated += _check_file([body(random) for _ in range(_IN_ONE_FILE)], check)
    except Exception as error:
        error.add_note(f"repeat it with AIKIT_FUZZ_SEED={_SEED}")
        raise
    assert 0.6 < translated / count < 0.98


def _check_file(bodies: list[Any], check: Callable[[Any], None]) -> int:
    refused = errors_of(content_of(bodies))
    numbers = {error.line for error in refused}
    assert all(error.line and error.code in _REFUSED and len(error.message) > 20 for error in refused), refused
    assert not any(".." in error.message.replace("...", "") for error in refused), refused
    good = [each for number, each in enumerate(bodies, 1) if number not in numbers]
    types: dict[str, str] = {}
    for number, line in enumerate(lines_of(content_of(good)), 1):
        assert line.keys() == {"key", "request"}
        assert line["key"] == f"r-{number}"
        check(line["request"])
        for path, kind in _columns(line, "", 1):
            assert types.setdefault(path, kind) == kind, path
    return len(good)


def _columns(value: Any, path: str, level: int) -> Iterator[tuple[str, str]]:
    """
    Yield path and type of each value, as a load into a table sees them; fail where it would.
    """
    assert value is not None, path
    assert value != {}, path
    yield path, "number" if type(value) in {int, float} else type(value).__name__
    if isinstance(value, dict | list):
        assert level <= 15, path
    if isinstance(value, dict):
        assert len({name.lower() for name in value}) == len(value), path
        for name, member in value.items():
            assert re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII), path
            yield from _columns(member, f"{path}.{name.lower()}", level + 1)
    if isinstance(value, list):
        for element in value:
            assert not isinstance(element, list), path
            yield from _columns(element, f"{path}[]", level + 1)
