"""
Uploads in parts: each part is an object, and the file is put together of them where they lie.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import attrs

from aikit.http.bodies import json_body
from aikit.http.flow import Flow, Gather, Work
from aikit.http.messages import Response
from aikit.http.refusals import raise_for_status, understood
from aikit.http.sinks import ResumingSink
from aikit.http.sources import BytesSource, Source
from aikit.providers.vertex.names import STORED, FileName, new_name, no_such
from aikit.providers.vertex.objects import (
    delete_object,
    fetch,
    file_from_wire,
    look_up,
    metadata_of,
    object_from_wire,
    objects_under,
)
from aikit.providers.vertex.place import Place
from aikit.providers.vertex.upload import store
from aikit.types.errors import OpenAIError
from aikit.types.files import FileOrder
from aikit.types.uploads import OpenAIUpload, OpenAIUploadPart, UploadOrder
from aikit.types.wire import whole_number

_UPLOAD_ID: Final = re.compile(r"upload_([A-Za-z][A-Za-z0-9_-]{21})", re.ASCII)
_PART_ID: Final = re.compile(r"part_([A-Za-z][A-Za-z0-9_-]{21})", re.ASCII)
_MOST_SOURCES: Final = 32  # that one request puts together
_AT_A_TIME: Final = 8
_KIND: Final = "application/octet-stream"


@attrs.frozen
class _Place:
    """
    The objects of one upload; the file that it becomes is called as it is.
    """

    name: str

    @classmethod
    def of(cls, upload_id: str) -> _Place:
        found = _UPLOAD_ID.fullmatch(upload_id)
        if found is None:
            raise no_such("Upload", upload_id)
        return cls(found[1])

    @property
    def id(self) -> str:
        return f"upload_{self.name}"

    @property
    def folder(self) -> str:
        return f"uploads/{self.name}/"

    @property
    def order(self) -> str:
        return f"{self.folder}order"

    @property
    def parts(self) -> str:
        return f"{self.folder}parts/"

    @property
    def file(self) -> FileName:
        return FileName(STORED, self.name)


def create_upload(place: Place, order: UploadOrder) -> Flow[OpenAIUpload]:
    """
    Announce a file that will come in parts: what it is to be is kept with an empty object.
    """
    upload, file_order = _Place(new_name()), FileOrder(purpose=order.purpose, expires_after=order.expires_after)
    about = yield Work(lambda _: metadata_of(order.filename, file_order, time.time()))
    about["metadata"] |= {"bytes": str(order.bytes), "mime_type": order.mime_type}
    nothing = BytesSource(content=memoryview(b""), name="order")
    stored = yield from store(place, nothing, upload.order, content_type=_KIND, **about)
    return _pending(upload, stored)


def add_part(place: Place, upload_id: str, source: Source) -> Flow[OpenAIUploadPart]:
    """
    Send one part; one that is sent again is another one, and goes with the upload.
    """
    upload, name = _Place.of(upload_id), new_name()
    yield from _order_of(place, upload)
    stored = yield from store(place, source, upload.parts + name, content_type=_KIND)
    return OpenAIUploadPart.from_wire(
        {"id": f"part_{name}", "created_at": stored.get("timeCreated"), "upload_id": upload_id}
    )


def complete(place: Place, upload_id: str, part_ids: Sequence[str], md5: str | None) -> Flow[OpenAIUpload]:
    """
    Make the file of its parts; asked again, it is the one that was made.

    Raises:
        OpenAIError: A part is not there (code ``"invalid_value"``), the whole has another size than was announced
            (``"size_mismatch"``) or another MD5 (``"checksum_mismatch"``), which is read for that.
    """
    upload = _Place.of(upload_id)
    made = yield from look_up(place, upload.file.stored)
    if made is None:
        order = yield from _order_of(place, upload)
        made = yield from _joined(place, upload, order, part_ids)
        yield from _require_md5(place, upload, made, md5)
    with suppress(OpenAIError):  # the file is there
        yield from _remove(place, upload)
    file = file_from_wire(made, place)
    return attrs.evolve(_pending(upload, made), bytes=file.bytes or 0, status="completed", file=file)


def cancel(place: Place, upload_id: str) -> Flow[OpenAIUpload]:
    """
    Give up an upload; its parts are gone.
    """
    upload = _Place.of(upload_id)
    order = yield from _order_of(place, upload)
    yield from _remove(place, upload)
    return attrs.evolve(_pending(upload, order), status="cancelled")


def _order_of(place: Place, upload: _Place) -> Flow[dict[str, Any]]:
    order = yield from look_up(place, upload.order)
    if order is None:
        raise no_such("Upload", upload.id)
    return order


def _pending(upload: _Place, data: Mapping[str, Any]) -> OpenAIUpload:
    kept = data.get("metadata")
    metadata = kept if isinstance(kept, dict) else {}
    return OpenAIUpload.from_wire(
        {
            "id": upload.id,
            "bytes": metadata.get("bytes", "0"),
            "created_at": data.get("timeCreated"),
            "filename": metadata.get("filename"),
            "purpose": metadata.get("purpose"),
            "status": "pending",
        }
    )


def _joined(place: Place, upload: _Place, order: Mapping[str, Any], part_ids: Sequence[str]) -> Flow[dict[str, Any]]:
    """
    Return the object that is put together of parts, in several steps if there are many.
    """
    metadata = dict(order["metadata"])
    size, kind = whole_number(metadata.pop("bytes", None)), metadata.pop("mime_type", _KIND)
    names, level = (yield from _parts_of(place, upload, part_ids, size)), 0
    while len(names) > _MOST_SOURCES:
        groups = [names[start : start + _MOST_SOURCES] for start in range(0, len(names), _MOST_SOURCES)]
        names = [f"{upload.folder}joined/{level}-{number}" for number in range(len(groups))]
        flows = (_compose(place, name, group) for name, group in zip(names, groups, strict=True))
        yield Gather(flows, at_a_time=_AT_A_TIME)
        level += 1
    about = {"contentType": kind, "metadata": metadata, "customTime": order.get("customTime")}
    kept = {name: value for name, value in about.items() if value}
    return (yield from _compose(place, upload.file.stored, names, kept, is_new=True))


def _parts_of(place: Place, upload: _Place, part_ids: Sequence[str], size: int | None) -> Flow[list[str]]:
    """
    Return the names of parts, each of which must be there, and which must have the size that was announced together.
    """
    found = [_PART_ID.fullmatch(part_id) for part_id in part_ids]
    names = [upload.parts + one[1] if one else "" for one in found]
    there = yield from objects_under(place, upload.parts)
    missing = next((part_id for part_id, name in zip(part_ids, names, strict=True) if name not in there), None)
    if missing is not None:
        message = f"{missing[:100]!r} is no part of upload {upload.id}; name those that uploads.add_part returned"
        raise OpenAIError(message=message, code="invalid_value", param="part_ids")
    sent = sum(whole_number(there[name].get("size")) or 0 for name in names)
    if sent != size:
        message = f"the parts have {sent} bytes, and the upload was announced with {size}; name all of them"
        raise OpenAIError(message=message, code="size_mismatch", param="part_ids")
    return names


def _compose(
    place: Place, name: str, names: Sequence[str], about: Mapping[str, Any] | None = None, *, is_new: bool = False
) -> Flow[dict[str, Any]]:
    """
    Put the objects called *names* together as another; a new one is made only where there is none.
    """
    # https://docs.cloud.google.com/storage/docs/json_api/v1/objects/compose (read 2026-11-21)
    sources = [{"name": place.full_name(one)} for one in names]
    body = json_body({"sourceObjects": sources, "destination": about or {"contentType": _KIND}})
    generation = 0 if is_new else None
    response: Response = yield place.storage("POST", name, action="/compose", body=body, ifGenerationMatch=generation)
    if response.status == 412 and (found := (yield from look_up(place, name))) is not None:
        return found  # by an attempt whose answer was lost
    return understood(response, object_from_wire)


def _require_md5(place: Place, upload: _Place, made: Mapping[str, Any], md5: str | None) -> Flow[None]:
    """
    Check the MD5 of a file: Google tells none of what was put together, so all of it is read.
    """
    if md5 is None:
        return
    sink = _HashSink()
    raise_for_status((yield from fetch(place, upload.file.stored, sink)))
    if sink.md5.hexdigest() != md5.lower():
        generation = made.get("generation")
        yield place.storage("DELETE", upload.file.stored, ifGenerationMatch=generation, is_cleanup=True)
        message = "the parts together have another MD5 than was told; send them again"
        raise OpenAIError(message=message, code="checksum_mismatch", param="md5")


def _remove(place: Place, upload: _Place) -> Flow[None]:
    """
    Delete all objects of an upload but the file; the order goes last.
    """
    names: Iterable[str] = yield from objects_under(place, upload.folder)
    yield Gather((delete_object(place, name) for name in names if name != upload.order), at_a_time=_AT_A_TIME)
    yield from delete_object(place, upload.order)


@attrs.define(kw_only=True)
class _HashSink(ResumingSink):
    """
    Takes the MD5 of a content; after a break it goes on.
    """

    md5: Any = attrs.field(factory=lambda: hashlib.md5(usedforsecurity=False))

    def begin(self, status: int, headers: Mapping[str, str]) -> int:
        start = super().begin(status, headers)
        if not start:
            self.md5 = hashlib.md5(usedforsecurity=False)
        return start

    def write(self, chunk: memoryview, /) -> None:
        self.require_room(len(chunk))
        self.md5.update(chunk)
        self.done += len(chunk)
