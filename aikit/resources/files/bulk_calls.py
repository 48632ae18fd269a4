"""
Calls about many files: what is asked of them, checked and made ready to run.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from aikit.http.filenames import require_plain_name
from aikit.http.rate_limiter import RateLimiter
from aikit.resources.call import start
from aikit.resources.files.bulk_progress import BulkProgress
from aikit.resources.files.parameters import (
    OpenAIFileManyParameters,
    OpenAIFilePruneParameters,
    OpenAIFileUsageParameters,
)
from aikit.resources.files.results import (
    ManyOutcome,
    OpenAIFileManyResult,
    OpenAIFilePruneResult,
    OpenAIFileUsageResult,
    PruneOutcome,
)
from aikit.runtime.parameters import require_text
from aikit.storage.walk import is_folder, is_one, require_paths

if TYPE_CHECKING:
    from aikit.http.context import CallContext
    from aikit.http.flow import Flow
    from aikit.providers import Provider
    from aikit.resources.files.bulk_upload import Create
    from aikit.resources.files.identical import Identical
    from aikit.resources.session import Session


@attrs.define(eq=False)
class BulkCalls:
    """
    The calls of a client about many files.

    Attributes:
        create: What is done with each file.
    """

    session: Session
    create: Create
    _paces: dict[tuple[str, str, int], RateLimiter] = attrs.field(factory=dict, init=False)

    def create_many(self, paths: Any, purpose: str, parameters: Any) -> OpenAIFileManyResult:
        """
        Upload many files; see `aikit.resources.files.FilesAPI.create_many`.
        """
        options = OpenAIFileManyParameters.of(parameters)
        require_text("purpose", purpose)
        require_paths(paths)
        if options.filename is not None:
            _require_one(options.filename, paths)
        tally = BulkProgress()

        def flow(provider: Provider, context: CallContext) -> Flow[ManyOutcome]:
            from aikit.resources.files.bulk_upload import BulkUpload  # noqa: PLC0415  loaded by the first call

            tally.context = context
            account = provider.account_key(options.extra_headers)
            return BulkUpload(
                provider=provider,
                account=account,
                paths=paths,
                purpose=purpose,
                options=options,
                context=context,
                create=self.create,
                at_a_time=self._at_a_time(options.at_a_time),
                tally=tally,
                pace=self._pace("create", provider, options.rate or provider.limits.creations_per_minute),
                identical=self._identical(provider, account, purpose) if options.skip_identical else None,
            ).run()

        return start(self.session, partial(OpenAIFileManyResult, now=tally.outcome), flow, options, is_long=True)

    def usage(self, parameters: Any) -> OpenAIFileUsageResult:
        """
        Sum up what is stored; see `aikit.resources.files.FilesAPI.usage`.
        """
        from aikit.resources.files.prune import summed_up  # noqa: PLC0415  only here

        options = OpenAIFileUsageParameters.of(parameters)
        return start(
            self.session,
            OpenAIFileUsageResult,
            lambda provider, context: summed_up(provider, options, int(time.time()), context),
            options,
        )

    def prune(self, parameters: Any) -> OpenAIFilePruneResult:
        """
        Delete files, or list which would go; see `aikit.resources.files.FilesAPI.prune`.
        """
        from aikit.resources.files.housekeeping_progress import HousekeepingTally  # noqa: PLC0415  likewise
        from aikit.resources.files.prune import Prune  # noqa: PLC0415  only here

        options = OpenAIFilePruneParameters.of(parameters)
        if not (options.unused or options.older_than or options.purpose or options.name):
            raise ValueError("nothing says which files are to go; give older_than, purpose, name or unused=True")

        tally = HousekeepingTally()

        def flow(provider: Provider, context: CallContext) -> Flow[PruneOutcome]:
            tally.context = context
            return Prune(
                provider=provider,
                options=options,
                now=int(time.time()),
                booked=partial(self._booked, provider),
                at_a_time=self._at_a_time(options.at_a_time),
                tally=tally,
                pace=self._pace("delete", provider, options.rate or provider.limits.deletions_per_minute),
            ).run()

        return start(self.session, partial(OpenAIFilePruneResult, now=tally.outcome), flow, options)

    def _at_a_time(self, asked: int | None) -> int:
        return min(asked or self.session.max_workers, self.session.max_connections)

    def _pace(self, what: str, provider: Provider, per_minute: int) -> RateLimiter:
        """
        Return what gives turns, the same for all calls of a client that ask alike.
        """
        return self._paces.setdefault((what, provider.base_url, per_minute), RateLimiter(per_minute))

    def _identical(self, provider: Provider, account: str, purpose: str) -> Identical:
        from aikit.resources.files.identical import Identical  # noqa: PLC0415  likewise
        from aikit.storage.uploaded_files import Uploaded  # noqa: PLC0415  SQLite is loaded for those who use it

        return Identical(provider=provider, account=account, purpose=purpose, journal=Uploaded(self.session.home))

    def _booked(self, provider: Provider) -> Iterator[str]:
        from aikit.types.events import CREATED  # noqa: PLC0415  likewise

        address = provider.account().address
        for event in self.session.ledger.events(kind=CREATED):
            if event.address == address:
                yield event.input_file_id


def _require_one(filename: str, paths: Any) -> None:
    require_plain_name(filename)
    if not is_one(paths) or is_folder(paths):
        raise ValueError("filename names one file; give its path alone, or leave filename out")
