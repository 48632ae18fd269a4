"""
Files of known forms, checked line by line in one pass and bounded memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

import attrs

from aikit.errors import OpenAIError
from aikit.jsonl.batch import BatchRules
from aikit.jsonl.evals import EvalsRules
from aikit.jsonl.finetune import FineTuneRules
from aikit.jsonl.lines import iter_lines, parsed
from aikit.jsonl.problems import Problems
from aikit.limits import Limits
from aikit.wire import Reader

_BOM: Final = b"\xef\xbb\xbf"
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
_INVALID: Final = "This line is not parseable as valid JSON."
_RULES: Final[dict[str, Callable[[Limits, Problems], Rules]]] = {
    "batch": BatchRules,
    "evals": EvalsRules,
    "fine-tune": FineTuneRules,
}


class Rules(Protocol):
    """
    What the lines of one purpose must be; put what they are not into a `Problems`.
    """

    def check(self, line: dict[str, Any], number: int) -> None:
        """Look at one line; *number* is 1-based and counts blank lines."""
        ...

    def finish(self) -> None:
        """Look at the whole after the last line."""
        ...


def check_lines(
    purpose: str,
    reader: Reader,
    limits: Limits,
    problems: Problems,
    on_read: Callable[[int], None] | None = None,
    *,
    rules: Rules | None = None,
) -> None:
    """
    Put everything that is wrong with the lines of *reader* into *problems*.

    A blank line between others is a problem, since it is no JSON; blank ones at the end are none.

    Args:
        purpose: ``"batch"``, ``"evals"`` or ``"fine-tune"``.

        reader: Read to its end and left open.

        limits: What the provider accepts.

        problems: Gets what is found.

        on_read: Told the bytes read so far, chunk by chunk; what it raises ends the check.

        rules: In place of those of *purpose*; they put what they find into *problems*.

    Raises:
        OpenAIError: *reader* cannot be read to its end; *problems* has what was found before.
    """
    lines = iter_lines(reader, limits.line_max_bytes, on_read)
    _Check(rules=rules or _RULES[purpose](limits, problems), problems=problems, limits=limits).run(lines)


@attrs.define(kw_only=True)
class _Check:
    """
    One pass over the lines of a file.
    """

    rules: Rules
    problems: Problems
    limits: Limits
    number: int = 0
    blanks: int = 0
    is_empty: bool = True

    def run(self, lines: Iterator[bytes | None]) -> None:
        first = next(lines, b"")
        if first and first.startswith(_UTF16):
            self._add_file("invalid_encoding", "the file is UTF-16, but JSONL is UTF-8; save it as UTF-8 without a BOM")
            return
        if first and first.startswith(_BOM):
            message = "the file begins with a UTF-8 byte order mark (BOM), which providers take for a part of the JSON"
            self.problems.add_line(1, "bom", f"{message}; save it as UTF-8 without a BOM")
            first = first[len(_BOM) :]
        self._check(first)
        for line in lines:
            self._check(line)
        if self.is_empty:
            self._add_file("empty_file", "the file has no line with content; put one JSON object on each line")
        else:
            self.rules.finish()

    def _check(self, line: bytes | None) -> None:
        self.number += 1
        if line is not None and (not line or line.isspace()):
            self.blanks += 1
            return
        if self.blanks:
            self._add_blanks()
        self.is_empty = False
        if line is not None:
            self._check_json(line)
            return
        most = self.limits.line_max_bytes
        message = f"The line is longer than {most:,} bytes, the most that is checked; make it shorter."
        self.problems.add_line(self.number, "line_too_long", message)

    def _check_json(self, line: bytes) -> None:
        try:
            value = parsed(line)
        except ValueError as error:
            self.problems.add_line(self.number, "invalid_json_line", f"{_INVALID} {error}")
            return
        if type(value) is dict:
            self.rules.check(value, self.number)
        else:
            reason = "A line is one object in braces; write the objects of an array on a line each."
            self.problems.add_line(self.number, "invalid_json_line", f"{_INVALID} {reason}")

    def _add_blanks(self) -> None:
        numbers = range(self.number - self.blanks, self.number)
        self.problems.add_lines(numbers, "invalid_json_line", f"{_INVALID} It is blank; remove it.")
        self.blanks = 0

    def _add_file(self, code: str, message: str) -> None:
        self.problems.add(OpenAIError(message=message, code=code, param="file"))
