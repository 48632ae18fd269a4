"""
Lists in Google's pages, each of which begins after another, and pages with OpenAI's cursors cut out of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from aikit.http.flow import Flow
from aikit.http.messages import Request
from aikit.http.refusals import understood
from aikit.types.errors import OpenAIError
from aikit.types.files import FilePage
from aikit.types.wire import UnreadableError, unix_time

MOST_PAGES: Final = 1_000
_DEFAULT_LIMIT: Final = 10_000  # as OpenAI's


def whole_list(
    ask: Callable[[str | None], Request], read: Callable[[Any], tuple[list[Any], str | None]], what: str
) -> Flow[list[Any]]:
    """
    Return all entries of a list.

    Args:
        ask: Returns the request for the page that a token leads to.

        read: Returns the entries of a page, and the token of the next.

        what: Is listed, for the message when there is no end of it.

    Raises:
        OpenAIError: A page cannot be had or read, or there is no end of them (code ``"invalid_response"``).
    """
    entries: list[Any] = []
    tokens: set[str | None] = set()
    token: str | None = None
    while token not in tokens and len(tokens) < MOST_PAGES:
        tokens.add(token)
        some, token = understood((yield ask(token)), read)
        entries += some
        if token is None:
            return entries
    raise endless(what)


def endless(what: str) -> OpenAIError:
    """
    Return the error for a list that has no end.
    """
    message = f"a page of the list of {what} came twice, or there are more than {MOST_PAGES:,}; it has no end"
    return OpenAIError(message=message, code="invalid_response")


def page_of(entries: Iterable[dict[str, Any]], query: Mapping[str, Any]) -> FilePage:
    """
    Return the page that *query* asks for of all *entries*: of a purpose, in an order, after one of them.

    Google gives its lists in an order of its own, and pages of them that begin nowhere else than after another; so that
    a file is on one page only, the whole list is what a page is cut from.

    Raises:
        OpenAIError: What *after* names is not among them (code ``"invalid_value"``).
    """
    ordered = sorted(entries, key=_age, reverse=True)
    if query.get("order") == "asc":
        ordered.reverse()
    start = position_after(query.get("after"), ordered)
    wanted = query.get("purpose")
    rest = [entry for entry in ordered[start:] if wanted is None or entry.get("purpose") in {wanted, None}]
    limit = int(query.get("limit", _DEFAULT_LIMIT))
    return FilePage.from_wire({"data": rest[:limit], "has_more": len(rest) > limit})


def position_after(after: Any, entries: list[dict[str, Any]]) -> int:
    """
    Return where the entries begin that follow the one whose id is *after*; 0 without one.

    Raises:
        OpenAIError: There is none (code ``"invalid_value"``).
    """
    if after is None:
        return 0
    for number, entry in enumerate(entries, 1):
        if entry.get("id") == after:
            return number
    message = f"after names {after[:60]!r}, which is not in the list; begin the list anew"
    raise OpenAIError(message=message, code="invalid_value", param="after")


def _age(entry: Mapping[str, Any]) -> tuple[int, str, str]:
    told = entry.get("created_at")
    return unix_time(told) or 0, str(told), str(entry.get("id"))  # the text has parts of the second


def entries_in(data: Any, name: str) -> tuple[list[Any], str | None]:
    """
    Return what is listed under *name* in one page of a list, and the token of the next.

    Raises:
        OpenAIError: It is no such page (code ``"invalid_response"``).
    """
    # a list without entries is {}, as protocol buffers write it
    is_page = isinstance(data, dict) and (not data or name in data or "nextPageToken" in data)
    entries, token = (data.get(name, []), data.get("nextPageToken")) if is_page else (None, None)
    if not isinstance(entries, list) or not isinstance(token, str | None):
        raise unreadable(f"list of {name}", data)
    return entries, token or None


def require_empty(data: Any) -> None:
    """
    Check that an answer says that it is done, and nothing else.

    Raises:
        OpenAIError: It is not (code ``"invalid_response"``).
    """
    if data != {}:
        raise unreadable("empty answer", data)


def unreadable(what: str, data: Any) -> UnreadableError:
    """
    Return the error for an answer that is no *what* of Google's.
    """
    why = f"it is no {what} of Google's"
    return UnreadableError(message=f"the answer is not understood: {why}; is the base URL right?", body=data, why=why)
