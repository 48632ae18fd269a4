"""
What providers keep for us, and what happens on the way there, as frozen values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Generic, Self, TypeVar

import attrs

from aikit.types.errors import OpenAIError

T = TypeVar("T")

NOTHING: Final[Mapping[str, Any]] = {}
"""Shared by all that have no further fields."""


@attrs.frozen(kw_only=True)
class FileOrder:
    """
    What a file is to be.

    Attributes:
        expires_after: ``{"anchor": "created_at", "seconds": …}``; ``None`` leaves it to the provider.
    """

    purpose: str
    expires_after: Mapping[str, Any] | None = attrs.field(default=None, hash=False)

    def to_form(self) -> dict[str, str]:
        """
        Return the fields of OpenAI's form, but for the file.
        """
        expiry = {f"expires_after[{name}]": str(value) for name, value in (self.expires_after or {}).items()}
        return {"purpose": self.purpose, **expiry}


@attrs.frozen
class OpenAIFile:
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
        try:
            file_id, size, created_at = data["id"], data["bytes"], data["created_at"]
            filename, purpose = data["filename"], data["purpose"]
        except KeyError as error:
            raise unreadable("File", data, f"{error} is missing") from None
        except TypeError:
            raise unreadable("File", data, f"it is {type(data).__name__}, not an object") from None
        if not (
            type(file_id) is str
            and type(filename) is str
            and type(purpose) is str
            and type(created_at) is int  # so no bool
            and (type(size) is int or size is None)
            and ((status := (get := data.get)("status")) is None or type(status) is str)
            and ((expires_at := get("expires_at")) is None or type(expires_at) is int)
        ):
            raise unreadable("File", data, "a field has another type than expected")
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
        return {name: value for name, value in values.items() if value is not None or name == "bytes"} | dict(
            self.extra
        )


@attrs.frozen
class OpenAIFileDeleted:
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


@attrs.frozen
class Page(Generic[T]):
    """
    One page of a list.

    Attributes:
        items: In the order the provider gave.

        has_more: Whether another page follows *last_id*.

        first_id: Id of the first item, ``None`` on an empty page.

        last_id: Id of the last item, the cursor of the next page.
    """

    items: tuple[T, ...]
    has_more: bool = False
    first_id: str | None = None
    last_id: str | None = None

    @classmethod
    def read(cls, data: Any, item_from_wire: Callable[[Any], T]) -> Self:
        """
        Read one page; providers that do not page may leave out all but ``data``.

        Raises:
            OpenAIError: It is no list, or one of other things (code ``"invalid_response"``).
        """
        if not isinstance(data, dict) or not isinstance(data.get("data"), list):
            raise unreadable("list", data, "data (array) is required")
        page = cls.of(map(item_from_wire, data["data"]))
        last_id = _id(data.get("last_id")) or _id(page.last_id)
        return cls(page.items, _has_more(data, last_id), _id(data.get("first_id")) or page.first_id, last_id)

    @classmethod
    def of(cls, items: Iterable[T], cursor: str | None = None) -> Self:
        """
        Return *items* as one page, which another follows when there is a *cursor*.
        """
        kept: tuple[Any, ...] = tuple(items)
        first_id, last_id = (kept[0].id, kept[-1].id) if kept else (None, None)
        return cls(kept, cursor is not None, first_id, cursor or last_id)


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


@attrs.frozen
class Progress:
    """
    How far a call has come.

    Attributes:
        bytes: Done so far; never less than in an earlier report of the same phase.

        total: Bytes in all; ``None`` when nobody knows.

        phase: ``"checking"``, ``"uploading"``, ``"downloading"``, ``"joining"`` or ``"estimating"``.

        attempt: 1 for the first try, 2 for the first retry.
    """

    bytes: int
    total: int | None
    phase: str
    attempt: int = 1

    @property
    def fraction(self) -> float | None:
        """Between 0 and 1; ``None`` when the total is unknown."""
        return None if self.total is None else self.bytes / self.total if self.total else 1.0


_FILE_KEYS: Final = frozenset(field.name for field in attrs.fields(OpenAIFile)) - {"extra"}
_DELETED_KEYS: Final = frozenset(field.name for field in attrs.fields(OpenAIFileDeleted)) - {"extra"}


def _id(value: Any) -> str | None:
    return value if isinstance(value, str) and not any("\ud800" <= char <= "\udfff" for char in value) else None


def _has_more(data: Mapping[str, Any], last_id: str | None) -> bool:
    has_more = data.get("has_more")
    if has_more is None or has_more is False:
        return False
    if has_more is not True:
        raise unreadable("list", data, "has_more is neither true nor false")
    if last_id is None:
        raise unreadable("list", data, "has_more is true, but nothing tells after what")
    return True


def others(data: Mapping[str, Any], known: frozenset[str]) -> Mapping[str, Any]:
    """
    Return the fields of *data* that are not *known*.
    """
    return {key: value for key, value in data.items() if key not in known} or NOTHING


def unreadable(what: str, data: Any, why: str) -> OpenAIError:
    """
    Return what is to be said of an answer that is no *what*.
    """
    return OpenAIError(
        message=f"the answer is not a {what} object: {why}; is the base URL that of an OpenAI-format API?",
        code="invalid_response",
        body=data,
    )


def require_fields(what: str, data: Any, fields: Mapping[str, type]) -> None:
    """
    Check that *data* is an object that has *fields*, each of its type, and an id that is not empty.

    Raises:
        OpenAIError: It is no *what* (code ``"invalid_response"``).
    """
    if not isinstance(data, dict):
        raise unreadable(what, data, f"it is {type(data).__name__}, not an object")
    for name, kind in fields.items():
        if name not in data:
            raise unreadable(what, data, f"{name!r} is missing")
        if type(data[name]) is not kind:  # so no bool is a number
            raise unreadable(what, data, f"{name!r} is not of type {kind.__name__}")
    if not data["id"]:
        raise unreadable(what, data, "'id' is empty")
