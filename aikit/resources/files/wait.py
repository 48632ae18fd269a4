"""
Waiting until the provider has processed a file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aikit.http.flow import Flow, Pause
from aikit.resources.polling import Absence, early_pauses
from aikit.types.errors import OpenAIError, Rejected
from aikit.types.files import OpenAIFile

if TYPE_CHECKING:
    from aikit.providers import Provider
    from aikit.resources.files.parameters import OpenAIFileWaitParameters

_ENDED: Final = frozenset(("processed", "error", "deleted", None))  # deprecated, so a server may leave it out
_SHORTEST_PAUSE_S: Final = 0.01

UNREADY: Final = frozenset(("pending", "running", "processing", "queued", "in_progress", "uploading", "validating"))
"""Statuses of files that no batch can be made of yet. There are servers that never say more than "uploaded" or "ok"."""


def wait_until_processed(provider: Provider, file_id: str, options: OpenAIFileWaitParameters) -> Flow[OpenAIFile]:
    """
    Ask for a file with growing pauses until its processing has ended; a 404 counts after 15 seconds of it.

    Raises:
        OpenAIError: It took longer than *max_wait* (code ``"timeout"``), or the provider refuses to tell.
        Rejected: Processing failed (code ``"processing_failed"``); the file comes along.
    """
    pauses = early_pauses(options.poll_interval)
    absence = Absence(provider, options.max_wait)
    spent_s = 0.0  # a flow knows no clock, but each pause tells how long the call has taken
    while True:
        try:
            file = yield from provider.retrieve_file(file_id)
        except OpenAIError as error:
            if absence.has_lasted(error, spent_s) or not error.is_not_found_error:
                raise
            spent_s = yield Pause(min(next(pauses), max(options.max_wait - spent_s, 0.0)))
            continue
        absence.end()
        if file.status in _ENDED:
            return _require_processed(file)
        status, left_s = file.status, options.max_wait - spent_s
        del file  # ten thousand may wait, and none of them needs it any more
        if left_s < _SHORTEST_PAUSE_S:
            message = f"file {file_id} is still {status!r} after {spent_s:.0f} s; raise max_wait to wait longer"
            raise OpenAIError(message=message, code="timeout")
        spent_s = yield Pause(min(next(pauses), left_s))


def _require_processed(file: OpenAIFile) -> OpenAIFile:
    if file.status != "error":
        return file
    message = f"the provider could not process {file.filename}: {file.status_details or 'it does not say why'}"
    raise Rejected([OpenAIError(message=message, code="processing_failed")], file)
