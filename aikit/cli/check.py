"""
``aikit files check``: what a provider would refuse, found without sending anything.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import attrs

from aikit.cli.inputs import Input
from aikit.cli.output import Exit, Output, error_to_json
from aikit.cli.output.progress import Bars, bars
from aikit.cli.output.text import counted, safe
from aikit.http.context import CallContext
from aikit.types.errors import OpenAIError
from aikit.validation import check_file
from aikit.validation.limits import Limits


@attrs.frozen
class Checked:
    """
    One file and everything that is wrong with it.
    """

    name: str
    errors: tuple[OpenAIError, ...]

    def to_json(self) -> dict[str, Any]:
        """
        Return it as JSON has it.
        """
        return {"path": self.name, "ok": not self.errors, "errors": [error_to_json(error) for error in self.errors]}


def check_inputs(inputs: Sequence[Input], purpose: str, limits: Limits, output: Output) -> list[Checked]:
    """
    Check each of *inputs*, with a bar on a terminal.
    """
    with bars(output, [one.size_bytes for one in inputs]) as shown:
        return [Checked(one.name, _problems(one, purpose, limits, shown)) for one in inputs]


def report(checked: Sequence[Checked], output: Output, *, is_many: bool) -> int:
    """
    Print the problems and, in words, how many there are; return the exit code.
    """
    if output.settings.json:
        values = [one.to_json() for one in checked]
        output.document({"object": "list", "data": values} if is_many else values[0])
    else:
        for one in checked:
            _print(one, output)
    bad = [one for one in checked if one.errors]
    output.say(_summary(checked, bad))
    return Exit.PROBLEMS if bad else Exit.DONE


def _problems(one: Input, purpose: str, limits: Limits, shown: Bars) -> tuple[OpenAIError, ...]:
    bar = shown.file(one.name, one.size_bytes)
    try:
        if one.source is None:
            return (one.error,) if one.error else ()
        return tuple(check_file(one.source.resolved(), purpose, limits, CallContext(on_progress=bar)))
    except OpenAIError as error:
        return (error,)
    finally:
        bar.close()


def _print(one: Checked, output: Output) -> None:
    if output.settings.quiet:
        if one.errors:
            output.line(safe(one.name))
        return
    for error in one.errors:
        line = "" if error.line is None else str(error.line)
        if output.is_plain:
            output.line("\t".join(safe(cell) for cell in (one.name, line, error.code or "", error.message)))
        else:
            place = f"{safe(one.name)}:{line}:" if line else f"{safe(one.name)}:"
            painted = f"\x1b[1m{place}\x1b[0m" if output.has_color(sys.stdout) else place
            output.line(f"{painted} {safe(error.message)} ({error.code})")


def _summary(checked: Sequence[Checked], bad: Sequence[Checked]) -> str:
    if not bad:
        return f"{counted(len(checked), 'file')} checked, no problems; nothing was sent"
    is_capped = any(error.code == "too_many_errors" for one in bad for error in one.errors)
    count = sum(len(one.errors) for one in bad)
    problems = f"more than {counted(count - 1, 'problem')}" if is_capped else counted(count, "problem")
    return f"{counted(len(checked), 'file')} checked, {problems} in {len(bad):,}; nothing was sent"
