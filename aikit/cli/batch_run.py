"""
``aikit batch run``: check, upload, create, wait and join as one command, which resumes after a stop.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import click

from aikit.cli.batch_run_steps import (
    Report,
    RunOptions,
    command_words,
    confirm_cost,
    show_uploads,
    show_waiting,
    tell_created,
)
from aikit.cli.batches import create_options, wait_options
from aikit.cli.batches_results import RowPrinter, print_rows, say_problems
from aikit.cli.calls import Refused, tell_refusal
from aikit.cli.inputs import InputPath, OutputPath, size_of
from aikit.cli.options import Command, Dollars, Duration, Group, Pairs, settings_of_context, usage_errors
from aikit.cli.output import Exit, Output
from aikit.cli.output.batch_text import list_text
from aikit.cli.output.formats import human_time
from aikit.cli.output.messages import begin_line
from aikit.cli.output.progress import bars, telling_troubles
from aikit.cli.safety import safe
from aikit.client import OpenAIClient
from aikit.resources.batches.run.costs import remaining_input
from aikit.resources.batches.run.folder import RunFolder
from aikit.resources.batches.run.plan import Fingerprint, fingerprint, plan
from aikit.resources.batches.run.results import Joined, write_rows
from aikit.resources.batches.run.run import finish, load_or_rebuild
from aikit.resources.batches.run.state import Part, RunOrder, RunState
from aikit.resources.batches.run.steps import Listener, plan_again, run_all
from aikit.storage import exists, home_folder
from aikit.storage.errors import StoreError
from aikit.types.batch_rows import STATUSES
from aikit.types.errors import OpenAIError, Rejected
from aikit.types.progress import Progress


@click.group(cls=Group)
def batch() -> None:
    """
    Run a whole file of requests as batches.
    """


@batch.command(cls=Command)
@click.argument("path", metavar="INPUT", type=InputPath(dir_okay=False))
@click.option(
    "-o",
    "--output",
    "results",
    type=OutputPath(dir_okay=False),
    help="Results: a .jsonl or .csv file, or - for stdout. Default: INPUT.results.jsonl, beside the input.",
)
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
    options = RunOptions(
        path=Path(path),
        results=results,
        words=command_words(path, results, asked),
        **{name: asked[name] for name in ("max_cost", "yes", "resubmit", "again")},
    )
    with usage_errors():
        parameters = create_options(metadata=asked["metadata"], output_expires_after=asked["output_expires_after"])
        pairs, expiry = parameters.metadata, parameters.output_expires_after or None
    more = {} if asked["concurrency"] is None else {"concurrency": asked["concurrency"]}
    try:
        with telling_troubles(output), settings.connected(**more) as client:
            wait = wait_options(client, poll_interval=asked["poll_interval"], max_wait=asked["max_wait"])
            waits = {"poll_interval": wait.poll_interval, "max_wait": wait.max_wait}
            with usage_errors():
                folder = RunFolder.of(settings.home or home_folder())
            return Run(client, output, folder, options, waits).carry_out(pairs, expiry)
    except Refused as refusal:
        return tell_refusal(output, refusal)
    except (OpenAIError, StoreError, Rejected) as error:
        return tell_refusal(output, Refused(_errors_of(error), was_sent=True))


@attrs.define(eq=False)
class Run:
    """
    One call of ``aikit batch run``, step by step.
    """

    client: OpenAIClient
    output: Output
    folder: RunFolder
    options: RunOptions
    wait: Mapping[str, Any]

    def carry_out(self, metadata: Mapping[str, str], expiry: Mapping[str, Any] | None) -> int:
        """
        Start the run, or resume it where it was stopped; return the exit code.

        Raises:
            Refused: The check found problems, or the results cannot be written.
            OpenAIError: A step failed; so do *Rejected* and *StoreError*.
        """
        self.options.require_place(is_json=self.output.settings.json)
        mark = self._fingerprint()
        order = RunOrder(
            provider=self.client.provider.identity,
            input=str(self.options.path.resolve()),
            sha256=mark.sha256,
            size_bytes=mark.size_bytes,
            metadata=dict(metadata),
            output_expires_after=expiry and dict(expiry),
        )
        with self.folder.lock(order.key):
            known = self._load(order)
            self.options.require_own_place(self.folder.results())
            state = self._begin(order, mark) if known is None else self._resume(known, mark)
            if state is None:
                return Exit.REFUSED
            return self._run_to_end(state, mark)

    def _load(self, order: RunOrder) -> RunState | None:
        """
        Return the state that an earlier call saved; ``None`` without one, and for a new run.
        """
        if not self.options.again:
            return load_or_rebuild(self.client, order, self.folder)
        with suppress(OpenAIError):  # an unreadable state is replaced
            known = self.folder.load(order.key)
            if known is not None and not known.is_ended and known.batch_ids:
                self.output.say(f"batches of the previous run may still be running: {list_text(known.batch_ids)}")
        return None

    def _run_to_end(self, state: RunState, mark: Fingerprint) -> int:
        try:
            return self._report(run_all(self.client, state, self._listener(mark), self.wait), mark)
        except KeyboardInterrupt:
            self._say_how_to_resume(state)
            raise
        except (OpenAIError, Rejected, StoreError):
            self.output.say("the progress is saved; to resume:", self._again())
            raise

    def _fingerprint(self) -> Fingerprint:
        size = size_of(self.options.path)
        with bars(self.output, [size]) as shown:
            bar = shown.file(self.options.path.name, size)
            try:
                return fingerprint(self.options.path, lambda done: bar(Progress(done, size, "checking", 1)))
            except Rejected as problem:
                raise Refused(problem.errors, was_sent=False) from problem
            finally:
                bar.close()

    def _begin(self, order: RunOrder, mark: Fingerprint) -> RunState | None:
        """
        Check, split, estimate and confirm; return the state of a new run, or ``None`` if it is declined.
        """
        self._say_others(order)
        parts = self._plan(order)
        mark.require(self.options.path)
        with ExitStack() as stack:
            stack.callback(self.folder.forget_parts, order.key)  # unless the run is confirmed
            if not confirm_cost(self.client, self.output, self.options, self.options.path):
                return None
            stack.pop_all()
        target = self.options.target
        own = (str(target.absolute()),) if target is not None and exists(target) else ()  # an earlier run's, or named
        state = RunState(order=order, created_at=time.time(), parts=parts, results=own)
        self.folder.save(state)
        return state

    def _plan(self, order: RunOrder) -> tuple[Part, ...]:
        path, size, notes = self.options.path.resolve(), order.size_bytes, list[str]()
        with bars(self.output, [size]) as shown:
            bar = shown.file(path.name, size)
            try:
                provider, folder = self.client.provider, self.folder.parts_of(order.key)
                parts = plan(
                    path,
                    provider.limits,
                    folder,
                    lambda done: bar(Progress(done, size, "checking", 1)),
                    provider.line_rules,
                    on_note=notes.append,
                )
            except (Rejected, OpenAIError) as problem:
                is_disk = getattr(problem, "code", None) == "unwritable_file"
                raise Refused(_errors_of(problem), was_sent=is_disk) from problem
            finally:
                bar.close()
        for note in notes:
            self.output.say(safe(note))
        if len(parts) > 1:
            self.output.say(f"the input becomes {len(parts):,} batches")
        return parts

    def _resume(self, known: RunState, mark: Fingerprint) -> RunState | None:
        """
        Print how far the earlier call came, and return the state to resume; ``None`` if that is declined.

        The cost of resubmitted lines is estimated and confirmed; *max_cost* applies to all lines without a batch.
        """
        state = self._next_of(known)
        is_asked = self.options.max_cost is not None or (known.is_ended and self.options.resubmit)
        if not is_asked or all(part.is_submitted for part in state.parts):
            return state
        with remaining_input(self.client, state, mark) as path:
            return state if confirm_cost(self.client, self.output, self.options, path) else None

    def _next_of(self, known: RunState) -> RunState:
        if not known.is_ended:
            created = f"{len(known.batch_ids)} of {len(known.parts)} batches created"
            self.output.say(f"this run was started {human_time(int(known.created_at))}; resuming with {created}")
            return known
        state = plan_again(known, is_free_only=not self.options.resubmit)
        if state.is_ended:
            since = human_time(int(known.ended_at or 0))
            self.output.say(
                f"this run finished {since}; these are its results, and cost nothing again (--again starts a new run)"
            )
        elif self.options.resubmit:
            self.output.say("resubmitting the lines that are not ok")
        else:
            self.output.say("the provider had rejected the batch before it began, so nothing was paid; trying again")
        return state

    def _report(self, state: RunState, mark: Fingerprint) -> int:
        """
        Write the results, and print the report; return the exit code.
        """
        target, told = self.options.target, list[RowPrinter]()

        def use(found: Joined) -> None:
            told.append(RowPrinter(found.rows))
            if target is None:
                print_rows(self.output, told[0])
            else:
                write_rows(told[0], target)
            say_problems(self.output, found.problems, found.problem_count)

        done = finish(self.client, state, mark, self.folder, target=target, use=use)
        if not told:
            self.output.say("the provider no longer has all result files; the results stay as they were written")
            told.append(RowPrinter((), counts=Counter(dict.fromkeys(STATUSES, 0) | dict(done.counts))))
        return Report(self.output, self.client, done, told[0], target).tell(self._again("--resubmit"))

    def _listener(self, mark: Fingerprint) -> Listener:
        room = "some batches did not fit the provider's queue; others have ended, so they are tried again"
        return Listener(
            on_state=self.folder.save,
            uploading=partial(show_uploads, self.output),
            on_uploaded=lambda _: mark.require(self.options.path),
            waiting=partial(show_waiting, self.output),
            on_batch=tell_created(self.output),
            on_room=lambda: self.output.say(room),
        )

    def _say_others(self, order: RunOrder) -> None:
        """
        Print that the input or options changed since an earlier run, and which of its batches may still be running.
        """
        if self.options.again:
            return
        for other in self.folder.others(order)[-1:]:
            what = "the input was changed" if other.order.sha256 != order.sha256 else "other options were given"
            self.output.say(f"{what} since the run of {human_time(int(other.created_at))}: this is a new run")
            if not other.is_ended and other.batch_ids:
                self.output.say(f"batches of that run that may still be running: {list_text(other.batch_ids)}")

    def _say_how_to_resume(self, state: RunState) -> None:
        begin_line()
        kept = self.folder.load(state.order.key) or state
        if kept.batch_ids and not self.client.provider.is_embedded:
            self.output.say(f"the batches keep running at the provider: {list_text(kept.batch_ids)}")
        self.output.say("to resume:", self._again())

    def _again(self, *more: str) -> str:
        return self.output.settings.command_line(*self.options.words, *more)


def _errors_of(error: Exception) -> Sequence[OpenAIError]:
    if isinstance(error, Rejected):
        return error.errors
    if isinstance(error, StoreError):
        return [OpenAIError(message=error.message, code=error.code)]
    return [error] if isinstance(error, OpenAIError) else []
