"""
One page of a list, whatever it lists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, Self, TypeVar

import attrs

from aikit.types.wire import NOTHING, UnreadableError, unreadable, usable_id

T = TypeVar("T")


@attrs.frozen
class Unread:
    """
    An object of a list that could not be read, and is left out of the items.

    Attributes:
        id: Other calls can name it by that; ``None`` if there is none.

        why: What is wrong with it; the field is named.

        data: As it came; empty if it is no object.
    """

    id: str | None
    why: str
    data: Mapping[str, Any] = attrs.field(default=NOTHING, hash=False)

    def __str__(self) -> str:
        return f"{self.id or 'an object without an id'} was left out of the list: {self.why}"


@attrs.frozen
class Page(Generic[T]):
    """
    One page of a list.

    Attributes:
        items: In the order the provider gave.

        has_more: Whether another page follows *last_id*.

        first_id: Id of the first item, ``None`` on an empty page.

        last_id: Id of the last item, the cursor of the next page.

        unread: What came beside the items, and could not be read.
    """

    items: tuple[T, ...]
    has_more: bool = False
    first_id: str | None = None
    last_id: str | None = None
    unread: tuple[Unread, ...] = ()

    @classmethod
    def read(cls, data: Any, item_from_wire: Callable[[Any], T]) -> Self:
        """
        Read one page; providers that do not page may leave out all but ``data``.

        Raises:
            OpenAIError: It is no list, or one of other things (code ``"invalid_response"``).
        """
        entries = data.get("data", NOTHING) if isinstance(data, dict) else NOTHING
        if entries is not None and not isinstance(entries, list):  # some servers have null for none
            raise unreadable("list", data, "data (array) is required")
        items, unread = _read_each(entries or [], item_from_wire)
        if unread and not items and not any(each.id for each in unread):
            raise unreadable("list", data, f"{unread[0].why}, as the first of data")
        ids = _ends(entries or [])
        last_id = usable_id(data.get("last_id")) or ids[1]
        return cls(items, _has_more(data, last_id), usable_id(data.get("first_id")) or ids[0], last_id, unread)

    @classmethod
    def of(cls, items: Iterable[T], cursor: str | None = None) -> Self:
        """
        Return *items* as one page, which another follows when there is a *cursor*.
        """
        kept: tuple[Any, ...] = tuple(items)
        first_id, last_id = (kept[0].id, kept[-1].id) if kept else (None, None)
        return cls(kept, cursor is not None, first_id, cursor or last_id)


def _read_each(entries: list[Any], item_from_wire: Callable[[Any], T]) -> tuple[tuple[T, ...], tuple[Unread, ...]]:
    try:
        return tuple(map(item_from_wire, entries)), ()
    except UnreadableError:
        pass
    items, unread = [], []
    for entry in entries:
        try:
            items.append(item_from_wire(entry))
        except UnreadableError as error:
            unread.append(Unread(_id_of(entry), error.why, entry if isinstance(entry, dict) else NOTHING))
    return tuple(items), tuple(unread)


def _ends(entries: list[Any]) -> tuple[str | None, str | None]:
    """
    Return the first and the last id among *entries*, whether these can be read or not.
    """
    first, last = (next(filter(None, map(_id_of, way)), None) for way in (entries, reversed(entries)))
    return first, last


def _id_of(entry: Any) -> str | None:
    return usable_id(entry.get("id")) if isinstance(entry, dict) else None


def _has_more(data: Mapping[str, Any], last_id: str | None) -> bool:
    has_more = data.get("has_more")
    if has_more is None or has_more is False:
        return False
    if has_more is not True:
        raise unreadable("list", data, "has_more is neither true nor false")
    if last_id is None:
        raise unreadable("list", data, "has_more is true, but nothing tells after what")
    return True
