"""
Messages on a terminal: broken at words, and nothing is lost that is copied from them.
"""

from __future__ import annotations

import io
from types import SimpleNamespace

import click
import pytest

from aikit.cli.output import messages
from aikit.cli.output.messages import ask, ask_secret, begin_line, complain, paragraphs, tell


class Terminal(io.StringIO):
    """
    A stream that says that it is a terminal.
    """

    def isatty(self) -> bool:
        """
        Return true.
        """
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """
    A terminal of forty columns as stderr.
    """
    monkeypatch.setenv("COLUMNS", "40")
    shown = Terminal()
    monkeypatch.setattr(messages, "sys", SimpleNamespace(stderr=shown))
    return shown


def test_a_message_is_broken_at_its_blanks(terminal: Terminal) -> None:
    """
    No line is longer than the terminal is wide, no word is broken, and the lines that follow are indented.
    """
    text = "estimate: 3,000 requests to gpt-4o-mini, at least 174,000 tokens in; the cost is not known"
    tell(text)
    lines = terminal.getvalue().splitlines()
    assert len(lines) > 1
    assert all(len(line) <= 40 for line in lines)
    assert " ".join(line.strip() for line in lines) == text
    assert all(line.startswith("  ") for line in lines[1:])


@pytest.mark.parametrize("word", ["x" * 60, "/a/rather/long/path/" + "y" * 40, "漢" * 30])
def test_a_word_that_is_too_long_stays_whole(terminal: Terminal, word: str) -> None:
    """
    Paths and ids are copied as one piece.
    """
    tell(f"saved at {word} as told")
    assert word in terminal.getvalue()
    assert [line.strip() for line in terminal.getvalue().splitlines()] == [f"saved at {word}", "as told"]


def test_wide_signs_count_twice(terminal: Terminal) -> None:
    """
    Chinese takes two columns a sign.
    """
    tell("漢漢漢漢漢漢漢漢漢漢 漢漢漢漢漢漢漢漢漢漢")
    assert terminal.getvalue().splitlines() == ["漢" * 10, "  " + "漢" * 10]


def test_a_command_at_the_end_stays_on_one_line(terminal: Terminal) -> None:
    """
    What is copied from the terminal can be pasted into it: it stands on a line of its own where it does not fit.
    """
    command = "aikit batch run a.jsonl -o out.jsonl --provider local"
    tell("the progress is saved; to resume:", command)
    tell("wait:", "aikit batches wait b")
    assert terminal.getvalue().splitlines() == [
        "the progress is saved; to resume:",
        f"  {command}",
        "wait: aikit batches wait b",
    ]


def test_off_a_terminal_a_message_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Programs that read stderr get a message a line.
    """
    tell("word " * 60, "aikit demo")
    complain("word " * 60, has_color=False)
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_lines_keep_their_indent(terminal: Terminal) -> None:
    """
    Several lines are wrapped one by one, each where it begins.
    """
    text = paragraphs("one\n    two three four five six seven eight nine", terminal, indent=0)
    assert text == "one\n    two three four five six seven eight\n    nine"


def test_a_deep_indent_is_given_up_where_it_leaves_no_room(terminal: Terminal) -> None:
    """
    A column of words, one below the other, is not what anybody reads.
    """
    row = "local         ok       store       "
    text = paragraphs(row + "the folder can be written", terminal, indent=len(row))
    assert text.splitlines()[1] == "  folder can be written"


def test_an_error_keeps_its_color_when_it_is_broken(terminal: Terminal) -> None:
    """
    The escapes of the color are not counted as text.
    """
    complain("no such file or folder of that name", has_color=True)
    assert terminal.getvalue() == "\x1b[1;31merror:\x1b[0m no such file or folder of that\n  name\n"


def test_a_line_begins_anew_after_ctrl_c(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The ^C that a terminal shows does not stand before the message, and the cursor is there again.
    """
    monkeypatch.setenv("TERM", "xterm")
    begin_line()
    assert terminal.getvalue() == "\x1b[?25h\r\x1b[K"
    monkeypatch.setenv("TERM", "dumb")
    begin_line()
    assert terminal.getvalue().endswith("K\n")


@pytest.mark.usefixtures("terminal")
def test_the_end_of_the_input_is_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Ctrl-D declines; it is not told as Ctrl-C, which still stops the program.
    """

    def asked(error: BaseException) -> bool:
        def confirm(*_: object, **__: object) -> bool:
            abort = click.Abort()
            abort.__context__ = error
            raise abort

        monkeypatch.setattr(click, "confirm", confirm)
        monkeypatch.setattr(click, "prompt", confirm)
        return ask("Delete it?") or bool(ask_secret("Key"))

    assert not asked(EOFError())
    with pytest.raises(click.Abort):
        asked(KeyboardInterrupt())
