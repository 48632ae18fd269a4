"""
A program on another library that runs what our page says people wrote there; prints what failed.

    python coming_from.py LIBRARY BASE_URL < CALLS

CALLS is a JSON array of lines of Python.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

_KEY = "sk-1"
_LINE = {
    "custom_id": "q1",
    "method": "POST",
    "url": "/v1/chat/completions",
    "body": {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Hi"}]},
}


def main(library: str, base_url: str) -> None:
    """
    Run each call with names of its own, and print which of them failed, and how.
    """
    os.environ.update(OPENAI_BASE_URL=base_url, OPENAI_API_KEY=_KEY)
    path = Path("questions.jsonl")
    path.write_text(json.dumps(_LINE) + "\n")
    failed = {}
    for call in json.loads(sys.stdin.read()):
        try:
            _run(call, _names(library, base_url, path))
        except Exception as error:  # noqa: BLE001  it is what is looked for
            if "Cannot cancel" not in str(error):  # the call was understood, and the batch is over
                failed[call] = f"{type(error).__name__}: {error}"
    sys.stdout.write("\n" + json.dumps(failed))


def _names(library: str, base_url: str, path: Path) -> dict[str, Any]:
    import openai  # noqa: PLC0415  litellm needs it, too

    client = openai.OpenAI()
    file = client.files.create(file=path, purpose="batch")
    batch = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    upload = client.uploads.create(bytes=5, filename="notes.txt", mime_type="text/plain", purpose="user_data")
    while client.batches.retrieve(batch.id).status not in {"completed", "failed"}:
        time.sleep(0.05)
    found: dict[str, Any] = {"client": client, "path": path, "data": path.read_bytes(), "key": _KEY, "url": base_url}
    found |= {"file_id": file.id, "batch_id": batch.id, "upload_id": upload.id, "time": time}
    own = __import__(library)
    return vars(own) | found


def _run(call: str, names: dict[str, Any]) -> None:
    compiled = compile(call, "<page>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if compiled.co_flags & inspect.CO_COROUTINE:
        asyncio.run(eval(compiled, names))  # noqa: S307  our own page
    else:
        exec(compiled, names)  # noqa: S102  our own page


if __name__ == "__main__":
    main(*sys.argv[1:])
