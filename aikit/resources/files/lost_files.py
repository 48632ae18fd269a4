"""
A file whose making was asked for, and the answer lost: it is looked for, because a provider makes it only once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from aikit.http.flow import Flow, Pause
from aikit.types.errors import CancelledError, OpenAIError

if TYPE_CHECKING:
    from aikit.resources.files.resume import MultipartUpload
    from aikit.storage.upload_entry import UploadRecord
    from aikit.types.files import OpenAIFile

_PAGE_SIZE: Final = 100
_LOOKS_AFTER_S: Final = (0.0, 0.5, 2.0)  # a provider may list a new file late
_DOUBTS_AFTER_S: Final = (2.0, 4.0, 8.0)  # who else completes one that looks the same will soon know which is theirs


def found_after(shipment: MultipartUpload, entry: UploadRecord) -> Flow[OpenAIFile | None]:
    """
    Look for the file that the upload of *entry* became among the newest of its purpose; ``None`` if it is not there.

    It has the same name and size, is no older than the upload, and is not known to have come of another one. While
    there may be another file like it, none is taken for it.

    Raises:
        OpenAIError: Nobody can tell which it is (code ``"answer_lost"``).
    """
    seen = _Seen()
    for number, pause_s in enumerate((*_LOOKS_AFTER_S, *_DOUBTS_AFTER_S)):
        if number >= len(_LOOKS_AFTER_S) and not (seen.files and seen.has_rivals):
            break
        yield Pause(pause_s)
        try:
            seen = yield from _look(shipment, entry)
        except CancelledError:
            raise
        except OpenAIError:  # what went wrong before is what counts
            continue
        if len(seen.files) == 1 and not seen.has_rivals:
            return seen.files[0]
    if seen.files:
        raise _doubt(shipment)
    return None


@attrs.frozen
class _Seen:
    """
    What may have come of an upload.

    Attributes:
        has_rivals: Whether one of them may be another call's.
    """

    files: tuple[OpenAIFile, ...] = ()
    has_rivals: bool = False


def _look(shipment: MultipartUpload, entry: UploadRecord) -> Flow[_Seen]:
    order, account, journal = shipment.order, shipment.wanted.account, shipment.journal
    query = {"purpose": order.purpose, "limit": _PAGE_SIZE, "order": "desc"}
    page = yield from shipment.provider.list_files(query)
    # In this order: whoever made a file on the page was a rival before that, and is one until its file is known.
    has_rivals = journal.has_rivals(shipment.wanted, entry.upload_id)
    files = tuple(
        attrs.evolve(file, bytes=order.bytes)
        for file in page.files
        if _is_like(file, shipment, entry) and not journal.knows(account, file.id)
    )
    return _Seen(files, has_rivals)


def _is_like(file: OpenAIFile, shipment: MultipartUpload, entry: UploadRecord) -> bool:
    order = shipment.order
    is_like = (file.filename, file.purpose) == (order.filename, order.purpose)
    return is_like and file.created_at >= entry.created_at and file.bytes in {None, order.bytes}


def _doubt(shipment: MultipartUpload) -> OpenAIError:
    message = (
        f"the answer to completing the upload of {shipment.order.filename} was lost, and there may be several files of "
        "that name and size; look at files.list(), and delete what is too many"
    )
    return OpenAIError(message=message, code="answer_lost")
