"""
The server: uvicorn with bounds on connections, and an end that lets transfers end.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

import attrs
from starlette.types import ASGIApp
from uvicorn import Server

from aikit.gateway.connections import BoundedConfig, ConnectionBounds
from aikit.types.interruptions import suppress

if sys.platform != "win32":
    import resource

log: Final = logging.getLogger("aikit.gateway")

_BACKLOG: Final = 2_048
_SPARE_DESCRIPTORS: Final = 256  # for the spool, the registry and calls of providers
_TICKS_PER_SECOND: Final = 10


def _nothing(*_: object) -> None:
    """
    Do nothing.
    """


@attrs.frozen(kw_only=True)
class ServerOptions:
    """
    How the server runs.

    Attributes:
        drain_delay_s: After the wish to end, for so long connections are still accepted: who sends them is told by the
            readiness route first.

        drain_timeout_s: Then requests under way have so long to end, until they are cut off.

        on_start: Called with the address when requests are taken.

        on_drain: Called at once when the server is to end.

        on_reload: Called on a thread when the configuration is to be read anew (SIGHUP).
    """

    drain_delay_s: float = 0.0
    drain_timeout_s: float = 30.0
    bounds: ConnectionBounds = attrs.field(factory=ConnectionBounds)
    on_start: Callable[[str], object] = _nothing
    on_drain: Callable[[], object] = _nothing
    on_reload: Callable[[], object] = _nothing


def run(app: ASGIApp, host: str = "127.0.0.1", port: int = 4000, options: ServerOptions | None = None) -> None:
    """
    Serve *app* until SIGINT or SIGTERM; a second one ends it at once.

    Raises:
        OSError: The address cannot be listened at.
    """
    options = options or ServerOptions()
    listener = _listener(host, port)
    options = attrs.evolve(options, bounds=_within_descriptors(options.bounds))
    GatewayServer(app, options).run(sockets=[listener])


@contextmanager
def serving(
    app: ASGIApp, host: str = "127.0.0.1", port: int = 0, options: ServerOptions | None = None
) -> Iterator[str]:
    """
    Serve *app* on a thread, for the block; give its address, for example ``http://127.0.0.1:4000``.

    Raises:
        OSError: The address cannot be listened at.
    """
    started = threading.Event()
    address: list[str] = []

    def on_start(at: str) -> None:
        address.append(at)
        started.set()

    listener = _listener(host, port)
    server = GatewayServer(app, attrs.evolve(options or ServerOptions(), on_start=on_start))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="aikit-gateway-server")
    thread.start()
    try:
        while not started.wait(0.05):
            if not thread.is_alive():
                raise RuntimeError("the server did not start; the log tells why")
        yield address[0]
    finally:
        server.drain()
        thread.join()


class GatewayServer(Server):
    """
    uvicorn's server with a drain that begins before the end, bounds that are looked at each second, and SIGHUP.
    """

    # Overridden are methods without an underscore; uvicorn documents none of them.

    def __init__(self, app: ASGIApp, options: ServerOptions) -> None:
        config = BoundedConfig(
            app,
            options.bounds,
            loop="asyncio",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            backlog=_BACKLOG,
            timeout_keep_alive=round(options.bounds.idle_s),
            timeout_graceful_shutdown=round(options.drain_timeout_s),
        )
        super().__init__(config)
        self.options = options
        self._is_drain_wanted = False
        self._is_reload_wanted = False
        self._ends_at: float | None = None

    def drain(self) -> None:
        """
        Have the server end when its requests have ended; from any thread.
        """
        self._is_drain_wanted = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """
        Begin the end; at the second signal, end.
        """
        del sig, frame
        if self._is_drain_wanted:
            self.force_exit = self.should_exit = True
        self.drain()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """
        Heed signals, in the main thread, until the server has ended; they do not end the process after that.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        handlers: dict[int, Any] = {signal.SIGINT: self.handle_exit, signal.SIGTERM: self.handle_exit}
        if sys.platform != "win32":
            handlers[signal.SIGHUP] = self._want_reload
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """
        Take requests, and say so.
        """
        await super().startup(sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            self.options.on_start(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")

    async def on_tick(self, counter: int) -> bool:
        """
        Look at what has been asked for, ten times a second, and at the connections, once a second.
        """
        now = asyncio.get_running_loop().time()
        if counter % _TICKS_PER_SECOND == 0:
            for connection in list(self.server_state.connections):
                connection.check(now)  # type: ignore[union-attr]  # all are of the class that the config names
        if self._is_reload_wanted:
            self._is_reload_wanted = False
            asyncio.get_running_loop().run_in_executor(None, self._reload)
        if self._is_drain_wanted and self._ends_at is None:
            self._ends_at = now + self.options.drain_delay_s
            self.options.on_drain()
        self.should_exit |= self._ends_at is not None and now >= self._ends_at
        return await super().on_tick(counter)

    def _want_reload(self, sig: int, frame: FrameType | None) -> None:
        del sig, frame
        self._is_reload_wanted = True

    def _reload(self) -> None:
        try:
            self.options.on_reload()
        except Exception:
            log.exception("the configuration was not read anew; what was in force stays so")


def _listener(host: str, port: int) -> socket.socket:
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    listener = socket.create_server(address, family=family, backlog=_BACKLOG)
    # asyncio does so for sockets of its own making; else the body of an answer waits 40 ms for word of its headers
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _within_descriptors(bounds: ConnectionBounds) -> ConnectionBounds:
    """
    Return *bounds* with no more connections than the process may have; it takes as many as it is allowed to take.
    """
    if sys.platform != "win32":
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
        if soft != resource.RLIM_INFINITY:
            most = max(soft - _SPARE_DESCRIPTORS, soft // 2)
            return attrs.evolve(bounds, connections_max=min(bounds.connections_max, most))
    return bounds
