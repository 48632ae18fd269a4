"""
Rows written to a file of JSON lines or comma-separated values, which appears when it is complete.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO, Final

from aikit.http.sinks import FileSink
from aikit.types.batch_rows import OpenAIBatchRow

COLUMNS: Final = (
    "line",
    "custom_id",
    "status",
    "status_code",
    "model",
    "text",
    "note",
    "error_code",
    "error_message",
    "input_tokens",
    "cached_tokens",
    "output_tokens",
    "reasoning_tokens",
    "request_id",
    "batch_id",
)
"""Of a CSV file."""

_BUFFER: Final = 1024 * 1024
# What spreadsheets take for a formula, also in full width, and the mark itself, so that it can be taken off again.
# https://owasp.org/www-community/attacks/CSV_Injection (read 2026-11-22)
_FORMULA: Final = re.compile(r"['=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)


def write_jsonl(rows: Iterable[OpenAIBatchRow], path: Path) -> int:
    """
    Write one line for each of *rows* to the file at *path*; return how many.

    Raises:
        OpenAIError: It cannot be written (code ``"unwritable_file"``); a file of that name is what it was.
    """

    def write(file: BinaryIO) -> int:
        count = 0
        for row in rows:
            file.write(jsonl_line(row))
            count += 1
        return count

    return write_whole(path, write)


def write_csv(rows: Iterable[OpenAIBatchRow], path: Path, *, escape_formulas: bool) -> int:
    """
    Write a heading and one record for each of *rows* to the file at *path*; return how many rows.

    Raises:
        OpenAIError: As for JSON lines.
    """

    def write(file: BinaryIO) -> int:
        # a lone surrogate, which JSON can name and UTF-8 cannot carry, is written as its escape
        text = io.TextIOWrapper(file, "utf-8", errors="backslashreplace", newline="", write_through=True)
        records, count = csv.writer(text), 0
        records.writerow(COLUMNS)
        for row in rows:
            cells = record(row)
            records.writerow(map(escaped, cells) if escape_formulas else cells)
            count += 1
        text.detach()
        return count

    return write_whole(path, write)


def jsonl_line(row: OpenAIBatchRow) -> bytes:
    """
    Return the provider's line about *row*, or one in its shape, with line, status and batch_id at its end.
    """
    tail = f', "line": {row.line}, "status": "{row.status}", "batch_id": {json.dumps(row.batch_id)}}}\n'.encode()
    return (row.output_line or _own_line(row)).strip()[:-1] + tail


def _own_line(row: OpenAIBatchRow) -> bytes:
    error, note = row.error, row.note
    code, message = (error.code, error.message) if error is not None else ("duplicate_custom_id", note)
    said = {"code": code, "message": message} if message is not None else None
    return json.dumps({"id": None, "custom_id": row.custom_id, "response": None, "error": said}).encode()


def record(row: OpenAIBatchRow) -> list[Any]:
    """
    Return the cells of *row*, in the order of the columns.
    """
    usage, error = row.usage, row.error
    return [
        row.line,
        row.custom_id,
        row.status,
        row.status_code,
        row.model,
        row.text,
        row.note,
        error.code if error is not None else None,
        error.message if error is not None else None,
        *(
            (usage.input_tokens, usage.cached_tokens, usage.output_tokens, usage.reasoning_tokens)
            if usage
            else [None] * 4
        ),
        row.request_id,
        row.batch_id,
    ]


def escaped(cell: Any) -> Any:
    """
    Return *cell* with an apostrophe in front if a spreadsheet might take it for a formula; numbers stay as they are.
    """
    if isinstance(cell, str) and _FORMULA.match(cell) and not _NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell


def write_whole(path: Path, write: Callable[[BinaryIO], int]) -> int:
    """
    Pass a file to *write*, which appears at *path* when that returns; return what it does.

    Raises:
        OpenAIError: It cannot be written (code ``"unwritable_file"``).
    """
    with FileSink(path=path) as sink:
        with io.BufferedWriter(_Raw(sink), _BUFFER) as file:
            count = write(file)
        sink.commit(None)
    return count


class _Raw(io.RawIOBase):
    """
    A sink as a raw stream.
    """

    def __init__(self, sink: FileSink) -> None:
        self._sink = sink

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        view = memoryview(data)
        self._sink.write(view)
        return len(view)
