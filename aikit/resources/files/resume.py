"""
Uploads in parts that were interrupted: found again, compared with the content, resumed; and files of lost answers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Self

import attrs

from aikit.http.flow import Flow, Pause, Work
from aikit.http.slices import prefix_md5s
from aikit.http.sources import PathSource, Source
from aikit.providers.account import as_text
from aikit.storage.upload_entry import UploadKey, UploadRecord
from aikit.types.errors import CancelledError, OpenAIError
from aikit.types.interruptions import suppress
from aikit.types.uploads import OpenAIUpload, UploadOrder

if TYPE_CHECKING:
    from aikit.http.context import CallContext
    from aikit.providers import Provider
    from aikit.resources.files.parameters import EachFileParameters
    from aikit.storage.upload_journal import Journal
    from aikit.types.files import OpenAIFile

_DIGEST_CHARACTERS: Final = 32  # of an MD5
_PAGE_SIZE: Final = 100
_LOOKS_AFTER_S: Final = (0.0, 0.5, 2.0)  # a provider may list a new file late
_DOUBTS_AFTER_S: Final = (2.0, 4.0, 8.0)  # other calls that complete one like it will soon know theirs


@attrs.frozen(kw_only=True)
class MultipartUpload:
    """
    One large file on its way to a provider: content, order, size of parts, journal.

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
        options: EachFileParameters,
        *,
        journal: Journal,
        context: CallContext,
    ) -> Self:
        """
        Return the upload of *source* that *order* announces.
        """
        wanted = UploadKey(
            account=provider.account_key(options.extra_headers),
            purpose=order.purpose,
            filename=order.filename,
            options=json.dumps(_options(order), sort_keys=True),
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

    def begin(self, upload: OpenAIUpload, began_at: float) -> UploadRecord:
        """
        Return the record of an upload that was just created.
        """
        return self.journal.begin(self.wanted, upload.id, upload.created_at, began_at)


def find_interrupted(multipart: MultipartUpload) -> Flow[UploadRecord | None]:
    """
    Return the interrupted upload of the same content, if there is one; cancel those of earlier versions of the file.
    """
    if not multipart.is_hashed:
        return None
    found: _Found = yield Work(lambda _: _claim(multipart))
    with found.released_unless_returned():
        for record in found.changed:
            multipart.context.note(
                f"{multipart.order.filename} has changed since its upload was interrupted; it began anew"
            )
            with suppress(OpenAIError):  # it ends by itself within the hour
                yield from multipart.provider.cancel_upload(record.upload_id)
            record.forget()
    if found.same is not None:
        there = sum(multipart.extent(number)[1] for number in found.same.parts)
        multipart.context.note(
            f"the upload of {multipart.order.filename} was interrupted, and went on: {there:,} of "
            f"{multipart.order.bytes:,} bytes were there"
        )
    return found.same


@attrs.define
class _Found:
    """
    Uploads that were interrupted, claimed.

    Attributes:
        same: One of the same content.

        changed: Those of earlier versions of the file.
    """

    same: UploadRecord | None = None
    changed: list[UploadRecord] = attrs.field(factory=list)

    @contextmanager
    def released_unless_returned(self) -> Iterator[None]:
        """
        Release all claims when an error, or the end of the flow, leaves the block.
        """
        try:
            yield
        except BaseException:
            for record in (*self.changed, *([self.same] if self.same is not None else ())):
                record.release()
            raise


def _claim(multipart: MultipartUpload) -> _Found:
    found, wanted = _Found(), multipart.wanted
    with found.released_unless_returned():
        for seen in multipart.journal.find_interrupted(wanted):
            if any(len(part.digest) != _DIGEST_CHARACTERS for part in seen.parts.values()):
                continue  # noted by an older version, which hashed each part: it ends by itself within the hour
            is_same, is_here = _is_of(multipart, seen), seen.place is not None and seen.place == wanted.place
            record = multipart.journal.claim(wanted, seen.upload_id) if is_same or is_here else None
            if record is None:  # of another file with the same name, or in use by another call
                continue
            found.changed.append(record)
            if record.parts != seen.parts:  # another call had it meanwhile
                is_same = _is_of(multipart, record)
            if is_same:
                found.same = found.changed.pop()
                break
            if not is_here:
                found.changed.pop().release()
    return found


def _is_of(multipart: MultipartUpload, record: UploadRecord) -> bool:
    return record.size_bytes == multipart.order.bytes and _holds(multipart, record)


def _holds(multipart: MultipartUpload, record: UploadRecord) -> bool:
    """
    Return whether the parts that have arrived equal the content as it is now.
    """
    if not record.parts:
        return True
    last = max(record.parts)
    if min(record.parts) < 0 or last >= multipart.part_count:
        return False
    done, total = 0, sum(multipart.extent(last))

    def tell(count: int) -> None:
        nonlocal done
        done += count
        multipart.context.report("checking", done, total)

    with closing(prefix_md5s(multipart.source, multipart.wanted.part_bytes, tell)) as digests:
        known = ((record.parts.get(number), digest) for number, digest in zip(range(last + 1), digests, strict=False))
        return all(part is None or part.digest == digest for part, digest in known)


def find_lost_file(multipart: MultipartUpload, record: UploadRecord) -> Flow[OpenAIFile | None]:
    """
    Look for the file that the upload of *record* became among the newest of its purpose; ``None`` if it is not there.

    It has the same name and size, is no older than the upload, and is not known to have come of another one. While
    there may be another file like it, none is taken for it.

    Raises:
        OpenAIError: Several files may be it (code ``"answer_lost"``).
    """
    candidates = _Candidates()
    for number, pause_s in enumerate((*_LOOKS_AFTER_S, *_DOUBTS_AFTER_S)):
        if number >= len(_LOOKS_AFTER_S) and not (candidates.files and candidates.has_rivals):
            break
        yield Pause(pause_s)
        try:
            candidates = yield from _search(multipart, record)
        except CancelledError:
            raise
        except OpenAIError:  # the error of the completion is the one to report
            continue
        if len(candidates.files) == 1 and not candidates.has_rivals:
            return candidates.files[0]
    if candidates.files:
        raise _answer_lost(multipart)
    return None


@attrs.frozen
class _Candidates:
    """
    Files that an upload may have become.

    Attributes:
        has_rivals: Whether one of them may be another call's.
    """

    files: tuple[OpenAIFile, ...] = ()
    has_rivals: bool = False


def _search(multipart: MultipartUpload, record: UploadRecord) -> Flow[_Candidates]:
    order, account, journal = multipart.order, multipart.wanted.account, multipart.journal
    query = {"purpose": order.purpose, "limit": _PAGE_SIZE, "order": "desc"}
    page = yield from multipart.provider.list_files(query)
    # In this order: a call that made a file on the page was a rival before, and is one until its file is known.
    has_rivals = journal.has_rivals(multipart.wanted, record.upload_id)
    files = tuple(
        attrs.evolve(file, bytes=order.bytes)
        for file in page.files
        if _is_like(file, multipart, record) and not journal.knows(account, file.id)
    )
    return _Candidates(files, has_rivals)


def _is_like(file: OpenAIFile, multipart: MultipartUpload, record: UploadRecord) -> bool:
    order = multipart.order
    is_like = (file.filename, file.purpose) == (order.filename, order.purpose)
    return is_like and file.created_at >= record.created_at and file.bytes in {None, order.bytes}


def _answer_lost(multipart: MultipartUpload) -> OpenAIError:
    message = (
        f"the answer to completing the upload of {multipart.order.filename} was lost, and several files of that name "
        "and size may be there; look at files.list(), and delete those that are too many"
    )
    return OpenAIError(message=message, code="answer_lost")


def _options(order: UploadOrder) -> list[Any]:
    # fields of the caller's own may be keys, which are not for a journal
    more = [sha256(json.dumps(dict(order.extra), sort_keys=True).encode()).hexdigest()] if order.extra else []
    return [order.mime_type, dict(order.expires_after or {}), *more]
