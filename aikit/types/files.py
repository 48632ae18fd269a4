"""
Files that a provider keeps, as frozen values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

from aikit.types.json_form import Jsonable, as_json
from aikit.types.page import Page
from aikit.types.wire import (
    LAST_TIME,
    MOST,
    NOTHING,
    is_id,
    others,
    read_fields,
    text,
    unix_time,
    unreadable,
    whole_number,
)


@attrs.frozen(kw_only=True)
class FileOrder:
    """
    What a file is to be.

    Attributes:
        expires_after: ``{"anchor": "created_at", "seconds": …}``; ``None`` leaves it to the provider.

        extra: Further fields.
    """

    purpose: str
    expires_after: Mapping[str, Any] | None = attrs.field(default=None, hash=False)
    extra: Mapping[str, Any] = attrs.field(default=NOTHING, hash=False)

    def to_form(self) -> dict[str, str]:
        """
        Return the fields of OpenAI's form, but for the file.
        """
        own = {"expires_after": self.expires_after} if self.expires_after else {}
        return {"purpose": str.__str__(self.purpose), **_in_form(own), **_in_form(self.extra)}


def _in_form(fields: Mapping[str, Any]) -> dict[str, str]:
    """
    Return *fields* as those of a form: members of mappings have their names in brackets.
    """
    told: dict[str, str] = {}
    for name, value in fields.items():
        if isinstance(value, Mapping):
            told |= _in_form({f"{name}[{member}]": one for member, one in value.items()})
        else:
            told[name] = str(value).lower() if isinstance(value, bool) else str(value)
    return told


@attrs.frozen
class OpenAIFile(Jsonable):
    """
    A file that a provider keeps.

    Attributes:
        id: What other calls name it by.

        bytes: Size; ``None`` while the provider does not know it yet.

        created_at: Unix seconds.

        filename: Name given at upload; its extension decides the type.

        purpose: ``"batch"``, ``"fine-tune"``, … or an output purpose such as ``"batch_output"``.

        status: ``"uploaded"``, ``"processed"`` or ``"error"``; others may come from other providers.

        expires_at: Unix seconds; ``None`` when it is kept until deleted.

        status_details: Why *status* is ``"error"``.

        object: Always ``"file"``.

        extra: Fields the provider sent that are not among these.
    """

    # https://developers.openai.com/api/reference/resources/files (read 2026-11-21)

    id: str
    bytes: int | None
    created_at: int
    filename: str
    purpose: str
    status: str | None = None
    expires_at: int | None = None
    status_details: str | None = None
    object: str = "file"
    extra: Mapping[str, Any] = attrs.field(default=NOTHING, hash=False)

    @classmethod
    def from_wire(cls, data: Any) -> OpenAIFile:
        """
        Read a provider's File object.

        Raises:
            OpenAIError: It is no File object (code ``"invalid_response"``).
        """
        # most files are as they should be, and lists are long: those cost no more than must be
        try:
            file_id, size, created_at = data["id"], data["bytes"], data["created_at"]
            filename, purpose = data["filename"], data["purpose"]
            if (
                type(file_id) is str
                and (_PLAIN_ID(file_id) or is_id(file_id))
                and type(filename) is str
                and type(purpose) is str
                and (type(created_at) is int and -MOST < created_at < LAST_TIME)  # so no bool
                and ((type(size) is int and size < MOST) or size is None)
                and ((status := (get := data.get)("status")) is None or type(status) is str)
                and ((expires_at := get("expires_at")) is None or (type(expires_at) is int and expires_at < LAST_TIME))
            ):
                return cls(
                    file_id,
                    size,
                    created_at,
                    filename,
                    purpose,
                    status,
                    expires_at,
                    get("status_details"),
                    "file",
                    NOTHING if data.keys() <= _FILE_KEYS else others(data, _FILE_KEYS),
                )
        except (KeyError, TypeError):
            pass
        return cls._read(data)

    @classmethod
    def _read(cls, data: Any) -> OpenAIFile:
        if isinstance(data, dict) and "id" in data and "bytes" not in data:  # it may be null, but must be there
            raise unreadable("File", data, "'bytes' is missing")
        return cls(
            **read_fields("File", data, _REQUIRED, _OPTIONAL),
            status_details=data.get("status_details"),
            extra=others(data, _FILE_KEYS),
        )

    def to_wire(self) -> dict[str, Any]:
        """
        Return it as the API gives it, fields that we do not know included.
        """
        values: dict[str, Any] = {
            "object": "file",
            "id": self.id,
            "bytes": self.bytes,
            "created_at": self.created_at,
            "expires_at": self.expires_at,
            "filename": self.filename,
            "purpose": self.purpose,
            "status": self.status,
            "status_details": self.status_details,
        }
        known = {name: value for name, value in values.items() if value is not None or name == "bytes"}
        return known | dict(as_json(self.extra))

    def to_dict(self) -> dict[str, Any]:
        """
        Return the same as `to_wire`.
        """
        return self.to_wire()


@attrs.frozen
class OpenAIFileDeleted(Jsonable):
    """
    What a provider says after a deletion.

    Attributes:
        id: The file it was about.

        deleted: Whether it is gone.

        object: Always ``"file"``.

        extra: Fields the provider sent that are not among these.
    """

    # https://developers.openai.com/api/reference/resources/files (read 2026-11-21)

    id: str
    deleted: bool
    object: str = "file"
    extra: Mapping[str, Any] = attrs.field(default=NOTHING, hash=False)

    @classmethod
    def from_wire(cls, data: Any) -> OpenAIFileDeleted:
        """
        Read a provider's answer to a deletion.

        Raises:
            OpenAIError: It is no such answer (code ``"invalid_response"``).
        """
        if not isinstance(data, dict) or type(data.get("id")) is not str or type(data.get("deleted")) is not bool:
            raise unreadable("deletion", data, "id (string) and deleted (boolean) are required")
        return cls(data["id"], data["deleted"], "file", others(data, _DELETED_KEYS))


class FilePage(Page[OpenAIFile]):
    """
    One page of a list of files.
    """

    __slots__ = ()

    @property
    def files(self) -> tuple[OpenAIFile, ...]:
        """The files, in the order the provider gave."""
        return self.items

    @classmethod
    def from_wire(cls, data: Any) -> FilePage:
        """
        Read one page of files.

        Raises:
            OpenAIError: It is no list of files (code ``"invalid_response"``).
        """
        return cls.read(data, OpenAIFile.from_wire)


_REQUIRED: Final = {"id": text, "created_at": unix_time, "filename": text, "purpose": text}
_OPTIONAL: Final = {"bytes": whole_number, "status": text, "expires_at": unix_time}
_PLAIN_ID: Final = re.compile(r"[\w-]{1,200}", re.ASCII).fullmatch
_FILE_KEYS: Final = frozenset(field.name for field in attrs.fields(OpenAIFile)) - {"extra"}
_DELETED_KEYS: Final = frozenset(field.name for field in attrs.fields(OpenAIFileDeleted)) - {"extra"}
