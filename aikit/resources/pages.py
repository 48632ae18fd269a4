"""
Lists that come in pages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import attrs

from aikit.http.context import CallContext
from aikit.http.flow import Flow
from aikit.types.errors import OpenAIError, Rejected
from aikit.types.page import Page

_EMPTY_MAX: Final = 3  # in a row: providers that filter late give some
_MOST_NOTES: Final = 20

P = TypeVar("P", bound=Page[Any])


def all_pages(
    list_page: Callable[[Mapping[str, Any]], Flow[P]], query: Mapping[str, Any], context: CallContext | None = None
) -> Flow[P]:
    """
    Ask for page after page, from *query* on, and return all as one; *context* notes what could not be read.

    Raises:
        OpenAIError: The first page failed.
        Rejected: A later one failed, or the pages have no end (code ``"invalid_response"``); those that came come along
            as one, which another follows.
    """
    items: list[Any] = []
    pages: list[P] = []

    def take(page: P) -> None:
        items.extend(page.items)
        pages[:] = [page]

    try:
        yield from each_page(list_page, query, take, context)
    except OpenAIError as error:
        if not pages:
            raise
        raise Rejected([error], pages[0].of(items, pages[0].last_id)) from error
    return pages[0].of(items)


def each_page(
    list_page: Callable[[Mapping[str, Any]], Flow[P]],
    query: Mapping[str, Any],
    take: Callable[[P], bool | None],
    context: CallContext | None = None,
) -> Flow[None]:
    """
    Ask for page after page, from *query* on, and give each to *take*, until it returns true; none is held.

    What could not be read is noted in *context*, and what comes again on the next page is left out there.

    Raises:
        OpenAIError: A page failed, or the pages have no end (code ``"invalid_response"``).
    """
    path, left_out, before = _Path(), 0, frozenset[str]()
    while True:
        page = yield from list_page(query)
        left_out = _note_unread(page, left_out, context)
        cursor = path.go_on(page) if page.has_more else None
        ids = frozenset(item.id for item in page.items)
        if not ids.isdisjoint(before):  # what was created meanwhile pushed the end of a page onto the next one
            page = attrs.evolve(page, items=tuple(item for item in page.items if item.id not in before))
        before = ids or before
        if take(page) or cursor is None:
            return
        query = {**query, "after": cursor}


def one_page(
    list_page: Callable[[Mapping[str, Any]], Flow[P]], query: Mapping[str, Any], context: CallContext | None = None
) -> Flow[P]:
    """
    Ask for the page of *query*; *context* notes what could not be read.

    Raises:
        OpenAIError: It failed, or is to be followed by itself (code ``"invalid_response"``).
    """
    page = yield from list_page(query)
    if page.has_more and page.last_id == query.get("after"):
        raise _endless(page)
    _note_unread(page, 0, context)
    return page


def _note_unread(page: Page[Any], already: int, context: CallContext | None) -> int:
    """
    Note what is left out of *page*, the first of a list one by one; return how many of the list are left out now.
    """
    if context is None:
        return 0
    for number, unread in enumerate(page.unread[: max(_MOST_NOTES + 1 - already, 0)], already):
        more = "more objects of the list could not be read, and were left out"
        context.note(str(unread) if number < _MOST_NOTES else more)
    return already + len(page.unread)


@attrs.define(eq=False)
class _Path:
    """
    The way through a list, which leads on and not in a circle.
    """

    _cursors: set[str] = attrs.field(factory=set)
    _firsts: set[str] = attrs.field(factory=set)
    _empty: int = 0

    def go_on(self, page: Page[Any]) -> str:
        """
        Return where the page after *page* begins.

        Raises:
            OpenAIError: The list has no end: a page came twice, or too many were empty.
        """
        self._empty = 0 if page.items or page.unread else self._empty + 1
        if self._empty > _EMPTY_MAX:
            message = (
                f"the provider gave {self._empty} empty pages in a row, each with more to come; its list has no end"
            )
            raise OpenAIError(message=message, code="invalid_response")
        first = page.items[0].id if page.items else page.unread[0].id if page.unread else None
        if page.last_id is None or page.last_id in self._cursors or first in self._firsts:
            raise _endless(page)
        self._cursors.add(page.last_id)
        self._firsts |= set() if first is None else {first}
        return page.last_id


def _endless(page: Page[Any]) -> OpenAIError:
    message = f"the provider gave the page that ends with {page.last_id} twice; its list has no end"
    return OpenAIError(message=message, code="invalid_response")
