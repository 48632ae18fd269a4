"""
A file whose making was asked for, and the answer lost: it is looked for, because a provider makes it only once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from aikit.errors import CancelledError, OpenAIError
from aikit.wire import Flow, Pause

if TYPE_CHECKING:
    from aikit.objects import OpenAIFile
    from aikit.resources.interrupted import Shipment
    from aikit.transfers.entry import Entry

_PAGE_SIZE: Final = 100
_LOOKS_AFTER_S: Final = (0.0, 0.5, 2.0)  # a provider may list a new file late


def found_after(shipment: Shipment, entry: Entry) -> Flow[OpenAIFile | None]:
    """
    Look for the file that the upload of *entry* became among the newest of its purpose; ``None`` if it is not there.

    It has the same name and size, is no older than the upload, and is not known to have come of another one.
    """
    for pause_s in _LOOKS_AFTER_S:
        yield Pause(pause_s)
        try:
            file = yield from _seen(shipment, entry)
        except CancelledError:
            raise
        except OpenAIError:  # what went wrong before is what counts
            continue
        if file is not None:
            return file
    return None


def _seen(shipment: Shipment, entry: Entry) -> Flow[OpenAIFile | None]:
    order = shipment.order
    query = {"purpose": order.purpose, "limit": _PAGE_SIZE, "order": "desc"}
    page = yield from shipment.provider.list_files(query)
    for file in page.files:
        if file.created_at < entry.created_at or file.bytes not in {None, order.bytes}:
            continue
        is_like_it = (file.filename, file.purpose) == (order.filename, order.purpose)
        if is_like_it and not (shipment.journal and shipment.journal.knows(shipment.wanted.account, file.id)):
            return attrs.evolve(file, bytes=order.bytes)
    return None
