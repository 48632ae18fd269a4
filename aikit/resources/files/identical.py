"""
Files that the provider has already: under the same name, for the same purpose, with the same content.
"""

from __future__ import annotations

import logging
import time
from codecs import BOM_UTF8
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import attrs

from aikit.http.flow import Flow
from aikit.storage.errors import StoreError
from aikit.storage.uploaded_files import Content, Uploaded
from aikit.types.errors import CancelledError, OpenAIError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aikit.http.sources import Source
    from aikit.providers import Provider
    from aikit.types.files import OpenAIFile

log: Final = logging.getLogger("aikit")
_SOON_S: Final = 3_600  # what expires sooner is sent again
_UNUSABLE: Final = frozenset(("error", "deleted"))


@attrs.define(eq=False, kw_only=True)
class Identical:
    """
    Files of an account as the journal notes them; the provider is asked before one counts.

    Attributes:
        account: Whose files; no secret is in it.

        journal: Where uploads are noted. Trouble with it is logged, and files are sent.

        clock: Unix seconds.
    """

    provider: Provider
    account: str
    purpose: str
    journal: Uploaded
    clock: Callable[[], float] = time.time
    _has_warned: bool = attrs.field(default=False, init=False)

    def find(self, source: Source, sha256: str) -> Flow[OpenAIFile | None]:
        """
        Return the file that the provider has of *source*; ``None`` if it is to be sent.
        """
        content = self._content(source, sha256)
        file_id = None
        with self._log_trouble():
            file_id = self.journal.find(content)
        if file_id is None:
            return None
        try:
            file = yield from self.provider.retrieve_file(file_id)
        except CancelledError:
            raise
        except OpenAIError as error:
            if not error.is_not_found_error:  # unknown for now: no reason to forget it
                return None
        else:
            if self._is_of(file, source):
                return file
        with self._log_trouble():
            self.journal.forget(content)
        return None

    def note(self, source: Source, sha256: str, file_id: str) -> None:
        """
        Note that *source* was stored.
        """
        with self._log_trouble():
            self.journal.note(self._content(source, sha256), file_id)

    def close(self) -> None:
        """
        Let go of the journal.
        """
        self.journal.close()

    def _is_of(self, file: OpenAIFile, source: Source) -> bool:
        size = source.size_bytes or 0
        sizes = {None, size, size - len(BOM_UTF8)}  # for some providers a mark is taken off
        if file.status in _UNUSABLE or file.purpose != self.purpose or file.bytes not in sizes:
            return False
        return file.expires_at is None or file.expires_at > self.clock() + _SOON_S

    def _content(self, source: Source, sha256: str) -> Content:
        return Content(self.account, self.purpose, source.name, sha256)

    @contextmanager
    def _log_trouble(self) -> Iterator[None]:
        try:
            yield
        except StoreError as error:
            level = logging.DEBUG if self._has_warned else logging.WARNING  # once, for however many files
            self._has_warned = True
            log.log(level, "the journal of uploads cannot be used: %s", error)
