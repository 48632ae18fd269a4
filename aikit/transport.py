"""
One HTTP exchange on ``requests``: its adapter and its pool, without a session's work per call.

Only this module imports ``requests``, and only a client's first call imports this module.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, cast

import attrs
import certifi
import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import get_environ_proxies
from urllib3.connection import HTTPConnection, HTTPSConnection

from aikit.errors import CancelledError, ExchangeError, OpenAIError
from aikit.headers import Headers
from aikit.secrecy import redacted
from aikit.watch import Watch
from aikit.wire import Body, Reader, Request, Response

BLOCK_BYTES: Final = 256 * 1024
_SMALL_BYTES: Final = 64 * 1024
_CONNECT_TIMEOUT_S: Final = 10.0
_MAX_REFUSAL_BYTES: Final = 1024 * 1024
_LENGTH: Final = re.compile(r"\d{1,18}", re.ASCII)
_under_way = threading.local()


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

    def send(self, request: Request, watch: Watch) -> Response:
        """
        Make one exchange; see `aikit.wire.Transport.send`.
        """
        started = time.monotonic()
        reader = _Metered(request.body, request, watch) if request.body is not None else None
        exchange = _Exchange()
        try:
            with _translated(request, watch), exchange.entered(watch):
                answer = self._answer(request, reader)
                response = _read(request, answer, watch)
        finally:
            if reader is not None:
                reader.close()
        return attrs.evolve(response, elapsed_s=time.monotonic() - started)

    def close(self) -> None:
        """
        Close the connections of an adapter of our own.
        """
        if self.is_owner:
            self.adapter.close()

    def _answer(self, request: Request, reader: _Metered | None) -> requests.Response:
        prepared = _prepared(request, reader)
        timeout = (min(request.timeout_s, _CONNECT_TIMEOUT_S), request.timeout_s)
        return self.adapter.send(prepared, stream=True, timeout=timeout, proxies=self._proxies_for(request.url))

    def _proxies_for(self, url: str) -> dict[str, str]:
        origin = _origin_of(url)
        if origin not in self._proxies:
            self._proxies[origin] = get_environ_proxies(origin, no_proxy=None)
        return self._proxies[origin]


def http_transport(http_agent: Any = None, *, connections: int = 16) -> HTTPTransport:
    """
    Return a transport on *http_agent*, or on an adapter of our own with room for *connections*.
    """
    if http_agent is not None:
        return HTTPTransport(http_agent, is_owner=False)
    return HTTPTransport(_Adapter(pool_connections=8, pool_maxsize=connections, max_retries=0))


@attrs.define(eq=False)
class _Exchange:
    """
    Knows the socket of the exchange that this thread is in, so that another thread can cut it off.
    """

    sock: socket.socket | None = None
    _lock: Any = attrs.field(factory=threading.Lock)

    @contextmanager
    def entered(self, watch: Watch) -> Iterator[None]:
        _under_way.exchange = self
        try:
            with watch.aborting(self.abort):
                yield
        finally:
            _under_way.exchange = None
            with self._lock:
                self.sock = None  # it may serve another exchange now

    def abort(self) -> None:
        with self._lock:
            if self.sock is not None:
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)  # below TLS, whose own shutdown would wait


class _Abortable(HTTPConnection):
    """
    Shows its socket to the exchange it is used for, and sends head and small body in one piece.
    """

    _held: bytes | None = None

    def connect(self) -> None:
        super().connect()
        self._show()

    def request(self, *args: Any, **kwargs: Any) -> None:
        self._show()
        self._held = b""
        try:
            super().request(*args, **kwargs)
            self._flush()
        finally:
            self._held = None

    def send(self, data: Any) -> None:
        if self._held is None or not isinstance(data, bytes):
            super().send(data)
            return
        self._held += data
        if len(self._held) >= _SMALL_BYTES:
            self._flush()
            self._held = b""

    def _flush(self) -> None:
        held, self._held = self._held, None  # connecting may send by itself
        if held:
            super().send(held)

    def _show(self) -> None:
        exchange = getattr(_under_way, "exchange", None)
        if exchange is not None:
            exchange.sock = self.sock


class _AbortableTLS(_Abortable, HTTPSConnection):
    """
    The same over TLS.
    """


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Abortable


class _PoolTLS(urllib3.HTTPSConnectionPool):
    ConnectionCls = _AbortableTLS


class _Adapter(HTTPAdapter):
    """
    ``requests``' adapter with large blocks, the system's trust store and answers without cookies.
    """

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:  # noqa: FBT001, FBT002  requests' signature
        super().init_poolmanager(connections, maxsize, block, blocksize=BLOCK_BYTES, **kwargs)
        _use_our_pools(self.poolmanager)
        self._pools: dict[str, Any] = {}  # what requests works out anew for every call

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, blocksize=BLOCK_BYTES, **kwargs)
        _use_our_pools(manager)
        return manager

    def get_connection_with_tls_context(self, request: Any, verify: Any, proxies: Any = None, cert: Any = None) -> Any:
        key = _origin_of(request.url)
        if proxies or key not in self._pools:
            pool = super().get_connection_with_tls_context(request, verify, proxies=proxies, cert=cert)
            if proxies:
                return pool
            self._pools[key] = pool
        return self._pools[key]

    def request_url(self, request: Any, proxies: Any) -> str:
        if proxies:
            return super().request_url(request, proxies)
        return request.url[len(_origin_of(request.url)) :] or "/"

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:  # noqa: ARG002  requests' signature
        if isinstance(conn, urllib3.HTTPSConnectionPool) and "ssl_context" not in conn.conn_kw:
            conn.conn_kw["ssl_context"] = _trust()

    def build_response(self, req: Any, resp: Any) -> requests.Response:
        response = requests.Response()
        response.status_code = resp.status
        response.headers = resp.headers
        response.raw = resp
        response.request = req
        response.url = req.url
        return response


def _origin_of(url: str) -> str:
    """
    Return scheme, host and port: all of *url* before its path.
    """
    end = url.find("/", len("https://"))
    return url if end < 0 else url[:end]


def _use_our_pools(manager: Any) -> None:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _PoolTLS}


def _trust() -> ssl.SSLContext:
    """
    Return whom to trust: the CA bundle the environment names, else the system's store and certifi's.
    """
    # REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE: https://requests.readthedocs.io/en/latest/user/advanced/ (read 2026-11-21)
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    if bundle:
        is_folder = os.path.isdir(bundle)  # noqa: PTH112  a string is what ssl wants
        return ssl.create_default_context(cafile=None if is_folder else bundle, capath=bundle if is_folder else None)
    with suppress(ImportError):
        import truststore  # noqa: PLC0415  an extra

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = ssl.create_default_context()
    with suppress(OSError):
        context.load_verify_locations(certifi.where())
    return context


def _prepared(request: Request, reader: _Metered | None) -> requests.PreparedRequest:
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

    def __init__(self, body: Body, request: Request, watch: Watch) -> None:
        self._reader: Reader = body.open()
        self._request, self._watch = request, watch
        self._total = body.size_bytes
        self._done = 0

    def read(self, size: int = BLOCK_BYTES) -> bytes:
        chunk = self._reader.read(max(size, BLOCK_BYTES))
        self._done += len(chunk)
        self._watch.report("uploading", self._done, self._total, self._request.attempt)
        return chunk

    def close(self) -> None:
        self._reader.close()


def _read(request: Request, answer: requests.Response, watch: Watch) -> Response:
    """
    Read the body into the request's sink or into memory, and give the connection back to the pool.
    """
    raw = answer.raw
    headers = Headers(raw.headers)
    body = b""
    is_whole = False
    try:
        if request.sink is not None and answer.status_code in {200, 206}:
            _pour(request, answer.status_code, headers, raw, watch)
        elif answer.status_code >= 400:
            body = raw.read(_MAX_REFUSAL_BYTES, decode_content=True)
        else:
            body = raw.read(decode_content=True)
            _require_whole_head(answer.status_code, headers, body)
        is_whole = True
    finally:
        _let_go(raw, is_whole=is_whole)
    return Response(status=answer.status_code, headers=headers, body=body, request=request)


def _require_whole_head(status: int, headers: Headers, body: bytes) -> None:
    """
    Tell an answer that was cut within its headers, which the parser below takes for a whole one without a body.
    """
    if status == 200 and not body and "content-length" not in headers and "transfer-encoding" not in headers:
        raise urllib3.exceptions.ProtocolError("the answer ended within its headers")


def _let_go(raw: Any, *, is_whole: bool) -> None:
    if is_whole and getattr(raw, "length_remaining", None) in {0, None}:
        raw.release_conn()
    else:
        raw.close()
        raw.release_conn()


def _pour(request: Request, status: int, headers: Headers, raw: Any, watch: Watch) -> None:
    sink = request.sink
    if sink is None:
        return
    done = sink.begin(status, headers)
    length = headers.get("content-length", "")
    total = done + int(length) if _LENGTH.fullmatch(length) and "content-encoding" not in headers else None
    while chunk := raw.read1(BLOCK_BYTES, decode_content=True):  # what is there: a break loses nothing that came
        sink.write(memoryview(chunk))
        done += len(chunk)
        watch.report("downloading", done, total, request.attempt)


@contextmanager
def _translated(request: Request, watch: Watch) -> Iterator[None]:
    """
    Turn what ``requests`` and ``urllib3`` raise into errors of ours.
    """
    try:
        yield
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        if watch.is_cancelled:
            raise CancelledError from None
        raise _error_from(request, error) from error


def _error_from(request: Request, error: Exception) -> OpenAIError:
    where = redacted(request.url).split("?", 1)[0]
    reason = _innermost(error)
    if isinstance(error, _UNUSABLE):
        return OpenAIError(message=f"{where} is no usable URL: {reason}; correct the base URL", code="invalid_url")
    if isinstance(reason, ssl.SSLCertVerificationError):
        message = f"the certificate of {where} is not trusted: {reason.verify_message}"
        return OpenAIError(message=f"{message}; name your CA bundle in REQUESTS_CA_BUNDLE", code="tls_error")
    code, message, is_ambiguous = "connection_error", f"the connection to {where} broke: {reason}", True
    if isinstance(error, requests.exceptions.ProxyError):
        code, message, is_ambiguous = "proxy_error", f"the proxy on the way to {where} failed: {reason}", False
    elif isinstance(error, requests.exceptions.ConnectTimeout):
        code, message, is_ambiguous = "timeout", f"no connection to {where} in time; is it reachable?", False
    elif isinstance(error, _TOO_LATE):
        code, message = "timeout", f"{where} sent nothing for {request.timeout_s:g} s; raise timeout to wait longer"
    elif _is_unconnected(error):
        message = f"cannot connect to {where}: {reason}; is the base URL right and the server running?"
        is_ambiguous = False
    return ExchangeError(message=message, code=code, is_ambiguous=is_ambiguous)


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
