"""
What the README and the pages of aikit/docs show is what happens, in a file and typed into Python, again and again.
"""

from __future__ import annotations

import code
import contextlib
import io
import itertools
import os
import re
import shutil
import site
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

import aikit
from tests.generated import made

_ROOT: Final = Path(aikit.__file__).parents[1]
_README: Final = _ROOT / "README.md"
_DOCS: Final = _ROOT / "aikit" / "docs"
_PAGES: Final = [_README, *sorted(_DOCS.glob("*.md"))]
_BLOCK: Final = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK: Final = re.compile(r"\]\(([^)\s]+)\)")
_EXTRAS: Final = re.compile(r"(?:aikit-client|`)\[([a-z,]+)\]")
_HEADING: Final = re.compile(r"^#+ (.*)$", re.MULTILINE)
_HALFWAY: Final = re.compile(r"^\w+: (\d+) of (?!\1$)\d+\n", re.MULTILINE)
_each_page: Final = pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.relative_to(_ROOT).as_posix())


def blocks(page: Path = _README) -> list[tuple[str, str]]:
    """
    Return language and text of each fenced block.
    """
    return _BLOCK.findall(page.read_text("utf-8").replace("sk-…", "sk-1"))


def _snippets(page: Path) -> Iterator[tuple[str, str | None]]:
    """
    Walk over the Python blocks of *page*, each with what is printed by it, if the page shows that.
    """
    found = blocks(page)
    for (language, text), (following, printed) in itertools.pairwise([*found, ("", "")]):
        if language == "python":
            yield text, printed if following == "text" else None


def _without_halfway(printed: str) -> str:
    """
    Return what was *printed* without progress short of the whole, which a slow machine tells as well.
    """
    return _HALFWAY.sub("", printed)


@pytest.fixture(autouse=True)
def _a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run what a page shows in an empty folder, with an empty home."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIKIT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


def test_the_first_two_blocks_are_the_two_commands() -> None:
    """
    The first sets up and runs the main job, the second sets up and passes the tests; each is one line.
    """
    first, second = blocks()[:2]
    assert (first[0], second[0]) == ("sh", "sh")
    assert first[1].rstrip().endswith("aikit demo")
    assert second[1].rstrip().endswith("pytest -n 4")
    assert [first[1].count("\n"), second[1].count("\n")] == [1, 1]


@_each_page
def test_a_pages_snippets_print_what_it_says(page: Path) -> None:
    """
    All Python blocks of a page run in order, on the embedded provider; the text blocks after them are their output.

    So it is in the same folder a second time.
    """
    for _ in range(2):
        namespace: dict[str, object] = {"__name__": "__main__"}
        for text, expected in _snippets(page):
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(text, str(page), "exec"), namespace)  # noqa: S102  our own page
            assert expected is None or _without_halfway(printed.getvalue()) == expected


@_each_page
def test_a_pages_snippets_print_the_same_where_lines_end_otherwise(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    On Windows, what a page writes as text has a carriage return more in each line.
    """

    def write_text(path: Path, text: str) -> int:
        return path.write_bytes(text.replace("\n", "\r\n").encode())

    def open_there(path: str, mode: str = "r", newline: str | None = None) -> Any:
        return Path(path).open(mode, newline="\r\n" if mode == "w" and newline is None else newline)

    monkeypatch.setattr(Path, "write_text", write_text)
    namespace: dict[str, object] = {"__name__": "__main__", "open": open_there}
    for text, expected in _snippets(page):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(text, str(page), "exec"), namespace)  # noqa: S102  our own page
        assert expected is None or _without_halfway(printed.getvalue()) == expected


@_each_page
def test_a_pages_snippets_can_be_typed(page: Path) -> None:
    """
    Python's own prompt takes every block line by line, twice: none of its functions has an empty line, each ends so.
    """
    for _ in range(2):
        console = _Console()
        for text, expected in _snippets(page):
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                is_open = [console.push(line) for line in text.splitlines()][-1]
                if is_open:
                    console.push("")
            assert expected is None or _without_halfway(printed.getvalue()) == expected


class _Console(code.InteractiveConsole):
    """
    Python's prompt; what goes wrong at it goes wrong here.
    """

    def runcode(self, code: object) -> None:
        """
        Run *code* as the prompt does, without showing the values of its expressions.
        """
        hook, sys.displayhook = sys.displayhook, lambda _: None
        try:
            exec(code, self.locals)  # type: ignore[arg-type]  # noqa: S102  our own page
        finally:
            sys.displayhook = hook

    def showsyntaxerror(self, *_: object, **__: object) -> None:
        """
        Raise what was typed wrongly.
        """
        raise  # noqa: PLE0704  within an except clause of the standard library


def _python(version: str) -> str:
    """
    Return where the Python of *version* is: this one, on the path, or among those of pyenv.
    """
    if sys.version.startswith(f"{version}."):
        return sys.executable
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for found in [*kept.glob(f"{version}.*/bin/python"), shutil.which(f"python{version}")]:
        if (
            found
            and subprocess.run([found, "-c", "import sqlite3, ssl"], capture_output=True, check=False).returncode == 0
        ):
            return str(found)
    pytest.skip(f"no Python {version} is installed")


@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.11", "3.12"])
def test_python_itself_takes_what_is_typed(version: str, tmp_path: Path) -> None:
    """
    ``python -i`` takes the README and all pages, twice, prints what they say and tells of no error.
    """
    typed, printed = "import os, sys; sys.displayhook = lambda value: None\n", ""
    for page in [page for page in _PAGES for _ in range(2)]:
        folder = tmp_path / page.relative_to(_ROOT)
        folder.mkdir(parents=True, exist_ok=True)
        typed += f"os.environ['AIKIT_HOME'] = {str(folder / 'home')!r}; os.chdir({str(folder)!r})\n"
        for text, expected in _snippets(page):
            typed += f"{text}\n" if expected is None else f'print("<<<")\n{text}\nprint(">>>")\n'
            printed += "" if expected is None else f"<<<\n{expected}>>>\n"
    done = subprocess.run(
        [_python(version), "-i", "-q"],
        input=typed,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(_ROOT), *site.getsitepackages()])},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "Error" not in done.stderr
    assert _without_halfway("".join(re.findall(r"<<<\n.*?>>>\n", done.stdout, re.DOTALL))) == printed


@_each_page
def test_answers_are_read_line_by_line(page: Path) -> None:
    """
    No snippet fetches the output file by hand: a batch whose lines all failed has none.
    """
    assert not [text for text, _ in _snippets(page) if "output_file_id" in text]


def _anchors(page: Path) -> set[str]:
    return {
        re.sub(r"[^\w\- ]", "", title).lower().replace(" ", "-") for title in _HEADING.findall(page.read_text("utf-8"))
    }


@_each_page
def test_links_lead_somewhere(page: Path) -> None:
    """
    Each link of a page leads to a file that is there, to a heading in it; a page of the package to nothing outside.
    """
    for link in _LINK.findall(re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.is_file(), link
        assert not anchor or anchor in _anchors(target), link
        assert page is _README or target.is_relative_to(_ROOT / "aikit"), link


def test_the_readme_and_the_list_of_pages_name_each_page() -> None:
    """
    No page is hidden: the README links to each, and so does the list of them.
    """
    names = {page.name for page in _DOCS.glob("*.md")}
    assert {Path(link).name for link in _LINK.findall(_README.read_text("utf-8")) if "aikit/docs/" in link} == names
    assert set(_LINK.findall((_DOCS / "README.md").read_text("utf-8"))) == names - {"README.md"}


def test_the_readme_calls_each_page_by_its_topic() -> None:
    """
    What stands in its list of pages can be typed behind `aikit docs`.
    """
    listed = _README.read_text("utf-8").partition("## The pages\n")[2].partition("\n## ")[0]
    called = re.findall(r"\[([^\]`]+)\]\(aikit/docs/([\w-]+)\.md\)", listed)
    assert len(called) == len(list(_DOCS.glob("*.md"))) - 1
    assert [name for name, topic in called if name != topic] == []


def test_each_extra_is_told_by_a_page() -> None:
    """
    What the README lists by name can be installed, and stands where it is needed.
    """
    told = {
        name
        for page in _DOCS.glob("*.md")
        for one in _EXTRAS.findall(page.read_text("utf-8"))
        for name in one.split(",")
    }
    named = _README.read_text("utf-8").partition("Extras: ")[2].partition(", or `all`")[0]
    extras = tomllib.loads((_ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert set(re.findall(r"`(\w+)`", named)) == extras.keys() - {"all", "dev", "test"}
    assert extras.keys() - {"all", "dev", "test"} <= told


def test_the_readme_is_read_in_one_go() -> None:
    """
    What is not for everybody has a page.
    """
    assert len(_README.read_text("utf-8").splitlines()) <= 260


def test_what_pages_say_of_the_code_is_so() -> None:
    """
    Calls, options, results, commands, codes and limits stand there as in the code; else: python -m tests.generated.
    """
    assert [page.name for page, text in made().items() if page.read_text("utf-8") != text] == []
