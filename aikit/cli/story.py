"""
What a demonstration says while it goes on.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import attrs

from aikit.cli.output import Exit, Output, error_to_json
from aikit.cli.output.text import human_seconds
from aikit.runtime.result import OpenAIResult
from aikit.types.errors import OpenAIError

INDENT: Final = 9


@attrs.define(eq=False)
class DemoReporter:
    """
    Says what happens while it happens; with ``--json``, in one document at the end.

    Attributes:
        home: Where everything is.

        facts: What the document will have.
    """

    output: Output
    home: Path
    facts: dict[str, Any] = attrs.field(factory=lambda: {"object": "demo", "success": True})

    @property
    def is_told(self) -> bool:
        """Whether words are wanted."""
        return not (self.output.settings.quiet or self.output.settings.json)

    def tell(self, title: str, text: str) -> None:
        """
        Say what was done in one step.
        """
        padded = title.ljust(INDENT)
        self.say(f"\x1b[1m{padded}\x1b[0m{text}" if self.output.has_color(sys.stdout) else padded + text)

    def say(self, text: str = "") -> None:
        """
        Say something, at once also when stdout is a pipe.
        """
        if self.is_told:
            self.output.line(text)
            sys.stdout.flush()

    def fail(self, error: OpenAIError) -> int:
        """
        Tell what went wrong, and return the exit code.
        """
        if self.output.settings.json:
            self.output.document(self.facts | {"success": False, "error": error_to_json(error)})
        else:
            self.output.error(error)
        return Exit.REFUSED

    def end(self, seconds: float, hint: str, *, is_kept: bool) -> None:
        """
        Say that all went well, and *hint* what to do next.
        """
        if self.output.settings.json:
            self.output.document(self.facts | {"seconds": round(seconds, 3)})
        where = f"; the files are in {self.home}" if is_kept else ", and nothing is left behind"
        self.say(f"\nAll well in {human_seconds(seconds)}{where}.\n\n{hint}")


def good(result: OpenAIResult[Any]) -> Any:
    """
    Return *result*, which is a success.

    Raises:
        OpenAIError: It is none.
    """
    return result.throw()
