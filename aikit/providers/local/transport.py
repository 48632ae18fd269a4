"""
The transport of the embedded provider: answers requests in OpenAI's format from a store, without a socket.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self, TypeAlias, cast
from urllib.parse import parse_qsl, unquote, urlsplit

import attrs

from aikit.http.bandwidth import DOWN, UP
from aikit.http.bodies import MultipartBody
from aikit.http.context import CallContext
from aikit.http.headers import Headers
from aikit.http.messages import Request, Reservoir, Response, Rest, Sink
from aikit.http.sinks import ResumingSink, content_of
from aikit.http.sources import Source
from aikit.providers.local import BASE_URL
from aikit.providers.local.api.files import FilesService
from aikit.providers.local.api.refusals import Refusal
from aikit.providers.local.api.replies import Reply, refusal_reply
from aikit.providers.local.api.uploads import UploadsService
from aikit.providers.local.batches.answer_settings import AnswerSettings
from aikit.providers.local.clock import Clock, RealClock
from aikit.providers.local.store.blobs import CHUNK_BYTES, Content
from aikit.providers.local.store.files import Store
from aikit.providers.local.store.uploads import UploadStore
from aikit.storage.database import giving_up
from aikit.storage.errors import StoreError
from aikit.types.errors import OpenAIError

if TYPE_CHECKING:
    from aikit.providers.local.api.batches import BatchesService

_MOST_JSON: Final = 1 << 20
_ACTIONS: Final = {"files": ("content",), "uploads": ("parts", "complete", "cancel"), "batches": ("cancel",)}
_Actions: TypeAlias = Mapping[tuple[str, bool, str], Callable[[], Reply]]


class LocalTransport:
    """
    A transport whose other end is a store in this process; safe for several threads.

    Work on batches starts in the background with the first request about them, and ends with `close`. `_lock` guards
    the making of the batches' service; it is held for no request.

    Attributes:
        store: Holds files, uploads and batches.

        answers: Settings of how lines of batches are answered.
    """

    def __init__(
        self, store_or_home: Store | Path | str, clock: Clock | None = None, answers: AnswerSettings | None = None
    ) -> None:
        if not isinstance(store_or_home, Store):
            store_or_home = Store(Path(store_or_home), clock or RealClock())
        self.store = store_or_home
        self.answers = answers or AnswerSettings()
        self._service = FilesService(store=self.store)
        self._uploads = UploadsService(uploads=UploadStore(self.store))
        self._batches: BatchesService | None = None
        self._is_closed = False
        self._lock = threading.Lock()

    def send(self, request: Request, context: CallContext) -> Response:
        """
        Answer *request*; see `aikit.http.messages.Transport.send`.

        Raises:
            OpenAIError: The source cannot be read, or the stored content cannot.
            CancelledError: *context* was cancelled.
        """
        started = time.perf_counter()
        context.raise_if_cancelled()
        with giving_up(context.raise_if_cancelled):
            reply = self._reply(request, context)
        headers = Headers(reply.headers)
        response = Response(status=reply.status, headers=headers, request=request)
        return _Delivery(response, _delivered(reply, headers, request, context), started).resume()

    def close(self) -> None:
        """
        Stop the work on batches, and close the store's database; later requests start no work.
        """
        with self._lock:
            self._is_closed, batches = True, self._batches
        if batches is not None:
            batches.worker.stop()
        self.store.close()

    def _reply(self, request: Request, context: CallContext) -> Reply:
        url = urlsplit(request.url)
        route = _Route.of(_without_surrogates(f"{url.scheme}://{url.netloc}{url.path}"))
        if route is None:
            return refusal_reply(_unknown_url(request.method, url.path))
        query = dict(parse_qsl(_without_surrogates(url.query), keep_blank_values=True))
        if route.collection == "files":
            actions = self._file_actions(route, query, request, context)
        elif route.collection == "uploads":
            actions = self._upload_actions(route, request, context)
        else:
            actions = self._batch_actions(route, query, request)
        act = actions.get((request.method, bool(route.id), route.action))
        return refusal_reply(_wrong_method(request.method, url.path)) if act is None else act()

    def _file_actions(
        self, route: _Route, query: Mapping[str, str], request: Request, context: CallContext
    ) -> _Actions:
        service = self._service
        return {
            ("POST", False, ""): lambda: self._create(request, context),
            ("GET", False, ""): lambda: service.list(query),
            ("GET", True, ""): lambda: service.retrieve(route.id),
            ("DELETE", True, ""): lambda: service.delete(route.id),
            ("GET", True, "content"): lambda: service.content(route.id, _asked_headers(request)),
        }

    def _upload_actions(self, route: _Route, request: Request, context: CallContext) -> _Actions:
        service = self._uploads
        return {
            ("POST", False, ""): lambda: service.create(_json_of(request)),
            ("POST", True, "parts"): lambda: self._add_part(service, route.id, request, context),
            ("POST", True, "complete"): lambda: service.complete(
                route.id, _json_of(request), context.raise_if_cancelled
            ),
            ("POST", True, "cancel"): lambda: service.cancel(route.id),
        }

    def _batch_actions(self, route: _Route, query: Mapping[str, str], request: Request) -> _Actions:
        service = self._batches_service()
        return {
            ("POST", False, ""): lambda: service.create(_json_of(request)),
            ("GET", False, ""): lambda: service.list(query),
            ("GET", True, ""): lambda: service.retrieve(route.id),
            ("POST", True, "cancel"): lambda: service.cancel(route.id),
        }

    def _batches_service(self) -> BatchesService:
        from aikit.providers.local.api.batches import BatchesService  # noqa: PLC0415  a fifth of the imports, for batches only

        with self._lock:
            if self._batches is None:
                self._batches = BatchesService.on(self.store, self.answers)
                if self._is_closed:
                    self._batches.worker.ask_to_stop()
            return self._batches

    def _create(self, request: Request, context: CallContext) -> Reply:
        body = request.body
        if not isinstance(body, MultipartBody) or body.file_field != "file":
            return self._service.create({}, None, ())
        source = body.source
        with closing(_chunks(source, context, request.attempt)) as chunks:
            return self._service.create(body.fields, source.name, chunks, source.size_bytes)

    def _add_part(self, service: UploadsService, upload_id: str, request: Request, context: CallContext) -> Reply:
        body = request.body
        if not isinstance(body, MultipartBody) or body.file_field != "data":
            return service.add_part(upload_id, None, None)
        with closing(_chunks(body.source, context, request.attempt)) as chunks:
            return service.add_part(upload_id, chunks, body.source.size_bytes)


@attrs.frozen
class _Route:
    """
    The collection, object and action that a URL names.

    Attributes:
        collection: ``"files"``, ``"uploads"`` or ``"batches"``.

        id: Id of the object; empty for the collection.

        action: ``"content"``, ``"parts"``, ``"complete"`` or ``"cancel"``; empty for the object itself.
    """

    collection: str
    id: str
    action: str

    @classmethod
    def of(cls, address: str) -> Self | None:
        """
        Parse *address*; return ``None`` for one that the embedded provider does not have.
        """
        if not address.startswith(f"{BASE_URL}/"):
            return None
        collection, _, item_id = address.removeprefix(f"{BASE_URL}/").rstrip("/").partition("/")
        if collection not in _ACTIONS:
            return None
        action = next((name for name in _ACTIONS[collection] if item_id.endswith(f"/{name}")), "")
        return cls(collection, unquote(item_id.removesuffix(f"/{action}")), action)


def _json_of(request: Request) -> bytes:
    if request.body is None:
        return b""
    content = bytearray()
    with closing(request.body.open()) as reader:
        while len(content) <= _MOST_JSON and (chunk := reader.read(_MOST_JSON)):
            content += chunk
    return bytes(content)


def _without_surrogates(text: str) -> str:
    """
    Return *text* without lone surrogates, which SQLite does not take.
    """
    return text.encode("utf-8", "replace").decode()


def _chunks(source: Source, context: CallContext, attempt: int) -> Generator[bytes]:
    with closing(source.open()) as reader:
        done = 0
        context.report("uploading", done, source.size_bytes, attempt)
        while chunk := reader.read(context.block_size(CHUNK_BYTES)):
            context.throttle(UP, len(chunk))
            yield chunk
            done += len(chunk)
            context.report("uploading", done, source.size_bytes, attempt)


def _asked_headers(request: Request) -> dict[str, str]:
    wanted = request.headers if request.sink is None else request.headers.merged(request.sink.request_headers())
    return {name.lower(): value for name, value in wanted.items()}


@attrs.define(eq=False)
class _Delivery:
    """
    An answer while its body goes into the request's sink or into memory.
    """

    response: Response
    pieces: Generator[None, None, bytes]
    started: float

    @property
    def sink(self) -> Reservoir:
        """The request's sink, which alone can be full."""
        return cast("Reservoir", self.response.request.sink)

    def resume(self) -> Response:
        """
        Go on to the end, or until the sink is full.
        """
        body = b""
        rest: Rest | None = self
        try:
            next(self.pieces)
        except StopIteration as stop:
            body, rest = stop.value, None
        return attrs.evolve(self.response, body=body, rest=rest, elapsed_s=time.perf_counter() - self.started)

    def close(self) -> None:
        """
        Close the file.
        """
        self.pieces.close()


def _delivered(reply: Reply, headers: Headers, request: Request, context: CallContext) -> Generator[None, None, bytes]:
    """
    Write the body to the request's sink, or return it; whenever the sink is full, yield.
    """
    if reply.content is None:
        if request.sink is None or reply.status not in {200, 206}:
            return reply.body
        request.sink.begin(reply.status, headers)
        request.sink.write(memoryview(reply.body))
        return content_of(request.sink)
    try:
        with reply.content as content:
            if request.sink is not None:
                done = request.sink.begin(reply.status, headers)
                yield from _stream(content, request.sink, done, context, request.attempt)
                return content_of(request.sink)
            return _collect(content, context)
    except StoreError as error:
        raise OpenAIError(message=error.message, code=error.code, type="server_error") from error


def _stream(content: Content, sink: Sink, done: int, context: CallContext, attempt: int) -> Generator[None, None, None]:
    total, reservoir = done + content.size_bytes, sink if isinstance(sink, ResumingSink) else None
    if reservoir is not None and reservoir.is_full:
        yield
    context.report("downloading", done, total, attempt)
    for chunk in content.chunks():
        for block in _throttled(chunk, context):
            sink.write(block)
            done += len(block)
            context.report("downloading", done, total, attempt)
            if reservoir is not None and reservoir.is_full:
                yield


def _collect(content: Content, context: CallContext) -> bytes:
    collected = io.BytesIO()
    for chunk in content.chunks():
        for block in _throttled(chunk, context):
            context.raise_if_cancelled()
            collected.write(block)
    return collected.getvalue()  # the one copy there is


def _throttled(chunk: memoryview, context: CallContext) -> Iterator[memoryview]:
    """
    Yield the blocks of *chunk*, each when bandwidth, pause and cancellation let it pass.
    """
    step = context.block_size(len(chunk))
    for start in range(0, len(chunk), step):
        block = chunk[start : start + step]
        context.throttle(DOWN, len(block))
        yield block


def _unknown_url(method: str, path: str) -> Refusal:
    return Refusal(
        f"Unknown request URL: {method} {path}. The embedded provider answers at "
        f"{BASE_URL}/files, {BASE_URL}/uploads and {BASE_URL}/batches.",
        code="unknown_url",
        status=404,
    )


def _wrong_method(method: str, path: str) -> Refusal:
    return Refusal(
        f"Not allowed to {method} on {path}. GET lists and reads, POST creates, completes and cancels, DELETE "
        "deletes a file.",
        code="method_not_supported",
        status=405,
    )
