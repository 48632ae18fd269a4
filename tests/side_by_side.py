"""
Tests in several processes at once, as ``pytest -n`` runs them: their order, and which have the machine to themselves.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

if os.name != "nt":
    import fcntl

_ALONE: Final = "alone"


def keep_modules_whole(config: pytest.Config) -> None:
    """
    Let one process have all tests of a module, whose fixtures can be dear, and give modules away in the order of items.
    """
    if config.getoption("dist", "no") == "load":
        config.option.dist, config.option.loadscopereorder = "loadscope", False


def sort_modules(items: list[pytest.Item]) -> None:
    """
    Put modules first that start programs or install them, and last those with tests that run alone: no process idles.
    """
    modules = [list(group) for _, group in itertools.groupby(items, key=lambda item: item.path)]
    items[:] = itertools.chain.from_iterable(sorted(modules, key=_rank))


def _rank(module: Iterable[pytest.Item]) -> int:
    marks = {mark.name for item in module for mark in item.iter_markers()}
    return 3 if _ALONE in marks else 2 - ("slow" in marks) - ("foreign" in marks)


class Room:
    """
    The machine: a test that is marked ``alone`` has it, or all others share it; those that come later let it go first.

    Locks of two files, that are the same for all processes of a run, tell who has it.
    """

    def __init__(self, door: Path, room: Path) -> None:
        self._door, self._room = os.open(door, os.O_RDONLY), os.open(room, os.O_RDONLY)

    @contextmanager
    def taken_for(self, item: pytest.Item) -> Iterator[None]:
        """
        Have it for *item*.
        """
        if os.name == "nt":
            yield
            return
        kind = fcntl.LOCK_SH if item.get_closest_marker(_ALONE) is None else fcntl.LOCK_EX
        fcntl.flock(self._door, kind)
        fcntl.flock(self._room, kind)
        fcntl.flock(self._door, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(self._room, fcntl.LOCK_UN)
