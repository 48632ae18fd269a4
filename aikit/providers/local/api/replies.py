"""
Answers of the API: status, headers and body, and how refusals and store errors become answers.
"""

from __future__ import annotations

import functools
import json
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, ParamSpec

import attrs

from aikit.providers.local.api.refusals import Refusal
from aikit.providers.local.store.blobs import Content
from aikit.storage.errors import StoreError
from aikit.types.interruptions import let_through

P = ParamSpec("P")

# x-ratelimit-*: 1,000 uploads a minute, the documented rate of POST /files; told, not enforced
_RATE_LIMIT: Final = {
    "x-ratelimit-limit-requests": "1000",
    "x-ratelimit-remaining-requests": "999",
    "x-ratelimit-reset-requests": "60ms",
}
_STATUS_OF_FAULT: Final = {"insufficient_storage": 507, "storage_busy": 503}


@attrs.frozen(kw_only=True)
class Reply:
    """
    An answer of the API, independent of its transport.

    Attributes:
        headers: Names in lower case, including Content-Length.

        body: Empty when *content* is the body.

        content: The body in a file, which the transport closes.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    content: Content | None = None


def answering(operate: Callable[P, Reply]) -> Callable[P, Reply]:
    """
    Turn refusals and store errors that *operate* raises into answers, and add the headers that all answers have.
    """

    @functools.wraps(operate)
    def answer(*args: P.args, **kwargs: P.kwargs) -> Reply:
        started = time.perf_counter()
        try:
            reply = operate(*args, **kwargs)
        except Refusal as refusal:
            reply = json_reply(refusal.status, refusal.to_wire(), refusal.headers)
        except StoreError as error:
            let_through(error)
            reply = _fault_reply(error)
        headers = {
            "x-request-id": f"req_{secrets.token_hex(16)}",
            "openai-version": "2020-10-01",
            "openai-processing-ms": str(round((time.perf_counter() - started) * 1000)),
            **_RATE_LIMIT,
            **reply.headers,
        }
        return attrs.evolve(reply, headers=headers)

    return answer


@answering
def refusal_reply(refusal: Refusal) -> Reply:
    """
    Return *refusal* as an answer.
    """
    raise refusal


def _fault_reply(error: StoreError) -> Reply:
    status = _STATUS_OF_FAULT.get(error.code, 500)
    # Only a busy store gets better by asking again.
    headers = {} if status == 503 else {"x-should-retry": "false"}
    refusal = Refusal(error.message, code=error.code, status=status, type="server_error")
    return json_reply(status, refusal.to_wire(), headers)


def json_reply(status: int, value: Any, headers: Mapping[str, str] | None = None) -> Reply:
    """
    Return *value* as an answer.
    """
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    own = {"content-type": "application/json", "content-length": str(len(body))}
    return Reply(status=status, headers=own | dict(headers or {}), body=body)
