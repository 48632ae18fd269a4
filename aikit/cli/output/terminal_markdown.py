"""
Markdown on a terminal, drawn by rich.
"""

from __future__ import annotations

from rich.markdown import Markdown

from aikit.cli.output.terminal import drawn


def drawn_markdown(text: str, width: int, *, has_color: bool) -> list[str]:
    """
    Return the lines of *text*, at most *width* wide.
    """
    return drawn(Markdown(text, hyperlinks=False), width, has_color=has_color)
