"""
What type checkers say of programs of users, of the README and the pages, and of the examples.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pytest

import aikit
from tests.foreign.aimock import Missing
from tests.foreign.libraries import installed

pytestmark = [pytest.mark.slow, pytest.mark.foreign]

_HERE: Final = Path(__file__).parent
_ROOT: Final = Path(aikit.__file__).parents[1]
_PAGES: Final = [_ROOT / "README.md", *sorted((_ROOT / "aikit" / "docs").glob("*.md"))]
_TOUR: Final = re.compile(r"^## A tour$(.*?)^## ", re.DOTALL | re.MULTILINE)
_PYTHON: Final = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_MEANT: Final = re.compile(r"expire_after")
"""What a page shows as a mistake."""
_AS_PAGES_WRITE: Final = "# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls\n"
_WITHOUT_LIBRARIES: Final = "# pyright: reportMissingImports=false\n"  # PySide6, and the openai of one example
_STAR: Final = """
from aikit import *
from aikit.dispatch import *
from aikit.jsonl import *

client: OpenAIClient = OpenAIClient(provider="local", dispatcher=pumped())
file: OpenAIFile = client.files.create(b"a", "user_data", OpenAIFileParameters(filename="a.txt")).unwrap()
print(to_json(file), chat_line("Why?", model="m"), jsonl.check, dispatch.pumped, file.nam)
"""

Found = Mapping[str, Mapping[int, str]]
"""Name of a file → line → the line, of all lines that a checker finds fault with."""


def _programs() -> dict[str, str]:
    """
    Return the programs by their file names; those of pages end in ``.page.py``.
    """
    programs = {path.name: _WITHOUT_LIBRARIES + path.read_text("utf-8") for path in (_ROOT / "examples").glob("*.py")}
    for number, page in enumerate(_PAGES):
        programs[f"{number:02}-{page.stem}.page.py"] = _AS_PAGES_WRITE + _snippets(page.read_text("utf-8"))
    tour = _TOUR.search(_PAGES[0].read_text("utf-8"))
    assert tour is not None
    programs["tour.py"] = _snippets(tour[1])
    programs["program.py"] = "# pyright: strict\n" + (_HERE / "program.py").read_text("utf-8")
    programs["star.py"] = _STAR
    programs["mistakes.py"] = (_HERE / "mistakes.txt").read_text("utf-8")
    return programs


def _snippets(markdown: str) -> str:
    return "\n".join(_PYTHON.findall(markdown))


def _mypy(folder: Path) -> str:
    options = ("--strict", "--ignore-missing-imports", "--config-file=", "--python-executable", sys.executable)
    return _said_by(folder, "mypy==2.4.1", *options, "--cache-dir", str(folder / "cache"), "--scripts-are-modules")


def _pyright(folder: Path) -> str:
    return _said_by(folder, "pyright[nodejs]==1.1.414", "--pythonpath", sys.executable)


def _said_by(folder: Path, package: str, *options: str) -> str:
    try:
        environ = {**os.environ, "PYTHONPATH": str(installed(package)), "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    except (Missing, subprocess.TimeoutExpired) as reason:
        pytest.skip(str(reason))
    programs = sorted(path.name for path in folder.glob("*.py"))
    command = [sys.executable, "-m", re.split(r"\W", package)[0], *options, *programs]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 1, (done.stdout + done.stderr)[-4000:]  # 0 would be no mistake found
    return done.stdout


@pytest.fixture(scope="module", params=[_mypy, _pyright], ids=["mypy", "pyright"])
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Found:
    """Return what a checker finds in all programs."""
    check: Callable[[Path], str] = request.param
    folder, programs = tmp_path_factory.mktemp("typed"), _programs()
    for name, text in programs.items():
        (folder / name).write_text(text, "utf-8")
    told: dict[str, dict[int, str]] = {name: {} for name in programs}
    for name, line in re.findall(r"^\s*(?:\S*/)?([^/\s:]+\.py):(\d+):(?:\d+)?[ -]+error", check(folder), re.MULTILINE):
        told[name][int(line)] = programs[name].splitlines()[int(line) - 1]
    return told


def test_a_users_program_is_right(found: Found) -> None:
    """
    It has options of all kinds and calls of all APIs; mypy is strict, and so is pyright.
    """
    assert found["program.py"] == {}


def test_the_tour_is_right(found: Found) -> None:
    """
    The README's first snippets pass as strictly as a program does.
    """
    assert found["tour.py"] == {}


def test_a_star_imports_what_is_public(found: Found) -> None:
    """
    With the types: a mistake is found, and no other.
    """
    assert list(found["star.py"]) == [8]


def test_the_pages_are_right(found: Found) -> None:
    """
    Their snippets pass, but for the annotations of their functions and for what they show as a mistake.
    """
    pages = [lines for name, lines in found.items() if name.endswith(".page.py")]
    assert len(pages) == len(_PAGES)
    assert [line for lines in pages for line in lines.values() if not _MEANT.search(line)] == []


def test_the_examples_are_right(found: Found) -> None:
    """
    All of them pass.
    """
    assert {
        name: found[name] for name in (path.name for path in (_ROOT / "examples").glob("*.py")) if found[name]
    } == {}


def test_every_mistake_is_found_and_nothing_else(found: Found) -> None:
    """
    Misspelt options, values and parameters of another kind, callbacks of another call: each is found where it stands.
    """
    lines = (_HERE / "mistakes.txt").read_text("utf-8").splitlines()
    assert list(found["mistakes.py"].values()) == [line for line in lines if line.endswith("# ?")]


def test_the_users_program_does_what_it_says(tmp_path: Path) -> None:
    """
    What checkers take for right runs, too.
    """
    command = [sys.executable, str(_HERE / "program.py"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "None 404\n" in done.stdout
