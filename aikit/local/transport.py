"""
Requests in OpenAI's format answered from a store on this machine, without a socket.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from aikit.disk.database import giving_up
from aikit.disk.faults import StoreError
from aikit.errors import OpenAIError
from aikit.headers import Headers
from aikit.local import BASE_URL
from aikit.local.content import CHUNK_BYTES, Content
from aikit.local.rules import Refusal
from aikit.local.service import FilesService, Reply, refusal_reply
from aikit.local.store import Store
from aikit.multipart import MultipartBody
from aikit.source import Source
from aikit.watch import Watch
from aikit.wire import Request, Response


class LocalTransport:
    """
    A transport whose other end is a store in this process; safe for several threads.

    Attributes:
        store: What it answers from.
    """

    def __init__(self, store_or_home: Store | Path | str, clock: Callable[[], float] = time.time) -> None:
        self.store = store_or_home if isinstance(store_or_home, Store) else Store(Path(store_or_home), clock)
        self._service = FilesService(store=self.store)

    def send(self, request: Request, watch: Watch) -> Response:
        """
        Answer *request*; see `aikit.wire.Transport.send`.

        Raises:
            OpenAIError: The source cannot be read, or the stored content cannot.
            CancelledError: *watch* was cancelled.
        """
        started = time.perf_counter()
        watch.raise_if_cancelled()
        with giving_up(watch.raise_if_cancelled):
            reply = self._reply(request, watch)
        headers = Headers(reply.headers)
        body = _delivered(reply, headers, request, watch)
        return Response(
            status=reply.status,
            headers=headers,
            body=body,
            request=request,
            elapsed_s=time.perf_counter() - started,
        )

    def close(self) -> None:
        """
        Let go of the store's database.
        """
        self.store.close()

    def _reply(self, request: Request, watch: Watch) -> Reply:
        url = urlsplit(request.url)
        place = _place(_storable(f"{url.scheme}://{url.netloc}{url.path}"))
        if place is None:
            return refusal_reply(_unknown_url(request.method, url.path))
        file_id, is_content = place
        service = self._service
        route: dict[tuple[str, bool, bool], Callable[[], Reply]] = {
            ("POST", False, False): lambda: self._create(request, watch),
            ("GET", False, False): lambda: service.list(dict(parse_qsl(_storable(url.query), keep_blank_values=True))),
            ("GET", True, False): lambda: service.retrieve(file_id),
            ("DELETE", True, False): lambda: service.delete(file_id),
            ("GET", True, True): lambda: service.content(file_id, _asked(request)),
        }
        act = route.get((request.method, bool(file_id), is_content))
        return refusal_reply(_wrong_method(request.method, url.path)) if act is None else act()

    def _create(self, request: Request, watch: Watch) -> Reply:
        body = request.body
        if not isinstance(body, MultipartBody) or body.file_field != "file":
            return self._service.create({}, None, ())
        source = body.source
        with closing(_chunks(source, watch, request.attempt)) as chunks:
            return self._service.create(body.fields, source.name, chunks, source.size_bytes)


def _place(address: str) -> tuple[str, bool] | None:
    """
    Return the file id in *address*, empty for all files, and whether its content is meant; ``None`` for other places.
    """
    path = address.removeprefix(BASE_URL).rstrip("/")
    if not address.startswith(BASE_URL) or not f"{path}/".startswith("/files/"):
        return None
    rest = path.removeprefix("/files").removeprefix("/")
    file_id = rest.removesuffix("/content")
    return unquote(file_id), file_id != rest


def _storable(text: str) -> str:
    """
    Return *text* without lone surrogates, which SQLite does not take.
    """
    return text.encode("utf-8", "replace").decode()


def _chunks(source: Source, watch: Watch, attempt: int) -> Generator[bytes]:
    with closing(source.open()) as reader:
        done = 0
        watch.report("uploading", done, source.size_bytes, attempt)
        while chunk := reader.read(CHUNK_BYTES):
            yield chunk
            done += len(chunk)
            watch.report("uploading", done, source.size_bytes, attempt)


def _asked(request: Request) -> dict[str, str]:
    wanted = request.headers if request.sink is None else request.headers.merged(request.sink.request_headers())
    return {name.lower(): value for name, value in wanted.items()}


def _delivered(reply: Reply, headers: Headers, request: Request, watch: Watch) -> bytes:
    """
    Hand the body to the request's sink, or return it.
    """
    if reply.content is None:
        if request.sink is None or reply.status not in {200, 206}:
            return reply.body
        request.sink.begin(reply.status, headers)
        request.sink.write(memoryview(reply.body))
        return b""
    try:
        with reply.content as content:
            if request.sink is not None:
                _stream(content, request, reply.status, headers, watch)
                return b""
            collected = io.BytesIO()
            content.copy_to(collected.write)
            return collected.getvalue()  # the one copy there is
    except StoreError as error:
        raise OpenAIError(message=error.message, code=error.code, type="server_error") from error


def _stream(content: Content, request: Request, status: int, headers: Headers, watch: Watch) -> None:
    sink = request.sink
    if sink is None:
        return
    done = sink.begin(status, headers)
    total = done + content.size_bytes

    def write(chunk: memoryview) -> None:
        nonlocal done
        sink.write(chunk)
        done += len(chunk)
        watch.report("downloading", done, total, request.attempt)

    watch.report("downloading", done, total, request.attempt)
    content.copy_to(write)


def _unknown_url(method: str, path: str) -> Refusal:
    return Refusal(
        f"Unknown request URL: {method} {path}. The embedded provider answers at {BASE_URL}/files.",
        code="unknown_url",
        status=404,
    )


def _wrong_method(method: str, path: str) -> Refusal:
    return Refusal(
        f"Not allowed to {method} on {path}. GET lists and reads files, POST creates one, DELETE deletes one.",
        code="method_not_supported",
        status=405,
    )
