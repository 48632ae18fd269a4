"""
Files of batches, made and joined.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from aikit.http.context import CallContext
from aikit.resources.batches.rows.folder import Folder
from aikit.resources.batches.rows.index import AnswerFile
from aikit.resources.batches.rows.join import BatchRows, Gone, join
from aikit.types.batches import OpenAIBatch
from aikit.types.errors import OpenAIError

WIRE: dict[str, Any] = {
    "id": "batch_1",
    "object": "batch",
    "endpoint": "/v1/chat/completions",
    "input_file_id": "file-in",
    "completion_window": "24h",
    "status": "completed",
    "created_at": 1,
}


def asked(custom_id: Any, text: str = "?") -> bytes:
    """
    Return a line of an input.
    """
    line = {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions"}
    body = {"model": "m", "messages": [{"role": "user", "content": text}]}
    return json.dumps(line | {"body": body}).encode() + b"\n"


def told(custom_id: str, text: str = "yes", status_code: int = 200) -> bytes:
    """
    Return a line of an output file, or, with another status, of an error file.
    """
    usage = {"prompt_tokens": 1, "completion_tokens": 2}
    body: Any = {"model": "m", "choices": [{"message": {"content": text}}], "usage": usage}
    if status_code != 200:
        body = {"error": {"message": text, "code": "no"}}
    response = {"status_code": status_code, "request_id": "req_1", "body": body}
    return json.dumps({"id": "r", "custom_id": custom_id, "response": response, "error": None}).encode() + b"\n"


def never_ran(custom_id: str, code: str = "batch_expired") -> bytes:
    """
    Return a line of an error file about a request that was not done.
    """
    error = {"code": code, "message": f"because of {code}"}
    return json.dumps({"id": "r", "custom_id": custom_id, "response": None, "error": error}).encode() + b"\n"


def batch(**fields: Any) -> OpenAIBatch:
    """
    Return a batch with *fields*.
    """
    return OpenAIBatch.from_wire(WIRE | fields)


@contextmanager
def joined(
    inputs: bytes, output: bytes | None = None, error: bytes | None = None, of: OpenAIBatch | None = None
) -> Iterator[BatchRows]:
    """
    Join the files of one batch.
    """
    files = [(kind, content) for kind, content in (("output", output), ("error", error)) if content is not None]
    with joined_lineage(inputs, [(of or batch(), files)]) as rows:
        yield rows


@contextmanager
def joined_lineage(
    inputs: bytes, members: Sequence[tuple[OpenAIBatch, Sequence[tuple[str, bytes]]]]
) -> Iterator[BatchRows]:
    """
    Join the files of a lineage.
    """
    folder = Folder()
    place = written(folder.path / "input", inputs)
    files: list[AnswerFile | Gone] = []
    for number, (member, contents) in enumerate(members):
        for kind, content in contents:
            files.append(AnswerFile(written(folder.path / f"{kind}{number}", content), kind, member.id))
    rows = join([member for member, _ in members], folder, place, files, CallContext())
    try:
        yield rows
    finally:
        rows.close()
        assert not folder.path.exists()


def values_of(error: OpenAIError | None) -> dict[str, Any]:
    """
    Return what *error* says, for comparing: as an exception it is equal to itself only.
    """
    assert error is not None
    return attrs.asdict(error)


def written(path: Path, content: bytes) -> Path:
    """
    Write a file, and return where.
    """
    path.write_bytes(content)
    return path
