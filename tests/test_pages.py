"""
The pages in the rooms: each names every file of its room, and none that is not there.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

import aikit

_ROOT: Final = Path(aikit.__file__).parent
_PAGES: Final = sorted(page for page in _ROOT.rglob("README.md") if page.parent.name != "docs")
_NAMED: Final = re.compile(r"`(?:[a-z_]+/)*([a-z_]+\.(?:py|json))`")


def _named(page: Path) -> set[str]:
    return set(_NAMED.findall(page.read_text("utf-8")))


def _below(folder: Path) -> set[str]:
    """
    Return the files of *folder*, and of its folders that have no page of their own.
    """
    found = set()
    for path in folder.iterdir():
        if path.is_dir() and path.name != "__pycache__" and not (path / "README.md").exists():
            found |= _below(path)
        elif path.suffix in {".py", ".json"} and path.name not in {"__init__.py", "__main__.py"}:
            found.add(path.name)
    return found


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: str(page.parent.relative_to(_ROOT)))
def test_a_page_names_the_files_of_its_room(page: Path) -> None:
    """
    Whoever reads a page has seen every file of the room, and is sent to none that is gone.
    """
    assert _below(page.parent) - _named(page) == set()
    everywhere = {path.name for path in _ROOT.rglob("*") if path.suffix in {".py", ".json"}}
    tests = {path.name for path in Path(__file__).parent.rglob("*.py")}
    assert _named(page) - everywhere - tests <= {"prices.json"}


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: str(page.parent.relative_to(_ROOT)))
def test_a_page_is_a_page(page: Path) -> None:
    """
    It is read before the code, so it is short.
    """
    assert len(page.read_text("utf-8").splitlines()) <= 60
