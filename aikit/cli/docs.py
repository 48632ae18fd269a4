"""
``aikit docs``: the pages of the documentation that the package carries.
"""

from __future__ import annotations

import re
import sys
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

from aikit.cli.options import Command, settings_of_context
from aikit.cli.output import Exit, Output
from aikit.cli.output.formats import named
from aikit.cli.output.messages import columns_of, paragraphs
from aikit.cli.output.pager import is_paged, pager_of_terminal, takes_styles
from aikit.cli.safety import Styled, styled
from aikit.types.suggestions import did_you_mean

_INDEX: Final = "README"
_ENTRY: Final = re.compile(r"^- (.+?): (.+)$", re.MULTILINE)
_LINK: Final = re.compile(r"\[([^\[\]]+)\]\(([\w-]+)\.md(?:#[\w-]*)?\)")
_CODE: Final = re.compile(r"^```[^\n]*\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
_TABLE: Final = re.compile(r"(?:^\|.*\|$\n?)+", re.MULTILINE)
_WORD: Final = re.compile(r"\w+")
_CELL: Final = re.compile(r"(?<!\\)\|")
_WIDEST: Final = 100


class Topic(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4 only
    """
    The name of a page.
    """

    name = "topic"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """
        Return the name of the page.
        """
        pages = _pages()
        topic = str(value).lower().removesuffix(".md").replace("_", "-").replace(" ", "-")
        if topic not in pages:
            word = str(value).lower()
            more = _about(word) or did_you_mean(topic, pages) or _mentions(word) or "; aikit docs lists all pages"
            self.fail(f"there is no page {value!r}{more}", param, ctx)
        return topic

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002  click's signature
        """
        Return the pages whose names begin with *incomplete*.
        """
        return [CompletionItem(name) for name in _pages() if name.startswith(incomplete)]


@click.command(cls=Command)
@click.argument("topic", type=Topic(), required=False)
@click.option("--no-pager", is_flag=True, help="Print at once what is longer than the terminal, without PAGER or less.")
def docs(topic: str | None, *, no_pager: bool) -> int:
    """
    Show a page of the documentation, or list the pages.

    On a terminal a page is drawn, elsewhere it is printed as it stands, in Markdown.
    """
    output = Output(settings_of_context())
    if topic is None:
        _list(output)
    elif output.settings.json:
        output.document({"object": "page", "topic": topic, "text": _pages()[topic].read_text("utf-8")})
    else:
        pager = "" if no_pager or output.is_plain else pager_of_terminal()
        text = _shown(output, _pages()[topic].read_text("utf-8"), pager)
        if not is_paged(text, pager):
            output.line(text)
    return Exit.DONE


def _pages() -> dict[str, Traversable]:
    """
    Return the pages by their topics.
    """
    folder = files("aikit").joinpath("docs")
    if not folder.is_dir():  # a program that was made of aikit, and left them out
        raise click.UsageError("this program does not carry the pages; pip install aikit-client brings them")
    names = sorted(page.name.removesuffix(".md") for page in folder.iterdir() if page.name.endswith(".md"))
    return {name: folder.joinpath(f"{name}.md") for name in names if name != _INDEX}


def _about(word: str) -> str:
    """
    Return the end of a message that names the pages whose line in the index has *word* in it; empty if none has it.
    """
    words = {name: _WORD.findall(about.lower()) for name, about in _topics().items()}
    found = [name for name, said in words.items() if word and any(one.startswith(word) for one in said)]
    return f"; it is a subject of {named(found)}" if found else ""


def _mentions(word: str) -> str:
    """
    Return the end of a message that names the pages with *word* in them; empty if none has it.
    """
    found = [name for name, page in _pages().items() if word and word in page.read_text("utf-8").lower()]
    return f"; it is mentioned in {named(found)}" if found else ""


def _topics() -> dict[str, str]:
    """
    Return what each page is about, in the order of the index, those that it does not name at the end.
    """
    pages = _pages()
    index = files("aikit").joinpath("docs", f"{_INDEX}.md").read_text("utf-8")
    told = {name: about for entry, about in _ENTRY.findall(index) for _, name in _LINK.findall(entry)}
    return {name: about for name, about in told.items() if name in pages} | {
        name: "" for name in pages if name not in told
    }


def _list(output: Output) -> None:
    topics = {name: about.replace("`", "") for name, about in _topics().items()}
    if output.settings.json:
        pages = [{"object": "page", "topic": name, "about": about} for name, about in topics.items()]
        output.document({"object": "list", "data": pages})
    elif output.is_plain:
        for name, about in topics.items():
            output.line(name if output.settings.quiet else f"{name}\t{about}")
    else:
        width = max(len(name) for name in topics) + 2
        for name, about in topics.items():
            output.line(paragraphs(f"{name:<{width}}{about}", sys.stdout, indent=width))
        output.say("to read a page: aikit docs TOPIC")


def _shown(output: Output, text: str, pager: str) -> str:
    """
    Return the page as it is shown: off a terminal as it stands.
    """
    if output.is_plain or "utf" not in (sys.stdout.encoding or "").lower():  # lines of tables would be escapes
        return text.rstrip("\n")
    width, has_color = min(columns_of(sys.stdout), _WIDEST), output.has_color(sys.stdout)
    has_color &= not pager or takes_styles(pager)
    pieces = []
    for number, piece in enumerate(_CODE.split(text)):
        if number % 2:  # code, whose lines stay as they are, so that it can be copied to Python's prompt
            lines = [styled(line, "36", has_color=has_color) for line in piece.rstrip().splitlines()]
        else:  # a page is linked to as a file; here it is a topic
            prose = _LINK.sub(lambda found: f"{found[1]} (`aikit docs {found[2]}`)", piece)
            prose = _TABLE.sub(lambda found: _fitting(found[0], width), prose)
            lines = [Styled(line) for line in _drawn(prose, width, has_color=has_color)]
        pieces.append("\n".join(lines).strip("\n"))
    return Styled("\n\n".join(filter(None, pieces)) + "\n")


def _drawn(prose: str, width: int, *, has_color: bool) -> list[str]:
    from aikit.cli.output.terminal_markdown import drawn_markdown  # noqa: PLC0415  rich is loaded for terminals only

    return drawn_markdown(prose, width, has_color=has_color)


def _fitting(table: str, width: int) -> str:
    """
    Return *table*, or a list of its rows where columns are too narrow for it: names would end in an ellipsis.
    """
    if sum(line.count("…") for line in _drawn(table, width, has_color=False)) == table.count("…"):
        return table
    heads, _, *rows = [_CELL.split(line.strip().strip("|")) for line in table.splitlines()]
    lines = []
    for first, *cells in rows:
        told = [
            (head.strip(), cell.strip()) for head, cell in zip(heads[1:], cells, strict=True) if cell.strip() != "-"
        ]
        lines += [
            f"- {first.strip()}",
            *(f"  - {head}: {cell}" if len(heads) > 2 else f"  - {cell}" for head, cell in told),
        ]
    return "\n".join(lines).replace("\\|", "|") + "\n"
