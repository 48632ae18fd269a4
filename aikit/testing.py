"""
Fixtures for tests of programs that use aikit: an embedded provider with a clock to set forward and faults to script.

``pytest_plugins = ["aikit.testing"]`` in a ``conftest.py`` makes them known to pytest.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import attrs

from aikit.client import OpenAIClient
from aikit.http.messages import Transport
from aikit.providers.local.clock import SpedUpClock
from aikit.providers.local.faults import GARBAGE, CallFault, LineFault, Script, json_bytes, scripted_transport
from aikit.providers.local.provider import LocalProvider

_DAY_S: Final = 86_400.0
_make_transport: Final = LocalProvider.make_transport
_scripts: Final[dict[Path, list[tuple[Script, bool]]]] = {}
"""Folder → scripts of the providers that are open there, each with whether its calls fail; the last one counts."""
_opening: Final = threading.Lock()


@attrs.define(eq=False)
class EmbeddedProvider:
    """
    The embedded provider in a folder of its own, with a clock and faults that a test decides on.

    Attributes:
        home: The folder; nothing outside it is touched.

        script: Its faults and its clock.
    """

    home: Path
    script: Script = attrs.field(repr=False)
    _clients: list[OpenAIClient] = attrs.field(factory=list, init=False)
    _served: ExitStack = attrs.field(factory=ExitStack, init=False)

    @property
    def clock(self) -> SpedUpClock:
        """Time of batches and delays: ``advance(seconds)`` sets it forward, ``run_at(speed)`` makes it run faster."""
        return self.script.clock

    def client(self, **options: Any) -> OpenAIClient:
        """
        Make a client of this provider, which is closed after the test.

        Args:
            options: Of `OpenAIClient`; with *base_url* the lines of batches are answered there.
        """
        chosen: dict[str, Any] = {"provider": "local", "home": self.home} | options
        client = OpenAIClient(**chosen)
        self._clients.append(client)
        return client

    def serve(self, *, key: str | None = None) -> str:
        """
        Serve this provider to programs on any SDK until the test is over, and return the base URL, which ends in /v1.

        Faults of calls come at the door: the SDK meets the very status, body, delay or broken connection.

        Args:
            key: Without it, no key is needed.

        Raises:
            ModuleNotFoundError: The libraries of ``aikit-client[gateway]`` are not installed.
        """
        served = import_module("aikit.gateway.faults").served
        with scripted(self.home, self.script):
            url: str = self._served.enter_context(served(self.home, self.script, key))
        return url

    def fail(
        self,
        method: str | None = None,
        path: str = "*",
        *,
        times: int = 1,
        status: int | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        delay: float = 0.0,
        reset: bool = False,
        garbage: bool = False,
        acts_first: bool = False,
    ) -> None:
        """
        Make the next calls of the API fail.

        Args:
            method: HTTP method of the calls; all without it.

            path: Path of the calls, such as ``"/batches"`` or ``"/files/*/content"``.

            times: Number of calls that fail.

            status: Status of the answer; without it, and without *reset* and *garbage*, the call is only delayed.

            body: Body of the answer: bytes, a text, or a value that becomes JSON; an error object without it.

            headers: Headers of the answer, such as ``{"Retry-After": "1"}``.

            delay: Seconds before the answer, by `clock`.

            reset: The connection breaks.

            garbage: The answer is not JSON, with status 200 unless *status* says otherwise.

            acts_first: The call is carried out, and only its answer is lost.
        """
        if times < 1:
            raise ValueError(f"times must be at least 1, not {times!r}")
        fault = CallFault(
            method=method.upper() if method else None,
            path=path,
            status=200 if garbage and status is None else status,
            body=GARBAGE if garbage else None if body is None else json_bytes(body),
            headers=headers or {},
            delay_s=delay,
            is_reset=reset,
            acts_first=acts_first,
        )
        self.script.add_call_fault(fault, times)

    def fail_lines(
        self,
        custom_id: str | None = None,
        *,
        every: int | None = None,
        status: int | None = None,
        body: Any = None,
        delay: float = 0.0,
        timeout: bool = False,
    ) -> None:
        """
        Make lines of batches fail from now on; of several rules for a line the last one counts.

        Args:
            custom_id: Name of the line; without it, and without *every*, all.

            every: Interval: 3 makes every third line of the input file fail.

            status: Status of the answer; without it, and without *timeout*, it is only delayed.

            body: Body of the answer: JSON as bytes or text, or a value that becomes JSON; an error object without it.

            delay: Seconds before the answer, by `clock`: a slow model.

            timeout: The line ends without an answer, as after a time-out of the model.
        """
        if custom_id is not None and every is not None:
            raise ValueError("a line is chosen by custom_id or by every, not by both")
        if every is not None and every < 1:
            raise ValueError(f"every must be at least 1, not {every!r}")
        fault = LineFault(
            custom_id=custom_id,
            every=every,
            status=status,
            body=None if body is None else json_bytes(body),
            delay_s=delay,
            is_timeout=timeout,
        )
        self.script.add_line_fault(fault)

    def expire_after(self, lines: int) -> None:
        """
        After so many lines have been answered, end the window of the batch: it expires with the answers it has.

        This happens once: later batches have their own day.
        """
        if lines < 0:
            raise ValueError(f"lines must be at least 0, not {lines!r}")
        self.script.expire_after(lines, _DAY_S)

    def heal(self) -> None:
        """
        Remove all faults.
        """
        self.script.clear()

    def close(self) -> None:
        """
        Close the clients and cancel their calls; serve no more.
        """
        self._served.close()
        for client in self._clients:
            client.close(cancel=True)


@contextmanager
def embedded_provider(home: Path) -> Iterator[EmbeddedProvider]:
    """
    Yield an embedded provider in the folder *home*, for tests without pytest or with several providers.
    """
    script = Script()
    provider = EmbeddedProvider(home, script)
    with scripted(home, script, has_call_faults=True):
        try:
            yield provider
        finally:
            provider.close()


@contextmanager
def scripted(home: Path, script: Script, *, has_call_faults: bool = False) -> Iterator[None]:
    """
    While inside, hand *script* to every client of the folder *home*, also to those that the program under test makes.
    """
    place, entry = home.resolve(), (script, has_call_faults)
    with _opening:
        _scripts.setdefault(place, []).append(entry)
        LocalProvider.make_transport = _make_scripted_transport  # type: ignore[method-assign, assignment]  # tests only
    try:
        yield
    finally:
        with _opening:
            _scripts[place].remove(entry)
            if not _scripts[place]:
                del _scripts[place]
            if not _scripts:
                LocalProvider.make_transport = _make_transport  # type: ignore[method-assign]  # as it was


def _make_scripted_transport(provider: LocalProvider, *, connections: int, http_agent: Any = None) -> Transport:
    scripts = _scripts.get(provider.home.resolve())
    if not scripts:
        return _make_transport(provider, connections=connections, http_agent=http_agent)
    script, has_call_faults = scripts[-1]
    return scripted_transport(provider, script, http_agent, has_call_faults=has_call_faults)


def _fixture(function: Callable[[Path], Iterator[EmbeddedProvider]]) -> Any:
    """
    Make *function* a fixture if pytest is installed.
    """
    try:
        import pytest  # noqa: PLC0415  tests of other kinds go without
    except ModuleNotFoundError:
        return function
    return pytest.fixture(function)


@_fixture
def aikit_provider(tmp_path: Path) -> Iterator[EmbeddedProvider]:
    """
    Yield a fresh embedded provider in a temporary folder.
    """
    with embedded_provider(tmp_path / "aikit-home") as provider:
        yield provider
