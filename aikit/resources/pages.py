"""
Lists that come in pages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from aikit.errors import OpenAIError, Rejected
from aikit.objects import Page
from aikit.wire import Flow

P = TypeVar("P", bound=Page[Any])


def all_pages(list_page: Callable[[Mapping[str, Any]], Flow[P]], query: Mapping[str, Any]) -> Flow[P]:
    """
    Ask for page after page, from *query* on, and return all as one.

    Raises:
        OpenAIError: The first page failed.
        Rejected: A later one failed, or the pages have no end (code ``"invalid_response"``); those that came come along
            as one, which another follows.
    """
    items: list[Any] = []
    cursors: set[str] = set()
    while True:
        try:
            page = yield from list_page(query)
            cursor = _cursor(page, cursors) if page.has_more else None
        except OpenAIError as error:
            if not cursors:
                raise
            raise Rejected([error], page.of(items, query["after"])) from error
        items += page.items
        if cursor is None:
            return page.of(items)
        query = {**query, "after": cursor}


def one_page(list_page: Callable[[Mapping[str, Any]], Flow[P]], query: Mapping[str, Any]) -> Flow[P]:
    """
    Ask for the page of *query*.

    Raises:
        OpenAIError: It failed, or is to be followed by itself (code ``"invalid_response"``).
    """
    page = yield from list_page(query)
    if page.has_more and page.last_id == query.get("after"):
        raise _endless(page)
    return page


def _cursor(page: Page[Any], cursors: set[str]) -> str:
    """
    Return where the next page begins, and note it in *cursors*: one that comes again would lead in a circle.
    """
    if page.last_id is None or page.last_id in cursors:
        raise _endless(page)
    cursors.add(page.last_id)
    return page.last_id


def _endless(page: Page[Any]) -> OpenAIError:
    message = f"the provider gave the page that ends with {page.last_id} twice; its list has no end"
    return OpenAIError(message=message, code="invalid_response")
