"""
Stored files summed up page by page, and pruned: selected, then deleted.
"""

from __future__ import annotations

import fnmatch
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import attrs

from aikit.http.flow import Flow, Gather
from aikit.http.messages import Request, Response
from aikit.http.rate_limiter import RateLimiter
from aikit.http.retry import intercept
from aikit.providers.addresses import is_account
from aikit.resources.call import start
from aikit.resources.files.bulk_progress import PruneProgress
from aikit.resources.files.parameters import OpenAIFilePruneParameters, OpenAIFileUsageParameters
from aikit.resources.files.results import OpenAIFilePruneResult, OpenAIFileUsageResult, PruneOutcome
from aikit.resources.pages import each_page
from aikit.types.bulk_files import (
    AGES,
    CANCELLED,
    DAY_S,
    DELETED,
    FAILED,
    LISTED,
    SIZES,
    OpenAIFilePruneItem,
    OpenAIFileTotals,
    OpenAIFileUsage,
)
from aikit.types.errors import CancelledError, OpenAIError, Rejected
from aikit.types.events import CREATED
from aikit.types.page import Unread

if TYPE_CHECKING:
    from aikit.billing.ledger import Ledger
    from aikit.http.context import CallContext
    from aikit.providers import Provider
    from aikit.resources.files.bulk_progress import Limiters
    from aikit.resources.session import Session
    from aikit.types.batches import BatchPage
    from aikit.types.files import FilePage, OpenAIFile

_ERRORS_MAX: Final = 100
_YOUNG_S: Final = 3_600  # the batch of such a file may be yet to come
_BATCHES_A_PAGE: Final = 100
_LOOK_EVERY: Final = 100  # deletions: batches may be made while they go on
_LARGEST: Final = list(SIZES)[-1]


@attrs.define
class _Sum:
    files: int = 0
    bytes: int = 0
    oldest: int | None = None

    def add(self, file: OpenAIFile) -> None:
        self.files += 1
        self.bytes += file.bytes or 0
        self.oldest = file.created_at if self.oldest is None else min(self.oldest, file.created_at)

    def totals(self) -> OpenAIFileTotals:
        return OpenAIFileTotals(files=self.files, bytes=self.bytes, oldest=self.oldest)


@attrs.define
class _Sums:
    """
    Sums of files that come one by one.
    """

    now: int
    expiring_within: float
    total: _Sum = attrs.field(factory=_Sum)
    expiring: _Sum = attrs.field(factory=_Sum)
    never_expiring: _Sum = attrs.field(factory=_Sum)
    by_purpose: dict[str, _Sum] = attrs.field(factory=dict)
    by_age: dict[str, _Sum] = attrs.field(factory=lambda: {title: _Sum() for title in AGES})
    by_size: dict[str, _Sum] = attrs.field(factory=lambda: {title: _Sum() for title in SIZES})

    def take(self, page: FilePage) -> None:
        for file in page.items:
            self._add(file)

    def _add(self, file: OpenAIFile) -> None:
        self.total.add(file)
        self.by_purpose.setdefault(file.purpose, _Sum()).add(file)
        age_s = self.now - file.created_at
        self.by_age[next(title for title, end in AGES.items() if age_s < end)].add(file)
        self.by_size[next((title for title, end in SIZES.items() if (file.bytes or 0) < end), _LARGEST)].add(file)
        if file.expires_at is None:
            self.never_expiring.add(file)
        elif file.expires_at <= self.now + self.expiring_within:
            self.expiring.add(file)

    def usage(self) -> OpenAIFileUsage:
        purposes = sorted(self.by_purpose.items(), key=lambda entry: (-entry[1].bytes, entry[0]))
        return OpenAIFileUsage(
            total=self.total.totals(),
            expiring=self.expiring.totals(),
            never_expiring=self.never_expiring.totals(),
            by_purpose={purpose: one.totals() for purpose, one in purposes},
            by_age={title: one.totals() for title, one in self.by_age.items()},
            by_size={title: one.totals() for title, one in self.by_size.items()},
        )


def sum_up_files(session: Session, options: OpenAIFileUsageParameters) -> OpenAIFileUsageResult:
    """
    Sum up the stored files; see `aikit.resources.files.FilesAPI.usage`.
    """
    return start(
        session,
        OpenAIFileUsageResult,
        lambda provider, context: _sum_up(provider, options, int(time.time()), context),
        options,
    )


def prune_files(session: Session, limiters: Limiters, options: OpenAIFilePruneParameters) -> OpenAIFilePruneResult:
    """
    Delete files, or list which would go; see `aikit.resources.files.FilesAPI.prune`.
    """
    if not (options.unused or options.older_than or options.purpose or options.name):
        raise ValueError("nothing says which files are to go; give older_than, purpose, name or unused=True")
    progress = PruneProgress()

    def flow(provider: Provider, context: CallContext) -> Flow[PruneOutcome]:
        progress.context = context
        rate = options.rate or provider.limits.deletions_per_minute
        return Prune(
            provider=provider,
            options=options,
            now=int(time.time()),
            ledger=lambda: session.recorder.ledger,
            at_a_time=min(options.at_a_time or session.max_workers, session.max_connections),
            progress=progress,
            limiter=limiters.setdefault(("delete", provider.base_url, rate), RateLimiter(rate)),
        ).run()

    return start(session, partial(OpenAIFilePruneResult, now=progress.outcome), flow, options)


def _sum_up(
    provider: Provider, options: OpenAIFileUsageParameters, now: int, context: CallContext
) -> Flow[OpenAIFileUsage]:
    """
    Sum up all files, page by page; none is held.
    """
    sums, progress = _Sums(now, options.expiring_within), PruneProgress(context)

    def take(page: FilePage) -> None:
        sums.take(page)
        progress.look_at(len(page.items))

    yield from each_page(provider.list_files, _query(provider, options.purpose), take, context)
    progress.finish()
    return sums.usage()


@attrs.define(eq=False, kw_only=True)
class Prune:
    """
    A call that deletes files, or lists which would go.

    Attributes:
        now: Unix seconds.

        ledger: Names the files that batches were booked with in this home; opened only where it matters.

        at_a_time: How many deletions may be under way.

        progress: Told of each.

        limiter: Gives each its turn, and holds back all while the provider has too many.
    """

    provider: Provider
    options: OpenAIFilePruneParameters
    now: int
    ledger: Callable[[], Ledger]
    at_a_time: int
    progress: PruneProgress
    limiter: RateLimiter
    _used: set[str] = attrs.field(factory=set, init=False)
    _newest: str | None = attrs.field(default=None, init=False)
    _errors: list[OpenAIError] = attrs.field(factory=list, init=False)
    _pattern: re.Pattern[str] | None = attrs.field(init=False)
    _lock: Any = attrs.field(factory=threading.Lock, init=False)

    def __attrs_post_init__(self) -> None:
        name = self.options.name
        self._pattern = re.compile(fnmatch.translate(name)) if name is not None else None

    def run(self) -> Flow[PruneOutcome]:
        """
        Select files, all of them before the first is deleted; then delete them, unless it is a dry run.

        Raises:
            OpenAIError: The files could not be listed to their end; nothing was deleted.
            Rejected: Some could not be deleted, or the call was cancelled; the outcome with all items comes along.
        """
        query = _query(self.provider, self.options.purpose)
        yield from each_page(self.provider.list_files, query, self._choose, self.progress.context)
        if self.options.unused and len(self.progress.items):
            yield from self._leave_used()
        ended_by = None if self.options.dry_run else (yield from self._delete_all())
        for item in self.progress.items if self.options.dry_run else ():
            self.progress.count(item)
        self.progress.finish()
        outcome = attrs.evolve(self.progress.outcome(), ended_by=ended_by)
        if errors := (*self._errors,) if ended_by is None else (ended_by, *self._errors):
            raise Rejected(errors, outcome)
        return outcome

    def _delete_all(self) -> Flow[OpenAIError | None]:
        """
        Delete all selected files; return the error that ended the call early, if one did.
        """
        self.progress.begin_deleting()
        ended_by: OpenAIError | None = None
        try:
            yield Gather(self._deletions(), self.at_a_time)
        except OpenAIError as error:
            ended_by = error
        self._tell_the_rest()
        return ended_by

    def _leave_used(self) -> Flow[None]:
        """
        Deselect files that batches name; batches are listed last, so that those made meanwhile are among them.
        """
        yield from self._look_at_batches()
        for item in self.progress.restart():
            if item.file.id not in self._used:
                self.progress.choose(item)

    def _look_at_batches(self) -> Flow[None]:
        """
        Note the files that batches name, from the newest batch back to the newest of the last look.
        """
        known, self._newest = self._newest, None

        def note(page: BatchPage) -> bool:
            self._newest = self._newest or next((batch.id for batch in page.items), None)
            for batch in page.items:
                ids = (batch.input_file_id, batch.output_file_id, batch.error_file_id)
                self._used.update(file_id for file_id in ids if file_id)
            for unread in page.unread:
                self._used.update(_named_files(unread))
            return known in {batch.id for batch in page.items}

        yield from each_page(self.provider.list_batches, {"limit": _BATCHES_A_PAGE}, note, self.progress.context)
        address = self.provider.account().address
        events = self.ledger().events(kind=CREATED)
        self._used.update(event.input_file_id for event in events if is_account(address, event.address))

    def _choose(self, page: FilePage) -> None:
        for file in page.items:
            reasons = self._reasons(file)
            if reasons:
                self.progress.choose(OpenAIFilePruneItem(file=file, status=LISTED, reasons=reasons))
        self.progress.look_at(len(page.items))

    def _reasons(self, file: OpenAIFile) -> tuple[str, ...]:
        """
        Return why *file* is selected; nothing if one condition does not fit. Batches are looked at later.
        """
        asked, age_s, reasons = self.options, self.now - file.created_at, []
        if asked.older_than is not None:
            if age_s <= asked.older_than:
                return ()
            reasons.append(f"created {_days(age_s)} ago")
        if asked.purpose is not None:
            if file.purpose != asked.purpose:
                return ()
            reasons.append(f"purpose {file.purpose}")
        if self._pattern is not None:
            if not self._pattern.match(file.filename):
                return ()
            reasons.append(f"named like {asked.name}")
        if asked.unused:
            if asked.older_than is None and age_s < _YOUNG_S:
                return ()
            reasons.append("no batch names it")
        return tuple(reasons)

    def _deletions(self) -> Iterator[Flow[None]]:
        for number in range(len(self.progress.items)):
            yield self._delete(number, self.progress.items[number])

    def _delete(self, number: int, item: OpenAIFilePruneItem) -> Flow[None]:
        """
        Delete one file and keep its outcome; only cancelling ends more than this file.

        Raises:
            OpenAIError: The batches cannot be listed any more.
        """
        if self.options.unused and number and number % _LOOK_EVERY == 0:
            yield from self._look_at_batches()
        if item.file.id in self._used:
            message = f"a batch that was made meanwhile names {item.file.id}, so it was left"
            self._end(number, attrs.evolve(item, status=FAILED, errors=(OpenAIError(message=message, code="in_use"),)))
            return
        try:
            answer = yield from intercept(self.provider.delete_file(item.file.id), self._send_in_turn)
        except CancelledError:
            return
        except OpenAIError as error:
            if not error.is_not_found_error:  # it is gone already
                self._end(number, attrs.evolve(item, status=FAILED, errors=(error,)))
                return
        else:
            if not answer.deleted:
                wrong = OpenAIError(message=f"the provider did not delete {item.file.id}", code="not_deleted")
                self._end(number, attrs.evolve(item, status=FAILED, errors=(wrong,)))
                return
        self._end(number, attrs.evolve(item, status=DELETED))

    def _send_in_turn(self, request: Request) -> Flow[Response]:
        response: Response = yield attrs.evolve(request, limiter=self.limiter)
        return response

    def _end(self, number: int, item: OpenAIFilePruneItem) -> None:
        with self._lock:
            self._errors += item.errors[: _ERRORS_MAX - len(self._errors)] if item.status == FAILED else ()
        self.progress.end(number, item)

    def _tell_the_rest(self) -> None:
        """
        Mark the files that were not deleted as cancelled.
        """
        for number in range(len(self.progress.items)):
            item = self.progress.items[number]
            if item.status == LISTED:
                self._end(number, attrs.evolve(item, status=CANCELLED, errors=(CancelledError(),)))


def _query(provider: Provider, purpose: str | None) -> Mapping[str, Any]:
    limit = {"limit": min(provider.limits.list_max, 1_000)}  # a page is held whole
    return limit if purpose is None else limit | {"purpose": purpose}


def _named_files(unread: Unread) -> list[str]:
    """
    Return the files that a batch names which could not be read.

    Raises:
        OpenAIError: Its input is not told, so that any file may be.
    """
    names = [unread.data.get(name) for name in ("input_file_id", "output_file_id", "error_file_id")]
    if not isinstance(names[0], str):
        message = f"a batch could not be read, and may use any file: {unread}"
        raise OpenAIError(message=message, code="invalid_response")
    return [name for name in names if isinstance(name, str)]


def _days(seconds: float) -> str:
    days = int(seconds // DAY_S)
    if days:
        return "1 day" if days == 1 else f"{days:,} days"
    hours = int(seconds // 3_600)
    return "less than an hour" if not hours else "1 hour" if hours == 1 else f"{hours} hours"
