"""
Many files at once: each has an outcome of its own, and none stops the others.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from aikit.http.context import CallContext
from aikit.http.filenames import encodable
from aikit.http.flow import Flow, Gather
from aikit.http.messages import Request, Response
from aikit.http.rate_limiter import RateLimiter
from aikit.http.retry import intercept
from aikit.http.slices import sha256_of
from aikit.http.sources import PathSource, Source, release, require_plain_name, source_of
from aikit.resources.call import start
from aikit.resources.files.bulk_progress import BulkProgress, named_errors
from aikit.resources.files.create import create_file
from aikit.resources.files.identical import Identical
from aikit.resources.files.kept import Kept
from aikit.resources.files.parameters import OpenAIFileManyParameters
from aikit.resources.files.results import ManyOutcome, OpenAIFileManyResult
from aikit.runtime.parameters import require_text
from aikit.storage.manifest import FileState, Manifest
from aikit.storage.uploaded_files import Uploaded
from aikit.storage.walk import FoundFile, Links, can_be_walked_twice, is_folder, is_one, require_paths, walk, walk_sizes
from aikit.types.bulk_files import CANCELLED, FAILED, IDENTICAL, KEPT, UPLOADED, OpenAIFileItem
from aikit.types.errors import UNEXPECTED, CancelledError, OpenAIError, Rejected
from aikit.types.interruptions import let_through, suppress
from aikit.types.progress import Progress
from aikit.validation import check_purpose

if TYPE_CHECKING:
    from aikit.providers import Provider
    from aikit.resources.files.bulk_progress import Limiters
    from aikit.resources.session import Session
    from aikit.types.files import OpenAIFile

log: Final = logging.getLogger("aikit")
_TOLD_MAX: Final = 10_000  # of those that were not begun when the call was cancelled
_ERRORS_MAX: Final = 100


def create_files(
    session: Session, limiters: Limiters, paths: Any, purpose: str, options: OpenAIFileManyParameters
) -> OpenAIFileManyResult:
    """
    Upload many files; see `aikit.resources.files.FilesAPI.create_many`.
    """
    require_text("purpose", purpose)
    require_paths(paths)
    if options.filename is not None:
        require_plain_name(options.filename)
        if not is_one(paths) or is_folder(paths):
            raise ValueError("filename names one file; give its path alone, or leave filename out")
    progress = BulkProgress()

    def flow(provider: Provider, context: CallContext) -> Flow[ManyOutcome]:
        progress.context = context
        rate = options.rate or provider.limits.creations_per_minute
        return BulkUpload(
            session=session,
            provider=provider,
            account=provider.account_key(options.extra_headers),
            paths=paths,
            purpose=purpose,
            options=options,
            context=context,
            at_a_time=min(options.at_a_time or session.max_workers, session.max_connections),
            progress=progress,
            limiter=limiters.setdefault(("create", provider.base_url, rate), RateLimiter(rate)),
        ).run()

    return start(session, partial(OpenAIFileManyResult, now=progress.outcome), flow, options, is_long=True)


@attrs.define(eq=False, kw_only=True)
class BulkUpload:
    """
    A call about many files.

    Attributes:
        account: Whose files they become; no secret is in it.

        at_a_time: How many may be under way.

        limiter: Gives each its turn, and holds back all while the provider has too bulk.

        identical: Knows what the provider has already; ``None`` unless asked for.

        kept: Knows what is done already; ``None`` without a manifest.
    """

    session: Session
    provider: Provider
    account: str
    paths: Any
    purpose: str
    options: OpenAIFileManyParameters
    context: CallContext
    at_a_time: int
    progress: BulkProgress
    limiter: RateLimiter
    identical: Identical | None = attrs.field(default=None, init=False)
    kept: Kept | None = attrs.field(default=None, init=False)
    _links: Links = attrs.field(init=False)
    _found: Iterator[FoundFile] = attrs.field(init=False)
    _errors: list[OpenAIError] = attrs.field(factory=list, init=False)
    _lock: Any = attrs.field(factory=threading.Lock, init=False)

    def __attrs_post_init__(self) -> None:
        if self.options.skip_identical:
            known = Uploaded(self.session.home_if_any)
            self.identical = Identical(
                provider=self.provider, account=self.account, purpose=self.purpose, journal=known
            )
        self._links = Links(self.options.follow_links)
        self._found = self._walked(walk, self._links)

    def run(self) -> Flow[ManyOutcome]:
        """
        Upload all.

        Raises:
            Rejected: Some failed, or the call was cancelled; the outcome with all items comes along.
        """
        with ExitStack() as stack:
            ended_by = yield from self._upload_all(stack)
        self._links.tell(self.context.note)
        outcome = attrs.evolve(self.progress.outcome(), ended_by=ended_by)
        if errors := (*self._errors,) if ended_by is None else (ended_by, *self._errors):
            raise Rejected(errors, outcome)
        return outcome

    def _upload_all(self, stack: ExitStack) -> Flow[OpenAIError | None]:
        """
        Upload all files; return the error that ended the call early, if one did.
        """
        try:
            self._open(stack)
            if self.kept is not None:
                yield from self.kept.look()
            yield Gather(self._flows(), self.at_a_time, on_progress=self.progress.advance)
            self.progress.finish()
        except CancelledError as error:
            self._tell_what_is_left(error)
            return error
        except OpenAIError as error:
            if self.progress.begun:
                self._tell_what_is_left(CancelledError(keeps=True))
            return error
        except Exception as error:  # noqa: BLE001  of the caller's own iterable
            self._tell_open(CancelledError(keeps=True))
            let_through(error)
            return _iterable_error(error)
        except BaseException:  # Ctrl-C, or an iterable that asks its thread to end
            self._tell_open(CancelledError(keeps=True))
            raise
        return None

    def _open(self, stack: ExitStack) -> None:
        if self.options.validate and (problem := check_purpose(self.purpose, self.provider.limits)):
            raise problem  # with every file alike
        if self.options.manifest is not None:
            manifest = Manifest.open(Path(self.options.manifest), self.context.raise_if_cancelled)
            self.kept = Kept(manifest=manifest, provider=self.provider, purpose=self.purpose)
            stack.callback(self.kept.close)
        if self.identical is not None:
            stack.callback(self.identical.close)
        if self.progress.is_heard and can_be_walked_twice(self.paths):
            self.progress.expect(self._sizes())

    def _sizes(self) -> Iterator[int]:
        for size_bytes in self._walked(walk_sizes, Links(self.options.follow_links)):
            self.context.raise_if_cancelled()
            yield size_bytes

    def _walked(self, walker: Callable[..., Iterator[Any]], links: Links) -> Iterator[Any]:
        return walker(self.paths, recursive=self.options.recursive, but=self.options.manifest, links=links)

    def _flows(self) -> Iterator[Flow[None]]:
        for number, found in enumerate(self._found):
            self.progress.begin(number, found.path)
            yield self._upload_one(number, found)
        self.progress.expect_no_more()

    def _tell_what_is_left(self, why: CancelledError) -> None:
        """
        List the files under way and those not begun as cancelled.
        """
        self._tell_open(why)
        with suppress(OpenAIError):  # no room, as below
            self._tell_the_rest(why)

    def _tell_open(self, why: CancelledError) -> None:
        """
        List the files under way as cancelled, because of *why*.
        """
        with suppress(OpenAIError):  # no room for the list of results may be why it ended
            for number, path in self.progress.unfinished():
                self.progress.end(number, _cancelled(path, why))

    def _tell_the_rest(self, why: CancelledError) -> None:
        """
        List the files that were not begun as cancelled, because of *why*.
        """
        if can_be_walked_twice(self.paths):
            begun = self.progress.begun
            for number, found in zip(range(begun, begun + _TOLD_MAX), self._found, strict=False):
                self.progress.end(number, _cancelled(found.path, why))
            if next(self._found, None) is not None:
                self.context.note(f"of the files that were not begun, only the first {_TOLD_MAX:,} are listed")

    def _upload_one(self, number: int, found: FoundFile) -> Flow[None]:
        """
        Upload one file and keep its outcome; only cancelling ends more than this file.
        """
        one = _FileUpload(self, number, found.path)
        try:
            yield from one.run(found)
        except CancelledError as error:
            one.fail(error, status=CANCELLED)
        except Rejected as rejected:
            one.fail(*rejected.errors)
        except OpenAIError as error:
            one.fail(error)
        except Exception as error:
            log.exception("uploading %s failed unexpectedly", found.path or "content without a path")
            one.fail(OpenAIError(message=f"{type(error).__name__}: {error}", code=UNEXPECTED))
        finally:
            release(one.source)
        self._end(one)

    def _end(self, one: _FileUpload) -> None:
        item = one.item()
        with self._lock:
            room = _ERRORS_MAX - len(self._errors)
            self._errors += named_errors(item)[:room] if item.status == FAILED else ()
        try:
            if self.kept is not None and one.state is not None and item.status not in {KEPT, CANCELLED}:
                self.kept.manifest.note(item, one.state)
        finally:
            self.progress.end(one.number, item)

    def state_of(self, source: Source) -> FileState | None:
        """
        Return the state of *source* for the manifest; ``None`` without a manifest, or if it is no file on disk.
        """
        if self.kept is None or not isinstance(source, PathSource):
            return None
        if self.options.filename is None and source.name != encodable(source.path.name):
            return None  # one of several, with a name of its own: a manifest knows files by their paths
        return FileState(
            path=str(source.path.absolute()),
            size_bytes=source.size_bytes or 0,
            modified_ns=source.modified_ns or 0,
            purpose=self.purpose,
            account=self.account,
        )


@attrs.define(eq=False)
class _FileUpload:
    """
    State of one file within a bulk upload.

    Attributes:
        state: For the manifest.
    """

    bulk: BulkUpload
    number: int
    path: str | None
    state: FileState | None = None
    source: Source | None = None
    status: str = FAILED
    file: OpenAIFile | None = None
    errors: tuple[OpenAIError, ...] = ()
    size_bytes: int = 0
    sha256: str | None = None
    was_sent: bool = False

    def item(self) -> OpenAIFileItem:
        """
        Return the outcome of the file.
        """
        return OpenAIFileItem(
            path=self.path,
            status=self.status,
            file=self.file,
            errors=self.errors,
            bytes=self.size_bytes,
            sha256=self.sha256,
            was_sent=self.was_sent,
        )

    def fail(self, *errors: OpenAIError, status: str = FAILED) -> None:
        """
        Keep *errors* as the outcome of the file.
        """
        self.status, self.file, self.errors = status, None, errors

    def run(self, found: FoundFile) -> Flow[None]:
        """
        Upload the file, unless the manifest or the provider has it already.
        """
        bulk = self.bulk
        self.source = source = _source(found, bulk.options.filename, bulk.purpose)
        self.size_bytes = source.size_bytes or 0
        bulk.progress.measure(self.number, source.size_bytes)
        self.state = bulk.state_of(source)
        if self.state is not None and bulk.kept is not None:
            kept = yield from bulk.kept.find(self.state, partial(self._hash, source))
            if kept is not None:
                self.status, self.file, self.sha256 = KEPT, kept.file, kept.sha256
                return
        if self.state is not None or (bulk.identical is not None and source.is_replayable):
            self._hash(source)
        if bulk.identical is not None and self.sha256 is not None:
            self.file = yield from bulk.identical.find(source, self.sha256)
        if self.file is not None:
            self.status = IDENTICAL
        else:
            yield from self._upload(source)

    def _upload(self, source: Source) -> Flow[None]:
        bulk = self.bulk
        context = bulk.context.child(self._report)
        flow = create_file(bulk.session, bulk.provider, source, bulk.purpose, bulk.options, context=context)
        self.file = yield from intercept(flow, self._send_in_turn)
        self.status = UPLOADED
        if bulk.identical is not None and self.sha256 is not None:
            bulk.identical.note(source, self.sha256, self.file.id)

    def _send_in_turn(self, request: Request) -> Flow[Response]:
        """
        Send a request; the first one of a file waits for the rate limiter.
        """
        if not self.was_sent:
            request = attrs.evolve(request, limiter=self.bulk.limiter)
        self.was_sent = True
        response: Response = yield request
        return response

    def _hash(self, source: Source) -> str:
        if self.sha256 is None:
            done = 0

            def tell(count: int) -> None:
                nonlocal done
                done += count
                self.bulk.context.raise_if_cancelled()
                self._report(Progress(done, source.size_bytes, "checking"))

            self.sha256 = sha256_of(source, tell)
        return self.sha256

    def _report(self, progress: Progress) -> None:
        self.bulk.progress.advance(self.number, progress)


def _cancelled(path: str | None, why: CancelledError) -> OpenAIFileItem:
    return OpenAIFileItem(path=path, status=CANCELLED, errors=(why,))


def _iterable_error(error: Exception) -> OpenAIError:
    log.error("the iterable of paths raised", exc_info=error)
    message = f"the iterable of paths raised {type(error).__name__}: {error}; the files that came before are done with"
    return OpenAIError(message=message, code="unreadable_paths", param="paths")


def _source(found: FoundFile, filename: str | None, purpose: str) -> Source:
    if found.error is not None:
        raise found.error
    try:
        source = source_of(found.file, filename=filename, purpose=purpose)
    except (TypeError, ValueError) as error:
        raise OpenAIError(message=str(error), code="invalid_file", param="file") from error
    try:
        return source.resolved()
    except BaseException:
        release(source)
        raise
