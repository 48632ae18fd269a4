"""
One HTTP exchange on ``requests``: its adapter and its pool, without a session's work per call.

Only this module, `aikit.http.connections` and `aikit.http.proxies` import ``requests``, and only a client's first call
imports them.
"""

from __future__ import annotations

import http.client
import re
import ssl
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, Final, cast

import attrs
import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict

from aikit.http.bandwidth import UP
from aikit.http.bodies import BytesBody
from aikit.http.connections import BLOCK_BYTES, Adapter, Exchange, origin_of
from aikit.http.context import CallContext
from aikit.http.headers import Headers, redacted
from aikit.http.messages import Body, Reader, Request, Reservoir, Response
from aikit.http.proxies import Proxy, proxies_for, proxy_among
from aikit.http.receiving import Receiver
from aikit.http.trust import untrusted
from aikit.types.errors import ExchangeError, OpenAIError

_CONNECT_TIMEOUT_S: Final = 10.0
_LONGEST_REASON: Final = 200
_OLDEST_URLLIB3: Final = (2, 6)


@attrs.define(eq=False)
class HTTPTransport:
    """
    Answers requests over sockets.

    Attributes:
        adapter: A ``requests`` adapter; its pool is shared by all threads.

        is_owner: Whether `close` closes the adapter.
    """

    adapter: HTTPAdapter
    is_owner: bool = True
    _proxies: dict[str, dict[str, str]] = attrs.field(factory=dict, repr=False)

    def send(self, request: Request, context: CallContext) -> Response:
        """
        Make one exchange; see `aikit.http.messages.Transport.send`.
        """
        started = time.monotonic()
        reader = _Metered(request.body, request, context) if request.body is not None else None
        is_replayable = request.body is None or request.body.is_replayable
        exchange = Exchange(
            context, request.timeout_s, needs_fresh=not is_replayable, cancel_grace_s=request.cancel_grace_s
        )
        try:
            with self._errors_translated(request, exchange, reader), exchange.active():
                answer = self._answer(request, reader)
                exchange.is_unsent = False
                headers = Headers(answer.raw.headers)
                return _Reading.of(self, request, answer, headers, exchange, started=started).read()
        finally:
            if reader is not None:
                reader.close()

    def close(self) -> None:
        """
        Close the connections of an adapter of our own.
        """
        if self.is_owner:
            self.adapter.close()

    def _answer(self, request: Request, reader: _Metered | None) -> requests.Response:
        prepared = _prepare(request, reader)
        timeout = (min(request.timeout_s, _CONNECT_TIMEOUT_S), request.timeout_s)
        return self.adapter.send(prepared, stream=True, timeout=timeout, proxies=self._proxies_for(request.url))

    @contextmanager
    def _errors_translated(self, request: Request, exchange: Exchange, reader: _Metered | None) -> Iterator[None]:
        """
        Turn what ``requests`` and ``urllib3`` raise into errors of ours.
        """
        context = exchange.context
        try:
            yield
        except (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
            if context.is_cancelled:
                raise context.stopped() from None
            is_unsent = exchange.is_unsent
            if is_unsent is None:  # an adapter of the caller's, which does not say
                is_unsent = _is_tls(error) and (reader is None or not reader.is_begun)
            origin = origin_of(request.url)
            proxy = proxy_among(self._proxies.get(origin, {}), origin)
            raise _error_from(request, error, proxy, is_unsent=is_unsent) from None

    def _proxies_for(self, url: str) -> dict[str, str]:
        origin = origin_of(url)
        if origin not in self._proxies:
            self._proxies[origin] = proxies_for(origin)
        return self._proxies[origin]


def http_transport(http_agent: Any = None, *, connections: int = 16) -> HTTPTransport:
    """
    Return a transport on *http_agent*, or on an adapter of our own with room for *connections*.

    Raises:
        OpenAIError: The urllib3 that is installed is too old (code ``"dependency_too_old"``).
    """
    _require_urllib3()
    if http_agent is not None:
        return HTTPTransport(http_agent, is_owner=False)
    return HTTPTransport(Adapter(pool_connections=8, pool_maxsize=connections, max_retries=0))


def _require_urllib3() -> None:
    """
    Refuse what pip was made to install all the same: it would fail in ways that do not show why.
    """
    # With 1.26 no request leaves, with 2.0 downloads fail, below 2.6 a compressed refusal of 1 MB takes 2 GiB.
    version = str(urllib3.__version__)  # type: ignore[attr-defined]  # undeclared, as everywhere
    found = re.match(r"(\d+)\.(\d+)", version)
    if found is not None and (int(found[1]), int(found[2])) < _OLDEST_URLLIB3:
        raise OpenAIError(
            message=f"urllib3 {version} is installed, which is too old for aikit; pip install --upgrade 'urllib3>=2.6'",
            code="dependency_too_old",
        )


def _prepare(request: Request, reader: _Metered | None) -> requests.PreparedRequest:
    """
    Return the request as the adapter wants it, without the preparing that is ours already.
    """
    fields: CaseInsensitiveDict[str] = CaseInsensitiveDict(request.headers)
    fields.setdefault("Accept-Encoding", "identity" if request.sink is not None else "gzip, deflate")
    if request.sink is not None:
        fields.update(request.sink.request_headers())
    prepared = requests.PreparedRequest()
    prepared.method, prepared.url, prepared.headers = request.method, request.url, fields
    if request.body is not None and reader is not None:
        fields["Content-Type"] = request.body.content_type
        if request.body.size_bytes is not None:
            fields["Content-Length"] = str(request.body.size_bytes)
        prepared.body = cast("Any", reader)  # urllib3 reads whatever has read()
    elif request.method not in {"GET", "HEAD", "DELETE"}:
        fields["Content-Length"] = "0"
    return prepared


class _Metered:
    """
    A body under way that reports its progress and stops when the call is cancelled.
    """

    def __init__(self, body: Body, request: Request, context: CallContext) -> None:
        self._request, self._context = request, context
        self._total, size = body.payload_bytes, body.size_bytes
        self._done = 0 if size is None or self._total is None else self._total - size  # below zero: around the file
        self._reader: Reader = body.open()
        self.is_begun = False

    def read(self, size: int = BLOCK_BYTES) -> bytes:
        self.is_begun = True
        most = max(size, BLOCK_BYTES)
        chunk = self._reader.read(most if self._context.bandwidth is None else self._context.block_size(most))
        self._context.throttle(UP, len(chunk))
        self._done += len(chunk)
        if not isinstance(self._request.body, BytesBody):  # an order is no content
            self._context.report("uploading", max(0, self._done), self._total, self._request.attempt)
        return chunk

    def close(self) -> None:
        self._reader.close()


@attrs.define(eq=False)
class _Reading:
    """
    An answer while its body goes into the request's sink or into memory, whatever number of threads that takes.

    Attributes:
        pieces: Reads on, and yields when the sink is full.
    """

    transport: HTTPTransport
    receiver: Receiver
    pieces: Generator[None, None, bytes]
    started: float

    @classmethod
    def of(
        cls,
        transport: HTTPTransport,
        request: Request,
        answer: requests.Response,
        headers: Headers,
        exchange: Exchange,
        *,
        started: float,
    ) -> _Reading:
        """
        Return the reading of *answer*.
        """
        receiver = Receiver(
            request=request, status=answer.status_code, headers=headers, raw=answer.raw, exchange=exchange
        )
        return cls(transport, receiver, receiver.receive(), started)

    @property
    def sink(self) -> Reservoir:
        """The request's sink, which alone can be full."""
        return cast("Reservoir", self.receiver.request.sink)

    def read(self) -> Response:
        """
        Read to the end, and give the connection back to the pool; or until the sink is full, and keep it.
        """
        receiver, exchange, body, is_over = self.receiver, self.receiver.exchange, b"", True
        try:
            next(self.pieces)
            is_over = exchange.is_cut
        except StopIteration as stop:
            body = stop.value
        finally:
            exchange.is_held = not is_over
            if is_over:
                _release(receiver.raw, exchange)
        if exchange.is_cut:  # what ends with the connection would pass for whole
            exchange.is_held = False
            _release(receiver.raw, exchange)
            raise exchange.context.stopped()
        return Response(
            status=receiver.status,
            headers=receiver.headers,
            body=body,
            request=receiver.request,
            elapsed_s=time.monotonic() - self.started,
            rest=None if is_over else self,
            reason=(getattr(receiver.raw, "reason", None) or "")[:_LONGEST_REASON],
        )

    def resume(self) -> Response:
        """
        Read on; see `aikit.http.messages.Rest.resume`.
        """
        exchange = self.receiver.exchange
        exchange.is_held = False
        try:
            with self.transport._errors_translated(self.receiver.request, exchange, None), exchange.active():  # noqa: SLF001  its own part
                return self.read()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """
        Let go of the connection.
        """
        self.pieces.close()
        _release(self.receiver.raw, self.receiver.exchange)
        self.receiver.exchange.detach()


def _release(raw: Any, exchange: Exchange) -> None:
    """
    Give the connection back if the response was read to its very end, else close it: the rest is of no use to others.

    One that was cut off looks as if it had been read to its end; left open, its server would go on waiting to send.
    """
    if exchange.is_cut:
        exchange.reset_when_closed()
    if exchange.is_cut or not raw.closed:
        raw.close()
    raw.release_conn()


def _error_from(request: Request, error: Exception, proxy: Proxy | None, *, is_unsent: bool) -> OpenAIError:
    where = redacted(request.url).split("?", 1)[0]
    reason = _innermost(error)
    is_unsent = is_unsent or _is_handshake_refused(reason)
    if isinstance(error, requests.exceptions.ProxyError) or (proxy is not None and isinstance(reason, UnicodeError)):
        return (proxy or Proxy("the adapter", "of its own")).error(where, reason)
    final = _final_error(where, error, reason, is_unsent=is_unsent)
    if final is not None:
        return final
    if proxy is not None and not _is_tls(error) and (is_unsent or _is_unconnected(error)):
        return proxy.error(where, reason)
    code, message = "connection_error", f"the connection to {where} broke: {reason}"
    if isinstance(error, requests.exceptions.ConnectTimeout):
        code, message, is_unsent = "timeout", f"no connection to {where} in time; check that it can be reached", True
    elif _is_unconnected(error):
        message = f"cannot connect to {where}: {reason}; check the base URL, and that the server is running"
        is_unsent = True
    elif any(isinstance(cause, _TOO_LATE) for cause in _chain(error)):
        code, message = "timeout", f"{where} sent nothing for {request.timeout_s:g} s; raise timeout to wait longer"
    elif is_unsent and _is_tls(error):
        code, message = "tls_error", f"the TLS handshake with {where} was broken off: {reason}; does it speak https?"
    elif is_unsent:
        message = f"the connection to {where} broke before anything was sent: {reason}"
    return ExchangeError(message=message, code=code, is_ambiguous=not is_unsent)


def _final_error(where: str, error: Exception, reason: BaseException, *, is_unsent: bool) -> OpenAIError | None:
    """
    Return what no further try would mend, which came about before anything was sent; ``None`` for what may pass.
    """
    if isinstance(error, _UNUSABLE):
        return OpenAIError(message=f"{where} is no usable URL: {reason}; correct the base URL", code="invalid_url")
    if isinstance(reason, ssl.SSLCertVerificationError):
        return untrusted(where, reason)
    file = _NO_FILE.search(str(reason)) if isinstance(reason, OSError) else None
    if file is not None:
        return OpenAIError(message=f"{file[0]}; correct that path of the adapter", code="tls_error")
    if not is_unsent or not _is_tls(error) or isinstance(reason, _BROKEN_OFF):
        return None
    told = str(getattr(reason, "reason", None) or reason).replace("_", " ").lower()
    hint = "is its address http:// instead of https://?"
    if "alert" in told:
        hint = "the server refused; does it want another version of TLS, or a client's certificate?"
    elif "certificate" in told or not isinstance(reason, ssl.SSLError):
        hint = "correct what the adapter trusts"
    return OpenAIError(message=f"there is no TLS with {where} ({told}); {hint}", code="tls_error")


def _is_tls(error: Exception) -> bool:
    """
    Return whether TLS failed, and the cause is told.
    """
    *outer, reason = _chain(error)
    if isinstance(reason, ssl.SSLError):
        return True
    is_told = not isinstance(reason, requests.RequestException | urllib3.exceptions.HTTPError)
    return is_told and any(isinstance(cause, requests.exceptions.SSLError) for cause in outer)


def _is_handshake_refused(reason: BaseException) -> bool:
    """
    Return whether the server wants another certificate, and so has not read the request.
    """
    # With TLS 1.3 it says so after our end of the handshake, when the request is on its way: RFC 8446 section 4.4.2.4
    return isinstance(reason, ssl.SSLError) and _WANTED.search(reason.reason or "") is not None


_WANTED: Final = re.compile(r"ALERT_(?:\w{0,20}CERTIFICATE|UNKNOWN_CA)")
_NO_FILE: Final = re.compile(r"Could not find .{0,20}TLS .{0,40}, invalid path: .*", re.DOTALL)
"""What ``requests`` says of a bundle or a certificate that is not there."""
_BROKEN_OFF: Final = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionError, TimeoutError)
_UNUSABLE: Final = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    urllib3.exceptions.LocationValueError,
)
_TOO_LATE: Final = (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """
    Walk from *error* to what caused it, through causes, contexts, reasons and wrapped arguments.
    """
    for _ in range(10):
        if error is None:
            return
        yield error
        inner = [getattr(error, "reason", None), *reversed(error.args), error.__cause__, error.__context__]
        error = next((cause for cause in inner if isinstance(cause, BaseException)), None)


def _innermost(error: Exception) -> BaseException:
    return list(_chain(error))[-1]


def _is_unconnected(error: Exception) -> bool:
    return any(isinstance(cause, urllib3.exceptions.NewConnectionError) for cause in _chain(error))
