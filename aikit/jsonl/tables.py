"""
CSV files as people have them: of any size, encoding and delimiter, row by row.
"""

from __future__ import annotations

import codecs
import functools
import re
import stat
from collections.abc import Collection, Iterator, Mapping
from importlib.util import find_spec, module_from_spec
from io import FileIO
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import attrs

from aikit.types.errors import OpenAIError, Rejected
from aikit.types.interruptions import let_through
from aikit.validation.foreign_content import foreign_format
from aikit.validation.problems import Problems

_CHUNK: Final = 1024 * 1024
_CELL_MAX: Final = 32 * 1024 * 1024
_DELIMITERS: Final = (",", ";", "\t", "|")
_SEP: Final = re.compile(r"sep=(.)[\r\n]*", re.IGNORECASE)  # a first line of Excel's own
_GUESS: Final = "cp1252"
_GUESSED: Final = "{} is not UTF-8 and was read as Windows-1252; if its letters are wrong, give the encoding"
_BOMS: Final = (  # the longer first
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_REASONS: Final = {
    "unexpected end": "begins a quoted cell that has no end; a quotation mark is missing",
    "expected after": 'has text behind a quoted cell; a quotation mark inside of one is written ""',
    "field larger": f"has a cell of more than {_CELL_MAX:,} characters, or a quotation mark is missing",
}


class Row(NamedTuple):
    """
    One row of a table.

    Attributes:
        number: As spreadsheets count: the heading of a CSV file is 1; the first of records is.

        line: Where it begins in its file.

        cells: Column → text.

        kept: The row as it was given: of a CSV file its text, of records its JSON.
    """

    number: int
    line: int
    cells: Mapping[str, str]
    kept: str


@attrs.frozen(kw_only=True)
class CsvTable:
    """
    A CSV file whose encoding, delimiter and heading are known.

    Attributes:
        is_marked: Whether a copy in UTF-8 needs a byte order mark, without which Excel would misread it.

        heading: The text of its first row.

        columns: The names in it, without spaces around.

        notes: What is to be known of how it is read, in sentences.
    """

    path: Path
    encoding: str
    delimiter: str
    is_marked: bool
    heading: str
    columns: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, path: Path, wanted: Collection[str] = (), *, encoding: str | None = None, delimiter: str | None = None
    ) -> CsvTable:
        """
        Look at the file at *path*.

        Args:
            path: A regular file.

            wanted: Columns by which the delimiter is found.

            encoding: Without it UTF-8, UTF-16 with its mark, or Windows-1252, as Excel may save CSV.

            delimiter: Without it a comma, semicolon, tab or bar, or what Excel's line ``sep=`` says.

        Raises:
            ValueError: *encoding* is unknown, or *delimiter* cannot be one.
            Rejected: The file cannot be read, has no rows, or is of another kind.
        """
        require_dialect(encoding, delimiter)
        found, is_marked = _encoding_of(path, encoding)
        if delimiter is None:
            delimiter = _delimiter_of(next(_lines(path, found), ""), wanted)
        problems = Problems()
        first = next(_records(path, found, delimiter, problems), None)
        if first is None:
            raise Rejected(problems.shown() or [_error(path, "empty_file", "has no rows; the first names the columns")])
        return cls(
            path=path,
            encoding=found,
            delimiter=delimiter,
            is_marked=is_marked,
            heading=first.raw,
            columns=tuple(cell.strip() for cell in first.cells),
            notes=(_GUESSED.format(path.name),) if found == _GUESS and encoding is None else (),
        )

    def rows(self, problems: Problems) -> Iterator[Row]:
        """
        Yield its rows; those that cannot be read are added to *problems*.
        """
        width = len(self.columns)
        for record in islice(_records(self.path, self.encoding, self.delimiter, problems), 1, None):
            raw, extra = record.raw, len(record.cells) - width
            if extra > 0 and not raw.endswith(self.delimiter * extra):
                message = (
                    f"row {record.number:,} has {len(record.cells):,} cells, and the heading has {width:,}; a cell "
                    f'with "{self.delimiter}" in it stands between quotation marks'
                )
                problems.add_line(record.line, "invalid_csv", message)
                continue
            if extra:  # as many cells as columns, so that others can follow
                raw = raw[:-extra] if extra > 0 else raw + self.delimiter * -extra
            cells = dict(zip(self.columns, record.cells + [""] * -extra, strict=False))
            yield Row(record.number, record.line, cells, raw)

    def text_of(self, kept: str) -> str:
        """
        Return a row as a row of a CSV file: as it was.
        """
        return kept

    def cells_of(self, kept: str) -> list[str]:
        """
        Return the cells of the text of a row.
        """
        return next(_csv().reader([kept], delimiter=self.delimiter)) or [""]


def require_dialect(encoding: Any, delimiter: Any) -> None:
    """
    Check what was given of how a file is written; ``None`` is to be found.

    Raises:
        ValueError: *encoding* is unknown, or *delimiter* cannot be one.
    """
    if delimiter is not None and (not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '"\r\n\0'):
        raise ValueError(f"delimiter must be one character, such as ';', not {delimiter!r}")
    try:
        "".encode(encoding or "utf-8")
    except (LookupError, TypeError):
        raise ValueError(f"encoding {encoding!r} is unknown; give one of Python's, such as 'cp1252'") from None


class _Record(NamedTuple):
    number: int
    line: int
    raw: str
    cells: list[str]


@functools.cache
def _csv() -> Any:
    """
    Return a copy of the module of `csv`, with a limit for cells of its own: that of the program is the program's.
    """
    spec = find_spec("_csv")
    if spec is None or spec.loader is None:
        raise ImportError("this Python lacks the module _csv")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    module.field_size_limit(_CELL_MAX)
    return module


def _records(path: Path, encoding: str, delimiter: str, problems: Problems) -> Iterator[_Record]:
    """
    Yield the records, without Excel's own; one that ends them too early is added to *problems*.

    A blank line is none, but below a heading of one column it is an empty cell.
    """
    taken: list[str] = []
    number = width = 0

    def taking() -> Iterator[str]:
        for line in _lines(path, encoding):
            taken.append(line)
            yield line

    reader = _csv().reader(taking(), delimiter=delimiter, strict=True)
    while True:
        number, start = number + 1, reader.line_num + 1
        taken.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except _csv().Error as error:
            reason = next((text for words, text in _REASONS.items() if words in str(error)), f"is no CSV: {error}")
            problems.add_line(start, "invalid_csv", f"row {number:,} {reason}")
            return
        raw = "".join(taken).rstrip("\r\n")
        if start == 1 and _SEP.fullmatch(raw):
            number = 0  # spreadsheets do not show it
        elif cells or width == 1:
            width = width or len(cells)
            yield _Record(number, start, raw, cells or [""])


def _lines(path: Path, encoding: str) -> Iterator[str]:
    try:
        with path.open(encoding=encoding, newline="") as file:
            while line := file.readline(2 * _CELL_MAX):  # more is no CSV, and the reader says so
                yield line
    except (OSError, ValueError) as error:
        raise Rejected([_unreadable(path, error)]) from error


def _delimiter_of(first: str, wanted: Collection[str]) -> str:
    """
    Return what is between the names in the *first* line: with it most of the *wanted* are found, or most names are.
    """
    if sep := _SEP.fullmatch(first):
        return sep[1]

    def fitness(delimiter: str) -> tuple[int, int]:
        names = [name.strip() for name in next(_csv().reader([first], delimiter=delimiter), [])]
        return sum(name in names for name in wanted), sum('"' not in name for name in names)  # one cut has half a pair

    return max(_DELIMITERS, key=fitness)


def _encoding_of(path: Path, given: str | None) -> tuple[str, bool]:
    """
    Read the file at *path*, and return its encoding, and whether a copy in UTF-8 needs a mark.

    Raises:
        Rejected: It cannot be read, is in another encoding, has NUL characters, or is another kind of file.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise Rejected([_error(path, "not_a_regular_file", "is not a regular file, and is to be read twice")])
        with path.open("rb", buffering=0) as file:
            head = file.read(16)
            if other := foreign_format(head):
                raise Rejected([_error(path, "invalid_csv", f'is {other.partition(";")[0]}; save it as "CSV UTF-8"')])
            mark = next((name for mark, name in _BOMS if head.startswith(mark)), None)
            tried = [mark] if mark else [codecs.lookup(given).name] if given else ["utf-8", _GUESS]
            for encoding in tried:
                if _is_in(file, encoding, path):
                    return encoding, encoding != "utf-8"
    except (OSError, ValueError) as error:
        raise Rejected([_unreadable(path, error)]) from error
    raise Rejected([_error(path, "invalid_encoding", f'is not in {" or ".join(tried)}; save it as "CSV UTF-8"')])


def _is_in(file: FileIO, encoding: str, path: Path) -> bool:
    """
    Return whether all of *file* is in that *encoding*.
    """
    decoder, lines = codecs.getincrementaldecoder(encoding)(), 1
    file.seek(0)
    try:
        while chunk := file.read(_CHUNK):
            text = decoder.decode(chunk)
            if "\0" in text:
                where = lines + text[: text.index("\0")].count("\n")
                message = "has a NUL character: it is damaged, no CSV, or UTF-16 without its mark; give the encoding"
                raise Rejected([attrs.evolve(_error(path, "invalid_csv", message), line=where)])
            lines += text.count("\n")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _error(path: Path, code: str, what: str) -> OpenAIError:
    return OpenAIError(message=f"{path.name} {what}", code=code, param="file")


def _unreadable(path: Path, error: Exception) -> OpenAIError:
    let_through(error)
    if isinstance(error, FileNotFoundError):
        return _error(path, "file_not_found", "does not exist; check the path")
    return _error(path, "unreadable_file", f"cannot be read: {getattr(error, 'strerror', None) or error}")
