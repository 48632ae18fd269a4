"""
Below the transport: ``requests``' adapter and ``urllib3``'s connections, made to be cut off, discreet and quick.
"""

from __future__ import annotations

import http.client
import os
import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any, Final

import attrs
import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from aikit.http.context import CallContext
from aikit.http.log_filter import keep_secrets
from aikit.http.trust import trusted
from aikit.types.interruptions import interruption_in, let_through

BLOCK_BYTES: Final = 256 * 1024
_MAX_INTERIM: Final = 20
_SMALL_BYTES: Final = 64 * 1024
_LONGEST_CHUNK_LINE: Final = 8192
_CHUNK_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,32})[ \t]*(?:;[^\n]*)?\r?\n")
_local = threading.local()


@attrs.define(eq=False)
class Exchange:
    """
    The socket of one exchange, so that another thread can cut it off; `_lock` guards the socket.

    Attributes:
        needs_fresh: Whether a connection that rested in the pool must not be used: it may just be closed.

        grace_s: Seconds from being cancelled to being cut off.

        is_cut: Whether it was cut off.

        is_held: Whether it is left half read, to be gone on with by another thread.

        answer: The response, once its headers are there; ``None`` over connections that are not ours.

        is_unsent: Whether no byte of the request was sent; ``None`` until a connection of ours is there to say so.
    """

    context: CallContext
    timeout_s: float
    needs_fresh: bool
    cancel_grace_s: float = 0.0
    is_cut: bool = False
    is_held: bool = False
    is_unsent: bool | None = None
    sock: socket.socket | None = None
    answer: Answer | None = None
    _is_own: bool = False
    _lock: Any = attrs.field(factory=threading.Lock)

    @contextmanager
    def active(self) -> Iterator[None]:
        """
        While inside, this thread's connections attach their sockets here.
        """
        outer = current_exchange()  # a callback of progress may make calls of its own
        _local.exchange = self
        try:
            with self.context.aborting(self.abort):
                yield
        finally:
            _local.exchange = outer
            if self.is_held:
                self.context.abort_with(self.abort)
            else:
                self.detach()

    def attach(self, sock: socket.socket | None, *, is_own: bool = False) -> None:
        """
        Take the socket in use, or a duplicate that is ours to close.

        Raises:
            CancelledError: The call was cancelled before there was a socket to cut off.
        """
        with self._lock:
            self._drop()
            self.sock, self._is_own, self.is_unsent = sock, is_own, True
        self.context.raise_if_cancelled()  # after showing: whoever cancels from here on finds the socket

    def detach(self) -> None:
        """
        Forget the socket.
        """
        with self._lock:
            self._drop()
            self.sock, self._is_own = None, False  # it may serve another exchange from here on

    def _drop(self) -> None:
        if self._is_own and self.sock is not None:
            self.sock.close()

    def abort(self) -> None:
        """
        Cut the exchange off; called by another thread.
        """
        if not self.cancel_grace_s:
            self._cut_off()
            return
        timer = threading.Timer(self.cancel_grace_s, self._cut_off)
        timer.daemon = True
        try:
            timer.start()
        except RuntimeError:  # the interpreter is ending: there is no time to be kind
            self._cut_off()

    def reset_when_closed(self) -> None:
        """
        Have the peer learn at once that the connection is closed, also while it waits for room to send.
        """
        with self._lock, suppress(OSError):
            if self.sock is not None:
                kind = "hh" if os.name == "nt" else "ii"
                socket.socket.setsockopt(self.sock, socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(kind, 1, 0))

    def _cut_off(self) -> None:
        with self._lock:
            if self.sock is not None:
                self.is_cut = True
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)  # below TLS, whose own shutdown would wait


def current_exchange() -> Exchange | None:
    """
    Return the exchange that this thread is in.
    """
    return getattr(_local, "exchange", None)


class Answer(http.client.HTTPResponse):
    """
    A response after the interim ones, of which the standard library skips 100 alone; its body can be read in place.
    """

    # RFC 9110 section 15.2

    _is_drained = False

    def begin(self) -> None:
        """
        Read status and headers, and attach the response to this thread's exchange.
        """
        super().begin()
        exchange = current_exchange()
        if exchange is not None:
            exchange.answer = self

    @property
    def is_plain(self) -> bool:
        """Whether the bytes on the wire are the body, and their number is known."""
        return self.length is not None and not self.chunked and "content-encoding" not in self.headers

    def receive_into(self, view: memoryview) -> int:
        """
        Read what has come of a plain body into *view*, with one system call; return its size, 0 at the end.

        Raises:
            IncompleteRead: The connection ended before the body did.
        """
        if not self.length:
            self.close()
            return 0
        if not self._is_drained:  # what came with the headers is not lost if the connection breaks in this read
            view, self._is_drained = view[: len(self.fp.peek())], True
        count: int = self.fp.readinto1(view[: self.length])
        if not count:
            raise http.client.IncompleteRead(b"", self.length)
        self.length -= count
        if not self.length:
            self.close()
        return count

    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(_MAX_INTERIM):
            status: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]  # not in the stubs
            if not 100 <= status[1] <= 199 or status[1] == 101:
                return status
            http.client.parse_headers(self.fp)
        raise http.client.HTTPException(f"more than {_MAX_INTERIM} interim answers")

    def _read_next_chunk_size(self) -> int:
        """
        Read the size of a chunk; a line that is cut, or that only Python takes for a number, is a break.
        """
        line = self.fp.readline(_LONGEST_CHUNK_LINE)
        size = _CHUNK_SIZE.fullmatch(line)
        if size is None:
            self._close_conn()  # type: ignore[attr-defined]  # not in the stubs
            raise http.client.HTTPException("there is no size where a chunk should begin")
        return int(size[1], 16)

    def _read_and_discard_trailer(self) -> None:
        http.client.parse_headers(self.fp)  # which has bounds


class _Abortable(HTTPConnection):
    """
    A connection whose socket the exchange can cut off, and which sends head and small body in one piece.
    """

    response_class = Answer
    _buffered: bytes | None = None

    def connect(self) -> None:
        super().connect()
        self._attach(self.sock)

    def _new_conn(self) -> socket.socket:
        try:
            return self._open_socket()
        except socket.gaierror as error:
            raise urllib3.exceptions.NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise urllib3.exceptions.ConnectTimeoutError(self, f"no answer within {self.timeout} s") from error
        except UnicodeError as error:  # a label that no name can have
            raise urllib3.exceptions.LocationParseError(self.host) from error
        except OSError as error:
            raise urllib3.exceptions.NewConnectionError(self, str(error)) from error

    def _open_socket(self) -> socket.socket:
        """
        Connect to the first address that answers, with a socket that can be cut off meanwhile.
        """
        last: OSError = OSError("the name has no address")
        for family, kind, protocol, _, address in socket.getaddrinfo(
            self._dns_host.strip("[]"), self.port, type=socket.SOCK_STREAM
        ):
            sock = socket.socket(family, kind, protocol)
            try:
                for option in self.socket_options or ():
                    sock.setsockopt(*option)
                sock.settimeout(self.timeout)
                self._attach(sock.dup(), is_own=True)  # TLS takes the socket itself away while it shakes hands
                sock.connect(address)
            except OSError as error:
                sock.close()
                let_through(error)
                last = error
            except BaseException:
                sock.close()
                raise
            else:
                return sock
        raise last

    def request(self, *args: Any, **kwargs: Any) -> None:
        exchange = current_exchange()
        if self.sock is None:
            self.connect()
        self._attach(self.sock)
        if exchange is not None:
            self.timeout = exchange.timeout_s  # urllib3 would send with the time-out for connecting
        self._buffered = b""
        try:
            super().request(*args, **kwargs)
            self._flush()
        except OSError as error:
            if interruption_in(error) is not None:  # of some classes, urllib3 would go on and wait for an answer
                raise urllib3.exceptions.ProtocolError("interrupted", error) from error
            raise
        finally:
            self._buffered = None

    def putheader(self, header: Any, *values: Any) -> None:
        """
        Add a field; a plain one without the detours of the standard library, which cost more than the rest of it.
        """
        value = values[0] if len(values) == 1 else None
        if isinstance(header, str) and isinstance(value, str) and _is_plain(header, value):
            self._output(f"{header}: {value}".encode("ascii"))  # type: ignore[attr-defined]  # not in the stubs
        else:
            super().putheader(header, *values)

    def send(self, data: Any) -> None:
        exchange = current_exchange()
        if self._buffered is None or not isinstance(data, bytes):
            if exchange is not None and self._buffered is not None:  # else a tunnel is asked for
                exchange.is_unsent = False
            super().send(data)
            return
        self._buffered += data
        if len(self._buffered) >= _SMALL_BYTES or (exchange is not None and exchange.context.bandwidth is not None):
            self._flush()
            self._buffered = b""

    def _flush(self) -> None:
        held, self._buffered = self._buffered, None  # connecting may send by itself
        if held:
            exchange = current_exchange()
            if exchange is not None:
                exchange.is_unsent = False
            super().send(held)

    def _attach(self, sock: socket.socket | None, *, is_own: bool = False) -> None:
        exchange = current_exchange()
        if exchange is not None:
            exchange.attach(sock, is_own=is_own)
        elif is_own and sock is not None:
            sock.close()


def _is_plain(header: str, value: str) -> bool:
    """
    Return whether a field can be written as it is; urllib3 marks fields to be left out with @@@.
    """
    if not value.isascii() or not value.isprintable() or value.startswith("@"):
        return False
    return header.isascii() and header.replace("-", "").isalnum()


class _AbortableTLS(_Abortable, HTTPSConnection):
    """
    The same over TLS.
    """


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Abortable

    def _get_conn(self, timeout: float | None = None) -> Any:
        conn: Any = super()._get_conn(timeout)
        exchange = current_exchange()
        if exchange is not None and exchange.needs_fresh and not conn.is_closed:
            conn.close()  # here, where urllib3 has not yet made a tunnel through a proxy
        return conn

    def _put_conn(self, conn: Any) -> None:
        exchange = current_exchange()
        if exchange is not None:
            exchange.detach()
        super()._put_conn(conn)


class _PoolTLS(_Pool, urllib3.HTTPSConnectionPool):
    ConnectionCls = _AbortableTLS


class Adapter(HTTPAdapter):
    """
    ``requests``' adapter with large blocks, the system's trust store and answers without cookies.
    """

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:  # noqa: FBT001, FBT002  requests' signature
        """
        Make the pools with large blocks.
        """
        super().init_poolmanager(connections, maxsize, block, blocksize=BLOCK_BYTES, **kwargs)
        _use_our_pools(self.poolmanager)
        self._pools: dict[str, Any] = {}  # what requests works out anew for every call
        self._trusted: Any = None  # loaded by the first call over TLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """
        Make the pools of a proxy alike.
        """
        manager = super().proxy_manager_for(proxy, blocksize=BLOCK_BYTES, **kwargs)
        if proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = _socks_pools()
        else:
            _use_our_pools(manager)
        return manager

    def get_connection_with_tls_context(self, request: Any, verify: Any, proxies: Any = None, cert: Any = None) -> Any:
        """
        Return the pool for a request, remembered by origin.
        """
        key = origin_of(request.url)
        if proxies or key not in self._pools:
            pool = super().get_connection_with_tls_context(request, verify, proxies=proxies, cert=cert)
            if proxies:
                return pool
            self._pools[key] = pool
        return self._pools[key]

    def request_url(self, request: Any, proxies: Any) -> str:
        """
        Return what goes into the request line.
        """
        if proxies:
            return super().request_url(request, proxies)
        return request.url[len(origin_of(request.url)) :] or "/"

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        """
        Give TLS connections the trust of this machine, whatever ``requests`` has loaded by itself.
        """
        host, options = super().build_connection_pool_key_attributes(request, verify, cert)
        if host["scheme"] == "https":
            if self._trusted is None:
                self._trusted = trusted()  # one for all: the key of a pool has its identity
            options["ssl_context"] = self._trusted
        return host, options

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """
        Change nothing: what ``requests`` would name here is part of our own trust.
        """

    def build_response(self, req: Any, resp: Any) -> requests.Response:
        """
        Return the answer without cookies and guesses of its encoding.
        """
        response = requests.Response()
        response.status_code = resp.status
        response.headers = resp.headers
        response.raw = resp
        response.request = req
        response.url = req.url
        return response


def origin_of(url: str) -> str:
    """
    Return scheme, host and port: all of *url* before its path.
    """
    end = url.find("/", len("https://"))
    return url if end < 0 else url[:end]


def _use_our_pools(manager: Any) -> None:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _PoolTLS}


@cache
def _socks_pools() -> dict[str, type[_Pool]]:
    """
    Return our pools with connections that reach their host through a SOCKS proxy.
    """
    from urllib3.contrib.socks import SOCKSConnection  # noqa: PLC0415  an extra of requests

    class Connection(SOCKSConnection, _Abortable):
        pass

    class ConnectionTLS(SOCKSConnection, _AbortableTLS):
        pass

    class Pool(_Pool):
        ConnectionCls = Connection  # type: ignore[assignment]  # SOCKSConnection is Any to mypy

    class PoolTLS(_PoolTLS):
        ConnectionCls = ConnectionTLS  # type: ignore[assignment]  # likewise

    return {"http": Pool, "https": PoolTLS}


keep_secrets()
