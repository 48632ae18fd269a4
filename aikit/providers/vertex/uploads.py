"""
Uploads in parts: each part an object of its own, which Google Cloud Storage puts together when all of them are there.

The order of an upload is an object, too, and goes last: while it is there, any process can go on with the upload.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from typing import Any, Final

import attrs

from aikit.http.flow import Flow, Gather, Work
from aikit.http.messages import Response
from aikit.http.refusals import raise_for_status, understood
from aikit.http.sources import BytesSource, Source
from aikit.providers.vertex.composing import BYTES, Piece, compose, few_of, md5_of
from aikit.providers.vertex.names import FILES, STORED, UPLOADS, FileName, new_name, no_such, part_of, upload_of
from aikit.providers.vertex.objects import (
    custom_time,
    delete_object,
    file_from_wire,
    look_up,
    metadata_of,
    object_from_wire,
    objects_under,
    unreadable,
)
from aikit.providers.vertex.place import Place
from aikit.providers.vertex.upload import store
from aikit.types.errors import CancelledError, OpenAIError
from aikit.types.files import FileOrder
from aikit.types.uploads import OpenAIUpload, OpenAIUploadPart, UploadOrder
from aikit.types.wire import NOTHING

log: Final = logging.getLogger("aikit")
_LIFE_S: Final = 3_600
_AT_A_TIME: Final = 8


@attrs.frozen
class _Upload:
    """
    An upload that is not over.

    Attributes:
        name: Of the upload, and of the file that it becomes.

        shown: What callers see of it.

        order: What it is to be.
    """

    name: str
    shown: OpenAIUpload
    order: UploadOrder

    @classmethod
    def from_wire(cls, data: Any, name: str) -> _Upload:
        """
        Read the object that keeps its order.

        Raises:
            OpenAIError: It keeps none (code ``"invalid_response"``).
        """
        try:
            told = json.loads(object_from_wire(data)["metadata"]["order"])
            order = UploadOrder(**told)
        except (KeyError, TypeError, ValueError):
            raise unreadable("order of an upload", data) from None
        about = {**told, "id": f"upload_{name}", "created_at": data.get("timeCreated"), "status": "pending"}
        shown = OpenAIUpload.from_wire(about)
        return cls(name, attrs.evolve(shown, expires_at=shown.created_at + _LIFE_S, extra=NOTHING), order)

    @property
    def folder(self) -> str:
        """What the names of its objects begin with."""
        return f"{UPLOADS}{self.name}/"


def create_upload(place: Place, order: UploadOrder) -> Flow[OpenAIUpload]:
    """
    Keep what an upload is to be.
    """
    name, now = new_name(), (yield Work(lambda _: time.time()))
    stored = yield from store(
        place,
        BytesSource(content=memoryview(b""), name="order"),
        _order_of(name),
        content_type=BYTES,
        metadata={"order": json.dumps(order.to_wire(), ensure_ascii=False)},
        custom_time=custom_time(now + _LIFE_S),
    )
    return _Upload.from_wire(stored, name).shown


def add_part(place: Place, upload_id: str, source: Source) -> Flow[OpenAIUploadPart]:
    """
    Store one part.

    Raises:
        OpenAIError: The upload is over, or was when the part had arrived, or the part did not arrive.
    """
    upload = yield from _pending(place, upload_id)
    part = new_name()
    expiry = custom_time(upload.shown.created_at + _LIFE_S)
    stored = yield from store(place, source, upload.folder + part, content_type=BYTES, custom_time=expiry)
    response: Response = yield place.storage("GET", _order_of(upload.name), fields="generation")
    if response.status == 404:  # who ended the upload did not see this part
        yield from delete_object(place, upload.folder + part)
        raise (yield from _refusal(place, upload.name))
    raise_for_status(response)
    about = {"id": f"part_{upload.name}{part}", "upload_id": upload_id, "created_at": stored.get("timeCreated")}
    return OpenAIUploadPart.from_wire(about)


def complete(place: Place, upload_id: str, part_ids: Sequence[str], md5: str | None) -> Flow[OpenAIUpload]:
    """
    Make the file of its parts; the same call again, after one that did not come to its end, finds the file.

    Raises:
        OpenAIError: The upload is over, or parts are missing or not all of it, or the content is another.
    """
    name = upload_of(upload_id)
    parts = {part_id: part_of(part_id, name) for part_id in part_ids}
    foreign = next((part_id for part_id, part in parts.items() if part is None), None)
    if foreign is not None:
        raise _no_such_part(upload_id, foreign)
    upload = yield from _pending(place, upload_id)
    there = yield from objects_under(place, upload.folder)
    wanted = [(part_id, there.get(f"{upload.folder}{parts[part_id]}")) for part_id in part_ids]
    missing = next((part_id for part_id, part in wanted if part is None), None)
    mark = hashlib.sha256(json.dumps([*part_ids, (md5 or "").lower()]).encode()).hexdigest()
    if missing is None:
        pieces = [Piece.from_wire(part, place) for _, part in wanted]
        _require_size(upload.shown, sum(piece.size for piece in pieces))
        if md5 is not None:
            yield from _require_md5(place, pieces, md5.lower())
        made = yield from _put_together(place, upload, pieces, mark)
    else:
        made = yield from _made(place, name, mark)
    if made is None:
        raise _no_such_part(upload_id, missing) if missing is not None else (yield from _refusal(place, name))
    try:
        yield from _clear(place, upload)
    except CancelledError:
        raise
    except OpenAIError as error:
        log.warning("the parts of %s, which is stored as a file, were not all deleted: %s", upload_id, error)
    return attrs.evolve(upload.shown, status="completed", file=file_from_wire(made, place))


def cancel(place: Place, upload_id: str) -> Flow[OpenAIUpload]:
    """
    Delete what has arrived of an upload, also of one that has expired.

    Raises:
        OpenAIError: There is no such upload, or it is a file now.
    """
    upload = yield from _pending(place, upload_id, is_expired_too=True)
    made = yield from look_up(place, FILES + upload.name)
    yield from _clear(place, upload)
    if made is not None:
        raise _over(upload.name, "completed")
    return attrs.evolve(upload.shown, status="cancelled")


def _pending(place: Place, upload_id: str, *, is_expired_too: bool = False) -> Flow[_Upload]:
    """
    Return the upload of that id, if it is not over; how old it is, Google's clock tells.
    """
    name = upload_of(upload_id)
    response: Response = yield place.storage("GET", _order_of(name))
    if response.status == 404 and b"bucket does not exist" not in response.body:
        raise (yield from _refusal(place, name))
    upload: _Upload = understood(response, lambda data: _Upload.from_wire(data, name))
    if not is_expired_too:
        now = yield Work(lambda _: _moment_of(response))
        if now >= upload.shown.created_at + _LIFE_S:
            raise (yield from _refusal(place, name, "expired"))
    return upload


def _moment_of(response: Response) -> float:
    try:
        return parsedate_to_datetime(response.headers.get("date", "")).timestamp()
    except (TypeError, ValueError):
        return time.time()


def _put_together(place: Place, upload: _Upload, pieces: Sequence[Piece], mark: str) -> Flow[dict[str, Any] | None]:
    """
    Return the file that is made of *pieces*; ``None`` if the upload has become another one before.
    """
    order = FileOrder(purpose=upload.order.purpose, expires_after=upload.order.expires_after)
    about = yield Work(lambda _: metadata_of(upload.order.filename, order, time.time()))
    resource = {
        "contentType": upload.order.mime_type or BYTES,
        "metadata": {**about["metadata"], "parts": mark},
        **({"customTime": about["custom_time"]} if "custom_time" in about else {}),
    }
    try:
        few = yield from few_of(place, upload.folder, pieces)
        made = yield from compose(place, FILES + upload.name, few, resource)
    except OpenAIError as error:
        if error.status != 404:
            raise
        made = None  # a part is gone: another call ended the upload
    return made or (yield from _made(place, upload.name, mark))


def _made(place: Place, name: str, mark: str) -> Flow[dict[str, Any] | None]:
    """
    Return the file that the upload has become by the same call; ``None`` if there is none.
    """
    made = yield from look_up(place, FILES + name)
    return made if made is not None and (made.get("metadata") or {}).get("parts") == mark else None


def _require_md5(place: Place, pieces: Sequence[Piece], md5: str) -> Flow[None]:
    """
    Check the MD5 of the whole before there is one.
    """
    found = yield from md5_of(place, pieces)
    if found != md5:
        raise _refused(f"The MD5 of the content is {found}, not {md5}.", "checksum_mismatch", "md5")


def _clear(place: Place, upload: _Upload) -> Flow[None]:
    """
    Delete the parts, then the order, then parts that came meanwhile: what comes later finds that the order is gone.
    """
    order = _order_of(upload.name)
    for is_last in (False, True):
        there = yield from objects_under(place, upload.folder)
        yield Gather((delete_object(place, name) for name in there if name != order), at_a_time=_AT_A_TIME)
        if not is_last:
            yield from delete_object(place, order)


def _order_of(name: str) -> str:
    return f"{UPLOADS}{name}/order"


def _refusal(place: Place, name: str, status: str | None = None) -> Flow[OpenAIError]:
    """
    Return the error for an upload that is over: it is a file, or has *status*, or there is none.
    """
    made = yield from look_up(place, FILES + name)
    status = status if made is None else "completed"
    return no_such("Upload", f"upload_{name}") if status is None else _over(name, status)


def _over(name: str, status: str) -> OpenAIError:
    file = f" Its file is {FileName(STORED, name).id}." if status == "completed" else ""
    return _refused(f"Upload upload_{name} has status '{status}'.{file}", "upload_not_pending")


def _require_size(upload: OpenAIUpload, size: int) -> None:
    if size != upload.bytes:
        message = f"The parts have {size} bytes in all, but the upload was created with {upload.bytes}."
        raise _refused(message, "size_mismatch", "part_ids")


def _no_such_part(upload_id: str, part_id: str) -> OpenAIError:
    return _refused(f"Upload {upload_id} has no part '{part_id[:200]}'.", "invalid_value", "part_ids")


def _refused(message: str, code: str, param: str | None = None) -> OpenAIError:
    return OpenAIError(message=message, type="invalid_request_error", code=code, param=param, status=400)
