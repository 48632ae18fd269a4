"""
The page for those who come from another library: what it says to write here is run, and what they wrote there parses.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

import aikit

_PAGE: Final = Path(aikit.__file__).parent / "docs" / "coming-from.md"
_CODE: Final = re.compile(r"`([^`]+)`")
_NAMES: Final = {"key": "sk-1", "url": "http://127.0.0.1:9/v1", "done": lambda _: None}


def _rows() -> Iterator[tuple[str, str, str]]:
    """
    Walk over library, left and right side of each row of the tables.
    """
    library = ""
    for line in _PAGE.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| ") and len(cells) == 2 and cells[1] == "aikit":
            library = cells[0]
        elif line.startswith("| "):
            assert len(cells) == 2, line
            yield library, cells[0], cells[1].removesuffix(" |")


_ROWS: Final = list(_rows())


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """
    Return what the page's own snippet makes, and the names that need no making.
    """
    monkeypatch.chdir(tmp_path)
    found: dict[str, Any] = dict(_NAMES)
    (snippet,) = re.findall(r"^```python\n(.*?)^```$", _PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    exec(compile(snippet, str(_PAGE), "exec"), found)  # noqa: S102  our own page
    return found | {"data": found["path"].read_bytes()}


def _is_whole(code: str) -> bool:
    """
    Return whether *code* stands by itself, and is not merely the name of something.
    """
    return "(" in code and not code.endswith("()")


@pytest.mark.parametrize(("library", "theirs", "ours"), _ROWS, ids=[f"{row[0]}-{row[1][:50]}" for row in _ROWS])
def test_what_is_written_here_runs(library: str, theirs: str, ours: str, names: dict[str, Any]) -> None:
    """
    All code on the right that is whole runs after the page's snippet.
    """
    code = _CODE.findall(ours)[0]
    compiled = compile(code, f"{library}: {theirs}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if compiled.co_flags & inspect.CO_COROUTINE:
        asyncio.run(eval(compiled, names))  # noqa: S307  our own page
    else:
        exec(compiled, names)  # noqa: S102  our own page
    for further in filter(_is_whole, _CODE.findall(ours)[1:]):
        exec(compile(further, theirs, "exec"), names)  # noqa: S102  our own page


def calls_of(library: str) -> list[str]:
    """
    Return what people wrote there, of each row that says it in one line of Python.
    """
    codes = [code for name, theirs, _ in _ROWS if name == library for code in _CODE.findall(theirs)]
    return [code for code in codes if "(" in code and _parses(code)]


def _parses(code: str) -> bool:
    try:
        compile(code, "<page>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except SyntaxError:
        return False
    return True


@pytest.mark.parametrize("library", ["openai", "litellm"])
def test_what_was_written_there_is_python(library: str) -> None:
    """
    Each library has its table, and nearly all of its calls parse; the library itself runs them in tests/foreign.
    """
    rows = [theirs for name, theirs, _ in _ROWS if name == library]
    assert len(calls_of(library)) > 0.7 * len(rows) > 8
