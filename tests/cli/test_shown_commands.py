"""
The commands that the README and the pages show exist as they stand.
"""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest

import aikit
from aikit.cli.app import app

_ROOT: Final = Path(aikit.__file__).parents[1]
_PAGES: Final = [_ROOT / "README.md", *sorted((_ROOT / "aikit").rglob("*.md"))]
_BLOCK: Final = re.compile(r"^```(?:sh|console)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_INLINE: Final = re.compile(r"`(aikit [^`…]+)`")


def _commands(page: Path) -> Iterator[list[str]]:
    """
    Walk over the command lines of aikit that *page* shows, in blocks and within sentences.
    """
    text = page.read_text("utf-8")
    lines = [line.removeprefix("$ ") for block in _BLOCK.findall(text) for line in block.splitlines()]
    for line in [*lines, *_INLINE.findall(text)]:
        for command in re.split(r"&&|\|\||\|(?=\s)|;\s", line):
            words = shlex.split(command, comments=True)
            if words and Path(words[0]).name == "aikit":
                yield words[1:]


def _require_known(words: list[str]) -> None:
    """
    Follow *words* from group to group to a command, and have it read its options.
    """
    command: click.Command = app
    context = click.Context(command, info_name="aikit")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name, found, words = command.resolve_command(context, words)
        assert found is not None
        command, context = found, click.Context(found, parent=context, info_name=name)
    with contextlib.suppress(click.BadOptionUsage):  # a sentence may name an option without its value
        command.make_parser(context).parse_args(list(words))


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.relative_to(_ROOT).as_posix())
def test_shown_commands_exist(page: Path) -> None:
    """
    Each has the commands and the options that a page shows.
    """
    unknown = []
    for words in _commands(page):
        try:
            _require_known(words)
        except click.UsageError as error:
            unknown.append(f"aikit {shlex.join(words)}: {error.format_message()}")
    assert unknown == []


def test_a_command_that_does_not_exist_is_found() -> None:
    """
    The test above finds what it is to find.
    """
    for words in (["files", "creat", "a.jsonl"], ["files", "create", "a.jsonl", "--purpos", "batch"]):
        with pytest.raises(click.UsageError):
            _require_known(words)
    assert list(_commands(_ROOT / "README.md"))[:2] == [
        ["demo"],
        ["files", "create", "report.pdf", "scans/", "--purpose", "user_data"],
    ]
