"""
The words of an error object, whichever server wrote it and however it is wrapped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import attrs

# OpenAI: error with message, type, param, code · Azure: error with code, message, target
# vLLM: object "error", message · FastAPI: detail, a text or a list with loc and msg · RFC 9457: title, detail
# OAuth: error, error_description · Gemini: a list of one {"error": …} · Apigee: fault with faultstring
# Laravel: message, errors (read 2026-12-05)
_PLACES: Final = (
    *("title", "error", "fault", "faultstring", "exception"),
    *("message", "msg", "error_message", "error_msg", "errormessage", "errmsg", "error_description", "description"),
    *("detail", "reason", "errors"),
)
_WRAPPERS: Final = frozenset(("error", "fault"))  # what has no words in it is none
# Each alternative goes on from where it began: no page, however broken, takes more than linear time.
_TAG: Final = re.compile(r"<(script|style)\b.*?(?:</\1[^<>]*>?|\Z)|<[^<>]*>", re.DOTALL | re.IGNORECASE)
_PAGE: Final = re.compile(
    r"<(?:!doctype|\?xml|/[a-z]|(?:html|head|body|title|h\d|p|pre|br|script|style)\b)", re.IGNORECASE
)
_DEEPEST: Final = 8
_MOST_VALUES: Final = 60
_MOST_IN_PLACE: Final = 20
_LONGEST_WORDS: Final = 2_000
_LONGEST_PLAIN: Final = 500
_LONGEST_PAGE: Final = 100_000
_LONGEST_NAME: Final = 200


@attrs.frozen
class ErrorWords:
    """
    What an error object says; the innermost *code*, *type* and *param* are the ones.

    Attributes:
        message: Empty if there are no words.
    """

    message: str = ""
    code: str | None = None
    type: str | None = None
    param: str | None = None


def read_error(value: Any, decode: Callable[[str], Any] | None = None, *, without: str = "") -> ErrorWords:
    """
    Return what *value* says.

    Args:
        value: Decoded JSON, or a text.

        decode: Reads JSON that stands in a string; returns the string for what is none.

        without: Words that say nothing where there are others, such as the phrase of the status.
    """
    reader = _Reader(decode or decoded, without)
    return ErrorWords(reader.read(value), **reader.names())


def decoded(text: str) -> Any:
    """
    Return the JSON that *text* is, or *text* itself.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _cut(text: str, longest: int = _LONGEST_WORDS) -> str:
    """
    Return *text* without blanks around it, and at most *longest* of it.
    """
    return text.strip() if len(text) <= longest else text[:longest].strip() + " …"


def name_of(value: Any) -> str | None:
    """
    Return a code, type or param: a string that is not empty, or a whole number as one.
    """
    return (str(value)[:_LONGEST_NAME] or None) if type(value) in {str, int} else None


def listed(value: Any) -> str:
    """
    Return *value* as JSON, cut.
    """
    try:
        return _cut(json.dumps(value, ensure_ascii=False))
    except RecursionError:
        return ""


def is_page(text: str) -> bool:
    """
    Return whether *text* is HTML or XML.
    """
    return _PAGE.search(text, 0, _LONGEST_PAGE) is not None


def plain(text: str) -> str:
    """
    Return *text* in one short line, that of a page without its tags.
    """
    said = text[:_LONGEST_PAGE]
    return _cut(" ".join((_TAG.sub(" ", said) if is_page(said) else said).split()), _LONGEST_PLAIN)


class _Reader:
    """
    One error object while it is read, bounded in depth and in how much of it is looked at.
    """

    def __init__(self, decode: Callable[[str], Any], without: str) -> None:
        self._decode = decode
        self._without = without
        self._left = _MOST_VALUES
        self._names: dict[str, tuple[int, str]] = {}

    def names(self) -> dict[str, str]:
        return {name: value for name, (_, value) in self._names.items()}

    def read(self, value: Any, depth: int = 0) -> str:
        """
        Return the words of *value*, empty if it has none.
        """
        self._left -= 1
        if self._left < 0 or depth > _DEEPEST:
            return ""
        if isinstance(value, str):
            return self._text(value, depth)
        if isinstance(value, list):
            return self._entries(value[:_MOST_VALUES], depth)
        return self._object(value, depth) if isinstance(value, dict) else ""

    def _text(self, text: str, depth: int) -> str:
        if text.lstrip()[:1] in {"{", "["}:
            inner = self._decode(text)
            return (self.read(inner, depth + 1) if isinstance(inner, dict | list) else "") or _cut(text)
        return _cut(text)

    def _entries(self, entries: list[Any], depth: int) -> str:
        said = [self.read(entry, depth + 1) for entry in entries]
        told = (words or ("" if entry is None else listed(entry)) for words, entry in zip(said, entries, strict=True))
        return _cut("; ".join(filter(None, told))) if any(said) else ""

    def _object(self, value: dict[str, Any], depth: int) -> str:
        named = {name.lower(): each for name, each in value.items()}
        if "loc" in named and isinstance(named.get("msg"), str):
            return _cut(_place(named["loc"]) + named["msg"])
        self._take_names(named, depth)
        return _sentence(self._parts(named, depth), self._without)

    def _take_names(self, named: Mapping[str, Any], depth: int) -> None:
        found = {
            "code": _code(named),
            "type": named.get("type"),
            "param": named.get("param") or named.get("target") or _field(named.get("details")),
        }
        for name, value in found.items():
            told = name_of(value)
            if told and (name not in self._names or depth > self._names[name][0]):
                self._names[name] = (depth, told)

    def _parts(self, named: Mapping[str, Any], depth: int) -> Iterable[str]:
        for name in _PLACES:
            part = named.get(name)
            if name == "reason" and "message" in named and isinstance(part, str) and " " not in part:
                continue  # a name for programs, as Google Cloud Storage has it
            words = self.read(part, depth + 1) if part else ""
            yield words or (listed(part) if part and isinstance(part, dict | list) and name not in _WRAPPERS else "")


def _sentence(parts: Iterable[str], without: str) -> str:
    """
    Return *parts* one after the other, but for what another one says too.
    """
    kept: list[str] = []
    for part in filter(None, parts):
        if not any(part in other for other in kept):
            kept = [other for other in kept if other not in part] + [part]
    kept = [part for part in kept if part.lower() != without.lower()] or kept
    return _cut("".join(part + (" " if part[-1] in ".!?:" else ": ") for part in kept[:-1]) + "".join(kept[-1:]))


def _code(named: Mapping[str, Any]) -> Any:
    """
    Return the code; of Google's errors, which repeat the number of the HTTP status there, the name of their status.

    Errors of Google Cloud Storage have none, but a reason in each of their own.
    """
    # https://google.aip.dev/193 (read 2026-11-30)
    # https://docs.cloud.google.com/storage/docs/json_api/v1/status-codes (read 2026-11-21)
    status, errors = named.get("status"), named.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    reason = first.get("reason") if isinstance(first, dict) else None
    name = status if isinstance(status, str) and status.isupper() else reason
    return name if type(named.get("code")) is int and isinstance(name, str) else named.get("code")


def _field(details: Any) -> Any:
    """
    Return the first field that Google's *details* find fault with.
    """
    for detail in details[:_MOST_IN_PLACE] if isinstance(details, list) else ():
        violations = detail.get("fieldViolations") if isinstance(detail, dict) else None
        for violation in violations[:1] if isinstance(violations, list) else ():
            return violation.get("field") if isinstance(violation, dict) else None
    return None


def _place(loc: Any) -> str:
    return (
        ".".join(str(part)[:_LONGEST_NAME] for part in loc[:_MOST_IN_PLACE]) + ": "
        if isinstance(loc, list) and loc
        else ""
    )
