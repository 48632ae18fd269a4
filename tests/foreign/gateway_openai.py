"""
A program on OpenAI's library for Python that takes every call of files, uploads and batches; prints what it found.

    python gateway_openai.py BASE_URL KEY
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import openai


def _lines(count: int) -> bytes:
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Say it."}]}
    request = {"method": "POST", "url": "/v1/chat/completions", "body": body}
    return b"".join(json.dumps({"custom_id": f"r-{number}", **request}).encode() + b"\n" for number in range(count))


_LINES = _lines(3)
_MANY = _lines(6_000)


def main(base_url: str, key: str) -> None:
    """
    Take the calls, and print what came.
    """
    client = openai.OpenAI(base_url=base_url, api_key=key, max_retries=0)
    found = {
        "files": _files(client),
        "paging": _paging(client),
        "uploads": _uploads(client),
        "batches": _batches(client),
        "errors": _errors(client, base_url),
        "async": asyncio.run(_in_a_loop(base_url, key)),
        "models": [model.object for model in client.models.list()],
    }
    json.dump(found, sys.stdout)


def _files(client: openai.OpenAI) -> Any:
    for choice in ({}, {"custom_llm_provider": "openai"}):
        made = client.files.create(file=("many.jsonl", _MANY), purpose="batch", extra_body=choice)
        seen = client.files.retrieve(made.id, extra_query=choice)
        assert (seen.id, seen.bytes, seen.filename, seen.purpose) == (made.id, len(_MANY), "many.jsonl", "batch")
        assert client.files.content(made.id).read() == _MANY
        with client.files.with_streaming_response.content(made.id) as stream:
            assert b"".join(stream.iter_bytes(65_536)) == _MANY
        part = client.files.content(made.id, extra_headers={"Range": "bytes=10-19"})
        assert (part.response.status_code, part.read()) == (206, _MANY[10:20])
        raw = client.files.with_raw_response.retrieve(made.id)
        assert raw.headers["x-litellm-call-id"]
        assert client.files.wait_for_processing(made.id).status == "processed"
        gone = client.files.delete(made.id)
    expiry: Any = {"anchor": "created_at", "seconds": 3600}
    expiring = client.files.create(file=("a.txt", b"text"), purpose="user_data", expires_after=expiry)
    assert expiring.expires_at is not None
    lasts = expiring.expires_at - expiring.created_at
    client.files.delete(expiring.id)
    return {"deleted": gone.deleted, "lasts": lasts}


def _paging(client: openai.OpenAI) -> Any:
    made = [client.files.create(file=(f"{number}.txt", b"x"), purpose="user_data").id for number in range(5)]
    newest = [file.id for file in client.files.list(limit=2, purpose="user_data")]
    oldest = [file.id for file in client.files.list(limit=2, order="asc")]
    for file_id in made:
        client.files.delete(file_id)
    return {"newest": newest == made[::-1], "oldest": oldest == made, "left": len(list(client.files.list()))}


def _uploads(client: openai.OpenAI) -> Any:
    upload = client.uploads.create(
        filename="a.jsonl", purpose="batch", bytes=len(_LINES), mime_type="application/jsonl"
    )
    parts = [client.uploads.parts.create(upload.id, data=data).id for data in (_LINES[:99], _LINES[99:])]
    done = client.uploads.complete(upload.id, part_ids=parts)
    assert done.file is not None
    assert client.files.content(done.file.id).read() == _LINES
    given_up = client.uploads.create(filename="b.bin", purpose="user_data", bytes=8, mime_type="text/plain")
    cancelled = client.uploads.cancel(given_up.id)
    whole = client.uploads.upload_file_chunked(
        file=_MANY,
        filename="c.jsonl",
        bytes=len(_MANY),
        mime_type="application/jsonl",
        purpose="batch",
        part_size=300_000,
    )
    assert whole.file is not None
    assert client.files.content(whole.file.id).read() == _MANY
    for file_id in (done.file.id, whole.file.id):
        client.files.delete(file_id)
    return {"done": done.status, "cancelled": cancelled.status, "chunked": whole.status}


def _batches(client: openai.OpenAI) -> Any:
    file = client.files.create(file=("lines.jsonl", _LINES), purpose="batch")
    batch = client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={"job": "a"}
    )
    assert (batch.input_file_id, batch.metadata) == (file.id, {"job": "a"})
    ended = _ended(client, batch.id)
    assert ended.output_file_id is not None
    rows = [json.loads(line) for line in client.files.content(ended.output_file_id).text.splitlines()]
    others = [
        client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h").id
        for _ in range(3)
    ]
    listed = [each.id for each in client.batches.list(limit=2)]
    long = client.files.create(file=("many.jsonl", _MANY), purpose="batch")
    stopped = client.batches.cancel(
        client.batches.create(input_file_id=long.id, endpoint="/v1/chat/completions", completion_window="24h").id
    )
    for batch_id in (*others, stopped.id):
        _ended(client, batch_id)
    return {
        "status": ended.status,
        "counts": ended.request_counts.to_dict() if ended.request_counts else None,
        "rows": sorted(row["custom_id"] for row in rows),
        "listed": listed == [*others[::-1], batch.id],
        "stopped": stopped.status in {"cancelling", "cancelled"},
        "output": client.files.retrieve(ended.output_file_id).purpose,
    }


def _ended(client: openai.OpenAI, batch_id: str) -> Any:
    for _ in range(300):
        batch = client.batches.retrieve(batch_id)
        if batch.status in {"completed", "failed", "cancelled", "expired"}:
            return batch
        time.sleep(0.1)
    raise AssertionError(batch)


def _errors(client: openai.OpenAI, base_url: str) -> Any:
    wrong = openai.OpenAI(base_url=base_url, api_key="sk-another", max_retries=0)
    calls = {
        "unknown file": lambda: client.files.retrieve("file-aaaaaaaaaaaaaaaaaaaaaaaa"),
        "unknown batch": lambda: client.batches.retrieve("batch_aaaaaaaaaaaaaaaaaaaaaaaa"),
        "wrong key": wrong.files.list,
        "bad lines": lambda: client.files.create(file=("a.jsonl", b"{}\nno\n"), purpose="batch"),
        "no purpose": lambda: client.files.create(file=("a.txt", b"x"), purpose=""),
        "bad limit": lambda: client.batches.list(limit=1000),
    }
    return {name: _error_of(call) for name, call in calls.items()}


def _error_of(call: Any) -> Any:
    try:
        call()
    except openai.APIStatusError as error:
        return [type(error).__name__, error.status_code, bool(error.message)]
    return None


async def _in_a_loop(base_url: str, key: str) -> Any:
    async with openai.AsyncOpenAI(base_url=base_url, api_key=key, max_retries=0) as client:
        made = await asyncio.gather(
            *(client.files.create(file=(f"{n}.jsonl", _lines(n)), purpose="batch") for n in range(1, 9))
        )
        sizes = [(await client.files.content(file.id)).content.count(b"\n") for file in made]
        listed = {file.id async for file in client.files.list(limit=3)}
        await asyncio.gather(*(client.files.delete(file.id) for file in made))
    return {"sizes": sizes, "listed": {file.id for file in made} <= listed}


main(*sys.argv[1:])
