"""
Misbehaviour on demand, at the gateway's own door: programs on any SDK meet the faults of a script as they came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from typing import Any, Final

import attrs
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aikit.gateway.app import make_app
from aikit.gateway.routing import address_of
from aikit.gateway.server import ServerOptions, serving
from aikit.gateway.settings import read_settings
from aikit.gateway.state import Gateway
from aikit.http.messages import Request
from aikit.providers.config.yaml_nodes import read_yaml
from aikit.providers.local import BASE_URL
from aikit.providers.local.faults import REFUSAL, CallFault, Script
from aikit.types.suggestions import did_you_mean

_LOOK_S: Final = 0.01  # at the clock, which may be set forward
_END_S: Final = 5.0
_MOST_BYTES: Final = 1024 * 1024


@attrs.define(eq=False)
class FaultyApp:
    """
    An application before which the faults of a script come true: delays, other answers, and connections that break.

    Attributes:
        gateway: When it drains, delays are over.
    """

    app: ASGIApp
    script: Script
    gateway: Gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """
        Answer a request, with its fault if it has one.
        """
        fault = self._fault_of(scope) if scope["type"] == "http" else None
        if fault is None:
            await self.app(scope, receive, send)
            return
        await self._delay(fault.delay_s)
        if fault.status is None and not fault.is_reset:
            await self.app(scope, receive, send)
            return
        if fault.acts_first:
            await self.app(scope, receive, _forget)
        if fault.is_reset:
            await _break(receive)
        else:
            await _answer(fault, send)

    def _fault_of(self, scope: Scope) -> CallFault | None:
        url = BASE_URL + address_of(scope["raw_path"])
        return self.script.call_fault(Request(method=scope["method"], url=url))

    async def _delay(self, seconds: float) -> None:
        clock = self.script.clock
        ends_at = clock.now() + seconds
        while clock.now() < ends_at and not self.gateway.is_draining:  # noqa: ASYNC110  a clock that is set forward tells nobody
            await asyncio.sleep(_LOOK_S)


async def _forget(_: Message) -> None:
    """
    Let an answer be lost.
    """


async def _break(receive: Receive) -> None:
    """
    Break the connection, without a word.
    """
    cycle = getattr(receive, "__self__", None)  # uvicorn's exchange, which alone knows the socket
    if cycle is None:
        raise ConnectionResetError("the connection broke, as scripted")
    cycle.transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass


async def _answer(fault: CallFault, send: Send) -> None:
    body = REFUSAL if fault.body is None else fault.body
    told = {"content-type": "application/json", "content-length": str(len(body))}
    told |= {name.lower(): value for name, value in fault.headers.items()}
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in told.items()]
    await send({"type": "http.response.start", "status": fault.status or 500, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def served(home: Path, script: Script, key: str | None) -> Iterator[str]:
    """
    Serve the embedded provider of the folder *home* with the faults of *script*, on a thread; give the base URL.
    """
    settings = read_settings(None, {"LITELLM_MASTER_KEY": key} if key else {}, home=home)
    gateway = Gateway.open(settings, clock=script.clock.now, max_retries=0)
    app = FaultyApp(make_app(gateway), script, gateway)
    options = ServerOptions(drain_timeout_s=_END_S, on_drain=lambda: setattr(gateway, "is_draining", True))
    try:
        gateway.client.files.list({"limit": 1}).throw()  # its transport is made now, which is the script's
        with serving(app, options=options) as url:
            yield f"{url}/v1"
    finally:
        gateway.close()


def read_faults(path: Path, provider: Any) -> None:
    """
    Make *provider*, of `aikit.testing`, misbehave as the file at *path* says, which is JSON or YAML.

    Raises:
        ValueError: It cannot be read, or says what is no fault; told with file and line.
    """
    said = _read(path)
    rules: Mapping[str, Callable[..., Any]] = {"calls": provider.fail, "lines": provider.fail_lines}
    settings: Mapping[str, Callable[[Any], Any]] = {
        "expire_after": provider.expire_after,
        "speed": provider.clock.run_at,
    }
    for name, value in said.items():
        place = said.places.get(name, path)
        if name in settings:
            _applied(settings[name], (value,), {}, place)
        elif name not in rules:
            raise ValueError(f"{place}: {name!r} is none of {', '.join((*rules, *settings))}")
        else:
            for rule in _listed(value, place):
                _applied(rules[name], (), rule, rule.place)


def _read(path: Path) -> Any:
    repeated: list[str] = []
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    if len(content) > _MOST_BYTES:
        raise ValueError(f"{path} has more than {_MOST_BYTES:,} bytes")
    said = read_yaml(path, content, repeated)
    if repeated:
        raise ValueError("\n".join(repeated))
    if not hasattr(said, "places"):
        raise ValueError(f"{path} must be a mapping with calls, lines, expire_after or speed")
    return said


def _listed(value: Any, place: Any) -> list[Any]:
    if not isinstance(value, list) or not all(hasattr(each, "places") for each in value):
        raise ValueError(f"{place} must be a list of mappings")
    return value


def _applied(apply: Callable[..., Any], values: tuple[Any, ...], named: Mapping[str, Any], place: Any) -> None:
    known = signature(apply).parameters
    unknown = next((name for name in named if name not in known), None)
    if unknown is not None:
        raise ValueError(f"{place}: {unknown!r} is no part of a fault{did_you_mean(unknown, known)}")
    try:
        apply(*values, **named)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{place}: {error}") from None
