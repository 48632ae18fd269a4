"""
What a provider says when it refuses, in whatever shape it says it, as an `OpenAIError`.
"""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import Any, Final

from aikit.errors import OpenAIError
from aikit.wire import Response, redacted

_TAG: Final = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_SHOWN: Final = 500
_MIN_SECRET: Final = 6


def raise_for_status(response: Response) -> Response:
    """
    Return *response* if its status is 200 to 299.

    Raises:
        OpenAIError: It is not.
    """
    if not response.is_success:
        raise error_from(response)
    return response


def error_from(response: Response) -> OpenAIError:
    """
    Read a refusal: OpenAI's and Azure's JSON, other servers' JSON, HTML pages and plain text.
    """
    # OpenAI: error with message, type, param, code; Azure: error with code, message, or statusCode, message; FastAPI
    # servers: detail. https://developers.openai.com/api/docs/guides/error-codes (read 2026-11-21)
    text = _without_secrets(response.body.decode("utf-8", "replace"), response)
    body = _decoded(text)
    details = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(details, dict):
        details = {"message": details}
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


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _message(details: dict[str, Any], text: str, response: Response) -> str:
    message = details.get("message") or details.get("detail")
    if isinstance(message, str) and message.strip() and "<" not in message[:20]:
        return message.strip() if len(message) <= 4 * _SHOWN else message[: 4 * _SHOWN].strip() + " …"
    if message and not isinstance(message, str):
        return json.dumps(message, ensure_ascii=False)[: 4 * _SHOWN]
    said = " ".join(_TAG.sub(" ", text).split())[:_SHOWN]
    phrase = HTTPStatus(response.status).phrase if response.status in HTTPStatus._value2member_map_ else "refused"
    where = f"{response.request.method} {redacted(response.request.url)}"
    return f"{where} was answered with status {response.status} ({phrase})" + (f": {said}" if said else "")


def _text(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)


def _without_secrets(text: str, response: Response) -> str:
    for secret in response.request.headers.secrets():
        if len(secret) >= _MIN_SECRET:
            text = text.replace(secret, "***")
    return text
