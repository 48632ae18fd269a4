"""
A server in OpenAI's format that answers the lines of batches: Ollama, vLLM, llama.cpp, LM Studio, or OpenAI itself.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping
from typing import Any, Final

import attrs

from aikit.http.bodies import BytesBody
from aikit.http.context import CallContext
from aikit.http.headers import USER_AGENT, Headers, redacted
from aikit.http.messages import Request, Response, Transport
from aikit.http.refusals import error_from
from aikit.http.retry import RetryPolicy, is_out_of_money, retry_after_s
from aikit.providers.local.batches.answerer import (
    Answer,
    Task,
    Throttled,
    TryAgain,
    Unreachable,
    failed_answer,
    read_json,
)
from aikit.types.error_words import read_error
from aikit.types.errors import CancelledError, ExchangeError, OpenAIError
from aikit.types.rate_limit import seconds_until_reset
from aikit.types.suggestions import continued
from aikit.types.wire import whole_number

MOST_BYTES: Final = 64 * 1024 * 1024
"""Limit for one answer: sixty-four at a time have to fit into memory."""
TRIES: Final = 6
"""Attempts after 408, 409, 5xx, an unreadable success or a broken connection, within half a minute."""
TRIES_THROTTLED: Final = 20
"""Attempts after 429, 503 or 529 while the server answers no other line: for about ten minutes, or as long as
Retry-After says."""
TRIES_TIMED_OUT: Final = 3
_OVERLOADED: Final = frozenset((429, 503, 529))
_UNUSABLE: Final = frozenset(("invalid_url", "tls_error", "proxy_error"))
_FRAMES: Final = frozenset(("content-length", "transfer-encoding"))
_ANSWERS: Final = ("choices", "data", "output", "results")
_WORDS: Final = frozenset(("detail", "errors", "message", "msg", "title"))
_ONLY_WORDS: Final = _WORDS | {"code", "status", "success", "type"}
_DENIALS: Final = frozenset((401, 402, 403, 407))
_NOT_THERE: Final = frozenset((404, 405))
_FOREVER_S: Final = 30 * 86_400.0
_POLICY: Final = RetryPolicy(max_retries=TRIES - 1, max_delay_s=30.0, max_retry_after_s=_FOREVER_S)
_PATIENT: Final = RetryPolicy(max_retries=TRIES_THROTTLED - 1, max_delay_s=60.0, max_retry_after_s=_FOREVER_S)


@attrs.frozen(kw_only=True)
class Upstream:
    """
    An answerer that sends each line to a server, up to `TRIES` times, `TRIES_THROTTLED` while the server is overloaded.

    Statuses about the request (400, 401, 404, 422, …) are its answer. ``x-should-retry`` wins over the status, and an
    account without credit is not retried. An error object that comes with a success status counts as what it says, a
    success that is no JSON object as a 502. The last answer of the server is the answer of the line.

    Attributes:
        base_url: Without a slash at its end; the url of a line is appended without its ``/v1``.

        transport: Has as many connections as requests may be under way.

        headers: Sent with every request, including the API key.

        timeout_s: Seconds without a byte after which an attempt fails.

        most_bytes: Size limit of one answer.
    """

    # x-should-retry, retry-after-ms: https://github.com/openai/openai-python (read 2026-11-21)
    # 529: https://docs.claude.com/en/api/errors (read 2026-11-22), overloaded

    base_url: str
    transport: Transport
    headers: Headers = attrs.field(factory=Headers)
    timeout_s: float = 600.0
    most_bytes: int = MOST_BYTES
    _urls: dict[str, str] = attrs.field(factory=dict, init=False, repr=False)

    def answer(self, task: Task, context: CallContext) -> Answer:
        """
        Try once to answer *task*; see `aikit.providers.local.batches.answerer.Answerer.answer`.
        """
        answer = _Collected(self.most_bytes)
        request = Request(
            method="POST",
            url=self._url(task.url),
            headers=self.headers,
            body=BytesBody(content=task.body),
            sink=answer,
            timeout_s=self.timeout_s,
            attempt=task.attempt,
        )
        try:
            response = self.transport.send(request, context)
        except _TooLargeError:
            return failed_answer(
                "answer_too_large",
                f"The answer has more than {self.most_bytes:,} bytes, the most that is kept.",
            )
        except ExchangeError as error:
            return self._after_break(task, request, error)
        except CancelledError:
            raise
        except OpenAIError as error:
            raise Unreachable(str(error)) from None
        if not response.is_success:
            return self._after_refusal(task, response)
        content = bytes(answer.content) or response.body
        if not content and not _FRAMES & {name.lower() for name in response.headers}:
            return self._after_break(task, request, _cut(request))
        return self._after_success(task, response, content)

    def _url(self, path: str) -> str:
        url = self._urls.get(path)
        if url is None:
            url = self._urls[path] = self.base_url + (path.removeprefix("/v1") if path.startswith("/v1/") else path)
        return url

    def _after_success(self, task: Task, response: Response, content: bytes) -> Answer:
        """
        Return the answer, or raise when to retry: it must be a JSON object, and not that of an error.
        """
        value, body = read_json(content)
        if type(value) is str:  # some servers encode twice
            value, body = read_json(value.encode("utf-8", "replace"))
        if type(value) is not dict:
            if task.failures + 1 < TRIES:
                raise TryAgain(_POLICY.delay_s(task.failures + 1, {}) or 0.0)
            return _unreadable(response, content)
        status = _told_status(value)
        if status is not None:
            return self._after_refusal(task, attrs.evolve(response, status=status[0], body=content), is_told=status[1])
        return Answer(
            status_code=response.status,
            request_id=_request_id(response),
            body=body,
            nothing_left_s=seconds_until_reset(response.headers, time.time()),
        )

    def _after_refusal(self, task: Task, response: Response, *, is_told: bool = True) -> Answer:
        """
        Raise when to retry, or return the refusal.
        """
        is_overload = response.status in _OVERLOADED
        policy, before = (_PATIENT, task.refusals) if is_overload else (_POLICY, task.failures)
        counted = attrs.evolve(response.request, attempt=before + 1)
        delay_s = policy.delay_after_response(counted, response) if is_told else None
        if delay_s is None:
            return _refused(response)
        if not is_overload:
            raise TryAgain(delay_s)
        now = time.time()
        raise Throttled(retry_after_s(response.headers, now), seconds_until_reset(response.headers, now))

    def _after_break(self, task: Task, request: Request, error: ExchangeError) -> Answer:
        """
        Raise when to retry, or return the failure.
        """
        if error.code in _UNUSABLE or not error.is_ambiguous:
            raise Unreachable(str(error)) from None
        is_late = error.code == "timeout"
        attempt = task.failures + 1
        delay_s = _POLICY.delay_after_error(attrs.evolve(request, attempt=attempt), error)
        if delay_s is not None and not (is_late and attempt >= TRIES_TIMED_OUT):
            raise TryAgain(delay_s, is_overload=is_late) from None
        return failed_answer("request_timeout" if is_late else "connection_error", str(error))


def upstream_headers(api_key: str | None, custom_headers: Mapping[str, str] | None = None) -> Headers:
    """
    Return the headers of every request; *custom_headers* win.
    """
    fields = {"User-Agent": USER_AGENT, "Accept": "application/json"}
    if api_key:
        fields["Authorization"] = f"Bearer {api_key}"
    return Headers(fields).merged(custom_headers)


class _TooLargeError(Exception):
    """
    The answer is larger than the limit.
    """


@attrs.define(eq=False)
class _Collected:
    """
    A sink in memory with a size limit.
    """

    most_bytes: int
    content: bytearray = attrs.field(factory=bytearray)

    @property
    def done(self) -> int:
        """Zero: no attempt resumes an earlier one."""
        return 0

    def request_headers(self) -> Mapping[str, str]:
        """
        Return no headers: the whole is wanted.
        """
        return {}

    def begin(self, status: int, headers: Mapping[str, str]) -> int:  # noqa: ARG002  the same for all
        """
        Drop what an earlier attempt wrote.
        """
        self.content.clear()
        return 0

    def write(self, chunk: memoryview, /) -> None:
        """
        Append one chunk.
        """
        if len(self.content) + len(chunk) > self.most_bytes:
            raise _TooLargeError
        self.content += chunk


def _unreadable(response: Response, content: bytes) -> Answer:
    """
    Return the failure of a success that is no JSON object.
    """
    shown = response.request.hide_in(content[:200].decode("utf-8", "replace"))
    where = f"{redacted(response.request.url)} answered with status {response.status}"
    return failed_answer("invalid_response", f"{where}, but not with a JSON object: {shown}")


def _told_status(value: dict[str, Any]) -> tuple[int, bool] | None:
    """
    Return the status of an error object that came with a success status, as some gateways send it.

    Returns:
        The status, and whether the object tells it; ``None`` for an answer.
    """
    if any(name in value for name in _ANSWERS):
        return None
    error = value.get("error")
    is_error = isinstance(error, dict) or bool(error) or value.get("object") == "error"
    is_only_words = value.keys() <= _ONLY_WORDS and not value.keys().isdisjoint(_WORDS)
    if not is_error and not is_only_words:
        return None
    code = whole_number(read_error(value).code)
    return (code, True) if code is not None and 400 <= code <= 599 else (500, False)


def _refused(response: Response) -> Answer:
    """
    Return a refusal with an error object in OpenAI's shape.
    """
    error = error_from(response)
    if 300 <= response.status <= 399:
        message = continued(error.message, "redirects are not followed, correct the base URL")
        error = attrs.evolve(error, message=message)
    body, has_shape = error.body, _has_openais_shape(error.body)
    if not has_shape:
        body = {"error": {"message": error.message, "type": error.type, "param": error.param, "code": error.code}}
    encoded = json.dumps(body, separators=(",", ":")).encode()
    return Answer(
        status_code=response.status,
        request_id=_request_id(response),
        body=encoded,
        is_denial=_is_denial(response, has_shape=has_shape),
    )


def _is_denial(response: Response, *, has_shape: bool) -> bool:
    """
    Return whether a refusal may be about the client: its key, account, region or address, whatever it asks.
    """
    status = response.status
    is_elsewhere = 300 <= status <= 399 or (status in _NOT_THERE and not has_shape)
    return is_elsewhere or status in _DENIALS or is_out_of_money(response)


def _has_openais_shape(body: Any) -> bool:
    return (
        isinstance(body, dict) and isinstance(body.get("error"), dict) and isinstance(body["error"].get("message"), str)
    )


def _cut(request: Request) -> ExchangeError:
    """
    Return the error for an answer cut off within its headers, which the parser takes for one without a body.
    """
    return ExchangeError(
        message=f"the answer of {redacted(request.url)} ended within its headers", code="connection_error"
    )


def _request_id(response: Response) -> str:
    return response.request_id or f"req_{random.getrandbits(128):032x}"
