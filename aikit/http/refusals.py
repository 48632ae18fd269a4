"""
Refusals of providers, whatever their shape, as an `OpenAIError`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, TypeVar

import attrs

from aikit.http.headers import redacted
from aikit.http.messages import Response
from aikit.types.errors import OpenAIError

T = TypeVar("T")

# Each alternative goes on from where it began: no page, however broken, takes more than linear time.
_TAG: Final = re.compile(r"<(script|style)\b.*?(?:</\1[^<>]*>?|\Z)|<[^<>]*>", re.DOTALL | re.IGNORECASE)
_SHOWN: Final = 500


def raise_for_status(response: Response) -> Response:
    """
    Return *response* if its status is 200 to 299.

    Raises:
        OpenAIError: It is not.
    """
    if not response.is_success:
        raise error_from(response)
    return response


def understood(response: Response, from_wire: Callable[[Any], T]) -> T:
    """
    Return what *from_wire* makes of the JSON of a successful answer.

    Raises:
        OpenAIError: The provider refuses, or its answer is not what it should be (code ``"invalid_response"``).
    """
    data = raise_for_status(response).json()
    try:
        return from_wire(data)
    except OpenAIError as error:
        refusal = error_from(response)
        if isinstance(data, dict) and data.get("error"):  # some servers refuse with status 200
            raise refusal from None
        raise attrs.evolve(refusal, message=error.message, code=error.code, type=None, param=None) from None


def error_from(response: Response) -> OpenAIError:
    """
    Read a refusal: OpenAI's and Azure's JSON, other servers' JSON, HTML pages and plain text.
    """
    # OpenAI: error with message, type, param, code; Azure: error with code, message, or statusCode, message; FastAPI
    # servers: detail. https://developers.openai.com/api/docs/guides/error-codes (read 2026-11-21)
    response = response.without_secrets()
    text = response.body.decode("utf-8", "replace")
    body = _decoded(text, response)
    details = (body.get("error") or body) if isinstance(body, dict) else body
    if not isinstance(details, dict):
        details = {} if body == text else {"message": details}
    return OpenAIError(
        message=_message(details, text, response),
        code=_text(details.get("code")),
        type=_text(details.get("type")),
        param=_text(details.get("param") or details.get("target")),
        status=response.status,
        request_id=response.request_id,
        headers=response.headers,
        body=body,
    )


def _decoded(text: str, response: Response) -> Any:
    try:
        value = json.loads(text)
        plain = json.dumps(value, ensure_ascii=False)  # where no secret hides behind an escape
        hidden = response.request.headers.hide_in(plain)
        return value if hidden == plain else json.loads(hidden)
    except (ValueError, RecursionError):
        return text


def _message(details: dict[str, Any], text: str, response: Response) -> str:
    message = details.get("message") or details.get("detail")
    if isinstance(message, str) and message.strip() and "<" not in message[:20]:
        return message.strip() if len(message) <= 4 * _SHOWN else message[: 4 * _SHOWN].strip() + " …"
    if message and not isinstance(message, str):
        return _listed(message)[: 4 * _SHOWN]
    said = " ".join(_TAG.sub(" ", text).split())[:_SHOWN]
    try:
        phrase = HTTPStatus(response.status).phrase
    except ValueError:
        phrase = "refused"
    where = f"{response.request.method} {redacted(response.request.url)}"
    return f"{where} was answered with status {response.status} ({phrase})" + (f": {said}" if said else "")


def _text(value: Any) -> str | None:
    return (str(value) or None) if isinstance(value, str | int) else None


def _listed(details: Any) -> str:
    """
    Return FastAPI's list of ``{"loc", "msg"}`` as words, anything else as JSON.
    """
    entries = details if isinstance(details, list) else []
    if entries and all(isinstance(entry, dict) and isinstance(entry.get("msg"), str) for entry in entries):
        return "; ".join(f"{_place(entry.get('loc'))}{entry['msg']}" for entry in entries)
    return json.dumps(details, ensure_ascii=False)


def _place(loc: Any) -> str:
    return ".".join(map(str, loc)) + ": " if isinstance(loc, list) and loc else ""
