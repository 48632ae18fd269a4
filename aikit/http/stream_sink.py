"""
Where a content goes that is read while it comes: a few chunks wait for the reader, who is never given a byte twice.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from aikit.http.headers import Headers
from aikit.http.sinks import ResumingSink, SizeUnknownError
from aikit.types.errors import OpenAIError
from aikit.types.interruptions import suppress

QUEUE_BYTES: Final = 512 * 1024
"""Bytes that wait for a reader beside the transfer before it stops."""


class EnoughError(Exception):
    """
    All that is wanted of a content has come, and more is on its way.
    """


@attrs.define(kw_only=True, eq=False)
class StreamSink(ResumingSink):
    """
    A content on its way to a reader, or a range of it; after a break it goes on where the reader is.

    A provider that does not know ranges sends all of it, of which the reader gets the range.

    Attributes:
        start: First byte that is wanted; below zero until an answer tells from where on that counts.

        end: The byte after the last one that is wanted; ``None`` for all to the end.

        queue_bytes: As many wait before the transfer stops; with 0 it stops after every chunk.

        headers: Those of the answer; ``None`` before it has come.
    """

    # `_lock` guards the chunks and the two callbacks, which are called without it. All else belongs to the transfer,
    # which one thread at a time runs; *headers* is set once, last.

    start: int = 0
    end: int | None = None
    queue_bytes: int = QUEUE_BYTES
    headers: Mapping[str, str] | None = None
    undone: str = "what came is not all of it"
    _next: int = 0
    _identity: tuple[str, str, int | None] = ("", "", None)
    _chunks: deque[bytes] = attrs.field(factory=deque)
    _queued: int = 0
    _on_room: Callable[[], object] | None = None
    _on_change: Callable[[], object] | None = None
    _lock: Any = attrs.field(factory=threading.Lock)

    def __attrs_post_init__(self) -> None:
        self.done = self._next = max(self.start, 0)

    @property
    def size(self) -> int | None:
        """Bytes that are to come in all; ``None`` where no answer tells."""
        if self.headers is None or self.total is None:
            return None
        return max(min(self.total, self.total if self.end is None else self.end) - self.start, 0)

    def request_headers(self) -> Mapping[str, str]:
        """
        Ask for what is still missing; only if it is still the same, where the provider gave a strong validator.
        """
        # RFC 9110 section 14.1.2
        headers = dict(super().request_headers())
        if self.start < 0:
            headers["Range"] = f"bytes={self.start}"
        elif headers or (self.end is not None and not self._is_encoded):
            headers["Range"] = f"bytes={self.resumable}-{'' if self.end is None else self.end - 1}"
        return headers

    def begin(self, status: int, headers: Mapping[str, str]) -> int:
        """
        Go on where the answer starts, or skip what the reader has got of an answer that starts anew.

        Raises:
            OpenAIError: It is another content now (code ``"file_changed"``), or has no such range
                (``"range_not_satisfiable"``).
        """
        if self.start < 0 and status == 206:
            self.done = self.start = self._next = self._parse_range(status, headers)[0]
        start = super().begin(status, headers)
        identity = (self._etag, self._last_modified, self.total)
        if self.headers is not None:
            self._require_same(identity)
            return start
        self._identity = identity
        if self.start < 0:
            self.start = self._next = max(self.start + self.total, 0) if self.total is not None else 0
        if self.total is not None and self.start > max(self.total - 1, 0):
            raise self._outside()
        self.headers = Headers(headers)
        self.tell()
        return start

    def write(self, chunk: memoryview, /) -> None:
        """
        Have one chunk wait for the reader, as far as it has not got it.

        Raises:
            EnoughError: All that is wanted was there before.
        """
        self.require_room(len(chunk))
        if self._next == self.end:
            raise EnoughError
        wanted = chunk[self._next - self.done :][: None if self.end is None else self.end - self._next]
        self.done += len(chunk)
        if not wanted:
            return
        with self._lock:
            self._chunks.append(bytes(wanted))
            self._queued += len(wanted)
        self._next += len(wanted)
        self.tell()

    def require_room(self, count: int) -> None:
        """
        Check that *count* more bytes are no more than were announced; of an unknown number, the reader may take any.

        Raises:
            OpenAIError: They are (code ``"size_mismatch"``).
        """
        with suppress(SizeUnknownError):
            super().require_room(count)

    def restart(self) -> None:
        """
        Have the next attempt ask for the whole, if an answer was there already; else for what was wanted.
        """
        super().restart()
        if self.headers is None:
            self.done = self._next

    def finish(self, expected_bytes: int | None) -> None:
        """
        Check that all that is wanted came.

        Raises:
            OpenAIError: Bytes are missing (code ``"size_mismatch"``), or there is no such range
                (``"range_not_satisfiable"``).
        """
        if self.end is None or self.done < self.end:
            self.require_whole(expected_bytes)
        if self.start > self.done:
            raise self._outside()

    @property
    def is_full(self) -> bool:
        """Whether no more is to be written before the reader has taken something."""
        return self._queued >= self.queue_bytes

    @property
    def has_room(self) -> bool:
        """Whether the reader has taken enough to go on."""
        return self._queued <= self.queue_bytes // 2

    def when_room(self, call: Callable[[], object], /) -> None:
        """
        Call *call* once, as soon as there is room; at once if there is.
        """
        with self._lock:
            has_room = self.has_room
            self._on_room = None if has_room else call
        if has_room:
            call()

    def take(self) -> bytes | None:
        """
        Return the chunk that waits longest; ``None`` if none does.
        """
        with self._lock:
            if not self._chunks:
                return None
            chunk = self._chunks.popleft()
            self._queued -= len(chunk)
            on_room = self._on_room if self.has_room else None
            if on_room is not None:
                self._on_room = None
        if on_room is not None:
            on_room()
        return chunk

    @property
    def is_empty(self) -> bool:
        """Whether no chunk waits for the reader."""
        return not self._chunks

    def discard(self) -> None:
        """
        Forget the chunks that wait: there is no reader any more.
        """
        with self._lock:
            self._chunks.clear()
            self._queued = 0

    def notify(self, call: Callable[[], object]) -> None:
        """
        Call *call* once, when something comes: headers, a chunk, or the end.
        """
        with self._lock:
            self._on_change = call

    def tell(self) -> None:
        """
        Wake the reader: something has come, or nothing comes any more.
        """
        with self._lock:
            on_change, self._on_change = self._on_change, None
        if on_change is not None:
            on_change()

    def _is_same(self, total: int | None, headers: Mapping[str, str]) -> bool:
        return self.headers is None or super()._is_same(total, headers)

    def _require_same(self, identity: tuple[str, str, int | None]) -> None:
        """
        Check that an answer to go on with is of the content that the reader was told of.
        """
        (*tags, total), (*before, known) = identity, self._identity
        if self.done < self._next and (tags != before or (total != known and None not in {total, known})):
            raise OpenAIError(
                message="the file is another one than when its content began to come; read it again",
                code="file_changed",
            )

    def _outside(self) -> OpenAIError:
        total = self.done if self.total is None else self.total
        return OpenAIError(
            message=f"the file has {total:,} bytes, none of them from {self.start:,} on",
            code="range_not_satisfiable",
            param="start",
            status=416,
            headers={"content-range": f"bytes */{total}"},
        )
