"""
``aikit batch run``: a whole file answered, from its check to its results, however often it is stopped on the way.
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

from aikit.cli.batch_run_steps import Report, RunOptions, confirm_cost, follow, uploading, waiting, words_of
from aikit.cli.batches import create_options, wait_options
from aikit.cli.batches_results import RowPrinter, print_rows, say_problems
from aikit.cli.calls import Refused, command, refused
from aikit.cli.options import Command, Dollars, Duration, Group, Pairs, settings_of_context, usage_errors
from aikit.cli.output import Exit, Output
from aikit.cli.output.batch_text import list_text
from aikit.cli.output.formats import human_time
from aikit.cli.output.progress import bars, telling_troubles
from aikit.client import OpenAIClient
from aikit.resources.batches.run.costs import remaining_input
from aikit.resources.batches.run.folder import RunFolder
from aikit.resources.batches.run.plan import Fingerprint, fingerprint, plan
from aikit.resources.batches.run.results import Joined, write_rows
from aikit.resources.batches.run.run import finish, load_or_rebuild
from aikit.resources.batches.run.state import Part, RunOrder, RunState
from aikit.resources.batches.run.steps import Listener, plan_again, run_all
from aikit.storage import home_folder
from aikit.storage.errors import StoreError
from aikit.types.batch_rows import STATUSES
from aikit.types.errors import OpenAIError, Rejected
from aikit.types.progress import Progress


@click.group(cls=Group)
def batch() -> None:
    """
    Have a whole file of requests answered.
    """


@batch.command(cls=Command)
@click.argument("path", metavar="INPUT", type=click.Path(dir_okay=False))
@click.option(
    "-o",
    "--output",
    "results",
    type=click.Path(allow_dash=True, dir_okay=False),
    help="Results: a .jsonl or .csv file, or - for stdout. Default: INPUT.results.jsonl, beside the input.",
)
@click.option("--max-cost", type=Dollars(), metavar="USD", help="Refuse to begin what may cost more.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask about the cost.")
@click.option("--resubmit", is_flag=True, help="Of a finished run, send again what is not ok, and join all results.")
@click.option("--again", is_flag=True, help="Begin anew, and pay anew, whatever was done before.")
@click.option("--metadata", type=Pairs(), metavar="K=V", multiple=True, help="A pair to keep with each batch.")
@click.option("--output-expires-after", type=Duration(), help="Delete output files that long after they were made.")
@click.option("--poll-interval", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="As for wait.")
@click.option("--max-wait", type=Duration(), help="As for wait.")
@click.option(
    "--concurrency", type=click.IntRange(1, 1024), metavar="N", help="Embedded provider: requests at once upstream."
)
def run(path: str, results: str | None, **asked: Any) -> int:
    """
    Have all requests of INPUT answered, and their results in one file, in the input's order.

    The input is checked; what one batch cannot take is split. The cost is estimated, and asked about on a terminal;
    then it is uploaded, batches are created and waited for, and each line is accounted for. Stopped at any moment, by
    Ctrl-C or worse, it goes on when called again with the same input, and pays nothing twice. Called again when all is
    done, it shows the results again. The exit code is 0 when each line is ok, and 4 when some are not.

    With --provider local the requests are answered in this program: by the server at --base-url, or else by a model
    that is built in.
    """
    settings = settings_of_context()
    output = Output(settings)
    wishes = RunOptions(
        path=Path(path),
        results=results,
        words=words_of(path, results, asked),
        **{name: asked[name] for name in ("max_cost", "yes", "resubmit", "again")},
    )
    with usage_errors():
        options = create_options(metadata=asked["metadata"], output_expires_after=asked["output_expires_after"])
        pairs, expiry = options.metadata or {}, options.output_expires_after
    more = {} if asked["concurrency"] is None else {"concurrency": asked["concurrency"]}
    try:
        with telling_troubles(output), settings.connected(**more) as client:
            wait = wait_options(client, poll_interval=asked["poll_interval"], max_wait=asked["max_wait"])
            waits = {"poll_interval": wait.poll_interval, "max_wait": wait.max_wait}
            folder = RunFolder.of(settings.home or home_folder())
            return Run(client, output, folder, wishes, waits).carry_out(pairs, expiry)
    except Refused as refusal:
        return refused(output, refusal)
    except (OpenAIError, StoreError, Rejected) as error:
        return refused(output, Refused(_errors_of(error), was_sent=True))


@attrs.define(eq=False)
class Run:
    """
    One call of the command, step by step.
    """

    client: OpenAIClient
    output: Output
    folder: RunFolder
    wishes: RunOptions
    wait: Mapping[str, Any]

    def carry_out(self, metadata: Mapping[str, str], expiry: Mapping[str, Any] | None) -> int:
        """
        Go from wherever the run stands to its end; return the exit code.

        Raises:
            Refused: The check found problems, or something else keeps it from beginning.
            OpenAIError: A step failed, as do *Rejected* and *StoreError*.
        """
        self.wishes.require_place(is_json=self.output.settings.json)
        mark = self._fingerprint()
        order = RunOrder(
            provider=self.client.provider.identity,
            input=str(self.wishes.path.resolve()),
            sha256=mark.sha256,
            size_bytes=mark.size_bytes,
            metadata=dict(metadata),
            output_expires_after=expiry and dict(expiry),
        )
        with self.folder.lock(order.key):
            known = self._known(order)
            self.wishes.require_own_place(self.folder.results())
            state = self._begun(order, mark) if known is None else self._gone_on_with(known, mark)
            if state is None:
                return Exit.REFUSED
            return self._went_on(state, mark)

    def _known(self, order: RunOrder) -> RunState | None:
        """
        Return how far an earlier call has come; ``None`` for nothing, and when all is to begin anew.
        """
        if not self.wishes.again:
            return load_or_rebuild(self.client, order, self.folder)
        with suppress(OpenAIError):  # nothing of it is needed any more
            known = self.folder.load(order.key)
            if known is not None and not known.is_ended and known.batch_ids:
                self.output.say(f"batches of the run before may be under way: {list_text(known.batch_ids)}")
        return None

    def _went_on(self, state: RunState, mark: Fingerprint) -> int:
        try:
            return self._told(run_all(self.client, state, self._listener(mark), self.wait), mark)
        except KeyboardInterrupt:
            self._say_how_to_go_on(state)
            raise
        except (OpenAIError, Rejected, StoreError):
            self.output.say(f"what was done is kept; to go on: {command(self.output.settings, *self.wishes.words)}")
            raise

    def _fingerprint(self) -> Fingerprint:
        size = _size(self.wishes.path)
        with bars(self.output, [size]) as shown:
            bar = shown.file(self.wishes.path.name, size)
            try:
                return fingerprint(self.wishes.path, lambda done: bar(Progress(done, size, "checking", 1)))
            except Rejected as problem:
                raise Refused(problem.errors, was_sent=False) from problem
            finally:
                bar.close()

    def _begun(self, order: RunOrder, mark: Fingerprint) -> RunState | None:
        """
        Check, split, estimate and ask; return the beginning of a new run, or ``None`` if it is not wanted.
        """
        self._say_others(order)
        parts = self._planned(order)
        mark.require(self.wishes.path)
        with ExitStack() as stack:
            stack.callback(self.folder.forget_parts, order.key)  # unless they are wanted
            if not confirm_cost(self.client, self.output, self.wishes, self.wishes.path):
                return None
            stack.pop_all()
        target = self.wishes.target
        own = (str(target.absolute()),) if target is not None and target.exists() else ()  # an earlier run's, or named
        state = RunState(order=order, created_at=time.time(), parts=parts, results=own)
        self.folder.save(state)
        return state

    def _planned(self, order: RunOrder) -> tuple[Part, ...]:
        path, size = self.wishes.path.resolve(), order.size_bytes
        with bars(self.output, [size]) as shown:
            bar = shown.file(path.name, size)
            try:
                limits, folder = self.client.provider.limits, self.folder.parts_of(order.key)
                parts = plan(path, limits, folder, lambda done: bar(Progress(done, size, "checking", 1)))
            except (Rejected, OpenAIError) as problem:
                is_disk = getattr(problem, "code", None) == "unwritable_file"
                raise Refused(_errors_of(problem), was_sent=is_disk) from problem
            finally:
                bar.close()
        if len(parts) > 1:
            self.output.say(f"the input becomes {len(parts):,} batches")
        return parts

    def _gone_on_with(self, known: RunState, mark: Fingerprint) -> RunState | None:
        """
        Say how far an earlier call has come, and what this one does; return ``None`` if that is not wanted.

        What is sent again is estimated and asked about; a bound counts for whatever has no batch yet.
        """
        state = self._next_of(known)
        is_asked = self.wishes.max_cost is not None or (known.is_ended and self.wishes.resubmit)
        if not is_asked or all(part.is_submitted for part in state.parts):
            return state
        with remaining_input(self.client, state, mark) as path:
            return state if confirm_cost(self.client, self.output, self.wishes, path) else None

    def _next_of(self, known: RunState) -> RunState:
        if not known.is_ended:
            created = f"{len(known.batch_ids)} of {len(known.parts)} batches created"
            self.output.say(f"this run was begun {human_time(int(known.created_at))}; it goes on with {created}")
            return known
        state = plan_again(known, is_free_only=not self.wishes.resubmit)
        if state.is_ended:
            since = human_time(int(known.ended_at or 0))
            self.output.say(
                f"this run is finished since {since}; here are its results, nothing is paid again (--again begins anew)"
            )
        elif self.wishes.resubmit:
            self.output.say("what is not ok is sent again")
        else:
            self.output.say("the provider had refused to begin, so nothing was done and nothing paid: tried again")
        return state

    def _told(self, state: RunState, mark: Fingerprint) -> int:
        """
        Write the results, and account for every line.
        """
        target, told = self.wishes.target, list[RowPrinter]()

        def use(found: Joined) -> None:
            told.append(RowPrinter(found.rows))
            if target is None:
                print_rows(self.output, told[0])
            else:
                write_rows(told[0], target)
            say_problems(self.output, found.problems, found.problem_count)

        done = finish(self.client, state, mark, self.folder, target=target, use=use)
        if not told:
            self.output.say("the provider has their files no more, or not all; the results stay as they were written")
            told.append(RowPrinter((), counts=Counter(dict.fromkeys(STATUSES, 0) | dict(done.counts))))
        again = command(self.output.settings, *self.wishes.words, "--resubmit")
        return Report(self.output, self.client, done, told[0], target).tell(again)

    def _listener(self, mark: Fingerprint) -> Listener:
        room = "some batches were more than the provider keeps waiting; others are over: tried again"
        return Listener(
            on_state=self.folder.save,
            uploading=partial(uploading, self.output),
            on_uploaded=lambda _: mark.require(self.wishes.path),
            waiting=partial(waiting, self.output),
            on_batch=follow(self.output),
            on_room=lambda: self.output.say(room),
        )

    def _say_others(self, order: RunOrder) -> None:
        """
        Say that an input was changed, and what became of the run of what it was.
        """
        if self.wishes.again:
            return
        for other in self.folder.others(order)[-1:]:
            what = "the input was changed" if other.order.sha256 != order.sha256 else "other options were given"
            self.output.say(f"{what} since the run of {human_time(int(other.created_at))}: this is a new run")
            if not other.is_ended and other.batch_ids:
                self.output.say(f"batches of that run that may be under way: {list_text(other.batch_ids)}")

    def _say_how_to_go_on(self, state: RunState) -> None:
        kept = self.folder.load(state.order.key) or state
        if kept.batch_ids and not self.client.provider.is_embedded:
            self.output.say(f"\nthe batches go on at the provider: {list_text(kept.batch_ids)}")
        self.output.say(f"\nto go on: {command(self.output.settings, *self.wishes.words)}")


def _errors_of(error: Exception) -> Sequence[OpenAIError]:
    if isinstance(error, Rejected):
        return error.errors
    if isinstance(error, StoreError):
        return [OpenAIError(message=error.message, code=error.code)]
    return [error] if isinstance(error, OpenAIError) else []


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # told when it is read
        return 0
