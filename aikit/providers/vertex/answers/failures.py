"""
What a row says of its failure, as the answer of OpenAI's endpoint would be.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from aikit.types.error_words import read_error
from aikit.types.wire import NOTHING, whole_number

# https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto (read 2026-11-30)
_GRPC: Final = {
    "CANCELLED": (1, 499),
    "UNKNOWN": (2, 500),
    "INVALID_ARGUMENT": (3, 400),
    "DEADLINE_EXCEEDED": (4, 504),
    "NOT_FOUND": (5, 404),
    "ALREADY_EXISTS": (6, 409),
    "PERMISSION_DENIED": (7, 403),
    "RESOURCE_EXHAUSTED": (8, 429),
    "FAILED_PRECONDITION": (9, 400),
    "ABORTED": (10, 409),
    "OUT_OF_RANGE": (11, 400),
    "UNIMPLEMENTED": (12, 501),
    "INTERNAL": (13, 500),
    "UNAVAILABLE": (14, 503),
    "DATA_LOSS": (15, 500),
    "UNAUTHENTICATED": (16, 401),
}
_CLAUDES: Final = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_BY_NUMBER: Final = dict(_GRPC.values())
_BY_NAME: Final = {name: status for name, (_, status) in _GRPC.items()} | _CLAUDES
_BY_PHRASE: Final = {
    **{name.lower().replace("_", " "): status for name, (_, status) in _GRPC.items()},
    **{status.phrase.lower(): status.value for status in HTTPStatus if status >= 400},
}
_TYPES: Final = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
_UNTOLD: Final = 500
_DECODER: Final = json.JSONDecoder()


def is_told(told: Any) -> bool:
    """
    Return whether the status or the error of a row says that it failed: for those that did not it is empty.
    """
    return any(told.values()) if isinstance(told, dict) else bool(told)


def failed_response(told: Any, name: str | None) -> dict[str, Any]:
    """
    Return the response of a line for a row that failed.

    Args:
        told: Its status: words, mostly with an error object as JSON behind them, or such an object.

        name: What the request is called.
    """
    error = _object_in(told) if isinstance(told, str) else told
    words = read_error(error if isinstance(error, dict) and error else told)
    status = _http_status(error, words.code, words.type, told)
    message = words.message or "the row has failed, and Vertex AI does not say why"
    return response_with_error(status, words.code, message, name, param=words.param)


def response_with_error(
    status: int, code: str | None, message: str, name: str | None, *, param: str | None = None, usage: Any = None
) -> dict[str, Any]:
    """
    Return the response of a line with an error; tokens that were told all the same stand beside it.
    """
    kind = _TYPES.get(status, "invalid_request_error" if 400 <= status < 500 else "server_error")
    body: dict[str, Any] = {
        "error": {"message": message, "type": kind, "param": param, "code": code or _phrase(status)}
    }
    if usage is not None:
        body["usage"] = usage
    return {"status_code": status, "request_id": name, "body": body}


def _object_in(text: str) -> Any:
    """
    Return the JSON object that begins in *text*; ``None`` if there is none.
    """
    try:
        return _DECODER.raw_decode(text, text.index("{"))[0]
    except (ValueError, RecursionError):
        return None


def _http_status(error: Any, code: str | None, kind: str | None, told: Any) -> int:
    inner: Mapping[str, Any] = error if isinstance(error, dict) else NOTHING
    inner = inner["error"] if isinstance(inner.get("error"), dict) else inner
    number = whole_number(inner.get("code"))
    if number is not None and 400 <= number <= 599:
        return number
    found = _BY_NUMBER.get(number) if number is not None else None
    by_name = found or _BY_NAME.get(code or "") or _BY_NAME.get(kind or "")
    phrase = told.partition(":")[0].strip(" .").lower().replace("_", " ") if isinstance(told, str) else ""
    return by_name or _BY_PHRASE.get(phrase, _UNTOLD)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase.lower().replace(" ", "_")
    except ValueError:
        return str(status)
