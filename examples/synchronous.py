"""
Upload a file, list what is there, fetch it back and delete it: one call after the other, each with its result.

    python examples/synchronous.py
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from aikit import OpenAIClient

QUESTIONS = ("Which way is up?", "Who goes there?", "What time is it?")


def main() -> None:
    """
    Take a batch file the whole way on the embedded provider: no server, no key, no network.
    """
    with tempfile.TemporaryDirectory() as home, OpenAIClient(provider="local", home=home) as client:
        path = Path(home) / "questions.jsonl"
        path.write_text("".join(map(line, QUESTIONS)), "utf-8")

        stored = client.files.create(path, "batch")
        if not stored:
            raise SystemExit(f"not stored: {stored.errors[0]}")
        file = stored.unwrap()
        print(f"stored   {file.filename}, {file.bytes} bytes, for {file.purpose}")

        names = [listed.filename for listed in client.files.list(purpose="batch")]
        print(f"listed   {', '.join(names)}")

        content = client.files.content(file.id).unwrap()
        print(f"fetched  {len(content)} bytes, the same as on disk: {content == path.read_bytes()}")

        saved = client.files.download(file.id, Path(home) / "copy.jsonl")
        print(f"saved    {saved.unwrap().name}, {saved.bytes_written} bytes")

        print(f"deleted  {client.files.delete(file.id).success}")
        print(f"left     {len(client.files.list())} files")


def line(question: str) -> str:
    """
    Return *question* as one line of a batch file.
    """
    body = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": question}]}
    request = {"custom_id": question, "method": "POST", "url": "/v1/chat/completions", "body": body}
    return json.dumps(request) + "\n"


if __name__ == "__main__":
    main()
