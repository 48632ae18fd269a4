"""
``aikit batch run``: check, upload, create, wait and join as one command, which resumes after a stop.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Final

import attrs
import click

from aikit.cli.batch_run_steps import (
    OF_TABLES,
    Report,
    RunDisplay,
    RunOptions,
    body_of,
    command_words,
    is_agreed,
    tell_estimate,
)
from aikit.cli.batches import create_options, wait_options
from aikit.cli.batches_results import RowPrinter, print_rows, print_written
from aikit.cli.calls import Refused, tell_refusal
from aikit.cli.inputs import STDIN, InputPath, OutputPath, stdin_path
from aikit.cli.option_types import Dollars, Duration, Pairs
from aikit.cli.options import Command, Group, settings_of_context, usage_errors
from aikit.cli.output import Exit, Output
from aikit.cli.output.batch_text import list_text
from aikit.cli.output.messages import begin_line
from aikit.cli.output.progress import telling_troubles
from aikit.client import OpenAIClient
from aikit.dispatch import pumped
from aikit.resources.batches.run.folder import RunFolder
from aikit.resources.batches.run.results import OpenAIBatchRunResult
from aikit.types.batch_rows import STATUSES
from aikit.types.costs import OpenAIBatchEstimate
from aikit.types.error_codes import CHECK, ERROR_CODES
from aikit.types.errors import OpenAIError

_LOOK_S: Final = 0.02
_GRACE_S: Final = 0.5
_NOTHING_SENT: Final = "no request was sent"
_BEFORE_SENDING: Final = frozenset(("", "making", "reading", "checking", "estimating"))


@click.group(cls=Group)
def batch() -> None:
    """
    Run a whole file of requests as batches.
    """


@batch.command(cls=Command)
@click.argument("path", metavar="INPUT", type=InputPath(dir_okay=False, allow_dash=True))
@click.option(
    "-o",
    "--output",
    "results",
    type=OutputPath(dir_okay=False),
    help="Results: a .jsonl or .csv file, or - for stdout. Default: INPUT.results.jsonl, or .csv, beside the input.",
)
@click.option("--prompt", metavar="TEXT", help='For a CSV file: what to ask about each row, "Summarise: {review}".')
@click.option("--system", metavar="TEXT", help="With --prompt: the system message before it.")
@click.option("--model", metavar="NAME", help="With --prompt: the model to ask.")
@click.option("--body", type=Pairs(), metavar="K=V", multiple=True, help="With --prompt: a parameter of each request.")
@click.option("--encoding", metavar="NAME", help="With --prompt: of the CSV file, if it is not found.")
@click.option("--delimiter", metavar="CHAR", help="With --prompt: what is between cells, likewise.")
@click.option("--max-cost", type=Dollars(), metavar="USD", help="Do not start a run that may cost more.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask about the cost.")
@click.option("--resubmit", is_flag=True, help="Resubmit lines of a finished run that are not ok; join all results.")
@click.option("--again", is_flag=True, help="Start a new run, and pay for it, even if there was one before.")
@click.option("--metadata", type=Pairs(), metavar="K=V", multiple=True, help="A pair to store with each batch.")
@click.option("--output-expires-after", type=Duration(), help="Let output files expire this long after they were made.")
@click.option("--poll-interval", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="As for wait.")
@click.option("--max-wait", type=Duration(), help="As for wait.")
@click.option(
    "--concurrency", type=click.IntRange(1, 1024), metavar="N", help="Embedded provider: requests at once upstream."
)
def run(path: str, results: str | None, **asked: Any) -> int:
    """
    Run all requests of INPUT as batches, and write their results to one file, in the input's order.

    INPUT has one request on each line, or, with --prompt, is a CSV file (or JSON lines) with a row for each question:
    then the results are its rows as they are, with text, status, error and cost beside. - is standard input.

    The input is checked, and split where it is too large for one batch. The cost is estimated, and confirmed on a
    terminal; then the parts are uploaded, batches are created and waited for, and the results joined. Stopped at any
    moment, by Ctrl-C or a crash, the run resumes when called again with the same input, and pays nothing twice. Called
    again when it is finished, it shows the results again. The exit code is 0 when each line is ok, and 4 when some are
    not.

    With --provider local the requests are answered in this process: by the server at --base-url, or by a built-in
    model.
    """
    settings = settings_of_context()
    output = Output(settings)
    source = stdin_path() if path == STDIN else Path(path)
    options = RunOptions(
        path=source,
        results=STDIN if path == STDIN and results is None else results,
        is_table=asked["prompt"] is not None,
        words=command_words(path, results, asked),
        **{name: asked[name] for name in ("max_cost", "yes", "resubmit", "again")},
    )
    with usage_errors():
        parameters = create_options(metadata=asked["metadata"], output_expires_after=asked["output_expires_after"])
    more = {} if asked["concurrency"] is None else {"concurrency": asked["concurrency"]}
    with telling_troubles(output), settings.connected(dispatcher=pumped(), **more) as client:
        wait = wait_options(client, poll_interval=asked["poll_interval"], max_wait=asked["max_wait"])
        with usage_errors():
            folder = RunFolder.of(client.home)
        try:
            options.require_place(is_json=settings.json)
            options.require_own_place(folder)
        except Refused as refusal:
            return tell_refusal(output, refusal)
        asking = {
            "metadata": parameters.metadata,
            "output_expires_after": parameters.output_expires_after,
            "poll_interval": wait.poll_interval,
            "max_wait": wait.max_wait,
            **{name: asked[name] for name in OF_TABLES},
            "body": body_of(asked["body"]),
        }
        return Run(client, output, folder, options).carry_out(asking)


@attrs.define(eq=False)
class Run:
    """
    One call of ``aikit batch run``: what it prints of a run.
    """

    client: OpenAIClient
    output: Output
    folder: RunFolder
    options: RunOptions

    def carry_out(self, asking: dict[str, Any]) -> int:
        """
        Start the run, or resume it where it was stopped; return the exit code.
        """
        with RunDisplay(self.output, self.options.path.name) as display:

            def confirm(estimate: OpenAIBatchEstimate) -> bool:
                display.clear()
                display.tell_notes()
                return is_agreed(self.output, self.options, estimate, self.client.provider.model_address)

            asking |= {
                "max_cost": self.options.max_cost,
                "again": self.options.again,
                "resubmit": self.options.resubmit,
                "confirm": confirm,
                "on_progress": display.show,
                "background": True,
            }
            with usage_errors():
                display.result = result = self.client.batches.run(self.options.path, self.options.target, **asking)
            try:
                while not result.wait(_LOOK_S):
                    self.client.pump()
            except KeyboardInterrupt:
                display.is_over = True
                display.clear()
                self._say_how_to_resume(result)
                result.cancel(keep=True)
                result.wait(_GRACE_S)
                raise
            self.client.pump()
        try:
            with result:
                return self._end(result)
        except OpenAIError as error:  # the disk is full, or rows cannot be read any more
            return tell_refusal(self.output, Refused([error], was_sent=True))

    def _end(self, result: OpenAIBatchRunResult) -> int:
        run = result.run
        if run is None:
            return self._fail(result)
        rows = RowPrinter((), counts=Counter(dict.fromkeys(STATUSES, 0) | dict(run.counts)))
        rows.reasons.update(run.reasons)
        if run.path is None:
            rows = RowPrinter(result)
            if self.options.is_table:
                rows.count()
                print_written(self.output, result.write, self.options.form)
            else:
                print_rows(self.output, rows)
        return Report(self.output, self.folder, run, rows, self.options.target).tell(self._again("--resubmit"))

    def _fail(self, result: OpenAIBatchRunResult) -> int:
        code = result.errors[0].code
        if code == "not_confirmed":
            self.output.say(_NOTHING_SENT)
            return Exit.REFUSED
        if result.estimate is not None and not result.progress.parts:
            tell_estimate(self.output, result.estimate)
        if result.progress.parts:
            self.output.say("the progress is saved; to resume:", self._again())
        is_early = result.progress.phase in _BEFORE_SENDING
        known = ERROR_CODES.get(code or "")
        is_checked = known is None or known.raised_by == CHECK or result.errors[0].line is not None
        return tell_refusal(self.output, Refused(result.errors, was_sent=not (is_early and is_checked)))

    def _say_how_to_resume(self, result: OpenAIBatchRunResult) -> None:
        begin_line()
        if not result.progress.parts:
            self.output.say(_NOTHING_SENT)
            return
        if result.batch_ids and not self.client.provider.is_embedded:
            self.output.say(f"the batches keep running at the provider: {list_text(result.batch_ids)}")
        self.output.say("to resume:", self._again())

    def _again(self, *more: str) -> str:
        return self.output.settings.command_line(*self.options.words, *more)
