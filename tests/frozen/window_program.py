"""
A window that uploads a file and has a batch answered by the embedded provider: ``window_program.py HOME URL``.

It prints what became of each, and closes itself. With ``windowless`` for a third argument it needs no screen.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from aikit import OpenAIClient, dispatch, jsonl

_LONGEST_MS = 60_000


def in_a_window(home: Path, url: str) -> None:
    """
    Upload and have answered with callbacks in Tk's main loop.
    """
    import tkinter as tk  # noqa: PLC0415  not every program has a window

    window = tk.Tk()
    client = OpenAIClient(provider="local", home=home, dispatcher=dispatch.tk(window))
    server = OpenAIClient("k", base_url=url, home=home, dispatcher=dispatch.tk(window))

    def on_uploaded(result: Any) -> None:
        tell("uploaded", result.success)
        client.files.create(questions(home), "batch", {"on_terminate": on_stored})

    def on_stored(result: Any) -> None:
        client.batches.create(result.file.id, "/v1/chat/completions", {"on_terminate": on_created})

    def on_created(result: Any) -> None:
        client.batches.wait(result.batch.id, {"on_terminate": on_ended})

    def on_ended(result: Any) -> None:
        tell("batch", result.batch.status)
        window.destroy()

    server.files.create(b"hello", "user_data", {"filename": "hello.txt", "on_terminate": on_uploaded})
    window.after(_LONGEST_MS, window.destroy)
    window.mainloop()
    client.close()
    server.close()


def in_turn(home: Path, url: str) -> None:
    """
    Do the same one after the other.
    """
    with OpenAIClient("k", base_url=url, home=home) as server:
        result = server.files.create(b"hello", "user_data", {"filename": "hello.txt"})
        tell("uploaded", result.success)
    with OpenAIClient(provider="local", home=home) as client:
        stored = client.files.create(questions(home), "batch").throw()
        assert stored.file is not None
        created = client.batches.create(stored.file.id, "/v1/chat/completions").throw()
        assert created.batch is not None
        ended = client.batches.wait(created.batch.id).throw()
        assert ended.batch is not None
        tell("batch", ended.batch.status)


def tell(*words: object) -> None:
    """
    Print one line.
    """
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def questions(home: Path) -> Path:
    """
    Write a batch's input, estimated in tokens, which reads the facts about texts.
    """
    home.mkdir(mode=0o700, exist_ok=True)
    path = home / "questions.jsonl"
    jsonl.write(path, (jsonl.chat_line(f"How much is {number}?", model="gpt-5-mini") for number in range(3)))
    tell("estimate", jsonl.estimate_tokens("How much is that?").high > 0)
    return path


if __name__ == "__main__":
    (in_turn if sys.argv[3:] else in_a_window)(Path(sys.argv[1]), sys.argv[2])
