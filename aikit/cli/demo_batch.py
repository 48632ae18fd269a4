"""
The batch of ``aikit demo``: created, waited for, and read line by line.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

from aikit.cli.output.batch_text import cost_to_json, counts_text, money
from aikit.cli.output.progress import batch_bars
from aikit.cli.output.text import safe
from aikit.cli.story import INDENT, DemoReporter, good
from aikit.client import OpenAIClient
from aikit.types.batches import OpenAIBatch
from aikit.types.errors import OpenAIError
from aikit.types.files import OpenAIFile

_ENDPOINT: Final = "/v1/chat/completions"
_POLL_S: Final = 0.1
_SHOWN: Final = 60


def answered(story: DemoReporter, client: OpenAIClient, file: OpenAIFile, path: Path) -> OpenAIBatch:
    """
    Have the requests of *file*, which is here at *path*, answered; return the batch.

    Raises:
        OpenAIError: Something failed, or the results are not what they must be.
    """
    batch: OpenAIBatch = good(client.batches.create(file.id, _ENDPOINT)).batch
    story.tell("batch", f"{batch.id} is created, and {batch.status}")
    with batch_bars(story.output, keeps=True) as shown:
        options = {"poll_interval": _POLL_S, "on_progress": shown.batch("batch")}
        ended: OpenAIBatch = good(client.batches.wait(batch.id, options)).batch
    counts = ended.request_counts
    story.tell("wait", f"{ended.status}: {counts.completed:,} of {counts.total:,} answered, {counts.failed:,} failed")
    _read(story, client, ended, path)
    _tell_cost(story, client, ended)
    return ended


def _read(story: DemoReporter, client: OpenAIClient, batch: OpenAIBatch, path: Path) -> None:
    """
    Read the results; they come in the order of the input, whatever order the answers came in.
    """
    counts: Counter[str] = Counter()
    first = ""
    with good(client.batches.results(batch, {"input_file": path})) as rows:
        for number, row in enumerate(rows, 1):
            counts[row.status] += 1
            first = first or f"{row.custom_id} has the echo {row.text!r}"
            if row.custom_id != f"request-{number}":
                raise OpenAIError(message=f"line {number} has the row of {row.custom_id}", code="demo_failed")
    story.facts |= {"batch_id": batch.id, "status": batch.status, "counts": dict(counts)}
    story.tell("results", f"in the order of the input, {counts_text(counts)}")
    story.say(f"{'':{INDENT}}{safe(first[:_SHOWN])}{'…' if len(first) > _SHOWN else ''}")


def _tell_cost(story: DemoReporter, client: OpenAIClient, batch: OpenAIBatch) -> None:
    cost = good(client.batches.cost(batch)).cost
    story.facts["cost"] = cost_to_json(cost)
    usage = cost.usage
    tokens = f"{usage.input_tokens:,} tokens in, {usage.output_tokens:,} out"
    story.tell("cost", f"{money(cost.total)}, for the built-in model is free; {tokens}")
