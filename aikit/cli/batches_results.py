"""
``aikit batches results``, ``cost`` and ``resubmit``: commands for batches that have ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import click

from aikit.cli.batches import create_options
from aikit.cli.calls import Refused, require_success, tell_errors, tell_refusal
from aikit.cli.inputs import STDIN, OutputPath
from aikit.cli.option_types import Choices, Dollars, Duration, Pairs
from aikit.cli.options import Command, settings_of_context, usage_errors
from aikit.cli.output import Answer, Exit, Output, copy_to_stdout, exit_of
from aikit.cli.output.batch_text import (
    COST_TITLES,
    cost_cells,
    cost_fields,
    cost_text,
    counts_text,
    reasons_text,
)
from aikit.cli.output.formats import counted
from aikit.cli.safety import safe
from aikit.client import OpenAIClient
from aikit.resources.batches.results import OpenAIBatchRowsResult
from aikit.resources.batches.rows.write import write_csv, write_jsonl
from aikit.storage.temporary import temporary_folder
from aikit.types.batch_rows import STATUSES, OpenAIBatchProblem, OpenAIBatchRow
from aikit.types.costs import OpenAIBatchCost
from aikit.types.errors import OpenAIError

_FORMATS: Final = ("jsonl", "csv")
_REDO: Final = "failed,expired,missing"

_id: Final = click.argument("batch_id", metavar="ID")
_input: Final = click.option(
    "--input",
    "input_file",
    type=click.Path(dir_okay=False),
    help="Copy of the input on this machine, to spare its download.",
)


@attrs.define(eq=False)
class RowPrinter:
    """
    Rows on their way to a file or stdout, counted as they pass.

    Attributes:
        rows: All rows of the results.

        only: The statuses of the rows that are passed on.

        counts: Status → how many of all rows have it.

        reasons: Error code → how many failed rows have it.
    """

    rows: Iterable[OpenAIBatchRow]
    only: tuple[str, ...] = STATUSES
    counts: Counter[str] = attrs.field(factory=lambda: Counter(dict.fromkeys(STATUSES, 0)))
    reasons: Counter[str] = attrs.field(factory=Counter)

    def __iter__(self) -> Iterator[OpenAIBatchRow]:
        for row in self.rows:
            self.counts[row.status] += 1
            if row.error is not None and row.status == "failed":
                self.reasons[row.error.code or f"status {row.status_code}"] += 1
            if row.status in self.only:
                yield row

    def count(self) -> None:
        """
        Let all rows pass.
        """
        for _ in self:
            pass

    @property
    def is_all_ok(self) -> bool:
        """Whether all rows so far succeeded."""
        return self.counts.total() == self.counts["ok"]

    def text(self) -> str:
        """
        Return the counts by status, with the reasons of failures, on one line.
        """
        why = reasons_text(self.reasons)
        return counts_text(self.counts) + (f" ({why})" if why else "")


@click.command(cls=Command)
@_id
@click.option("-o", "--output", "path", type=OutputPath(dir_okay=False), help="Save here.")
@click.option(
    "--format", "form", type=click.Choice(_FORMATS), help="Default: by the extension of PATH; else JSON lines."
)
@click.option("--only", type=Choices(STATUSES), help="Only these, with commas: ok,failed,expired,cancelled,missing.")
@click.option("--with-lineage", is_flag=True, help="Join the results of the first batch and all resubmitted ones.")
@_input
def results(batch_id: str, path: str | None, form: str | None, **asked: Any) -> int:
    """
    Print the result of each line of an ended batch.

    Each line of the input has one row, in its order: the provider's own line, with line, status and batch_id. Rows go
    to stdout, or to a path, where the file appears when it is complete. The exit code is 4 when some line is not ok.
    """
    settings = settings_of_context()
    output = Output(settings)
    if settings.json and path in {None, STDIN}:
        raise click.UsageError("--json goes with -o PATH here: without it stdout has the rows, which are JSON lines")
    only = asked.pop("only") or STATUSES
    with settings.connected() as client:
        try:
            with usage_errors():
                result = require_success(client.batches.results(batch_id, **asked))
            with result:
                return _print_results(output, result, RowPrinter(result, only), path, form)
        except Refused as refusal:
            return tell_refusal(output, refusal)
        except OpenAIError as error:
            return tell_refusal(output, Refused([error], was_sent=True))


def _print_results(
    output: Output, result: OpenAIBatchRowsResult, rows: RowPrinter, path: str | None, form: str | None
) -> int:
    if path not in {None, STDIN}:
        count = write_rows(rows, Path(path or ""), form)
        _print_saved(output, Path(path or ""), count, rows.counts)
        code = Exit.DONE
    else:
        code = Exit(print_rows(output, rows, form))
    output.say(rows.text())
    say_problems(output, result.problems, result.problem_count)
    if rows.is_all_ok:
        return code
    batch_id = result.batch.id if result.batch is not None else "ID"
    output.say("to resubmit the lines that are not ok:", output.settings.command_line("batches", "resubmit", batch_id))
    return code or Exit.SOME_NOT_OK


def say_problems(output: Output, problems: Sequence[OpenAIBatchProblem], count: int) -> None:
    """
    Print how many lines of the result files could not be joined, and the reason of the first.
    """
    for first in problems[:1]:
        place = first.file if first.line is None else f"{first.file} line {first.line}"
        output.say(f"{counted(count, 'problem')} in the result files, the first: {safe(place)}: {safe(first.message)}")


def write_rows(rows: Iterable[OpenAIBatchRow], path: Path, form: str | None = None) -> int:
    """
    Write *rows* to *path* in the format *form*, by default that of its extension; return how many.
    """
    is_csv = form == "csv" or (form is None and path.suffix.lower() == ".csv")
    return write_csv(rows, path, escape_formulas=True) if is_csv else write_jsonl(rows, path)


def print_rows(output: Output, rows: Iterable[OpenAIBatchRow], form: str | None = None) -> int:
    """
    Print *rows* on stdout once all are complete; return the exit code.
    """
    return print_written(output, lambda path: write_rows(rows, path), form or "jsonl")


def print_written(output: Output, write: Callable[[Path], object], form: str) -> int:
    """
    Print the file that *write* makes, in the format *form*, on stdout; return the exit code.
    """
    with temporary_folder() as folder:
        part = Path(folder) / f"rows.{form}"
        write(part)
        with part.open("rb") as file:
            return copy_to_stdout(output, file)


def _print_saved(output: Output, path: Path, count: int, counts: Mapping[str, int]) -> None:
    if output.settings.json:
        output.document({"object": "batch.results", "path": str(path), "rows": count, "counts": dict(counts)})
    else:
        output.line(safe(str(path)) if output.settings.quiet else f"{safe(str(path))}\t{count}")


@click.command(cls=Command)
@_id
def cost(batch_id: str) -> int:
    """
    Print the cost of an ended batch, per model.

    Off a terminal a model is a line of fields separated by tabs: model, requests, tokens in, of these cached, tokens
    out, of these reasoning, US dollars. A model without a known price has no amount, never 0.
    """
    settings = settings_of_context()
    output = Output(settings)
    with settings.connected() as client, usage_errors():
        result = client.batches.cost(batch_id)
    if result.cost is None:
        return tell_errors(output, result)
    print_cost(output, result.cost)
    output.say(cost_text(result.cost))
    for note in result.cost.notes:
        output.say(f"note: {safe(note)}")
    return Exit.DONE


def print_cost(output: Output, cost: OpenAIBatchCost) -> None:
    """
    Print *cost*, model by model.
    """
    if output.settings.json:
        output.document(cost.to_dict())
    elif output.settings.quiet:
        output.line("" if cost.total is None else str(cost.total))
    elif output.is_plain:
        for model in cost.models:
            output.line("\t".join(safe(field) for field in cost_fields(model)))
    elif cost.models:
        rows = [cost_cells(model) for model in cost.models]
        output.columns(COST_TITLES, rows, flexible="MODEL", spare=("REASONING", "CACHED"))


@click.command(cls=Command)
@_id
@click.option("--only", type=Choices(STATUSES), default=_REDO, show_default=True, help="Which lines to resubmit.")
@click.option(
    "--metadata",
    type=Pairs(),
    metavar="K=V",
    multiple=True,
    help="A pair to store with it, too.",
)
@click.option("--output-expires-after", type=Duration(), help="As for create.")
@click.option("--max-cost", type=Dollars(), metavar="USD", help="Do not create a batch that may cost more.")
@click.option("--intent", metavar="KEY", help="As for create.")
@_input
def resubmit(batch_id: str, only: tuple[str, ...], input_file: str | None, **asked: Any) -> int:
    """
    Create a batch of the lines that did not succeed.

    To see the results of both joined: aikit batches results ID --with-lineage.
    """
    settings = settings_of_context()
    output = Output(settings)
    with settings.connected() as client:
        try:
            result = require_success(_resubmit(client, batch_id, only, input_file, asked))
        except Refused as refusal:
            return tell_refusal(output, refusal)
    code = exit_of(output.answers([Answer(subject=batch_id, value=result.batch)], is_many=False))
    output.say("to wait for it:", settings.command_line("batches", "wait", result.batch.id))
    joined = settings.command_line("batches", "results", result.batch.id, "--with-lineage")
    output.say("then all results joined:", joined)
    return code


def _resubmit(
    client: OpenAIClient, batch_id: str, only: tuple[str, ...], input_file: str | None, asked: Mapping[str, Any]
) -> Any:
    with usage_errors():
        options = create_options(**asked)
        said = {name: getattr(options, name) for name in asked if getattr(options, name, None) is not None}
        return client.batches.resubmit(batch_id, only, **said | ({"input_file": input_file} if input_file else {}))
