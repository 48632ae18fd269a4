"""
The embedded provider's transport, with all that went through it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs

from aikit.http.bodies import MultipartBody
from aikit.http.context import CallContext
from aikit.http.flow import Flow
from aikit.http.headers import Headers
from aikit.http.messages import Request, Response
from aikit.http.sources import source_of
from aikit.providers.local.clock import SpedUpClock
from aikit.providers.local.provider import LocalProvider
from aikit.providers.local.store.files import Store
from aikit.providers.local.transport import LocalTransport
from tests.conformance.checker import Answered, Asked, Checker

T = TypeVar("T")

LINE: Final = (
    b'{"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", '
    b'"body": {"model": "m", "messages": [{"role": "user", "content": "hi"}]}}\n'
)
PROVIDER: Final = LocalProvider(home=Path("unused"))
BASE: Final = PROVIDER.base_url
SIGNED: Final = Headers({"Authorization": "Bearer sk-of-a-test"})


@attrs.define
class Embedded:
    """
    The embedded provider's transport, with all that went through it.

    Attributes:
        clock: Stands still until it is set forward.
    """

    home: Path
    clock: SpedUpClock = attrs.field(factory=lambda: SpedUpClock(speed=0))
    exchanges: list[tuple[Request, Response]] = attrs.field(factory=list)
    transport: LocalTransport = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.transport = LocalTransport(Store(self.home, self.clock))

    def run(self, flow: Flow[T]) -> T:
        """Drive *flow* and return what it returns."""
        try:
            request = next(flow)
            for _ in range(100):
                assert isinstance(request, Request)
                request = flow.send(self.answer(attrs.evolve(request, headers=request.headers.merged(SIGNED))))
        except StopIteration as stop:
            value: T = stop.value
            return value
        raise AssertionError("the flow has no end")

    def answer(self, request: Request) -> Response:
        """Have *request* answered."""
        response = self.transport.send(request, CallContext())
        self.exchanges.append((request, response))
        return response

    def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None, **others: Any) -> Response:
        """Ask for *path* below the base URL."""
        return self.answer(Request(method=method, url=BASE + path, headers=SIGNED.merged(headers), **others))

    def upload(self, content: Any, filename: str = "a.jsonl", **fields: str) -> Response:
        """Upload *content* with the form fields given."""
        source = source_of(content, filename=filename, purpose="batch").resolved()
        return self.ask("POST", "/files", body=MultipartBody(fields=fields, file_field="file", source=source))

    def stored(self, purpose: str = "batch", content: bytes = LINE) -> str:
        """Upload *content* and return its id."""
        file_id: str = self.upload(content, purpose=purpose).json()["id"]
        return file_id

    def complaints(self, checker: Checker) -> list[str]:
        """Return what is wrong with any of the answers."""
        return [
            complaint
            for request, response in self.exchanges
            for complaint in checker.complaints_about(Asked.of(request, BASE), Answered.of(response))
        ]
