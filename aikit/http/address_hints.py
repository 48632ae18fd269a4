"""
Hints about base URLs: one without its version, or with an endpoint behind it, is told by answers that it gets.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from aikit.http.headers import redacted

_ASKED: Final = re.compile(
    r"(?P<base>.*)(?:/(?:files|batches|uploads)(?P<item>/.*)?"
    r"|(?P<call>/chat/completions|(?<!/chat)/completions|/responses|/embeddings|/moderations))"
)
_ENDPOINT: Final = re.compile(
    r"/(?:files|batches|uploads|(?:chat/)?completions|responses|embeddings|moderations|models)/*$"
)
_VERSION: Final = re.compile(r"/v\d\w*(?:/|$)")
_UNKNOWN: Final = re.compile(
    r"invalid url|(?:page |resource |path |endpoint |route )?not found$|(?:no|unknown|cannot) .*(?:route|path|url|/)",
    re.IGNORECASE,
)
_TLS_WANTED: Final = re.compile(r"http request .{0,20}to (?:an )?https ", re.IGNORECASE)


def address_hint(url: str, *, is_about_item: bool = False) -> str:
    """
    Return the end of a message that asks whether another base URL is meant; empty where *url* has nothing odd.

    Args:
        url: What was asked and has no such address, or answers what no API does.

        is_about_item: Whether the answer is that there is no such object or model, which says nothing of the address.
    """
    parts = urlsplit(url)
    asked = _ASKED.fullmatch(parts.path)
    if asked is None or (is_about_item and (asked["item"] or asked["call"])) or "api-version" in parts.query:
        return ""
    base = asked["base"]
    path = _ENDPOINT.sub("", base)
    if _VERSION.search(path) is None:
        path += "/v1"
    return "" if path == base else f"did you mean the base URL {_before(url)}{path}?"


def hint_of_refusal(url: str, status: int, words: str, text: str) -> str:
    """
    Return `address_hint` for a refusal, if it is one of an address.

    Args:
        url: What was asked.

        status: Of the answer.

        words: What it says as JSON; empty for a page or a text.

        text: The answer.
    """
    if status in {404, 405}:
        return address_hint(url, is_about_item=bool(words) and _UNKNOWN.match(words) is None)
    if status == 400 and url.startswith("http://") and _TLS_WANTED.search(text[:2_000]):
        asked = _ASKED.fullmatch(urlsplit(url).path)
        return f"did you mean the base URL {_before(url).replace('http', 'https', 1)}{asked['base'] if asked else ''}?"
    return ""


def _before(url: str) -> str:
    parts = urlsplit(redacted(url))
    return f"{parts.scheme}://{parts.netloc}"
