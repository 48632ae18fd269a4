"""
A program on OpenAI's library that sends a file of 600 MB, in parts, and streams it back; prints hashes.

    python gateway_large.py BASE_URL KEY FOLDER
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import openai

_LINE = json.dumps({"item": {"text": "x" * 999_968}}).encode() + b"\n"


def main(base_url: str, key: str, folder: str) -> None:
    """
    Write the file, send it, and read it back in chunks.
    """
    client = openai.OpenAI(base_url=base_url, api_key=key, max_retries=0)
    path, sent, came = Path(folder, "large.jsonl"), hashlib.sha256(), hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(600):
            file.write(_LINE)
            sent.update(_LINE)
    upload = client.uploads.upload_file_chunked(file=path, mime_type="application/jsonl", purpose="evals")
    path.unlink()
    assert upload.file is not None
    with client.files.with_streaming_response.content(upload.file.id) as answer:
        for chunk in answer.iter_bytes():
            came.update(chunk)
    json.dump([upload.bytes, sent.hexdigest() == came.hexdigest()], sys.stdout)


main(*sys.argv[1:])
