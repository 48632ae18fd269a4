"""
One page of a list, whatever it lists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, Self, TypeVar

import attrs

from aikit.types.wire import unreadable

T = TypeVar("T")


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
