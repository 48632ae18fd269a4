"""
Uploads in parts that were interrupted: found again, compared with what is here now, and gone on with.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Self

import attrs

from aikit.http.flow import Flow, Work
from aikit.http.slices import sha256_of, slice_of
from aikit.http.sources import PathSource, Source
from aikit.providers.account import as_text
from aikit.storage.upload_entry import UploadKey, UploadRecord
from aikit.types.errors import OpenAIError
from aikit.types.uploads import OpenAIUpload, UploadOrder

if TYPE_CHECKING:
    from aikit.http.context import CallContext
    from aikit.providers import Provider
    from aikit.resources.files.parameters import OpenAIFileParameters
    from aikit.storage.upload_journal import Journal


@attrs.frozen(kw_only=True)
class MultipartUpload:
    """
    What goes where, in parts of which size.

    Attributes:
        journal: Where it is noted.

        is_hashed: Whether the provider is to compare, and a later call to go on.
    """

    provider: Provider
    source: Source
    order: UploadOrder
    wanted: UploadKey
    journal: Journal
    context: CallContext
    is_hashed: bool

    @classmethod
    def of(
        cls,
        provider: Provider,
        source: Source,
        order: UploadOrder,
        options: OpenAIFileParameters,
        *,
        journal: Journal,
        context: CallContext,
    ) -> Self:
        """
        Return what *order* says of *source*.
        """
        wanted = UploadKey(
            account=provider.account_key(options.extra_headers),
            purpose=order.purpose,
            filename=order.filename,
            options=json.dumps([order.mime_type, dict(order.expires_after or {})], sort_keys=True),
            part_bytes=provider.limits.upload_part_max_bytes,
            size_bytes=order.bytes,
            place=as_text(source.path.resolve()) if isinstance(source, PathSource) else None,
        )
        return cls(
            provider=provider,
            source=source,
            order=order,
            wanted=wanted,
            journal=journal,
            context=context,
            is_hashed=options.checksum,
        )

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

    def begun(self, upload: OpenAIUpload, began_at: float) -> UploadRecord:
        """
        Return the entry of an upload that was just created.
        """
        return self.journal.begun(self.wanted, upload.id, upload.created_at, began_at)


def gone_on_with(shipment: MultipartUpload) -> Flow[UploadRecord | None]:
    """
    Return the interrupted upload of this very content, if there is one; give up those of what it was before.
    """
    if not shipment.is_hashed:
        return None
    found: _Found = yield Work(lambda _: _look(shipment))
    with found.released_unless_returned():
        for entry in found.changed:
            shipment.context.note(
                f"{shipment.order.filename} has changed since its upload was interrupted; it began anew"
            )
            with suppress(OpenAIError):  # it ends by itself within the hour
                yield from shipment.provider.cancel_upload(entry.upload_id)
            entry.forget()
    if found.same is not None:
        there = sum(shipment.extent(number)[1] for number in found.same.parts)
        shipment.context.note(
            f"the upload of {shipment.order.filename} was interrupted, and went on: {there:,} of "
            f"{shipment.order.bytes:,} bytes were there"
        )
    return found.same


@attrs.define
class _Found:
    """
    Uploads that were interrupted, claimed.

    Attributes:
        same: One of the same content.

        changed: Those of what the file was before.
    """

    same: UploadRecord | None = None
    changed: list[UploadRecord] = attrs.field(factory=list)

    @contextmanager
    def released_unless_returned(self) -> Iterator[None]:
        """
        Leave them to others when an error, or the end of the flow, leaves it.
        """
        try:
            yield
        except BaseException:
            for entry in (*self.changed, *([self.same] if self.same is not None else ())):
                entry.release()
            raise


def _look(shipment: MultipartUpload) -> _Found:
    found, wanted = _Found(), shipment.wanted
    with found.released_unless_returned():
        for seen in shipment.journal.interrupted(wanted):
            is_same, is_here = _is_of(shipment, seen), seen.place is not None and seen.place == wanted.place
            entry = shipment.journal.claimed(wanted, seen.upload_id) if is_same or is_here else None
            if entry is None:  # of another file with the same name, or somebody goes on with it
                continue
            found.changed.append(entry)
            if entry.parts != seen.parts:  # somebody was at it meanwhile
                is_same = _is_of(shipment, entry)
            if is_same:
                found.same = found.changed.pop()
                break
            if not is_here:
                found.changed.pop().release()
    return found


def _is_of(shipment: MultipartUpload, entry: UploadRecord) -> bool:
    return entry.size_bytes == shipment.order.bytes and _holds(shipment, entry)


def _holds(shipment: MultipartUpload, entry: UploadRecord) -> bool:
    """
    Tell whether what has arrived is what is here now.
    """
    done, total = 0, sum(shipment.extent(number)[1] for number in entry.parts)

    def tell(count: int) -> None:
        nonlocal done
        done += count
        shipment.context.report("checking", done, total)

    for number, part in sorted(entry.parts.items()):
        if not 0 <= number < shipment.part_count or part.digest != sha256_of(
            slice_of(shipment.source, *shipment.extent(number)), tell
        ):
            return False
    return True
