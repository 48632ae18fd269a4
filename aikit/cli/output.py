"""
What is printed: data on stdout as a table, as tab-separated lines or as JSON; words on stderr.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from enum import IntEnum
from typing import Any, Final, NoReturn, TextIO

import attrs

from aikit.cli.options import Settings
from aikit.cli.text import human_size, human_time, iso_time, safe, safe_json
from aikit.errors import OpenAIError
from aikit.objects import OpenAIFile, OpenAIFileDeleted

INVALID_ID: Final = "invalid_id"
"""Code of what cannot be an id; nothing is sent."""

_DETAILS: Final = ("code", "line", "status", "request_id")


class Exit(IntEnum):
    """
    Why the program ended.
    """

    DONE = 0
    REFUSED = 1
    USAGE = 2
    PROBLEMS = 3
    INTERRUPTED = 130


@attrs.frozen(kw_only=True)
class Answer:
    """
    What came of one argument.

    Attributes:
        subject: The argument, as it was given.

        value: An `OpenAIFile` or `OpenAIFileDeleted`; ``None`` after errors.

        was_sent: Whether a request left this program.
    """

    subject: str
    value: Any = None
    errors: tuple[OpenAIError, ...] = ()
    was_sent: bool = True

    @property
    def is_cancelled(self) -> bool:
        """Whether Ctrl-C kept it from being done."""
        return any(error.code == "cancelled" for error in self.errors)

    @property
    def exit(self) -> Exit:
        """The exit code that it alone would deserve."""
        if not self.errors:
            return Exit.DONE
        if self.is_cancelled:
            return Exit.INTERRUPTED
        if self.errors[0].code == INVALID_ID:
            return Exit.USAGE
        return Exit.REFUSED if self.was_sent else Exit.PROBLEMS


@attrs.define(eq=False)
class Output:
    """
    Prints as the settings and the terminal ask for.

    Attributes:
        settings: What was said to the command.

        is_stdout_gone: Whether the reader of stdout has had enough, as ``head`` does.
    """

    settings: Settings
    is_stdout_gone: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether stdout gets tab-separated lines: it is no terminal, or bare ids are asked for."""
        return self.settings.quiet or not sys.stdout.isatty()

    def has_color(self, stream: TextIO) -> bool:
        """
        Tell whether *stream* shows colors and nobody minds.
        """
        # https://no-color.org (read 2026-11-21)
        is_unwanted = self.settings.no_color or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        return not is_unwanted and stream.isatty()

    def answers(self, answers: Iterable[Answer], *, is_many: bool) -> list[Answer]:
        """
        Print *answers* as they come, tables and JSON at the end; return them.
        """
        seen = []
        for answer in answers:
            seen.append(answer)
            if self.settings.json:
                continue
            for error in answer.errors if not answer.is_cancelled else ():
                self.error(error, answer.subject if is_many else None)
            if self.is_plain and answer.value is not None:
                self.row(answer.value)
        if self.settings.json:
            self.document(_many(seen) if is_many else _one(seen[0]))
        elif not self.is_plain:
            self.table([answer.value for answer in seen if answer.value is not None])
        return seen

    def row(self, value: Any) -> None:
        """
        Print one file as a tab-separated line, or only its id.
        """
        self.line(safe(value.id) if self.settings.quiet else "\t".join(safe(cell) for cell in _plain_cells(value)))

    def table(self, values: Sequence[Any]) -> None:
        """
        Print files as a table, deletions line by line.
        """
        files = [value for value in values if isinstance(value, OpenAIFile)]
        for value in values:
            if isinstance(value, OpenAIFileDeleted):
                self.line(f"deleted  {safe(value.id)}")
        if files:
            columns = _TABLE | (_EXPIRES if any(file.expires_at for file in files) else {})
            rows = [[safe(cell(file)) for cell in columns.values()] for file in files]
            self.columns(tuple(columns), rows, flexible="NAME", spare="EXPIRES")

    def columns(self, titles: Sequence[str], rows: Sequence[Sequence[str]], *, flexible: str, spare: str = "") -> None:
        """
        Print a table on the terminal; when it is too wide, the column *spare* goes, then *flexible* is cut.
        """
        from aikit.cli.terminal import table_text  # noqa: PLC0415  rich is loaded for terminals only

        has_color = self.has_color(sys.stdout)
        for line in table_text(titles, rows, flexible=flexible, spare=spare, has_color=has_color):
            self.line(line)

    def card(self, file: OpenAIFile) -> None:
        """
        Print all that is known of one file, field by field, for a person.
        """
        for name, value in file_to_json(file).items():
            text = {
                "bytes": f"{value:,} ({human_size(value)})" if isinstance(value, int) and value >= 1024 else str(value),
                "created_at": human_time(file.created_at),
                "expires_at": human_time(file.expires_at),
            }.get(name, str(value))
            if name != "object":
                self.line(f"{safe(name):<16}{safe(text)}")

    def document(self, value: Any) -> None:
        """
        Print *value* as JSON.
        """
        is_unicode = "utf" in (getattr(sys.stdout, "encoding", None) or "").lower()
        self.line(safe_json(value, ascii_only=not is_unicode))

    def line(self, text: str) -> None:
        """
        Print one line of data; once nobody reads any more, nothing.
        """
        if not self.is_stdout_gone:
            try:
                sys.stdout.write(f"{text}\n")
            except BrokenPipeError:
                self.is_stdout_gone = True
                forget_stdout()

    def say(self, text: str) -> None:
        """
        Print words on stderr, unless only bare ids and errors are asked for.
        """
        if not self.settings.quiet:
            sys.stderr.write(f"{text}\n")

    def error(self, error: OpenAIError, subject: str | None = None) -> None:
        """
        Print a problem on stderr: ``error: <message> (code X, line N, request id …)``.
        """
        about = f"{safe(subject)}: " if subject is not None and subject not in error.message else ""
        self.complain(f"{about}{error_text(error)}")
        if error.status == 401:
            self.say("hint: set OPENAI_API_KEY to a valid key, or ask another provider with --provider")

    def complain(self, text: str) -> None:
        """
        Print a problem on stderr in words of our own.
        """
        start = "\x1b[1;31merror:\x1b[0m" if self.has_color(sys.stderr) else "error:"
        sys.stderr.write(f"{start} {text}\n")


def error_text(error: OpenAIError) -> str:
    """
    Return message and details of *error* on one line.
    """
    values = {name: getattr(error, name) for name in _DETAILS}
    details = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items() if value is not None)
    return safe(" ".join(f"{error.message} ({details})".split()) if details else " ".join(error.message.split()))


def error_to_json(error: OpenAIError) -> dict[str, Any]:
    """
    Return *error* as the API's own error object, with our fields where they are known.
    """
    known = ("line", "status", "request_id")
    own = {name: getattr(error, name) for name in known if getattr(error, name) is not None}
    return {"message": error.message, "type": error.type, "param": error.param, "code": error.code} | own


def file_to_json(file: OpenAIFile) -> dict[str, Any]:
    """
    Return *file* as the API gives it, fields that we do not know included.
    """
    names = ("object", "id", "bytes", "created_at", "expires_at", "filename", "purpose", "status", "status_details")
    values = {name: getattr(file, name) for name in names}
    return {name: value for name, value in values.items() if value is not None or name == "bytes"} | dict(file.extra)


def exit_of(answers: Sequence[Answer]) -> Exit:
    """
    Return the exit code of several answers: interrupted, else refused, problems, wrong usage, done.
    """
    exits = {answer.exit for answer in answers}
    order = (Exit.INTERRUPTED, Exit.REFUSED, Exit.PROBLEMS, Exit.USAGE)
    return next((code for code in order if code in exits), Exit.DONE)


def forget_stdout() -> None:
    """
    Let what is still to be written to stdout go nowhere: its reader is gone.
    """
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def leave_now(code: Exit) -> NoReturn:
    """
    End the process without waiting for threads: one may be stuck in a system call.
    """
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _one(answer: Answer) -> dict[str, Any]:
    if not answer.errors:
        return _value_to_json(answer.value)
    errors = [error_to_json(error) for error in answer.errors]
    return {"error": errors[0]} | ({"errors": errors} if len(errors) > 1 else {})


def _many(answers: Sequence[Answer]) -> dict[str, Any]:
    values = [_value_to_json(answer.value) for answer in answers if answer.value is not None]
    errors = [
        {"subject": answer.subject} | {"error": error_to_json(error)} for answer in answers for error in answer.errors
    ]
    return {"object": "list", "data": values} | ({"errors": errors} if errors else {})


def _value_to_json(value: Any) -> dict[str, Any]:
    if isinstance(value, OpenAIFile):
        return file_to_json(value)
    return {"id": value.id, "object": value.object, "deleted": value.deleted} | dict(value.extra)


def _plain_cells(value: Any) -> list[str]:
    if isinstance(value, OpenAIFileDeleted):
        return [value.id, "deleted"]
    size = "" if value.bytes is None else str(value.bytes)
    times = [iso_time(value.created_at), iso_time(value.expires_at)]
    return [value.id, value.filename, size, value.purpose, value.status or "", *times]


_TABLE: Final[dict[str, Any]] = {
    "ID": lambda file: file.id,
    "NAME": lambda file: file.filename,
    "SIZE": lambda file: human_size(file.bytes),
    "PURPOSE": lambda file: file.purpose,
    "CREATED": lambda file: human_time(file.created_at),
}
_EXPIRES: Final[dict[str, Any]] = {"EXPIRES": lambda file: human_time(file.expires_at)}
