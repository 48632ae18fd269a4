"""
A program on LiteLLM's SDK that takes its calls of files and batches with ``api_base``; prints what it found.

    python gateway_litellm.py BASE_URL KEY
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import litellm

_BODY = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Say it."}]}
_LINES = b"".join(
    json.dumps({"custom_id": f"r-{n}", "method": "POST", "url": "/v1/chat/completions", "body": _BODY}).encode() + b"\n"
    for n in range(3)
)
_ORDER: dict[str, Any] = {"completion_window": "24h", "endpoint": "/v1/chat/completions"}
_OVER = frozenset(("completed", "failed", "cancelled", "expired"))


def main(base_url: str, key: str) -> None:
    """
    Take the calls, each also awaited, and print what came.
    """
    there: dict[str, Any] = {"custom_llm_provider": "openai", "api_base": base_url, "api_key": key}
    found = {"plain": _plain(there), "awaited": asyncio.run(_awaited(there)), "unknown": _unknown(there)}
    sys.stdout.write("\n" + json.dumps(found))


def _plain(there: dict[str, Any]) -> Any:
    file: Any = litellm.create_file(file=("a.jsonl", _LINES), purpose="batch", **there)
    assert litellm.file_retrieve(file.id, **there).id == file.id
    assert litellm.file_content(file.id, **there).content == _LINES
    listed = [each.id for each in litellm.file_list(**there)]
    batch: Any = litellm.create_batch(input_file_id=file.id, metadata={"job": "a"}, **_ORDER, **there)
    while batch.status not in _OVER:
        time.sleep(0.1)
        batch = litellm.retrieve_batch(batch.id, **there)
    rows = litellm.file_content(batch.output_file_id, **there).content
    batches = [each.id for each in litellm.list_batches(limit=5, **there)]
    gone: Any = litellm.file_delete(file.id, **there)
    return [batch.status, rows.count(b"\n"), file.id in listed, batch.id in batches, gone.deleted]


async def _awaited(there: dict[str, Any]) -> Any:
    file: Any = await litellm.acreate_file(file=("a.jsonl", _LINES * 1), purpose="batch", **there)
    batch: Any = await litellm.acreate_batch(input_file_id=file.id, **_ORDER, **there)
    while batch.status not in _OVER:
        await asyncio.sleep(0.1)
        batch = await litellm.aretrieve_batch(batch.id, **there)
    content: Any = await litellm.afile_content(batch.output_file_id, **there)
    gone: Any = await litellm.afile_delete(file.id, **there)
    return [batch.status, content.content.count(b"\n"), gone.deleted]


def _unknown(there: dict[str, Any]) -> Any:
    try:
        litellm.file_retrieve("file-aaaaaaaaaaaaaaaaaaaaaaaa", **there)
    except Exception as error:  # noqa: BLE001  its class is what is asked for
        return [type(error).__name__, getattr(error, "status_code", None)]
    return None


main(*sys.argv[1:])
