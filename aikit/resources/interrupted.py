"""
Uploads in parts that were interrupted: found again, compared with what is here now, and gone on with.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Self

import attrs

from aikit.errors import OpenAIError
from aikit.providers.account import account_key
from aikit.slices import sha256_of, slice_of
from aikit.source import PathSource, Source
from aikit.transfers.entry import Entry, Wanted
from aikit.upload_objects import OpenAIUpload, UploadOrder
from aikit.wire import Flow, Work

if TYPE_CHECKING:
    from aikit.file_parameters import OpenAIFileParameters
    from aikit.providers import Provider
    from aikit.transfers.journal import Journal
    from aikit.watch import Watch


@attrs.frozen(kw_only=True)
class Shipment:
    """
    What goes where, in parts of which size.

    Attributes:
        journal: Where it is noted; ``None`` when it cannot be gone on with.
    """

    provider: Provider
    source: Source
    order: UploadOrder
    wanted: Wanted
    journal: Journal | None
    watch: Watch

    @classmethod
    def of(
        cls,
        provider: Provider,
        source: Source,
        order: UploadOrder,
        options: OpenAIFileParameters,
        *,
        journal: Journal | None,
        watch: Watch,
    ) -> Self:
        """
        Return what *order* says of *source*.
        """
        wanted = Wanted(
            account=account_key(provider, options.extra_headers),
            purpose=order.purpose,
            filename=order.filename,
            options=json.dumps([order.mime_type, dict(order.expires_after or {})], sort_keys=True),
            part_bytes=provider.limits.upload_part_max_bytes,
            size_bytes=order.bytes,
            place=str(source.path.resolve()) if isinstance(source, PathSource) else None,
        )
        return cls(provider=provider, source=source, order=order, wanted=wanted, journal=journal, watch=watch)

    @property
    def is_hashed(self) -> bool:
        """Whether the provider is to compare, and a later call to go on."""
        return self.journal is not None

    @property
    def part_count(self) -> int:
        """How many parts there are."""
        return -(-self.order.bytes // self.wanted.part_bytes)

    def extent(self, number: int) -> tuple[int, int]:
        """
        Return start and size of a part.
        """
        start = number * self.wanted.part_bytes
        return start, min(self.wanted.part_bytes, self.order.bytes - start)

    def begun(self, upload: OpenAIUpload, began_at: float) -> Entry:
        """
        Return the entry of an upload that was just created.
        """
        if self.journal is None:
            return Entry(upload_id=upload.id, created_at=upload.created_at, size_bytes=self.order.bytes)
        return self.journal.begun(self.wanted, upload.id, upload.created_at, began_at)


def gone_on_with(shipment: Shipment) -> Flow[Entry | None]:
    """
    Return the interrupted upload of this very content, if there is one; give up those of what it was before.
    """
    if shipment.journal is None:
        return None
    found: _Found = yield Work(lambda _: _look(shipment))
    for entry in found.changed:
        shipment.watch.note(f"{shipment.order.filename} has changed since its upload was interrupted; it began anew")
        with suppress(OpenAIError):  # it ends by itself within the hour
            yield from shipment.provider.cancel_upload(entry.upload_id)
        entry.forget()
    if found.same is not None:
        there = sum(shipment.extent(number)[1] for number in found.same.parts)
        shipment.watch.note(
            f"the upload of {shipment.order.filename} was interrupted, and went on: {there:,} of "
            f"{shipment.order.bytes:,} bytes were there"
        )
    return found.same


@attrs.define
class _Found:
    """
    Uploads that were interrupted.

    Attributes:
        same: One of the same content.

        changed: Those of what the file was before.
    """

    same: Entry | None = None
    changed: list[Entry] = attrs.field(factory=list)


def _look(shipment: Shipment) -> _Found:
    found = _Found()
    for entry in shipment.journal.claimed(shipment.wanted) if shipment.journal is not None else ():
        try:
            is_same = entry.size_bytes == shipment.order.bytes and _holds(shipment, entry)
        except BaseException:
            _release(found, entry)
            raise
        if is_same:
            found.same = entry
            break
        if entry.place is not None and entry.place == shipment.wanted.place:
            found.changed.append(entry)
        else:
            entry.release()  # of another file with the same name
    return found


def _release(found: _Found, entry: Entry) -> None:
    for one in (*found.changed, entry):
        one.release()


def _holds(shipment: Shipment, entry: Entry) -> bool:
    """
    Tell whether what has arrived is what is here now.
    """
    done, total = 0, sum(shipment.extent(number)[1] for number in entry.parts)

    def tell(count: int) -> None:
        nonlocal done
        done += count
        shipment.watch.report("checking", done, total)

    for number, part in sorted(entry.parts.items()):
        if not 0 <= number < shipment.part_count or part.digest != sha256_of(
            slice_of(shipment.source, *shipment.extent(number)), tell
        ):
            return False
    return True
