"""
What a run shows while it goes on: bars on a terminal, and words for each step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from aikit.cli.output import Output
from aikit.cli.output.progress import bars, batch_bars
from aikit.cli.output.text import counted, safe
from aikit.resources.batches.run.state import Part, RunState
from aikit.types.batches import OpenAIBatch, OpenAIBatchProgress
from aikit.types.files import Progress


@contextmanager
def uploading(output: Output, state: RunState) -> Iterator[Callable[[Part], Callable[[Progress], None]]]:
    """
    Show the uploads of the parts that are not at the provider.
    """
    sizes = {part.number: _size(part) for part in state.parts if part.file_id is None}
    with bars(output, list(sizes.values())) as shown, ExitStack() as stack:

        def begin(part: Part) -> Callable[[Progress], None]:
            bar = shown.file(Path(part.path).name, sizes.get(part.number, 0))
            stack.callback(bar.close)
            return bar

        yield begin


@contextmanager
def waiting(output: Output, state: RunState) -> Iterator[Callable[[Part], Callable[[OpenAIBatchProgress], None]]]:
    """
    Show how far the batches come that are not over.
    """
    if all(part.is_ended for part in state.parts):
        yield lambda _: lambda _: None
        return
    with batch_bars(output) as shown:
        yield lambda part: shown.batch(part.batch_id or "")


def follow(output: Output) -> Callable[[Part, OpenAIBatch], None]:
    """
    Return what says that a batch was created.
    """

    def say(part: Part, batch: OpenAIBatch) -> None:
        before = part.attempts[-2].batch_id if len(part.attempts) > 1 else None
        what = counted(part.lines, "request") if before is None else f"what was not ok in {safe(before)}"
        output.say(f"{safe(batch.id)} created: {what}, to {safe(batch.endpoint)}")

    return say


def _size(part: Part) -> int:
    try:
        return Path(part.path).stat().st_size
    except OSError:  # told when it is sent
        return 0
