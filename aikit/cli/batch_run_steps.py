"""
Steps of ``aikit batch run``: its options, the confirmation of its cost, its progress and its report.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Self

import attrs
import click

from aikit.cli.batches_results import RowPrinter, say_problems
from aikit.cli.calls import Refused
from aikit.cli.inputs import STDIN
from aikit.cli.output import Exit, Output
from aikit.cli.output.batch_text import cost_text, estimate_text, money
from aikit.cli.output.messages import ask
from aikit.cli.output.progress import bars, batch_bars
from aikit.cli.own_server import is_own_server
from aikit.cli.safety import Styled, safe, styled
from aikit.resources.batches.run.folder import RunFolder
from aikit.resources.batches.run.joining import require_writable
from aikit.resources.batches.run.results import OpenAIBatchRunResult
from aikit.resources.batches.run.table import is_of_json
from aikit.storage import exists, is_folder
from aikit.types.batch_runs import OpenAIBatchRun, OpenAIBatchRunProgress
from aikit.types.batches import OpenAIBatch, OpenAIBatchProgress
from aikit.types.costs import OpenAIBatchEstimate
from aikit.types.errors import OpenAIError
from aikit.types.progress import Progress

OF_TABLES: Final = ("prompt", "system", "model", "encoding", "delimiter")
"""Options that come with a table."""


@attrs.frozen(kw_only=True)
class RunOptions:
    """
    The options of the command.

    Attributes:
        path: The input.

        results: The value of ``--output``; ``None`` without one.

        is_table: Whether the input has a row for each question.

        words: The command line that resumes the run.

        max_cost: US dollars.
    """

    path: Path
    results: str | None
    is_table: bool
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
        return Path(self.results) if self.results else self.path.with_suffix(f".results.{self.form}")

    @property
    def form(self) -> str:
        """The format of results that have no name: that of the input."""
        return "csv" if self.is_table and not is_of_json(self.path) else "jsonl"

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

    def require_own_place(self, folder: RunFolder) -> None:
        """
        Check that the default output path has no file, unless a run of those in *folder* wrote it.

        Raises:
            click.UsageError: A file is there that no run wrote.
            Refused: What was kept of a run cannot be read, so its results are not known.
        """
        target = self.target
        if target is None or self.results or not exists(target) or str(target.absolute()) in folder.results():
            return
        try:
            folder.require_readable()
        except OpenAIError as error:
            raise Refused([error], was_sent=True) from error
        raise click.UsageError(f"{target} exists and was not written by a run; move it away, or pass a path with -o")


def command_words(path: str, results: str | None, asked: Mapping[str, Any]) -> tuple[str, ...]:
    """
    Return the command line that resumes this run.
    """
    words: list[str] = ["batch", "run", path, *(["-o", results] if results else [])]
    words += [word for key, text in asked["metadata"] for word in ("--metadata", f"{key}={text}")]
    words += [word for key, text in asked["body"] for word in ("--body", f"{key}={text}")]
    for name in (*OF_TABLES, "output_expires_after", "poll_interval", "max_wait", "concurrency"):
        if asked[name] is not None:
            words += [f"--{name.replace('_', '-')}", str(asked[name])]
    return tuple(words)


def body_of(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """
    Return the parameters of each request: what is JSON as that, all else as text.
    """
    found = {}
    for name, text in pairs:
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found


def tell_estimate(output: Output, estimate: OpenAIBatchEstimate, *, is_own: bool = False) -> None:
    """
    Print the estimated cost, with what is to be known of it unless it is free; *is_own* is said of one's own server.
    """
    output.say(f"estimate: {estimate_text(estimate, is_own=is_own)}")
    for note in () if estimate.cost_high == 0 or is_own else estimate.notes:
        output.say(f"note: {safe(note)}")


def is_agreed(output: Output, options: RunOptions, estimate: OpenAIBatchEstimate, model_address: str) -> bool:
    """
    Print the estimated cost; unless the lines are free or go to a server of one's own, ask on a terminal.

    Return the answer.
    """
    is_own = is_own_server(model_address, estimate)
    tell_estimate(output, estimate, is_own=is_own)
    if options.yes or estimate.cost_high == 0 or is_own or not sys.stdin.isatty():
        return True
    question = f"{estimate_text(estimate)}. " if output.settings.quiet else ""
    try:
        return ask(f"{question}Run it?")
    except click.Abort:
        raise KeyboardInterrupt from None  # it would be taken for a fault of the question


@attrs.define(eq=False)
class RunDisplay:
    """
    What is shown of a run under way: its notes, and bars of its bytes or of its batches.

    Attributes:
        name: Of the input.

        result: The run.

        is_over: Set when nothing more is to be shown.
    """

    output: Output
    name: str
    result: OpenAIBatchRunResult | None = None
    is_over: bool = False
    _told: int = 0
    _shown: object = None
    _bars: ExitStack = attrs.field(factory=ExitStack)
    _bar: Callable[[Progress], object] | None = None
    _batches: dict[str, Callable[[OpenAIBatchProgress], object]] = attrs.field(factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()
        self.tell_notes()

    def clear(self) -> None:
        """
        Take all bars away.
        """
        self._bars.close()
        self._shown = None

    def tell_notes(self) -> None:
        """
        Print the notes that are new.
        """
        notes = self.result.notes if self.result is not None else ()
        for note in notes[self._told :]:
            self.output.say(safe(note))
        self._told = max(self._told, len(notes))

    def show(self, progress: OpenAIBatchRunProgress) -> None:
        """
        Print new notes, and show *progress*.
        """
        if self.is_over:
            return
        self.tell_notes()
        is_waiting = progress.phase == "waiting"
        if not is_waiting and not progress.total_bytes:
            return
        kind = is_waiting or (progress.phase, progress.part)
        if kind != self._shown:
            self.clear()
            self._begin(progress, is_waiting=is_waiting)
            self._shown = kind
        if not is_waiting and self._bar is not None:
            self._bar(Progress(progress.bytes, progress.total_bytes, progress.phase))
        for batch in progress.batches if is_waiting else ():
            self._show_batch(batch)

    def _begin(self, progress: OpenAIBatchRunProgress, *, is_waiting: bool) -> None:
        if is_waiting:
            shown = self._bars.enter_context(batch_bars(self.output))
            self._batches = {batch_id: shown.batch(batch_id) for batch_id in progress.batch_ids}
            return
        size = progress.total_bytes or 0
        bar = self._bars.enter_context(bars(self.output, [size])).file(self._name(progress), size)
        self._bars.callback(bar.close)
        self._bar = bar

    def _name(self, progress: OpenAIBatchRunProgress) -> str:
        if progress.phase == "uploading":
            return f"part {progress.part} of {self.name}" if progress.parts > 1 else self.name
        if progress.phase == "checking":  # which the bar says by itself
            return self.name
        return f"{progress.phase} {'results' if progress.phase in {'downloading', 'joining'} else self.name}"

    def _show_batch(self, batch: OpenAIBatch) -> None:
        counts = batch.request_counts
        if (bar := self._batches.get(batch.id)) is not None:
            bar(OpenAIBatchProgress(batch, counts.completed + counts.failed))


@attrs.define(eq=False)
class Report:
    """
    The report at the end of a run: where the results are, counts, costs.

    Attributes:
        folder: Where runs are kept.

        rows: The rows that were printed, with their counts.

        target: The file of the results; ``None`` if they went to stdout.
    """

    output: Output
    folder: RunFolder
    run: OpenAIBatchRun
    rows: RowPrinter
    target: Path | None

    def tell(self, again: str) -> int:
        """
        Print the report; *again* is the command that resubmits lines that are not ok. Return the exit code.
        """
        if self.output.settings.json:
            self.output.document(self._document())
        elif self.target is not None:
            self._print_place()
        self.output.say(self.rows.text())
        say_problems(self.output, self.run.problems, self.run.problem_count)
        costs = self.run.costs
        for cost in costs if len(costs) == 1 else ():
            self.output.say(cost_text(cost))
        if len(costs) > 1:
            total = self._total
            least = "at least " if self.run.cost.is_lower_bound and total is not None else ""
            self.output.say(f"cost {least}{money(total)} in {len(costs):,} batches")
        if self.rows.is_all_ok:
            return Exit.DONE
        self.output.say("to resubmit the lines that are not ok:", again)
        return Exit.SOME_NOT_OK

    @property
    def _total(self) -> Decimal | None:
        """The cost of all batches; ``None`` if none of it is known."""
        cost = self.run.cost
        return None if cost.is_lower_bound and not cost.total else cost.total

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

    def _document(self) -> dict[str, Any]:
        counts, state, total = self.rows.counts, self.folder.load(self.run.key), self._total
        order, parts = (state.order, state.parts) if state is not None else (None, ())
        known = {"object": "batch.run", "key": self.run.key}
        given = {} if order is None else {"input": order.input, "sha256": order.sha256}
        told = {"requests": counts.total(), "counts": dict(counts), "batches": list(self.run.batch_ids)}
        where = {"results": None if self.target is None else str(self.target)}
        cost = {"cost": None if total is None else str(total), "is_lower_bound": self.run.cost.is_lower_bound}
        costs = {"costs": [one.to_dict() for one in self.run.costs]}
        return known | given | told | where | {"parts": [attrs.asdict(part) for part in parts]} | cost | costs
