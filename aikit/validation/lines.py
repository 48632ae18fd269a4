"""
The check of JSONL files of known purposes, line by line, in one pass and bounded memory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Any, Final, NoReturn, Protocol

import attrs

from aikit.http.messages import Reader
from aikit.types.errors import OpenAIError
from aikit.types.interruptions import let_through
from aikit.validation.batch_lines import BatchRules
from aikit.validation.eval_lines import EvalsRules
from aikit.validation.finetune_lines import FineTuneRules
from aikit.validation.foreign_content import foreign_encoding, foreign_format, foreign_layout, goes_on, hint_for
from aikit.validation.limits import Limits
from aikit.validation.problems import Problems

_CHUNK: Final = 256 * 1024
_BOM: Final = b"\xef\xbb\xbf"
_INVALID: Final = "This line is not parseable as valid JSON."
_RULES: Final[dict[str, Callable[[Limits, Problems], Rules]]] = {
    "batch": BatchRules,
    "evals": EvalsRules,
    "fine-tune": FineTuneRules,
}


class Rules(Protocol):
    """
    The rules for the lines of one purpose; they add problems to the `Problems` that they are made with.
    """

    def check(self, line: dict[str, Any], number: int) -> None:
        """Check one line; *number* is 1-based and counts blank lines."""
        ...

    def finish(self) -> None:
        """Check the file as a whole, after its last line."""
        ...


class LineRules(Protocol):
    """
    A provider's own rules for lines of batches that obey the general ones.
    """

    @property
    def decoder(self) -> json.JSONDecoder:
        """What reads the lines."""
        ...

    def check(self, line: dict[str, Any], number: int) -> None:
        """Check one line."""
        ...


def check_lines(
    purpose: str,
    reader: Reader,
    limits: Limits,
    problems: Problems,
    on_read: Callable[[int], None] | None = None,
    *,
    rules: Rules | None = None,
    own: LineRules | None = None,
    skips_blanks: bool = False,
) -> None:
    """
    Add all problems of the lines of *reader* to *problems*.

    A blank line between others is a problem, since it is no JSON; blank lines at the end are none.

    Args:
        purpose: ``"batch"``, ``"evals"`` or ``"fine-tune"``.

        reader: Read to its end and left open.

        limits: The limits of the provider.

        problems: Gets the problems.

        on_read: Called with the bytes read so far, chunk by chunk; an exception of it ends the check.

        rules: Used instead of those of *purpose*; made with the same *problems*.

        own: The provider's, for the lines that obey these; made with the same *problems*, too.

        skips_blanks: Whether blank lines between others are none either.

    Raises:
        OpenAIError: *reader* cannot be read to its end; *problems* has the problems found before.
    """
    rules = rules or _RULES[purpose](limits, problems)
    decoder = None if own is None else own.decoder
    lines = iter_lines(reader, limits.line_max_bytes, on_read)
    objects = Objects(lines, limits, problems, decoder=decoder, skips_blanks=skips_blanks)
    for number, _, value in objects:
        known = problems.count
        rules.check(value, number)
        if own is not None and problems.count == known:
            own.check(value, number)
    if not objects.is_empty:
        rules.finish()


@attrs.define
class Objects:
    """
    The objects on the lines of a file; a line without one becomes a problem.

    Iterating, once, gives the line number, the line's bytes, and the object.

    Attributes:
        decoder: Reads the lines.

        skips_blanks: Whether blank lines between others count, and are no problem.

        number: Of the last line that was read.

        is_empty: Whether no line had content.
    """

    _lines: Iterable[bytes | None]
    _limits: Limits
    _problems: Problems
    decoder: json.JSONDecoder | None = None
    skips_blanks: bool = False
    _head: list[bytes | None] = attrs.field(factory=list)
    number: int = 0
    _blanks: int = 0
    _is_begun: bool = False
    _is_over: bool = False
    is_empty: bool = True

    def __iter__(self) -> Iterator[tuple[int, bytes, dict[str, Any]]]:
        yield from self.feed(self._lines)
        yield from self.finish()

    def feed(self, lines: Iterable[bytes | None]) -> Iterator[tuple[int, bytes, dict[str, Any]]]:
        """
        Yield the objects on the next *lines*, for files that come in pieces; the first may wait for more lines.
        """
        lines = iter(lines)
        if not self._is_begun:
            self._head += islice(lines, 1 - len(self._head))
            if self._head and self._head[0] and goes_on(self._head[0]):
                self._head += islice(lines, 1)
                if len(self._head) == 1:
                    return
            lines = chain(self._begun(), lines)
        for line in () if self._is_over else lines:
            self.number += 1
            if line is not None and (not line or line.isspace()):
                self._blanks += 1
                continue
            if self._blanks and not self.skips_blanks:
                self._add_blanks()
            self.is_empty = False
            if (value := self._object(line)) is not None:
                yield self.number, line or b"", value

    def finish(self) -> Iterator[tuple[int, bytes, dict[str, Any]]]:
        """
        Yield the object that waited for more lines; tell whether no line had content.
        """
        if not self._is_begun:
            yield from self.feed(self._begun())
        if self.is_empty and not self._is_over:
            self._add_file("empty_file", "the file has no line with content; put one JSON object on each line")

    def _begun(self) -> list[bytes | None]:
        """
        Return the first lines without a mark of their encoding; note when they are no JSONL at all.
        """
        start, self._head, self._is_begun = self._head, [], bool(self._head)
        if start and start[0]:
            self._is_over = self._is_foreign(start[0], start[1:])
            if start[0].startswith(_BOM) and not self._is_over:
                start[0] = self._without_mark(start[0])
        return start

    def _without_mark(self, line: bytes) -> bytes:
        if not self._limits.removes_mark:
            message = "the file begins with a UTF-8 byte order mark (BOM), which providers take for a part of the JSON"
            self._problems.add_line(1, "bom", f"{message}; save it as UTF-8 without a BOM")
        return line[len(_BOM) :]

    def _is_foreign(self, first: bytes, following: list[bytes | None]) -> bool:
        """
        Return whether the file is no JSONL at all, after adding that as its one problem.
        """
        if (encoding := foreign_encoding(first)) is not None:
            message = f"the file is {encoding}, but JSONL is UTF-8; save it as UTF-8 without a BOM"
            self._add_file("invalid_encoding", message)
            return True
        found = foreign_format(first) or foreign_layout(first, b"".join(filter(None, following)))
        if found is not None:
            self._add_file("not_jsonl", f"the file is no JSONL but {found}")
        return found is not None

    def _object(self, line: bytes | None) -> dict[str, Any] | None:
        if line is None:
            message = f"The line is longer than {self._limits.line_max_bytes:,} bytes, the limit"
            self._problems.add_line(self.number, "line_too_long", f"{message}; make it shorter.")
            return None
        try:
            value = parsed(line, self.decoder)
        except ValueError as error:
            let_through(error)
            self._problems.add_line(self.number, "invalid_json_line", f"{_INVALID} {error}")
            return None
        if type(value) is dict:
            return value
        reason = "A line is one object in braces; write the objects of an array on a line each."
        self._problems.add_line(self.number, "invalid_json_line", f"{_INVALID} {reason}")
        return None

    def _add_blanks(self) -> None:
        numbers = range(self.number - self._blanks, self.number)
        self._problems.add_lines(numbers, "invalid_json_line", f"{_INVALID} It is blank; remove it.")
        self._blanks = 0

    def _add_file(self, code: str, message: str) -> None:
        self._problems.add(OpenAIError(message=message, code=code, param="file"))


def iter_lines(reader: Reader, max_bytes: int, on_read: Callable[[int], None] | None = None) -> Iterator[bytes | None]:
    """
    Yield the lines of *reader* without their newlines, ``None`` for one longer than *max_bytes*.

    Nothing follows the last newline, so a file that ends in one has no empty last line.
    """
    rest: list[bytes] = []
    held = done = 0
    while chunk := reader.read(_CHUNK):
        done += len(chunk)
        if on_read is not None:
            on_read(done)
        first, *others = chunk.split(b"\n")
        held += len(first)
        if held <= max_bytes:
            rest.append(first)
        else:
            rest.clear()
        if not others:
            continue
        line, rest = b"".join(rest), []
        yield line if held <= max_bytes else None
        last = others.pop()
        for line in others:
            yield line if len(line) <= max_bytes else None
        rest, held = [last], len(last)
    if held:
        yield b"".join(rest) if held <= max_bytes else None


def parsed(line: bytes, decoder: json.JSONDecoder | None = None) -> Any:
    """
    Return the JSON value of *line*, read strictly: UTF-8, and no NaN or Infinity, nor a number as large.

    Raises:
        ValueError: *line* is not JSON; the message says where and why.
    """
    # RFC 8259 sections 6 and 8.1 (read 2026-11-21)
    decoder = decoder or _DECODER
    try:
        text = line.removesuffix(b"\r").decode()  # else each line of a file from Windows is read twice
        try:
            value, end = decoder.raw_decode(text)
        except json.JSONDecodeError:  # blanks in front, or really broken
            return decoder.decode(text)
        return value if end == len(text) else decoder.decode(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at column {error.colno}.{hint_for(line)}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"Byte {error.start + 1} is not UTF-8.{hint_for(line)}") from None
    except RecursionError:
        raise ValueError("It is nested too deeply.") from None
    except ValueError as error:
        # Python itself refuses integers of more than 4,300 digits
        raise ValueError("A number has too many digits." if "digits" in str(error) else str(error)) from None


def make_decoder(**hooks: Any) -> json.JSONDecoder:
    """
    Return a decoder for `parsed` with *hooks* of its own, for example ``object_pairs_hook``.
    """
    return json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite, **hooks)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number; use null.")


def _finite(text: str) -> float:
    value = float(text)
    if value in {float("inf"), float("-inf")}:
        raise ValueError(f"{text[:20]} is too large a number.")
    return value


_DECODER: Final = make_decoder()
