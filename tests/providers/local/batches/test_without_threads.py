"""
Batches where no thread can be started, as at the interpreter's end.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from aikit import OpenAIClient


def test_a_batch_is_worked_on_by_the_thread_that_asks_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A wait that is pending when the program ends is over when the batch is, and all answers are there.
    """

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}
    lines = [
        json.dumps({"custom_id": f"{number}", "method": "POST", "url": "/v1/chat/completions", "body": body})
        for number in range(3)
    ]
    with OpenAIClient(provider="local", home=tmp_path) as client:
        monkeypatch.setattr(threading.Thread, "start", refuse)
        file = client.files.create("\n".join(lines).encode(), "batch", {"filename": "a.jsonl"}).throw().file
        assert file is not None
        batch = client.batches.create(file.id, "/v1/chat/completions").throw().batch
        assert batch is not None
        ended = client.batches.wait(batch.id, {"poll_interval": 1, "deadline": 20}).throw().batch
        assert ended is not None
        assert (ended.status, ended.request_counts.completed) == ("completed", 3)
        with client.batches.results(ended.id).throw() as rows:
            assert [row.custom_id for row in rows] == ["0", "1", "2"]
