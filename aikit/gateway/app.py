"""
The application: a request is given its endpoint, its key and its account, and every answer the same headers.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import secrets
import time
from contextlib import nullcontext
from typing import Any, Final

import attrs
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aikit.gateway.call import Call
from aikit.gateway.choice import Said, choose, said_in, said_in_headers
from aikit.gateway.money.budget import require_left
from aikit.gateway.outgoing.errors import error_answer, errors_of, status_of
from aikit.gateway.outgoing.headers import headers_of
from aikit.gateway.routes import absent, batches, files, health, keys, models, spend, uploads
from aikit.gateway.routes.pages import with_pages
from aikit.gateway.routing import Endpoint, Found, RouteTable
from aikit.gateway.state import Gateway
from aikit.gateway.values import Principal
from aikit.gateway.who import identify, without_keys
from aikit.providers.local.api.refusals import Refusal
from aikit.types.errors import OpenAIError, Rejected

log: Final = logging.getLogger("aikit.gateway")
access_log: Final = logging.getLogger("aikit.gateway.access")

_DESCRIBED: Final[tuple[Endpoint, ...]] = (
    *files.ENDPOINTS,
    *uploads.ENDPOINTS,
    *models.ENDPOINTS,
    *keys.ENDPOINTS,
    *batches.ENDPOINTS,
    *spend.ENDPOINTS,
    *health.ENDPOINTS,
)
ENDPOINTS: Final[tuple[Endpoint, ...]] = (*with_pages(_DESCRIBED), *absent.ENDPOINTS)
"""All that the gateway serves."""

_GIVEN_CALL_ID: Final = re.compile(r"[\w.:-]{1,128}", re.ASCII)
_NOBODY: Final = Principal(token="nobody")  # noqa: S106  it is none


def make_app(gateway: Gateway) -> ASGIApp:
    """
    Return the ASGI application of *gateway*, which stays its maker's to close.
    """
    app: ASGIApp = _App(gateway, RouteTable.of(ENDPOINTS))
    if origins := gateway.settings.cors_origins:
        app = CORSMiddleware(app, allow_origins=origins, allow_methods=["*"], allow_headers=["*"], expose_headers=["*"])
    return app


@attrs.define(eq=False)
class _App:
    """
    One function from request to answer; no chain of middleware.
    """

    gateway: Gateway
    routes: RouteTable

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(self.gateway, receive, send)
        elif scope["type"] == "http":
            await _Exchange(self.gateway, self.routes, Request(scope, receive), send).run()
        else:
            await send({"type": "websocket.close", "code": 1002})


@attrs.define(eq=False)
class _Exchange:
    """
    A request on its way to an answer.
    """

    gateway: Gateway
    routes: RouteTable
    request: Request
    send: Send
    started: float = attrs.field(factory=time.perf_counter)
    call_id: str = attrs.field(init=False)
    call: Call | None = None
    is_begun: bool = False

    def __attrs_post_init__(self) -> None:
        given = _header(self.request.scope, b"x-litellm-call-id")
        is_given = given is not None and _GIVEN_CALL_ID.fullmatch(given)
        self.call_id = given if given is not None and is_given else secrets.token_hex(16)

    async def run(self) -> None:
        """
        Answer, whatever happens: with the route's answer, or with one that tells why there is none.
        """
        try:
            await self._answer()
        except ClientDisconnect:
            self._note(499)
        except asyncio.CancelledError:
            await self._cut_off()
        except Exception as error:  # noqa: BLE001  whatever it is, the client is told
            await self._tell(error)

    async def _answer(self) -> None:
        scope = self.request.scope
        is_azure = b"api-version=" in scope["query_string"] or _header(scope, b"api-key") is not None
        found = self.routes.find(scope["method"], scope["raw_path"], is_azure=is_azure)
        endpoint = found.endpoint
        principal = _NOBODY if endpoint.is_open else await identify(self.gateway, scope["headers"])
        self.call = Call(
            gateway=self.gateway,
            request=self.request,
            principal=principal,
            ids=found.ids,
            call_id=self.call_id,
            started=self.started,
        )
        if not endpoint.is_own:
            self.call.named = self._named(found)
            if principal.providers or any(self.call.named):  # known before the body is read
                choose(self.gateway.settings, self.call.named, principal)
            if scope["method"] == "POST" and not endpoint.template.endswith("/cancel"):
                require_left(principal)
        with nullcontext() if endpoint.is_open else self.gateway.limits.request(principal):
            await self._send(await endpoint.route(self.call))

    def _named(self, found: Found) -> tuple[Said, ...]:
        scope, provider = self.request.scope, found.provider
        if provider == "openai" and self.gateway.settings.of_provider(provider) is None:
            provider = None  # it is the address of Azure's newer surface
        params = self.request.query_params if scope["query_string"] else ()
        query = {name: self.request.query_params.getlist(name) for name in params}
        return Said(provider), said_in_headers(scope["headers"]), said_in(query)

    async def _send(self, answer: Response) -> None:
        answer.raw_headers.extend(headers_of(self.call_id, self.started, self.call, answer))
        self._note(answer.status_code)
        await answer(self.request.scope, self.request.receive, self._begin)

    async def _begin(self, message: Message) -> None:
        self.is_begun = True
        await self.send(message)

    async def _tell(self, error: Exception) -> None:
        if not isinstance(error, OpenAIError | Rejected | Refusal) or status_of(errors_of(error)[0]) == 500:
            log.error("request %s failed", self.call_id, exc_info=error)
        if self.is_begun:
            raise error  # the server breaks the connection, so that the client sees that something is missing
        await self._send(error_answer(error))

    async def _cut_off(self) -> None:
        """
        Tell that the server ends before the answer was there; what has begun breaks off.
        """
        if self.is_begun:
            self._note(503)
            return
        message = "The gateway is being stopped and could not wait for this request's end; look whether it was done."
        answer = error_answer(OpenAIError(message=message, status=503, code="gateway_stopped", type="server_error"))
        answer.headers["retry-after"] = "5"
        await self._send(answer)

    def _note(self, status: int) -> None:
        if access_log.isEnabledFor(logging.INFO):
            access_log.info("%s", json.dumps(self._record(status), ensure_ascii=True))

    def _record(self, status: int) -> dict[str, Any]:
        call, scope = self.call, self.request.scope
        known = call is not None and call.principal is not _NOBODY
        return {
            "call_id": self.call_id,
            "method": scope["method"],
            "path": without_keys(scope["raw_path"].decode("latin-1"))[:512],
            "status": status,
            "duration_ms": round((time.perf_counter() - self.started) * 1000, 3),
            "key": (call.principal.alias or call.principal.token or "master") if call is not None and known else None,
            "account": call.deployment.name if call is not None and call.deployment is not None else None,
        }


def _header(scope: Scope, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), None)


async def _live(gateway: Gateway, receive: Receive, send: Send) -> None:
    """
    Have batches looked after from the server's start to its stop; the gateway is opened and closed by its maker.
    """
    await receive()
    polling = asyncio.create_task(gateway.poller.run())
    await send({"type": "lifespan.startup.complete"})
    await receive()
    polling.cancel()
    await asyncio.gather(polling, return_exceptions=True)
    await send({"type": "lifespan.shutdown.complete"})
