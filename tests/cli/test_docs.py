"""
``aikit docs``: the pages that the package carries, on a terminal and through a pipe.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

import aikit as package
from aikit.cli.app import app
from tests.cli.conftest import Here
from tests.cli.processes import Terminal, seen_here

PAGES = {path.stem: path for path in (Path(package.__file__).parent / "docs").glob("*.md") if path.stem != "README"}


def test_all_pages_are_listed_with_what_they_are_about(aikit: Here) -> None:
    """
    In the order of the index, and none is missing; -q prints the topics alone, --json both.
    """
    ran = aikit("docs")
    assert ran.code == 0
    assert sorted(fields[0] for fields in ran.fields) == sorted(PAGES)
    assert ran.fields[0] == ["files", "upload, list, fetch, stream, download, delete"]
    assert aikit("docs", "-q").out.split() == [fields[0] for fields in ran.fields]
    told = aikit("docs", "--json").json
    assert [[one["topic"], one["about"]] for one in told["data"]] == ran.fields


@pytest.mark.parametrize("topic", PAGES)
def test_a_page_goes_through_a_pipe_as_it_stands(aikit: Here, topic: str) -> None:
    """
    Markdown, as the file has it; with --json as one text.
    """
    text = PAGES[topic].read_text("utf-8")
    assert aikit("docs", topic).out == text.rstrip("\n") + "\n"
    assert aikit("docs", topic, "--json").json == {"object": "page", "topic": topic, "text": text}


@pytest.mark.parametrize("topic", ["Many-Files", "many_files", "many files", "many-files.md"])
def test_a_topic_may_be_spelled_as_it_is_said(aikit: Here, topic: str) -> None:
    """
    With capitals, an underscore, a blank, or as the name of its file.
    """
    assert aikit("docs", topic).out == aikit("docs", "many-files").out


@pytest.mark.parametrize(
    ("topic", "hint"),
    [
        ("fils", 'did you mean "files"?'),
        ("cost", 'did you mean "costs"?'),
        ("max_cost_of", "it is mentioned in "),
        ("large", "it is a subject of uploads"),
        ("Windows", "it is a subject of callbacks, platforms"),
        ("csv", "it is a subject of run"),
        ("../cli/README", "aikit docs lists all"),
    ],
)
def test_a_topic_that_is_none_is_told(aikit: Here, topic: str, hint: str) -> None:
    """
    Wrong usage, with the page that may be meant.
    """
    ran = aikit("docs", topic)
    assert ran.code == 2
    assert hint in ran.err


def test_a_terminal_gets_a_page_that_is_drawn() -> None:
    """
    Headings and tables fit, code stays as it is, however long its lines are, and links name the topic to go on with.
    """
    seen = seen_here("docs", "costs", "--no-color", columns=60)
    text = PAGES["costs"].read_text("utf-8")
    code = text.split("```python\n")[1].split("```")[0].splitlines()
    shown = [line.rstrip("\r") for line in seen.split("\n")]
    assert "# " not in shown[0]
    assert all(line in shown for line in code)
    assert all(len(line) <= 60 for line in shown if line not in text.splitlines())
    assert "\x1b" not in seen
    assert "aikit docs run" in " ".join(seen_here("docs", "batches", "--no-color", columns=200).split())


@pytest.mark.parametrize("columns", [40, 60, 100])
@pytest.mark.parametrize("topic", ["coming-from", "errors", "limits", "command-line", "reference"])
def test_names_and_numbers_of_tables_are_whole_on_any_terminal(topic: str, columns: int) -> None:
    """
    Where columns would be too narrow for them, the rows are a list.
    """
    shown = "".join(seen_here("docs", topic, "--no-color", columns=columns).split())
    rows = [line for line in PAGES[topic].read_text("utf-8").splitlines() if line.startswith("| `")]
    names = [row.split("`")[1].split("(")[0].split()[0] for row in rows]
    assert names
    assert [name for name in names if name not in shown.replace("│", "")] == []
    assert shown.count("…") == "".join(PAGES[topic].read_text("utf-8").split()).count("…")


def test_a_program_without_pages_says_so(aikit: Here, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """
    One that was frozen may bring the code along, and not what is read about it.
    """
    monkeypatch.setattr("aikit.cli.docs.files", lambda _: tmp_path)
    for words in ((), ("files",)):
        ran = aikit("docs", *words)
        assert ran.code == 2
        assert "does not carry the pages" in ran.err


@pytest.mark.slow
def test_a_terminal_without_unicode_gets_the_page_as_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The lines of tables would be thousands of escapes there.
    """
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    terminal = Terminal.start("docs", "errors")
    assert terminal.end() == 0
    assert "\\u2500" not in terminal.text
    assert "| code |" in terminal.text


@pytest.mark.slow
@pytest.mark.parametrize("keys", ["q", "\x03q"])
@pytest.mark.skipif(shutil.which("less") is None, reason="less is not here")
def test_a_long_page_waits_for_its_reader(monkeypatch: pytest.MonkeyPatch, keys: str) -> None:
    """
    In less, where PAGER does not say another, with its colors, until q is pressed; Ctrl-C is less's own.
    """
    monkeypatch.delenv("PAGER")
    terminal = Terminal.start("docs", "errors", controls=True)
    terminal.wait_for("\n:")
    for key in keys:
        terminal.type(key)
        time.sleep(0.3)  # less drops what was typed when it was interrupted
    assert terminal.end() == 0
    assert "\x1b[1;4m" in terminal.seen
    assert "ESC[" not in terminal.seen
    assert "Traceback" not in terminal.seen
    assert terminal.text.count("\n") < 60


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pager", "words", "least", "most"),
    [
        ("head -n 3", (), 1, 5),
        ("true", (), 0, 1),  # it reads nothing
        ("no-such-pager", (), 60, 999),
        ("", (), 60, 999),
        ("head -n 3", ("--no-pager",), 60, 999),
        ("head -n 3", ("-q",), 60, 999),
    ],
)
def test_pager_is_the_one_that_people_chose(
    monkeypatch: pytest.MonkeyPatch, pager: str, words: tuple[str, ...], least: int, most: int
) -> None:
    """
    PAGER, a command line; one that ends early is no fault, and without one the page is there as a whole.
    """
    monkeypatch.setenv("PAGER", pager)
    terminal = Terminal.start("docs", "errors", *words)
    assert terminal.end() == 0
    assert "Traceback" not in terminal.text
    assert least <= terminal.text.count("\n") <= most


@pytest.mark.slow
@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("LINES", "900")])
def test_no_pager_where_none_is_needed(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """
    A terminal that is none, and one that shows the page as a whole.
    """
    monkeypatch.setenv("PAGER", "head -n 3")
    monkeypatch.setenv(name, value)
    terminal = Terminal.start("docs", "errors")
    assert terminal.end() == 0
    assert terminal.text.count("\n") > 60


def test_topics_are_completed() -> None:
    """
    The shell offers the pages whose names begin so.
    """
    command = app.get_command(app.make_context("aikit", ["docs"]), "docs")
    assert command is not None
    (topic,) = [param for param in command.params if param.name == "topic"]
    context = command.make_context("docs", [])
    assert {one.value for one in topic.shell_complete(context, "batch")} == {n for n in PAGES if n.startswith("batch")}
