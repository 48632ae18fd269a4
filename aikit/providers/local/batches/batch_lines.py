"""
The lines of a batch's output and error files.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any, Final

from aikit.providers.local.batches.answerer import Answer
from aikit.types.usage import Usage
from aikit.validation.lines import parsed

NEVER_RUN: Final[Mapping[str, tuple[str, str]]] = {
    "expired": (
        "batch_expired",
        "This request could not be executed before the completion window expired.",
    ),
    "cancelled": (
        "batch_cancelled",
        "This request was not executed because the batch was cancelled before it.",
    ),
}
"""End of a batch → code and message of the requests that it left undone."""


def answered_line(custom_id: str, answer: Answer) -> tuple[bytes, Usage | None]:
    """
    Return the line, without its newline, that tells *answer*, and the tokens it cost.
    """
    if answer.error is not None or answer.status_code is None:
        return unanswered_line(custom_id, *(answer.error or ("no_answer", "There was no answer."))), None
    body, value = _as_line(answer.body)
    usage = Usage.from_wire(value.get("usage")) if isinstance(value, dict) else None
    request_id = answer.request_id or _new_id("req_")
    head = (
        f'{{"id": "{_new_id("batch_req_")}", "custom_id": {json.dumps(custom_id)}, "response": {{"status_code": '
        f'{answer.status_code}, "request_id": {json.dumps(request_id)}, "body": '
    )
    return b"".join((head.encode(), body, b'}, "error": null}')), usage


def unanswered_line(custom_id: str, code: str, message: str) -> bytes:
    """
    Return the line, without its newline, about a request that got no answer.
    """
    error = {"code": code, "message": message}
    return json.dumps({"id": _new_id("batch_req_"), "custom_id": custom_id, "response": None, "error": error}).encode()


def _new_id(prefix: str) -> str:
    # No secret. The system's own numbers would cost each line a turn among all threads; a forked child has others too.
    return f"{prefix}{random.getrandbits(128):032x}"


def _as_line(body: bytes) -> tuple[bytes, Any]:
    """
    Return *body* as JSON on one line, and what it says; what is no JSON becomes a string.
    """
    try:
        value = parsed(body)
    except ValueError:
        return _mended(body)
    # between tokens only: inside strings JSON has no bare newlines
    return body.strip().replace(b"\r", b" ").replace(b"\n", b" "), value


def _mended(body: bytes) -> tuple[bytes, Any]:
    try:
        value = json.loads(body, parse_constant=lambda _: None)  # servers that write NaN mean nothing by it
    except (ValueError, RecursionError):
        value = body.decode("utf-8", "replace") or None
    return json.dumps(value).encode(), value
