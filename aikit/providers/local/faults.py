"""
Misbehaviour on demand: a script of faults for the embedded provider, so that other people's programs can be tested.

Only `aikit.testing` and the gateway's faults use it: the embedded provider itself knows of no script.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any, Final
from urllib.parse import urlsplit

import attrs

from aikit.http.context import CallContext
from aikit.http.headers import Headers
from aikit.http.messages import Request, Response, Transport
from aikit.providers.local import BASE_URL
from aikit.providers.local.batches.answerer import Answer, Answerer, Task, TryAgain
from aikit.providers.local.clock import SpedUpClock
from aikit.providers.local.provider import LocalProvider
from aikit.providers.local.transport import LocalTransport
from aikit.types.errors import ExchangeError

_BASE_PATH: Final = urlsplit(BASE_URL).path
_NEVER_S: Final = 1e9
REFUSAL: Final = b'{"error":{"message":"This is a scripted fault.","type":"server_error","param":null,"code":null}}'
GARBAGE: Final = b"<html>\xff\x00 this is no JSON"
_LATE: Final = ("request_timeout", "This request was not answered in time, as scripted.")


@attrs.frozen(kw_only=True)
class CallFault:
    """
    A fault of calls of the API.

    Attributes:
        method: HTTP method of the calls; ``None`` for all.

        path: Path of the calls without the base URL; ``*`` stands for any part: ``"/files/*/content"``.

        status: Status of the answer; ``None`` lets the call through after *delay_s*.

        body: Body of the answer; ``None`` for an error object.

        delay_s: Seconds before the answer, by the clock of the script.

        is_reset: Whether the connection breaks instead of an answer.

        acts_first: Whether the call is carried out before its answer is lost.
    """

    method: str | None = None
    path: str = "*"
    status: int | None = None
    body: bytes | None = None
    headers: Mapping[str, str] = attrs.field(factory=dict)
    delay_s: float = 0.0
    is_reset: bool = False
    acts_first: bool = False

    def matches(self, request: Request) -> bool:
        """
        Return whether *request* has this fault.
        """
        path = urlsplit(request.url).path.removeprefix(_BASE_PATH)
        return self.method in {None, request.method} and fnmatchcase(path, self.path)


@attrs.frozen(kw_only=True)
class LineFault:
    """
    A fault of lines of batches.

    Attributes:
        custom_id: Name of the line; ``None`` for all, or for every *every*-th line of the input file.

        status: Status of the answer; ``None`` lets the line through after *delay_s*.

        body: Body of the answer; ``None`` for an error object.

        delay_s: Seconds before the answer, by the clock of the script.

        is_timeout: Whether there is no answer at all, as after a time-out of the model.
    """

    custom_id: str | None = None
    every: int | None = None
    status: int | None = None
    body: bytes | None = None
    delay_s: float = 0.0
    is_timeout: bool = False

    def matches(self, task: Task) -> bool:
        """
        Return whether *task* has this fault.
        """
        if self.custom_id is not None:
            return task.custom_id == self.custom_id
        return self.every is None or task.line % self.every == 0


@attrs.define(eq=False)
class Script:
    """
    The faults and the clock of an embedded provider; any thread may change them at any time.

    `_lock` guards all faults; the clock has a lock of its own, which is taken under it.

    Attributes:
        clock: Time of batches, their windows, and the delays of faults.
    """

    clock: SpedUpClock = attrs.field(factory=SpedUpClock)
    _calls: list[tuple[CallFault, int]] = attrs.field(factory=list, init=False)
    _lines: list[LineFault] = attrs.field(factory=list, init=False)
    _lines_left: int | None = attrs.field(default=None, init=False)
    _window_s: float = attrs.field(default=0.0, init=False)
    _over: set[str] = attrs.field(factory=set, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    def add_call_fault(self, fault: CallFault, times: int) -> None:
        """
        Add a fault for the next *times* calls that match it; of several, the one added first comes first.
        """
        with self._lock:
            self._calls.append((fault, times))

    def add_line_fault(self, fault: LineFault) -> None:
        """
        Add a fault for every line that matches it; of several, the one added last counts.
        """
        with self._lock:
            self._lines.insert(0, fault)

    def expire_after(self, lines: int, window_s: float) -> None:
        """
        After *lines* more lines have been answered, set the clock *window_s* forward.
        """
        with self._lock:
            self._lines_left, self._window_s = lines, window_s

    def clear(self) -> None:
        """
        Forget all faults.
        """
        with self._lock:
            self._calls.clear()
            self._lines.clear()
            self._lines_left = None
            self._over.clear()

    def call_fault(self, request: Request) -> CallFault | None:
        """
        Return the fault of *request*, which is used up by that, or ``None``.
        """
        with self._lock:
            for index, (fault, times) in enumerate(self._calls):
                if fault.matches(request):
                    self._calls[index : index + 1] = [(fault, times - 1)] if times > 1 else []
                    return fault
        return None

    def line_fault(self, task: Task) -> LineFault | None:
        """
        Return the fault of *task*, or ``None``.

        Raises:
            TryAgain: The window of its batch is over, and this line is not to be answered any more.
        """
        with self._lock:
            if self._lines_left == 0:
                self.clock.advance(self._window_s)
                self._lines_left = None  # batches that come later have a window of their own
                self._over.add(task.batch_id)
            if task.batch_id in self._over:
                raise TryAgain(_NEVER_S)
            if self._lines_left is not None:
                self._lines_left -= 1
            return next((fault for fault in self._lines if fault.matches(task)), None)

    def pause(self, seconds: float, context: CallContext) -> None:
        """
        Wait *seconds* by the clock.

        Raises:
            CancelledError: *context* was cancelled meanwhile.
        """
        event = threading.Event()
        with context.aborting(event.set):
            self.clock.wait(seconds, event)
        context.raise_if_cancelled()


@attrs.frozen
class ScriptedTransport:
    """
    A transport with the faults of a script.
    """

    transport: Transport
    script: Script

    def send(self, request: Request, context: CallContext) -> Response:
        """
        Make one exchange, with the script's fault if there is one; see `aikit.http.messages.Transport.send`.
        """
        fault = self.script.call_fault(request)
        if fault is None:
            return self.transport.send(request, context)
        if fault.delay_s:
            self.script.pause(fault.delay_s, context)
        if fault.status is None and not fault.is_reset:
            return self.transport.send(request, context)
        if fault.acts_first:
            self.transport.send(attrs.evolve(request, sink=None), context)
        if fault.is_reset:
            raise ExchangeError(message=f"the connection to {request.url} broke, as scripted", code="connection_error")
        return _scripted_response(fault, request)

    def close(self) -> None:
        """
        Close the transport behind.
        """
        self.transport.close()


@attrs.frozen
class ScriptedAnswerer:
    """
    An answerer with the faults of a script.
    """

    answerer: Answerer
    script: Script

    def answer(self, task: Task, context: CallContext) -> Answer:
        """
        Answer *task*, with the script's fault if there is one.
        """
        fault = self.script.line_fault(task)
        if fault is None:
            return self.answerer.answer(task, context)
        if fault.delay_s:
            self.script.pause(fault.delay_s, context)
        if fault.is_timeout:
            return Answer(status_code=None, error=_LATE)
        if fault.status is None:
            return self.answerer.answer(task, context)
        body = REFUSAL if fault.body is None else fault.body
        return Answer(status_code=fault.status, request_id="req_scripted", body=body)


def scripted_transport(
    provider: LocalProvider, script: Script, http_agent: Any, *, has_call_faults: bool = True
) -> Transport:
    """
    Return a transport of *provider* that has the clock and the faults of *script*; those of calls only if wanted.
    """
    answers = provider.answers(http_agent)

    @contextmanager
    def opened() -> Iterator[Answerer]:
        with answers.open_answerer() as answerer:
            yield ScriptedAnswerer(answerer, script)

    local = LocalTransport(provider.home, script.clock, attrs.evolve(answers, open_answerer=opened))
    return ScriptedTransport(local, script) if has_call_faults else local


def _scripted_response(fault: CallFault, request: Request) -> Response:
    status = fault.status or 500
    body = REFUSAL if fault.body is None else fault.body
    headers = Headers({"content-type": "application/json", "content-length": str(len(body))}).merged(fault.headers)
    if request.sink is not None and status in {200, 206}:
        request.sink.begin(status, headers)
        request.sink.write(memoryview(body))
        body = b""
    return Response(status=status, headers=headers, body=body, request=request)


def json_bytes(value: object) -> bytes:
    """
    Return *value* as JSON; bytes and text count as JSON already.
    """
    if isinstance(value, bytes):
        return value
    return value.encode() if isinstance(value, str) else json.dumps(value, separators=(",", ":")).encode()
