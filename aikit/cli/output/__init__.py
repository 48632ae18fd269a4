"""
Printing: data on stdout as a table, as tab-separated lines or as JSON; messages on stderr.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from enum import IntEnum
from typing import Any, BinaryIO, Final, NoReturn, TextIO

import attrs

from aikit.cli.options import Settings
from aikit.cli.output.formats import shape_of
from aikit.cli.output.messages import complain, forget, paragraphs, tell
from aikit.cli.safety import Styled, safe, safe_json, safe_lines
from aikit.cli.spelling import with_options
from aikit.http.messages import Response
from aikit.http.refusals import error_from
from aikit.providers.kinds import KINDS, OPENAI
from aikit.types.errors import OpenAIError

INVALID_ID: Final = "invalid_id"
"""Error code of an argument that cannot be an id; no request is sent."""

_HEAD: Final = 64 * 1024
_BINARY: Final = frozenset(range(32)) - frozenset(b"\t\n\r\f") | {127}
_DETAILS: Final = ("code", "line", "status", "request_id")


class Exit(IntEnum):
    """
    The exit codes of the program.
    """

    DONE = 0
    REFUSED = 1
    USAGE = 2
    PROBLEMS = 3
    SOME_NOT_OK = 4
    INTERRUPTED = 130


@attrs.frozen(kw_only=True)
class Answer:
    """
    The result of the call for one argument.

    Attributes:
        subject: The argument.

        value: An `OpenAIFile`, `OpenAIFileDeleted` or `OpenAIBatch`; ``None`` after errors, unless they are about how
            a batch ended.

        was_sent: Whether a request left this program.
    """

    subject: str
    value: Any = None
    errors: tuple[OpenAIError, ...] = ()
    was_sent: bool = True

    @property
    def is_cancelled(self) -> bool:
        """Whether Ctrl-C stopped the call."""
        return any(error.code == "cancelled" for error in self.errors)

    @property
    def exit(self) -> Exit:
        """The exit code for this answer alone."""
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
    Prints as the settings and the terminal require.

    Attributes:
        settings: The options of every command.

        is_stdout_gone: Whether the reader of stdout has closed it, as ``head`` does.
    """

    settings: Settings
    is_stdout_gone: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether stdout gets tab-separated lines: it is no terminal, or ``--quiet`` is given."""
        return self.settings.quiet or not sys.stdout.isatty()

    def has_color(self, stream: TextIO) -> bool:
        """
        Return whether *stream* is a terminal with colors, and they are not switched off.
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

    def streamed(self, answers: Iterable[Answer], *, is_many: bool) -> None:
        """
        Print *answers* as they come; where lines are printed, keep none in memory.
        """
        if self.settings.json or not self.is_plain:
            self.answers(answers, is_many=is_many)
            return
        for answer in answers:
            self.answers([answer], is_many=is_many)

    def row(self, value: Any) -> None:
        """
        Print one value as a tab-separated line, or only its id.
        """
        fields = [value.id] if self.settings.quiet else shape_of(value).fields(value)
        self.line("\t".join(safe(field) for field in fields))

    def table(self, values: Sequence[Any]) -> None:
        """
        Print values of one kind as a table, deletions line by line.
        """
        shape = shape_of(values[0]) if values else None
        columns = shape.columns(values) if shape else {}
        if shape is None or not columns:
            for value in values:
                self.line(f"deleted  {safe(value.id)}")
            return
        rows = [[cell(value) for cell in columns.values()] for value in values]
        short = {title: [cell(value) for value in values] for title, cell in shape.short.items()}
        self.columns(tuple(columns), rows, flexible=shape.flexible, spare=shape.spare, short=short)

    def columns(
        self,
        titles: Sequence[str],
        rows: Sequence[Sequence[str]],
        *,
        flexible: str,
        spare: tuple[str, ...] = (),
        short: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """
        Print a table on the terminal; when it is too wide, the columns *spare* go and are told, then *flexible* is cut.
        """
        from aikit.cli.output.terminal import table_text  # noqa: PLC0415  rich is loaded for terminals only

        has_color = self.has_color(sys.stdout)
        rows = [[safe(cell) for cell in row] for row in rows]
        lines, left_out = table_text(titles, rows, flexible=flexible, spare=spare, short=short, has_color=has_color)
        for line in lines:
            self.line(Styled(line))
        if left_out:
            self.say(f"not shown: {', '.join(left_out)} (a wider terminal shows more, --json all)")

    def card(self, value: Any) -> None:
        """
        Print all fields of one value, a line each, for a person.
        """
        details = shape_of(value).details(value)
        width = max(16, *(len(safe(name)) + 2 for name in details))
        for name, text in details.items():
            self.line(paragraphs(f"{safe(name):<{width}}{safe(text)}", sys.stdout, indent=width))

    def document(self, value: Any) -> None:
        """
        Print *value* as JSON.
        """
        is_unicode = "utf" in (getattr(sys.stdout, "encoding", None) or "").lower()
        self.line(safe_json(value, ascii_only=not is_unicode))

    def line(self, text: str) -> None:
        """
        Print one line of data, harmless to a terminal; after stdout was closed by its reader, nothing.

        Raises:
            OSError: It cannot be written: the disk is full.
        """
        if not self.is_stdout_gone:
            try:
                with naming_stdout():
                    sys.stdout.write(f"{safe_lines(text)}\n")
            except BrokenPipeError:
                self.is_stdout_gone = True
                forget(sys.stdout)

    def say(self, text: str, command: str = "") -> None:
        """
        Print a message on stderr, and *command* at its end, a command line; not with ``--quiet``.
        """
        if not self.settings.quiet:
            tell(with_options(text), command)

    def error(self, error: OpenAIError, subject: str | None = None) -> None:
        """
        Print an error on stderr: ``error: <message> (code X, line N, request id …)``.
        """
        about = f"{safe(subject)}: " if subject is not None and subject not in error.message else ""
        self.complain(f"{about}{error_text(error)}")
        if error.status == 401:
            name = self.settings.provider_name or OPENAI
            variables = " or ".join(KINDS[name].variables.get("api_key", ())) if name in KINDS else ""
            key = f"set {variables} to a valid key" if variables else "aikit doctor tells which key to correct"
            self.say(f"hint: {key}, or use another provider with --provider")

    def complain(self, text: str) -> None:
        """
        Print *text* as an error on stderr.
        """
        complain(text, has_color=self.has_color(sys.stderr))


def error_text(error: OpenAIError) -> str:
    """
    Return message and details of *error* on one line.
    """
    values = {name: getattr(error, name) for name in _DETAILS}
    details = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items() if value is not None)
    message = message_of(error)
    return safe(" ".join((f"{message} ({details})" if details else message).split()))


def message_of(error: OpenAIError) -> str:
    """
    Return the message of *error*; what the library says speaks of options, a provider's words, or of a line, stay.
    """
    if error.line is not None:
        return error.message
    words = error.message if error.status is not None else ""
    if isinstance(error.response, Response):
        words = error_from(error.response).message.rstrip().removesuffix(".")
    before, words, after = error.message.partition(words) if words else (error.message, "", "")
    return f"{with_options(before)}{words}{with_options(after)}"


def exit_of(answers: Sequence[Answer]) -> Exit:
    """
    Return the worst exit code of several answers.
    """
    return worst({answer.exit for answer in answers})


def worst(exits: Collection[Exit]) -> Exit:
    """
    Return the worst of several exit codes: interrupted, refused, problems, wrong usage, done.
    """
    order = (Exit.INTERRUPTED, Exit.REFUSED, Exit.PROBLEMS, Exit.USAGE)
    return next((code for code in order if code in exits), Exit.DONE)


def copy_to_stdout(output: Output, file: BinaryIO) -> int:
    """
    Write the rest of *file* to stdout, byte for byte; return the exit code.

    On a terminal, binary content is refused, and text is made harmless. Where ``-o`` names another open file, that gets
    the content.
    """
    with _open_stdout(output.settings.descriptor) as stream:
        is_terminal = stream.isatty()
        if is_terminal and not _BINARY.isdisjoint(file.read(_HEAD)):
            output.complain("the content is binary, and stdout is a terminal; save it with -o PATH, or pipe it")
            return Exit.REFUSED
        file.seek(0)
        try:
            if is_terminal:
                _show_text(file, stream)
            else:
                shutil.copyfileobj(file, stream.buffer, 1024 * 1024)
            stream.flush()
        except BrokenPipeError:  # the reader closed it
            forget(stream)
    return Exit.DONE


def _show_text(file: BinaryIO, stream: TextIO) -> None:
    text = io.TextIOWrapper(file, "utf-8-sig", errors="backslashreplace")
    while piece := text.read(_HEAD):
        stream.write(safe_lines(piece))
    text.detach()


@contextmanager
def _open_stdout(descriptor: int) -> Iterator[TextIO]:
    if descriptor == 1:
        yield sys.stdout
        return
    with open(os.dup(descriptor), "w", encoding="utf-8", errors="backslashreplace") as stream:  # noqa: PTH123  it has no path
        yield stream


@contextmanager
def naming_stdout() -> Iterator[None]:
    """
    Name stdout in an `OSError` without a file name.
    """
    try:
        yield
    except OSError as error:
        error.filename = error.filename or "<stdout>"
        raise


def leave_now(code: Exit) -> NoReturn:
    """
    End the process without waiting for threads: one may be stuck in a system call.
    """
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _one(answer: Answer) -> dict[str, Any]:
    """
    Return the JSON of one answer: its value, an object with its errors, or the value with its errors.
    """
    errors = [error.to_dict() for error in answer.errors]
    value = answer.value.to_dict() if answer.value is not None else {}
    if not errors:
        return value
    return value | {"error": errors[0]} | ({"errors": errors} if len(errors) > 1 and not value else {})


def _many(answers: Sequence[Answer]) -> dict[str, Any]:
    values = [answer.value.to_dict() for answer in answers if answer.value is not None]
    errors = [{"subject": answer.subject} | {"error": error.to_dict()} for answer in answers for error in answer.errors]
    return {"object": "list", "data": values} | ({"errors": errors} if errors else {})
