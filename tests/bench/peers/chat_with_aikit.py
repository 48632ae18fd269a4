"""
What is measured of the embedded provider: ``chat_with_aikit.py URL LINES AT_A_TIME FOLDER``.

A whole batch through `OpenAIClient.batches`, each of its lines answered by the server at URL: journal, output file and
all. Tells the lines answered in a second, from creating the batch to its end.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from aikit import OpenAIClient

_LOOK_S: Final = 0.02
_QUESTION: Final = "Why is the sky blue, and why is it red in the evening? " * 8


def main(url: str, count: str, at_a_time: str, folder: str) -> None:
    """
    Run the batch.
    """
    with (
        tempfile.TemporaryDirectory(dir=folder) as home,
        OpenAIClient(
            "k", provider="local", home=home, base_url=url, concurrency=int(at_a_time), ledger=False
        ) as client,
    ):
        path = _written(Path(home) / "lines.jsonl", int(count))
        stored = client.files.create(path, "batch").throw().file
        assert stored is not None
        started = time.perf_counter()
        batch = client.batches.create(stored.id, "/v1/chat/completions").throw().batch
        while batch is not None and batch.completed_at is None:
            time.sleep(_LOOK_S)
            batch = client.batches.retrieve(batch.id).throw().batch
        elapsed_s = time.perf_counter() - started
        assert batch is not None
        assert batch.request_counts is not None
        assert batch.request_counts.completed == int(count)
        print("lines_per_s", int(count) / elapsed_s)


def _written(path: Path, count: int) -> Path:
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            body = {
                "model": "m",
                "messages": [{"role": "user", "content": f"{number}: {_QUESTION}"}],
                "max_tokens": 256,
            }
            line = {"custom_id": f"q{number}", "method": "POST", "url": "/v1/chat/completions", "body": body}
            file.write(json.dumps(line) + "\n")
    return path


if __name__ == "__main__":
    main(*sys.argv[1:])
