"""
OpenAI's Uploads API on a store: plain values in, a status, headers and a body out, whatever carries them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from typing import Any, Final

import attrs

from aikit.providers.local.api.file_rules import ContentCheck, parse_form
from aikit.providers.local.api.files import file_to_wire
from aikit.providers.local.api.refusals import Refusal, bounded, missing, require_known, wrong_type
from aikit.providers.local.api.replies import Reply, answering, json_reply
from aikit.providers.local.store.blobs import CHUNK_BYTES, Incoming
from aikit.providers.local.store.files import StoredFile
from aikit.providers.local.store.uploads import NewUpload, NotPending, StoredUpload, UploadStore
from aikit.validation.limits import limits_for

_FIELDS: Final = frozenset(("filename", "purpose", "bytes", "mime_type", "expires_after"))


@attrs.frozen(kw_only=True)
class UploadsService:
    """
    The operations of OpenAI's Uploads API; a refusal is an answer, not an exception.
    """

    # https://developers.openai.com/api/reference/resources/uploads (read 2026-11-21)
    # How the service words its refusals is not documented; these words are ours.

    uploads: UploadStore

    @answering
    def create(self, body: bytes) -> Reply:
        """
        Create the upload that the JSON in *body* asks for.
        """
        return json_reply(200, _to_wire(self.uploads.create(parse_upload(_decoded(body))), None))

    @answering
    def add_part(self, upload_id: str, chunks: Iterable[bytes] | None, size_bytes: int | None) -> Reply:
        """
        Store one part.

        Args:
            upload_id: The upload.

            chunks: The content; ``None`` when the form has none.

            size_bytes: Size, if known: a part that is too large is refused unread.
        """
        self._pending(upload_id)
        if chunks is None:
            raise missing("data")
        _require_part_size(size_bytes or 0)
        with self.uploads.store.receiving(size_bytes) as incoming:
            for chunk in chunks:
                incoming.write(chunk)
                _require_part_size(incoming.size_bytes)
            if not incoming.size_bytes:
                raise Refusal("The part is empty.", "data", "empty_part")
            try:
                part = self.uploads.add_part(upload_id, incoming)
            except NotPending as over:
                raise _over(upload_id, str(over)) from None
        wire = {"id": part.id, "object": "upload.part", "created_at": part.created_at, "upload_id": upload_id}
        return json_reply(200, wire)

    @answering
    def complete(self, upload_id: str, body: bytes, on_read: Callable[[], None] = lambda: None) -> Reply:
        """
        Make the file of the parts that the JSON in *body* names, in their order.

        Args:
            upload_id: The upload.

            body: The request.

            on_read: Called between two chunks; an exception it raises undoes everything.
        """
        upload = self._pending(upload_id)
        asked = _decoded(body)
        require_known(asked, frozenset(("part_ids", "md5")))
        with self.uploads.store.receiving(upload.bytes) as incoming:
            md5 = self._joined(upload, part_ids_in(asked), incoming, on_read)
            _require_whole(upload, incoming.size_bytes, md5, asked.get("md5"))
            try:
                file = self.uploads.complete(upload, incoming)
            except NotPending as over:
                raise _over(upload_id, str(over)) from None
        return json_reply(200, _to_wire(attrs.evolve(upload, status="completed", file_id=file.id), file))

    @answering
    def cancel(self, upload_id: str) -> Reply:
        """
        Cancel an upload; one that is cancelled already is returned.
        """
        upload = self._found(upload_id)
        if upload.status != "cancelled":
            try:
                self.uploads.cancel(upload_id)
            except NotPending as over:
                raise _over(upload_id, str(over)) from None
        return json_reply(200, _to_wire(attrs.evolve(upload, status="cancelled"), None))

    def _found(self, upload_id: str) -> StoredUpload:
        upload = self.uploads.retrieve(upload_id)
        if upload is None:
            raise Refusal(f"No such Upload object: {upload_id}", "upload_id", status=404)
        return upload

    def _pending(self, upload_id: str) -> StoredUpload:
        upload = self._found(upload_id)
        if upload.status != "pending":
            raise _over(upload_id, upload.status)
        return upload

    def _joined(
        self, upload: StoredUpload, part_ids: list[str], incoming: Incoming, on_read: Callable[[], None]
    ) -> str:
        """
        Write the parts into *incoming*, checked like any file; return their MD5.
        """
        check, digest = ContentCheck(upload.purpose, is_in_parts=True), hashlib.md5(usedforsecurity=False)
        for part_id in part_ids:
            part = self.uploads.part(upload.id, part_id)
            if part is None:
                raise Refusal(f"Upload {upload.id} has no part '{part_id}'.", "part_ids", "invalid_value")
            with closing(part):
                while chunk := part.read(CHUNK_BYTES):
                    check.feed(chunk)
                    digest.update(chunk)
                    incoming.write(chunk)
                    _require_no_more(upload, incoming.size_bytes)
                    on_read()
        check.finish()
        return digest.hexdigest()


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if type(value) is not dict:
        raise Refusal("The body of the request must be a JSON object.")
    return value


def parse_upload(asked: Mapping[str, Any]) -> NewUpload:
    """
    Parse the order of an upload.

    Raises:
        Refusal: OpenAI would not have it.
    """
    require_known(asked, _FIELDS)
    for name, kind in (("filename", str), ("purpose", str), ("bytes", int), ("mime_type", str)):
        if asked.get(name) is None:
            raise missing(name)
        if type(asked[name]) is not kind:  # so no bool is a number
            raise wrong_type(name, "an integer" if kind is int else "a string", asked[name])
    size = bounded(asked["bytes"], "bytes", 1, limits_for("local").size_limit(asked["purpose"], in_parts=True))
    form = {"purpose": asked["purpose"]} | _expiry_fields(asked.get("expires_after"))
    allowed = parse_form(form, asked["filename"], None)
    return NewUpload(
        filename=allowed.filename,
        purpose=allowed.purpose,
        bytes=size,
        mime_type=asked["mime_type"].encode("utf-8", "replace").decode(),
        file_expires_after_s=allowed.expires_after_s,
    )


def _expiry_fields(value: Any) -> dict[str, str]:
    """
    Return ``expires_after`` as the fields that a form has for it.
    """
    if value is None:
        return {}
    if type(value) is not dict:
        raise wrong_type("expires_after", "an object", value)
    return {f"expires_after[{name}]": str(item) for name, item in value.items()}


def part_ids_in(asked: Mapping[str, Any]) -> list[str]:
    """
    Return the parts that *asked* names, in their order.

    Raises:
        Refusal: It names none, or something else.
    """
    ids = asked.get("part_ids")
    if ids is None:
        raise missing("part_ids")
    if type(ids) is not list or not all(type(part_id) is str for part_id in ids):
        raise wrong_type("part_ids", "an array of strings", ids)
    return ids


def _require_part_size(size_bytes: int) -> None:
    most = limits_for("local").upload_part_max_bytes
    if size_bytes > most:
        raise Refusal(f"The part is larger than the {most} maximum.", "data", "part_too_large", status=413)


def _require_no_more(upload: StoredUpload, size_bytes: int) -> None:
    """
    Refuse more bytes than announced, before a part named again and again fills the disk.
    """
    if size_bytes > upload.bytes:
        message = f"The parts have more bytes in all than the {upload.bytes} that the upload was created with."
        raise Refusal(message, "part_ids", "size_mismatch")


def _require_whole(upload: StoredUpload, size_bytes: int, md5: str, expected_md5: Any) -> None:
    if size_bytes != upload.bytes:
        message = f"The parts have {size_bytes} bytes in all, but the upload was created with {upload.bytes}."
        raise Refusal(message, "part_ids", "size_mismatch")
    if expected_md5 is not None and str(expected_md5).lower() != md5:
        raise Refusal(f"The MD5 of the content is {md5}, not {expected_md5}.", "md5", "checksum_mismatch")


def _over(upload_id: str, status: str) -> Refusal:
    return Refusal(f"Upload {upload_id} has status '{status}'.", code="upload_not_pending")


def _to_wire(upload: StoredUpload, file: StoredFile | None) -> dict[str, Any]:
    """
    Return OpenAI's Upload object.
    """
    return {
        "id": upload.id,
        "object": "upload",
        "bytes": upload.bytes,
        "created_at": upload.created_at,
        "filename": upload.filename,
        "purpose": upload.purpose,
        "status": upload.status,
        "expires_at": upload.expires_at,
        "file": None if file is None else file_to_wire(file),
    }
