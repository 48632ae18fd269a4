"""
Uploads in parts, as frozen values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from aikit.types.files import OpenAIFile
from aikit.types.json_form import Jsonable
from aikit.types.wire import NOTHING, others, read_fields, text, unix_time, whole_number

_REQUIRED: Final = {
    "id": text,
    "bytes": whole_number,
    "created_at": unix_time,
    "filename": text,
    "purpose": text,
    "status": text,
}
OVER_STATUSES: Final = frozenset((400, 404, 409, 410, 422))
"""What providers may answer about an upload that they do not know, or that is over."""

_PART_REQUIRED: Final = {"id": text, "created_at": unix_time, "upload_id": text}


@attrs.frozen(kw_only=True)
class UploadOrder:
    """
    What an upload in parts is to be.

    Attributes:
        bytes: Exact size of the whole.

        mime_type: Type of the content; must suit *purpose*.

        extra: Further fields.
    """

    filename: str
    purpose: str
    bytes: int
    mime_type: str
    expires_after: Mapping[str, Any] | None = attrs.field(default=None, hash=False)
    extra: Mapping[str, Any] = attrs.field(default=NOTHING, hash=False)

    def to_wire(self) -> dict[str, Any]:
        """
        Return it as OpenAI wants it.
        """
        order = attrs.asdict(self, recurse=False, filter=lambda _, value: value is not None)
        del order["extra"]
        return {**order, **({"expires_after": dict(self.expires_after)} if self.expires_after else {}), **self.extra}


@attrs.frozen(kw_only=True)
class OpenAIUpload(Jsonable):
    """
    A file that is going up in parts, or has.

    Attributes:
        id: What other calls name it by.

        bytes: Exact size that was announced.

        created_at: Unix seconds.

        filename: Name of the file it becomes.

        purpose: What the file may be used for.

        status: ``"pending"``, ``"completed"``, ``"cancelled"`` or ``"expired"``.

        expires_at: Unix seconds until which parts are taken: one hour after creation.

        file: The file it became, once *status* is ``"completed"``; its own ``bytes`` may still be unknown then.

        object: ``"upload"``.

        extra: Fields the provider sent that are not among these.
    """

    # https://developers.openai.com/api/reference/resources/uploads (read 2026-11-21)

    id: str
    bytes: int
    created_at: int
    filename: str
    purpose: str
    status: str
    expires_at: int | None = None
    file: OpenAIFile | None = None
    object: str = "upload"
    extra: Mapping[str, Any] = attrs.field(default=NOTHING, hash=False)

    @classmethod
    def from_wire(cls, data: Any) -> OpenAIUpload:
        """
        Read a provider's Upload object.

        Raises:
            OpenAIError: It is no Upload object (code ``"invalid_response"``).
        """
        fields, file = read_fields("Upload", data, _REQUIRED), data.get("file")
        return cls(
            **fields,
            expires_at=unix_time(data.get("expires_at")),
            file=OpenAIFile.from_wire(file) if file is not None else None,
            extra=others(data, _KEYS),
        )


@attrs.frozen(kw_only=True)
class OpenAIUploadPart(Jsonable):
    """
    A part that has arrived; its place in the whole is decided at completion.

    Attributes:
        id: What completion names it by.

        created_at: Unix seconds.

        upload_id: The upload it is a part of.

        object: ``"upload.part"``.

        extra: Fields the provider sent that are not among these.
    """

    # https://developers.openai.com/api/reference/resources/uploads/subresources/parts (read 2026-11-21)

    id: str
    created_at: int
    upload_id: str
    object: str = "upload.part"
    extra: Mapping[str, Any] = attrs.field(default=NOTHING, hash=False)

    @classmethod
    def from_wire(cls, data: Any) -> OpenAIUploadPart:
        """
        Read a provider's UploadPart object.

        Raises:
            OpenAIError: It is no UploadPart object (code ``"invalid_response"``).
        """
        return cls(**read_fields("UploadPart", data, _PART_REQUIRED), extra=others(data, _PART_KEYS))


_KEYS: Final = frozenset(field.name for field in attrs.fields(OpenAIUpload)) - {"extra"}
_PART_KEYS: Final = frozenset(field.name for field in attrs.fields(OpenAIUploadPart)) - {"extra"}
