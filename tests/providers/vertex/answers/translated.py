"""
Rows of batch predictions, translated in one go.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aikit.http.sinks import MemorySink
from aikit.providers.vertex.answers.ids import RowIds
from aikit.providers.vertex.answers.rows import Rows
from aikit.providers.vertex.answers.sink import Output, RowSink

UNANSWERED = ("no_answer", "the batch has no row for it")
MODEL = "gemini-2.5-flash"


def ids_of(custom_ids: Iterable[str]) -> RowIds:
    """
    Return what keeps the custom_ids of a batch.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ids.jsonl"
        path.write_text("".join(json.dumps(custom_id) + "\n" for custom_id in custom_ids))
        return RowIds.of(path)  # which holds what is as small


def written(rows: Iterable[Any]) -> bytes:
    """
    Return rows as their file has them; bytes are a row as they are.
    """
    return b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows)


def content_of(content: bytes, ids: RowIds | None, *, wants_errors: bool, **about: Any) -> bytes:
    """
    Return the output or error file made of one file of rows.
    """
    sink = MemorySink()
    output = Output.begun(sink, '"tag"')
    rows = Rows(ids=ids, model=MODEL, wants_errors=wants_errors, unanswered=UNANSWERED, **about)
    shard = RowSink(name="predictions.jsonl", rows=rows, output=output)
    shard.begin(200, {"content-length": str(len(content))})
    shard.write(memoryview(content))
    shard.finish(len(content))
    for line in rows.rest():
        output.write(line)
    output.finish()
    return sink.content()


def lines_of(rows: Iterable[Any], ids: RowIds | None = None) -> tuple[list[Any], list[Any]]:
    """
    Return the lines of the output and of the error file.
    """
    content = written(rows)
    output, errors = (content_of(content, ids, wants_errors=wants) for wants in (False, True))
    return [json.loads(line) for line in output.splitlines()], [json.loads(line) for line in errors.splitlines()]


def row(response: Any, number: int = 1, **others: Any) -> dict[str, Any]:
    """
    Return the row of an answer.
    """
    about = {"key": f"r-{number}", "status": "", "processed_time": "2026-11-01T18:13:16.826+00:00"}
    return {**about, "request": {"contents": [], "fileData": None}, "response": response, **others}


def candidate(*parts: Any, **others: Any) -> dict[str, Any]:
    """
    Return a candidate with *parts*; a text is one.
    """
    made = [{"text": part} if isinstance(part, str) else part for part in parts]
    return {"content": {"role": "model", "parts": made}, "finishReason": "STOP", **others}


def answered(candidates: Sequence[Any], **others: Any) -> Any:
    """
    Return the chat completion that an answer with *candidates* is read as.
    """
    usage = {"promptTokenCount": 3, "candidatesTokenCount": 2}
    response = {"candidates": candidates, "usageMetadata": usage, "modelVersion": MODEL, "responseId": "abc", **others}
    output, errors = lines_of([row(response)], ids_of(["one"]))
    assert errors == [], errors
    return output[0]["response"]["body"]


def failed(told: dict[str, Any]) -> Any:
    """
    Return the line of the error file for a row with the members *told*.
    """
    output, errors = lines_of([row({}) | told], ids_of(["one"]))
    assert output == [], output
    return errors[0]
