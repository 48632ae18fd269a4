"""
Have many questions answered in one batch: build its lines, wait, read a row for each line, see what it cost.

    python examples/batch.py
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aikit import OpenAIBatchProgress, OpenAIClient, jsonl

MODEL = "gpt-4o-mini"
PRICES = {MODEL: {"batch": {"input": 0.075, "output": 0.30}}}  # US dollars per million tokens
QUESTIONS = {"sky": "Why is the sky blue?", "sea": "Why is the sea salty?", "odd": "Why is seven odd?"}


def main() -> None:
    """
    Run a batch on the embedded provider, whose built-in model says back what it was asked.
    """
    with (
        tempfile.TemporaryDirectory() as home,
        OpenAIClient(provider="local", home=home, prices=PRICES) as client,
    ):
        path = Path(home) / "questions.jsonl"
        written = jsonl.write(path, lines())
        print(f"written   {written.lines} lines, {written.bytes} bytes")

        file = client.files.create(path, "batch").unwrap()
        batch = client.batches.create(file.id, "/v1/chat/completions", max_cost=0.01).unwrap()
        client.batches.wait(batch.id, on_progress=show).throw()

        with client.batches.results(batch.id).unwrap() as results:
            for row in results:
                print(f"{row.status:<9} {row.custom_id}: {row.text or row.error}")

        cost = client.batches.cost(batch.id).unwrap()
        print(f"cost      ${cost.total:.6f}, {cost.usage.input_tokens} tokens in, {cost.usage.output_tokens} out")


def lines() -> Iterator[dict[str, Any]]:
    """
    Yield one line for each question; the last one asks for what no model takes.
    """
    for name, question in QUESTIONS.items():
        yield jsonl.chat_line(question, model=MODEL, custom_id=name, max_completion_tokens=50)
    yield jsonl.chat_line("And the wind?", model=MODEL, custom_id="wind", max_completion_tokens=50, temperature=7)


def show(progress: OpenAIBatchProgress) -> None:
    """
    Say how far the batch is when it is over; called with each change on the way.
    """
    if progress.batch.is_ended:
        print(f"{progress.phase} {progress.done} of {progress.total} requests are through")


if __name__ == "__main__":
    main()
