"""
Uploads in parts that were interrupted: found again, compared with the content, resumed; and files of lost answers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, Self

import attrs

from aikit.http.flow import Flow, Pause, Work
from aikit.http.slices import sha256_of, slice_of
from aikit.http.sources import PathSource, Source
from aikit.providers.account import as_text
from aikit.storage.upload_entry import UploadKey, UploadRecord
from aikit.types.errors import CancelledError, OpenAIError
from aikit.types.uploads import OpenAIUpload, UploadOrder

if TYPE_CHECKING:
    from aikit.http.context import CallContext
    from aikit.providers import Provider
    from aikit.resources.files.parameters import OpenAIFileParameters
    from aikit.storage.upload_journal import Journal
    from aikit.types.files import OpenAIFile

_PAGE_SIZE: Final = 100
_LOOKS_AFTER_S: Final = (0.0, 0.5, 2.0)  # a provider may list a new file late
_DOUBTS_AFTER_S: Final = (2.0, 4.0, 8.0)  # who else completes one that looks the same will soon know which is theirs


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
            seen = yield from _search(shipment, entry)
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


def _search(shipment: MultipartUpload, entry: UploadRecord) -> Flow[_Seen]:
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
