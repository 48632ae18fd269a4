"""
What tests of splitting share: requests, and what became of them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from aikit.jsonl import Rejected, split

CHAT: Final = "/v1/chat/completions"
EMBEDDINGS: Final = "/v1/embeddings"


def request_line(custom_id: object, url: str = CHAT, model: str = "m", **body: Any) -> bytes:
    """
    Return a batch line without its newline.
    """
    name = "messages" if url == CHAT else "input"
    body = {"model": model, name: [{"role": "user", "content": "Hi"}] if url == CHAT else "Hi"} | body
    line = {"custom_id": str(custom_id), "method": "POST", "url": url, "body": body}
    return json.dumps(line, ensure_ascii=False).encode()


def jsonl_of(*lines: bytes) -> bytes:
    """
    Return lines, each with a newline.
    """
    return b"".join(line + b"\n" for line in lines)


def names_in(folder: Path) -> list[str]:
    """
    Return the names of all that is in *folder*, however deep.
    """
    return sorted(path.name for path in folder.rglob("*"))


def refused_split(file: Any, folder: Path, **options: Any) -> list[tuple[int | None, str | None]]:
    """
    Return line and code of each error of a split.
    """
    with pytest.raises(Rejected) as caught:
        split(file, folder, **options)
    return [(error.line, error.code) for error in caught.value.errors]
