"""
Batches of many lines, and whether every line of one came through.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from aikit.providers.local.store.files import Store
from tests.providers.local.conftest import API, files_below

ENDPOINT = "/v1/chat/completions"
ENDED = frozenset(("completed", "failed", "expired", "cancelled"))


def line(custom_id: str, text: str = "hi", **others: Any) -> dict[str, Any]:
    """
    Return one line of input.
    """
    body = {"model": "m", "messages": [{"role": "user", "content": text}]}
    return {"custom_id": custom_id, "method": "POST", "url": ENDPOINT, "body": body} | others


def jsonl(lines: list[Any]) -> bytes:
    """
    Return *lines* as a file.
    """
    return b"".join(json.dumps(each).encode() + b"\n" for each in lines)


def input_of(count: int) -> bytes:
    """
    Return input with that many lines.
    """
    return jsonl([line(f"q{number}", f"question {number}") for number in range(count)])


def until(api: API, batch_id: str, is_so: Callable[[dict[str, Any]], bool], timeout_s: float = 60) -> dict[str, Any]:
    """
    Look at a batch until it is as wanted.
    """
    give_up_at = time.monotonic() + timeout_s
    while True:
        batch: dict[str, Any] = api.call("GET", f"/batches/{batch_id}").json()
        if is_so(batch):
            return batch
        assert time.monotonic() < give_up_at, batch
        time.sleep(0.01)


def ended(api: API, batch_id: str) -> dict[str, Any]:
    """
    Look at a batch until it has ended.
    """
    return until(api, batch_id, lambda batch: batch["status"] in ENDED)


def rows(api: API, file_id: str | None) -> Iterator[dict[str, Any]]:
    """
    Read one of a batch's files; ``None`` has no rows.
    """
    if file_id is not None:
        for text in api.content(file_id).body.splitlines():
            yield json.loads(text)


def require_whole(api: API, batch: dict[str, Any], count: int) -> None:
    """
    Check that each of *count* lines is there once, that the counts are right, and that nothing else lies about.
    """
    output = list(rows(api, batch["output_file_id"]))
    errors = list(rows(api, batch["error_file_id"]))
    seen = Counter(row["custom_id"] for row in output + errors)
    assert seen == Counter(f"q{number}" for number in range(count))
    assert all(row["response"]["status_code"] == 200 for row in output)
    assert len({row["id"] for row in output + errors}) == count
    assert batch["request_counts"]["total"] == count
    assert batch["request_counts"]["completed"] == len(output)
    tokens = sum(row["response"]["body"]["usage"]["total_tokens"] for row in output)
    assert batch["usage"]["total_tokens"] == tokens


def require_tidy(home: Path) -> None:
    """
    Check, after a new start, that there is nothing on disk that nothing knows of, once what ended a batch is through.
    """
    store = Store(home)
    give_up_at = time.monotonic() + 20
    while time.monotonic() < give_up_at and (
        files_below(store.folder / "incoming") + files_below(store.folder / "batches")
    ):
        time.sleep(0.01)
    listed = store.list(limit=10_000) or ()
    assert files_below(store.folder / "blobs") == sorted(file.id for file in listed)
    assert files_below(store.folder / "incoming") == []
    assert files_below(store.folder / "batches") == []
    store.close()
