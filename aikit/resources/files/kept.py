"""
Files that a manifest has as done: they are kept only while the provider has them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import attrs

from aikit.http.flow import Flow
from aikit.resources.pages import each_page
from aikit.storage.spill import OffsetIndex
from aikit.types.errors import CancelledError, OpenAIError

if TYPE_CHECKING:
    from aikit.providers import Provider
    from aikit.storage.manifest import FileState, Manifest
    from aikit.types.bulk_files import OpenAIFileItem
    from aikit.types.files import FilePage, OpenAIFile

_FEW: Final = 100  # are asked for one by one, however many others the account has
_A_PAGE: Final = 1_000
_DELETED: Final = "deleted"


@attrs.define(eq=False, kw_only=True)
class Kept:
    """
    The files of a manifest that the provider still has; others delete files too, so the provider is asked.

    Attributes:
        purpose: That of the files.
    """

    manifest: Manifest
    provider: Provider
    purpose: str
    _listed: OffsetIndex = attrs.field(factory=OffsetIndex, init=False)

    def look(self) -> Flow[None]:
        """
        Note the files that the provider lists, where the manifest has many; those not listed are asked for later.
        """
        if len(self.manifest) <= _FEW:
            return
        query = {"limit": min(self.provider.limits.list_max, _A_PAGE), "purpose": self.purpose}
        try:
            yield from each_page(self.provider.list_files, query, self._note)
        except CancelledError:
            raise
        except OpenAIError as error:
            if error.code == "insufficient_storage":
                raise

    def find(self, state: FileState, sha256: Callable[[], str]) -> Flow[OpenAIFileItem | None]:
        """
        Return the outcome of a file that is done; ``None`` if it has changed since, or the provider has it no more.
        """
        item = self.manifest.find_done(state, sha256)
        if item is None or item.file is None or not (yield from self._is_there(item.file.id)):
            return None
        return item

    def close(self) -> None:
        """
        Let go of what was noted, and of the manifest.
        """
        self._listed.close()
        self.manifest.close()

    def _note(self, page: FilePage) -> None:
        for file in page.items:
            if file.status != _DELETED:
                self._listed.put(file.id, 0, 0)

    def _is_there(self, file_id: str) -> Flow[bool]:
        if self._listed.get(file_id) is not None:
            return True
        try:
            file: OpenAIFile = yield from self.provider.retrieve_file(file_id)
        except CancelledError:
            raise
        except OpenAIError as error:  # unknown for now: no reason to send it again
            return not error.is_not_found_error
        return file.status != _DELETED
