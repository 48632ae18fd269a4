"""
Steps of ``aikit batch run``: its options, the confirmation of its cost, its progress and its report.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import click

from aikit.billing.estimates import refusal
from aikit.cli.batches_results import RowPrinter
from aikit.cli.calls import Refused, require_success
from aikit.cli.inputs import STDIN, size_of
from aikit.cli.output import Exit, Output
from aikit.cli.output.batch_text import cost_text, estimate_text, money
from aikit.cli.output.formats import counted
from aikit.cli.output.messages import ask
from aikit.cli.output.progress import bars, batch_bars
from aikit.cli.safety import Styled, safe, styled
from aikit.client import OpenAIClient
from aikit.resources.batches.run.costs import costs_of
from aikit.resources.batches.run.results import require_writable
from aikit.resources.batches.run.state import Part, RunState
from aikit.storage import exists, is_folder
from aikit.types.batches import OpenAIBatch, OpenAIBatchProgress
from aikit.types.costs import OpenAIBatchCost
from aikit.types.errors import OpenAIError
from aikit.types.progress import Progress


@attrs.frozen(kw_only=True)
class RunOptions:
    """
    The options of the command.

    Attributes:
        path: The input.

        results: The value of ``--output``; ``None`` without one.

        words: The command line that resumes the run.

        max_cost: US dollars.
    """

    path: Path
    results: str | None
    words: tuple[str, ...]
    max_cost: float | None
    yes: bool
    resubmit: bool
    again: bool

    @property
    def target(self) -> Path | None:
        """The file of the results; ``None`` for stdout."""
        if self.results == STDIN:
            return None
        return Path(self.results) if self.results else self.path.with_suffix(".results.jsonl")

    def require_place(self, *, is_json: bool) -> None:
        """
        Check that the results can be written, before anything is paid.

        Raises:
            click.UsageError: The output path cannot be used.
            Refused: The disk refuses to write there.
        """
        target = self.target
        if target is None:
            if is_json:
                raise click.UsageError("--json and -o - both write to stdout; save the results with -o PATH")
            return
        if not is_folder(target.absolute().parent):
            raise click.UsageError(f"{target.parent} is not a folder; create it, or pass another path with -o")
        if exists(target) and exists(self.path) and target.samefile(self.path):
            raise click.UsageError("the results would replace the input; pass another path with -o")
        try:
            require_writable(target)
        except OpenAIError as error:
            raise Refused([error], was_sent=True) from error  # it is the disk that refuses

    def require_own_place(self, own: Collection[str]) -> None:
        """
        Check that the default output path has no file, unless it is one of *own*, which runs wrote.

        Raises:
            click.UsageError: A file is there that no run wrote.
        """
        target = self.target
        if target is None or self.results or not exists(target) or str(target.absolute()) in own:
            return
        raise click.UsageError(f"{target} exists and was not written by a run; move it away, or pass a path with -o")


def command_words(path: str, results: str | None, asked: Mapping[str, Any]) -> tuple[str, ...]:
    """
    Return the command line that resumes this run.
    """
    words: list[str] = ["batch", "run", path, *(["-o", results] if results else [])]
    words += [word for key, text in asked["metadata"] for word in ("--metadata", f"{key}={text}")]
    for name in ("output_expires_after", "poll_interval", "max_wait", "concurrency"):
        if asked[name] is not None:
            words += [f"--{name.replace('_', '-')}", str(asked[name])]
    return tuple(words)


def confirm_cost(client: OpenAIClient, output: Output, options: RunOptions, path: Path) -> bool:
    """
    Print the estimated cost of the lines at *path*; unless they are free, ask on a terminal. Return the answer.

    Raises:
        Refused: The cost may exceed ``--max-cost``, or is unknown.
    """
    estimate = require_success(client.batches.estimate(path)).estimate
    is_free = estimate.cost_high == 0
    output.say(f"estimate: {estimate_text(estimate)}")
    for note in () if is_free else estimate.notes:
        output.say(f"note: {safe(note)}")
    if options.max_cost is not None:
        problem = refusal(estimate, Decimal(str(options.max_cost)), "high")
        if problem is not None:
            raise Refused([problem], was_sent=False)
    if options.yes or is_free or not sys.stdin.isatty():
        return True
    question = f"{estimate_text(estimate)}. " if output.settings.quiet else ""
    if ask(f"{question}Run it?"):
        return True
    output.say("no request was sent")
    return False


@contextmanager
def show_uploads(output: Output, state: RunState) -> Iterator[Callable[[Part], Callable[[Progress], None]]]:
    """
    Show a bar for each part of the input that is uploaded.
    """
    sizes = {part.number: size_of(part.path) for part in state.parts if part.file_id is None}
    with bars(output, list(sizes.values())) as shown, ExitStack() as stack:

        def begin(part: Part) -> Callable[[Progress], None]:
            bar = shown.file(Path(part.path).name, sizes.get(part.number, 0))
            stack.callback(bar.close)
            return bar

        yield begin


@contextmanager
def show_waiting(output: Output, state: RunState) -> Iterator[Callable[[Part], Callable[[OpenAIBatchProgress], None]]]:
    """
    Show a bar for each batch that has not ended.
    """
    if all(part.is_ended for part in state.parts):
        yield lambda _: lambda _: None
        return
    with batch_bars(output) as shown:
        yield lambda part: shown.batch(part.batch_id or "")


def tell_created(output: Output) -> Callable[[Part, OpenAIBatch], None]:
    """
    Return a function that prints that a batch was created.
    """

    def say(part: Part, batch: OpenAIBatch) -> None:
        before = part.attempts[-2].batch_id if len(part.attempts) > 1 else None
        what = counted(part.lines, "request") if before is None else f"the lines not ok in {safe(before)}"
        output.say(f"{safe(batch.id)} created: {what}, to {safe(batch.endpoint)}")

    return say


@attrs.define(eq=False)
class Report:
    """
    The report at the end of a run: where the results are, counts, costs.

    Attributes:
        rows: The rows that were printed, with their counts.

        target: The file of the results; ``None`` if they went to stdout.
    """

    output: Output
    client: OpenAIClient
    state: RunState
    rows: RowPrinter
    target: Path | None

    def tell(self, again: str) -> int:
        """
        Print the report; *again* is the command that resubmits lines that are not ok. Return the exit code.
        """
        costs, problems = costs_of(self.client, self.state)
        if self.output.settings.json:
            self.output.document(self._document(costs, problems))
        elif self.target is not None:
            self._print_place()
        self.output.say(self.rows.text())
        for error in problems:
            self.output.say(f"the cost is unknown: {safe(error.message)}")
        for cost in costs if len(costs) == 1 else ():
            self.output.say(cost_text(cost))
        if len(costs) > 1:
            total, is_least = _sum_of(costs)
            least = "at least " if is_least and total is not None else ""
            self.output.say(f"cost {least}{money(total)} in {len(costs):,} batches")
        if self.rows.is_all_ok:
            return Exit.DONE
        self.output.say("to resubmit the lines that are not ok:", again)
        return Exit.SOME_NOT_OK

    def _print_place(self) -> None:
        place = safe(str(self.target))
        if self.output.settings.quiet:
            self.output.line(place)
        elif self.output.is_plain:
            counts = self.rows.counts
            self.output.line("\t".join([place, str(counts.total()), *(str(count) for count in counts.values())]))
        else:
            bold = styled(place, "1", has_color=self.output.has_color(sys.stdout))
            self.output.line(Styled(f"results  {bold}"))

    def _document(self, costs: list[OpenAIBatchCost], problems: list[OpenAIError]) -> dict[str, Any]:
        order, counts = self.state.order, self.rows.counts
        parts = [attrs.asdict(part, recurse=True) for part in self.state.parts]
        known = {"object": "batch.run", "key": order.key, "input": order.input, "sha256": order.sha256}
        told = {"requests": counts.total(), "counts": dict(counts), "batches": list(self.state.batch_ids)}
        where = {"results": None if self.target is None else str(self.target), "parts": parts}
        total, is_least = _sum_of(costs)
        cost = {"cost": None if total is None else str(total), "is_lower_bound": is_least or bool(problems)}
        errors = {"errors": [one.to_dict() for one in problems]} if problems else {}
        return known | told | where | cost | {"costs": [one.to_dict() for one in costs]} | errors


def _sum_of(costs: list[OpenAIBatchCost]) -> tuple[Decimal | None, bool]:
    """
    Return the sum of all known costs, ``None`` if none is known, and whether it is a lower bound.
    """
    total = sum((cost.total for cost in costs if cost.total is not None), Decimal(0))
    is_least = any(cost.total is None or cost.is_lower_bound for cost in costs)
    return (None if is_least and not total else total), is_least
