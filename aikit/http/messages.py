"""
One exchange with a provider, as values: request, response, and the protocols of what carries their bodies.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import attrs

from aikit.http.address_hints import address_hint
from aikit.http.cleaning import cleaned
from aikit.http.context import CallContext
from aikit.http.headers import Headers, hidden, redacted, secrets_in
from aikit.types.errors import OpenAIError, phrase_of
from aikit.types.interruptions import let_through

_LARGE_BYTES: Final = 8 * 1024 * 1024
_KEPT_BYTES: Final = 1024 * 1024
_SECRET_BYTES: Final = 64 * 1024  # more than a header may have
_MOST_VALUES: Final = 2_000_000


_HALF: Final = re.compile(rb"\xed[\xa0-\xbf]")


class Reader(Protocol):
    """
    A body under way.
    """

    def read(self, size: int, /) -> bytes:
        """Return up to *size* bytes, none at the end."""
        ...

    def close(self) -> None:
        """Let go of what the reader holds."""
        ...


class Body(Protocol):
    """
    The body of a request, opened anew for every attempt.
    """

    @property
    def content_type(self) -> str:
        """Value of the Content-Type header."""
        ...

    @property
    def size_bytes(self) -> int | None:
        """Exact size; ``None`` sends it chunked."""
        ...

    @property
    def payload_bytes(self) -> int | None:
        """Size of what it is made for, without what is put around it; ``None`` when only reading would tell."""
        ...

    @property
    def is_replayable(self) -> bool:
        """Whether it can be opened more than once."""
        ...

    def open(self) -> Reader:
        """Start from its first byte."""
        ...


class Sink(Protocol):
    """
    Where the body of a successful answer goes, opened anew for every attempt, going on where the last one broke.
    """

    @property
    def done(self) -> int:
        """Bytes that are there."""
        ...

    def request_headers(self) -> Mapping[str, str]:
        """Headers that ask for what is still missing."""
        ...

    def begin(self, status: int, headers: Mapping[str, str]) -> int:
        """Get ready for the body of an answer with *status*; return how many bytes are there already."""
        ...

    def write(self, chunk: memoryview, /) -> object:
        """Take one chunk; it is only valid during the call."""
        ...


class Reservoir(Protocol):
    """
    A sink from which a reader takes what comes, at its own pace.
    """

    @property
    def is_full(self) -> bool:
        """Whether no more is to be written before the reader has taken something."""
        ...

    @property
    def has_room(self) -> bool:
        """Whether the reader has taken enough to go on."""
        ...

    def when_room(self, call: Callable[[], object], /) -> None:
        """Call *call* once, as soon as there is room; at once if there is."""
        ...


class Rest(Protocol):
    """
    The rest of an exchange whose sink is full, with its connection.

    Attributes:
        sink: What is full.
    """

    @property
    def sink(self) -> Reservoir: ...  # noqa: D102  told above

    def resume(self) -> Response:
        """Go on, in whatever thread; see `Transport.send`."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


def _shown_url(url: str) -> str:
    return repr(redacted(url))


class Limiter(Protocol):
    """
    Shared rate limit and back-off: it spaces all requests of one kind, and delays them while most are refused.
    """

    def reserve(self) -> float:
        """Reserve the next slot; return the seconds until it comes."""
        ...

    def is_blocked(self) -> bool:
        """Return whether all requests are blocked now, including those that hold a slot."""
        ...

    def on_throttled(self, seconds: float, /, *, is_told: bool = True) -> bool:
        """Note a 429 whose request waits *seconds*, as told or not; false when waiting has not helped for too long."""
        ...

    def on_nothing_left(self, seconds: float, /) -> None:
        """Block all requests for *seconds*, because the provider says that none is left."""
        ...

    def on_success(self) -> None:
        """Note that a request was not throttled."""
        ...


@attrs.frozen(kw_only=True)
class Request:
    """
    What is asked of a provider.

    Attributes:
        body: ``None``, or what is sent; opened anew for every attempt.

        sink: Where the body of a 200 or 206 answer goes instead of into ``Response.body``.

        timeout_s: Seconds without any byte after which the exchange fails.

        attempt: 1 for the first try.

        may_have_been_applied: True when an earlier attempt may have been acted on though its answer was lost.

        is_idempotent: False when doing it twice costs: once it may have been acted on, it is not sent again by itself.

        non_retryable_statuses: Statuses that no further attempt changes, though for other requests it might.

        is_best_effort: True for one attempt with a short time-out that neither progress nor the result shows.

        is_cleanup: Sent also when the call was cancelled, though not for long: it undoes what the call has begun.

        cancel_grace_s: Seconds for which a cancelled call still waits for the answer, which tells what is to be undone.

        limiter: Asked before each attempt for the seconds until it may be sent, and told what came.
    """

    method: str
    url: str = attrs.field(repr=_shown_url)
    headers: Headers = attrs.field(factory=Headers)
    body: Body | None = None
    sink: Sink | None = attrs.field(default=None, repr=False)
    timeout_s: float = 600.0
    attempt: int = 1
    may_have_been_applied: bool = False
    is_idempotent: bool = True
    non_retryable_statuses: frozenset[int] = frozenset()
    is_best_effort: bool = False
    is_cleanup: bool = False
    cancel_grace_s: float = 0.0
    limiter: Limiter | None = attrs.field(default=None, repr=False)

    @property
    def is_replayable(self) -> bool:
        """Whether sending it again sends the same."""
        return self.body is None or self.body.is_replayable

    @property
    def secrets(self) -> list[str]:
        """What must not be shown of headers and address, the longest first."""
        more = secrets_in(self.url) if "?" in self.url else ()  # few have a query
        return sorted({*self.headers.secrets, *more}, key=len, reverse=True) if more else self.headers.secrets

    def hide_in(self, text: str) -> str:
        """
        Return *text* with every secret of the request replaced by ``***``.
        """
        return hidden(text, self.secrets)

    def to_dict(self) -> dict[str, Any]:
        """
        Return it as JSON, without body and headers: a caller's own may have secrets that do not look like any.
        """
        return {"method": self.method, "url": redacted(self.url), "attempt": self.attempt}

    def __getstate__(self) -> dict[str, Any]:
        return attrs.asdict(self, recurse=False) | {
            "url": redacted(self.url),
            "body": None,
            "sink": None,
            "limiter": None,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)


@attrs.frozen(kw_only=True, repr=False)
class Response:
    """
    What a provider answered, whole; ``repr`` and pickles do not repeat secrets that it repeats.

    Attributes:
        body: Content; empty when the request's sink took it.

        elapsed_s: Seconds from sending to the last byte.

        rest: What is still to come of the body; it comes when the request's sink has room.

        reason: Words beside the status in the first line; some servers, and HTTP/2, have none.
    """

    status: int
    headers: Headers = attrs.field(factory=Headers)
    body: bytes = b""
    request: Request
    elapsed_s: float = 0.0
    rest: Rest | None = attrs.field(default=None, eq=False)
    reason: str = ""

    def __repr__(self) -> str:
        headers = self.told_headers
        return f"Response(status={self.status}, headers={headers!r}, {len(self.body)} bytes, request={self.request!r})"

    def __getstate__(self) -> dict[str, Any]:
        return attrs.asdict(self.without_secrets(), recurse=False) | {"rest": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)

    @property
    def status_text(self) -> str:
        """The words beside the status, or those that are usual: ``"Not Found"``."""
        return self.reason or phrase_of(self.status)

    @property
    def is_success(self) -> bool:
        """Whether the status is 200 to 299."""
        return 200 <= self.status <= 299

    @property
    def is_ambiguous(self) -> bool:
        """Whether, should it be of no use, the request may have been acted on: it is no refusal of a first attempt."""
        is_refusal = 400 <= self.status < 500 and self.status != 408
        return self.request.method != "GET" and (self.request.may_have_been_applied or not is_refusal)

    @property
    def request_id(self) -> str | None:
        """What the provider calls this request."""
        return self.headers.get("x-request-id") or self.headers.get("apim-request-id")

    def to_dict(self) -> dict[str, Any]:
        """
        Return it as JSON, without body and secrets.
        """
        words = self.request.hide_in(self.status_text)
        told = {"status": self.status, "status_text": words, "headers": self.told_headers.to_dict()}
        return told | {"elapsed_s": self.elapsed_s, "request": self.request.to_dict()}

    @property
    def told_headers(self) -> Headers:
        """The headers, with secrets of the request hidden, which some servers repeat."""
        return Headers({name: self.request.hide_in(value) for name, value in self.headers.items()})

    def without_secrets(self) -> Response:
        """
        Return it with the request's secrets hidden: there are servers that repeat what they were sent.
        """
        hide = self.request.hide_in
        body = hide(self.body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        return attrs.evolve(self, headers=self.told_headers, body=body, reason=hide(self.reason))

    def kept(self) -> Response:
        """
        Return what an error keeps of it: without secrets, and with nothing of what was sent but where to.
        """
        request = self.request
        url = redacted(request.url)
        sent = attrs.evolve(request, url=url, headers=Headers(), body=None, sink=None, limiter=None)
        if len(self.body) <= _KEPT_BYTES:
            return attrs.evolve(self.without_secrets(), request=sent)
        begin = attrs.evolve(self, body=self.body[: _KEPT_BYTES + _SECRET_BYTES]).without_secrets()
        return attrs.evolve(begin, request=sent, body=begin.body[:-_SECRET_BYTES])  # no half of a secret at the cut

    def json(self) -> Any:
        """
        Decode the body, without secrets that it repeats of the request.

        Raises:
            OpenAIError: It is not JSON (code ``"invalid_response"``).
        """
        try:
            _require_readable(self.body)
            value, secrets = json.loads(self.body), self.request.secrets
            is_odd = _is_odd(self.body) or any(one.encode("utf-8", "replace") in self.body for one in secrets)
            return cleaned(value, secrets) if is_odd else value
        except (ValueError, RecursionError) as error:
            let_through(error)
            answer = self.without_secrets()
            kind = answer.headers.get("content-type", "no content type")
            raise OpenAIError(
                message=f"the answer of {redacted(self.request.url)} is not JSON ({kind}, {len(self.body)} bytes); "
                + (address_hint(self.request.url) or "is the base URL that of an OpenAI-format API?"),
                code="invalid_response",
                status=self.status,
                request_id=answer.request_id,
                headers=answer.headers,
                body=answer.body[:2000].decode("utf-8", "replace"),
                response=self.kept(),
                is_ambiguous=self.is_ambiguous,
            ) from None


def _is_odd(body: bytes) -> bool:
    """
    Tell whether letters in JSON may be spelled in another way, so that no search finds a secret, or are halves.
    """
    # one byte is found a hundred times as fast as two, and an expression of alternatives is tried at every byte
    is_escaped = b"\\" in body and (b"\\u" in body or b"\\/" in body)
    return is_escaped or b"\x00" in body[:4] or (b"\xed" in body and bool(_HALF.search(body)))


def _require_readable(body: bytes) -> None:
    """
    Refuse what would take many times its size in memory: millions of empty objects or numbers.
    """
    if len(body) > _LARGE_BYTES and sum(map(body.count, (b",", b"[", b"{"))) > _MOST_VALUES:
        raise ValueError("it has too many values")


class Transport(Protocol):
    """
    What answers requests: a socket, or a store in this process.
    """

    def send(self, request: Request, context: CallContext) -> Response:
        """
        Make one exchange.

        Raises:
            ExchangeError: It failed before a whole answer came.
            CancelledError: *context* was cancelled.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
