"""
A run as one flow: its input is read and checked, its batches are created and waited for, its rows are written.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from aikit.http.context import CallContext
from aikit.http.flow import Flow, Work
from aikit.resources.arguments import require_path
from aikit.resources.batches.fetch import Answers
from aikit.resources.batches.parameters import OpenAIBatchWaitParameters
from aikit.resources.batches.rows.folder import Folder, telling_faults
from aikit.resources.batches.run.blocked import GONE, is_of_gone, with_way_out
from aikit.resources.batches.run.confirm import confirm_cost
from aikit.resources.batches.run.costs import copy_remaining, costs_of, together
from aikit.resources.batches.run.folder import RunFolder
from aikit.resources.batches.run.inputs import RunInput, input_of
from aikit.resources.batches.run.joining import AskedLines, RunRows, join_all, require_writable
from aikit.resources.batches.run.parameters import OpenAIBatchRunParameters
from aikit.resources.batches.run.plan import fingerprint, load_or_rebuild, plan
from aikit.resources.batches.run.progress import RunTracker
from aikit.resources.batches.run.repeated import listed, marks_of, notes_of_others, told_time
from aikit.resources.batches.run.results import OpenAIBatchRunResult, RunEnd
from aikit.resources.batches.run.state import Part, RunOrder, RunState
from aikit.resources.batches.run.steps import Steps, plan_again
from aikit.resources.call import retry_policy, start
from aikit.storage import exists, is_file
from aikit.storage.errors import StoreError
from aikit.types.batch_rows import OpenAIBatchRow
from aikit.types.batch_runs import OpenAIBatchRun
from aikit.types.errors import OpenAIError, Rejected

if TYPE_CHECKING:
    from aikit.providers import Provider
    from aikit.resources.session import Session

_WORKBOOKS: Final = (".xlsx", ".xls", ".ods")


def start_run(
    session: Session, given: Any, output: Any, parameters: Any, keywords: Mapping[str, Any]
) -> OpenAIBatchRunResult:
    """
    Start the run of what is *given*, whose rows go to *output*.

    Raises:
        TypeError: *given* is neither a path nor an iterable of lines, or *output* is no path.
        ValueError: *given* or *output* is an empty path, both are the same file, or there is no home to keep runs in.
    """
    options = OpenAIBatchRunParameters.of(parameters, keywords)
    asked = input_of(given, options)
    target = None if output is None else Path(require_path("output", output)).absolute()
    if target is not None and asked.path is not None and _is_same(target, asked.path):
        raise ValueError("output is the input, which the rows would replace; give another path")
    if target is not None and target.suffix.lower() in _WORKBOOKS:
        raise ValueError(f"output is {target.suffix}, which is no text; name it .csv, which spreadsheets open")
    folder, tracker = RunFolder.of(session.home), RunTracker()

    def flow(provider: Provider, context: CallContext) -> Flow[RunEnd]:
        tracker.listen(context)
        return _Run(session, provider, context, options, asked, target, folder, tracker).carry_out()

    return start(session, partial(OpenAIBatchRunResult, tracker=tracker), flow, options, is_long=True)


def _is_same(path: Path, other: Path) -> bool:
    return exists(path) and exists(other) and path.samefile(other)


@attrs.define(eq=False)
class _Run:
    """
    One call of ``batches.run``.
    """

    session: Session
    provider: Provider
    context: CallContext
    options: OpenAIBatchRunParameters
    input: RunInput
    target: Path | None
    folder: RunFolder
    tracker: RunTracker
    spool: Folder | None = None
    answers: Answers = attrs.field(init=False)

    def carry_out(self) -> Flow[RunEnd]:
        """
        Start the run, or resume it where an earlier call was stopped.

        Raises:
            Rejected: The check found problems, or the provider refused a step; what was done is kept.
            OpenAIError: Likewise; or another call works on this run (code ``"run_in_progress"``), the input was changed
                meanwhile (``"input_changed"``), or the rows cannot be written.
        """
        try:
            asked: AskedLines = yield Work(self._read)
            order = self._order(asked)
            with self.folder.lock(order.key):
                end = yield from self._carry_out(order, asked)
        except StoreError as error:
            self._let_go()
            raise OpenAIError(message=error.message, code=error.code) from error
        except Rejected as problem:
            self._let_go()
            raise Rejected(problem.errors) from problem  # what came along is no run
        except BaseException:
            self._let_go()
            raise
        if end.rows is None:
            self._let_go()
        return end

    def _let_go(self) -> None:
        if self.spool is not None:
            self.spool.close()

    def _read(self, context: CallContext) -> AskedLines:
        if self.target is not None:
            require_writable(self.target)
        path = self.input.make_lines(self._make_folder, context)
        size = path.stat().st_size if is_file(path) else None
        return AskedLines(path, fingerprint(path, lambda done: context.report("reading", done, size)))

    def _made_folder(self) -> Folder:
        self.spool = self.spool or Folder()
        return self.spool

    def _make_folder(self) -> Path:
        return self._made_folder().path

    def _order(self, asked: AskedLines) -> RunOrder:
        path = self.input.path
        return RunOrder(
            provider=self.provider.identity,
            input="" if path is None else str(path.resolve()),
            sha256=asked.mark.sha256,
            size_bytes=asked.mark.size_bytes,
            metadata=dict(self.options.metadata or {}),
            output_expires_after=dict(self.options.output_expires_after or {}) or None,
        )

    def _carry_out(self, order: RunOrder, asked: AskedLines) -> Flow[RunEnd]:
        self.answers = Answers(self._make_folder())
        steps = Steps(
            session=self.session,
            provider=self.provider,
            context=self.context,
            tracker=self.tracker,
            policy=retry_policy(self.session.defaults, self.options),
            wait=OpenAIBatchWaitParameters(poll_interval=self.options.poll_interval, max_wait=self.options.max_wait),
            keep=self._keep,
            require_same=lambda: asked.mark.require(asked.path),
            answers=self.answers,
        )
        known = yield Work(lambda context: self._load(order, asked, context))
        state = yield from (self._begin(order, asked) if known is None else self._resume(known, asked))
        self.tracker.know(state)
        try:
            return (yield from self._finish((yield from steps.run_all(state)), asked))
        except (OpenAIError, Rejected) as problem:
            if known is None or not known.is_asked:
                raise
            raise with_way_out(problem, known) from problem

    def _keep(self, state: RunState) -> None:
        self.folder.save(state)
        self.tracker.know(state)

    def _load(self, order: RunOrder, asked: AskedLines, context: CallContext) -> RunState | None:
        """
        Return the state that an earlier call saved; ``None`` without one, and for a new run.
        """
        if not self.options.again:
            on_read = partial(context.report, "checking", total=order.size_bytes)
            return load_or_rebuild(self.provider, order, asked.path, self.folder, on_read)
        try:
            known = self.folder.load(order.key)
        except OpenAIError:  # an unreadable state is replaced
            return None
        if known is not None and not known.is_ended and known.batch_ids:
            self.tracker.note(f"batches of the previous run may still be running: {listed(known.batch_ids)}")
        return None

    def _begin(self, order: RunOrder, asked: AskedLines) -> Flow[RunState]:
        """
        Check and split the input, and confirm what it may cost; return the state of a new run.
        """
        with ExitStack() as stack:
            stack.callback(self.folder.forget_parts, order.key)  # unless the run is confirmed
            parts: tuple[Part, ...] = yield Work(lambda context: self._plan(order, asked, context))
            asked.mark.require(asked.path)
            if len(parts) > 1:
                self.tracker.note(f"the input becomes {len(parts):,} batches")
            marks: bytes = yield Work(lambda context: self._note_others(order, asked, context))
            yield from self._confirm(asked.path)
            stack.pop_all()
        target = self.target
        own = (str(target),) if target is not None and exists(target) else ()  # an earlier run's, or named
        state = RunState(order=order, created_at=time.time(), parts=parts, results=own)
        self.folder.save_marks(order.key, marks)
        self.folder.save(state)
        return state

    def _plan(self, order: RunOrder, asked: AskedLines, context: CallContext) -> tuple[Part, ...]:
        return plan(
            asked.path,
            self.provider.limits,
            self.folder.parts_of(order.key),
            lambda done: context.report("checking", done, order.size_bytes),
            self.provider.line_rules,
            on_note=self.tracker.note,
        )

    def _note_others(self, order: RunOrder, asked: AskedLines, context: CallContext) -> bytes:
        """
        Note how an earlier run of the input differs, and what of it is paid twice; return the marks of the lines.
        """
        marks = marks_of(asked.path, lambda done: context.report("checking", done, order.size_bytes))
        if not self.options.again:
            is_table = self.options.prompt is not None
            for note in notes_of_others(self.folder, order, marks, is_table=is_table):
                self.tracker.note(note)
        return marks

    def _resume(self, known: RunState, asked: AskedLines) -> Flow[RunState]:
        """
        Note how far the earlier call came, and return the state to resume.

        The cost of resubmitted lines is estimated and confirmed; *max_cost* applies to all lines without a batch.
        """
        state = self._next_of(known)
        is_asked = self.options.max_cost is not None or (known.is_ended and self.options.resubmit)
        if not is_asked or all(part.is_submitted for part in state.parts):
            return state
        with ExitStack() as stack, closing(Folder()) as unsent:
            if known.is_ended:  # and stays so, unless this is confirmed
                stack.callback(self.folder.forget_parts, known.order.key)
            path = unsent.path / "unsent.jsonl"
            yield from copy_remaining(self.provider, state, asked, path, self.context, answers=self.answers)
            yield from self._confirm(path)
            stack.pop_all()
        return state

    def _next_of(self, known: RunState) -> RunState:
        if not known.is_ended:
            created = f"{len(known.batch_ids)} of {len(known.parts)} batches created"
            self.tracker.note(f"this run was started {told_time(known.created_at)}; resuming with {created}")
            return known
        state = plan_again(known, is_free_only=not self.options.resubmit)
        if state.is_ended:
            since = told_time(known.ended_at or 0)
            note = f"this run finished {since}; these are its results, and cost nothing again"
        elif self.options.resubmit:
            note = "resubmitting the lines that are not ok"
        else:
            note = "the provider had rejected the batch before it began, so nothing was paid; trying again"
        self.tracker.note(note)
        return state

    def _confirm(self, path: Path) -> Flow[None]:
        return confirm_cost(
            self.session, self.provider, path, options=self.options, tracker=self.tracker, context=self.context
        )

    def _finish(self, state: RunState, asked: AskedLines) -> Flow[RunEnd]:
        """
        Write the rows of a run whose batches have ended, and keep that it is finished.

        Where the provider no longer has all results of a finished run, those that it wrote stay.
        """
        place = None if self.target is None else str(self.target)
        if place is not None:  # kept before, so that who is killed in between finds the file his own
            state = state.with_results(place)
            self._keep(state)
        try:
            return (yield from self._join(state, asked))
        except (OpenAIError, Rejected) as problem:
            if state.is_ended:
                self.folder.forget_parts(state.order.key)
            if not state.is_ended or not is_of_gone(problem) or place not in state.intact_results:
                raise
        self.tracker.note("the provider no longer has all result files; the results stay as they were written")
        return RunEnd((yield from self._told(state, None, Counter())))

    def _join(self, state: RunState, asked: AskedLines) -> Flow[RunEnd]:
        if self.target is None and len(state.parts) > 1:
            asked = yield Work(lambda _: self._with_own_parts(state.order.key, asked))
        prices = self.session.recorder.prices(self.provider.account())
        rows = RunRows(
            state,
            asked,
            lambda found, path: self.input.write_rows(found, path, prices, rows.created_at),
            self.answers,
            self._made_folder(),
        )
        try:
            yield from join_all(self.provider, self.session.recorder, rows, self.context)
            _require_all(state, rows)
            return (yield from self._write(state, rows))
        except BaseException:
            rows.close()
            raise

    def _with_own_parts(self, key: str, asked: AskedLines) -> AskedLines:
        """
        Return *asked* with parts that stay as long as the rows do; those of the run stay until it is finished.
        """
        own = self._make_folder() / "parts"
        with telling_faults(own.parent):
            self.folder.lend_parts(key, own)
        return attrs.evolve(asked, own_parts=own)

    def _write(self, state: RunState, rows: RunRows) -> Flow[RunEnd]:
        reasons = Counter[str]()
        for number, part in enumerate(rows.parts, 1):
            self.tracker.saw(number, part.batch)
        done = attrs.evolve(rows.state, ended_at=state.ended_at or time.time())
        if self.target is not None:
            target = self.target
            self.tracker.begin("writing")
            yield Work(lambda context: rows.write_rows(_counted(rows, reasons, context), target))
            done = done.with_written(str(target))
        self._keep(done)
        self.folder.forget_parts(done.order.key)
        run = yield from self._told(done, rows, reasons)
        if self.target is None:
            return RunEnd(run, rows)
        rows.close()
        return RunEnd(run)

    def _told(self, state: RunState, rows: RunRows | None, reasons: Counter[str]) -> Flow[OpenAIBatchRun]:
        here = {} if rows is None else rows.files
        costs, problems = yield from costs_of(self.provider, self.session.recorder, state, here)
        for error in problems:
            self.tracker.note(f"the cost is unknown: {error.message}")
        return OpenAIBatchRun(
            key=state.order.key,
            path=self.target,
            lines=state.lines,
            counts=state.counts,
            reasons=dict(reasons),
            batches=self.tracker.progress.batches,
            batch_ids=state.batch_ids,
            costs=tuple(costs),
            cost=together(costs, state.lines if problems else 0),
            estimate=self.tracker.estimate,
            problems=rows.problems if rows is not None else (),
            problem_count=rows.problem_count if rows is not None else 0,
        )


def _counted(rows: Iterable[OpenAIBatchRow], reasons: Counter[str], context: CallContext) -> Iterator[OpenAIBatchRow]:
    """
    Yield *rows* until the call is cancelled; count why they failed.
    """
    for row in rows:
        context.raise_if_cancelled()
        if row.status == "failed" and row.error is not None:
            reasons[row.error.code or f"status {row.status_code}"] += 1
        yield row


def _require_all(state: RunState, rows: RunRows) -> None:
    """
    Check that a finished run has lost nothing since.
    """
    gone = [problem for problem in rows.problems if problem.code == GONE]
    if state.is_ended and gone and rows.state.counts != state.counts:
        raise Rejected([OpenAIError(message=problem.message, code=problem.code) for problem in gone])
