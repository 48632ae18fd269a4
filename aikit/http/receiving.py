"""
The body of an answer: read in blocks and decoded here, within bounds that the peer does not set.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Generator, Iterator
from typing import Any, Final

import attrs
import urllib3

from aikit.http.bandwidth import DOWN
from aikit.http.connections import BLOCK_BYTES, Answer, Exchange
from aikit.http.headers import Headers, redacted
from aikit.http.messages import Request, Sink
from aikit.http.sinks import ResumingSink, content_of
from aikit.types.errors import OpenAIError

MOST_BYTES: Final = 64 * 1024 * 1024
"""Limit for an answer that is read into memory, decoded."""
_MOST_REFUSAL_BYTES: Final = 1024 * 1024
_PIECE_BYTES: Final = 16 * 1024  # a decoder copies what it has not used yet: many small members stay cheap
_SLACK_BYTES: Final = 16 * 1024 * 1024
_LENGTH: Final = re.compile(r"\d{1,18}", re.ASCII)
_SHOWN: Final = 60
_GZIP: Final = 16 + zlib.MAX_WBITS
_GZIP_NAMES: Final = frozenset(("gzip", "x-gzip"))


@attrs.define(eq=False)
class Decoder:
    """
    Decodes gzip and deflate in blocks, and knows whether the end was reached.

    Attributes:
        is_gzip: Several members may follow each other; else zlib's format, or deflate without its frame.
    """

    # RFC 9110 section 8.4.1, RFC 1952 section 2.2

    is_gzip: bool
    _stream: Any = None
    _held: bytes = b""
    _is_begun: bool = False
    _fed_bytes: int = 0
    _made_bytes: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether the content is at an end."""
        return self._is_begun and self._stream is None and not self._held

    def blocks(self, data: bytes | memoryview) -> Iterator[bytes]:
        """
        Decode *data*, which follows what came before, into blocks of bounded size.

        Raises:
            DecodeError: It cannot be decoded, or makes nothing out of very much.
        """
        self._fed_bytes += len(data)
        if self._fed_bytes > 2 * self._made_bytes + _SLACK_BYTES:
            raise urllib3.exceptions.DecodeError("the encoded answer has hardly any content")
        for start in range(0, len(data), _PIECE_BYTES):
            piece = bytes(data[start : start + _PIECE_BYTES])
            try:
                yield from self._decoded(piece)
            except zlib.error as error:
                raise urllib3.exceptions.DecodeError(f"the answer cannot be decoded: {error}") from error

    def _decoded(self, piece: bytes) -> Iterator[bytes]:
        while True:
            if self._stream is None:
                piece = self._held + (piece.lstrip(b"\0") if self._is_begun else piece)  # tar's padding after the end
                self._held = b""
                if len(piece) < 2:  # as many tell the format
                    self._held = piece
                    return
                self._stream = self._begun(piece)
            block = self._stream.decompress(piece, BLOCK_BYTES)
            self._made_bytes += len(block)
            if block:
                yield block
            if self._stream.eof:
                piece, self._stream = self._stream.unused_data, None
            else:
                piece = self._stream.unconsumed_tail
                if not piece and len(block) < BLOCK_BYTES:
                    return

    def _begun(self, piece: bytes) -> Any:
        if self._is_begun and not self.is_gzip:
            raise urllib3.exceptions.DecodeError("the encoded answer goes on after its end")
        self._is_begun = True
        if self.is_gzip:
            return zlib.decompressobj(_GZIP)
        has_frame = piece[0] & 15 == 8 and not (piece[0] << 8 | piece[1]) % 31
        return zlib.decompressobj(zlib.MAX_WBITS if has_frame else -zlib.MAX_WBITS)


def is_encoded(headers: Any) -> bool:
    """
    Return whether the body on the wire is another than the content.
    """
    return bool(_encodings(headers))


def _encodings(headers: Any) -> list[str]:
    named = (name.strip().lower() for name in headers.get("content-encoding", "").split(","))
    return [name for name in named if name not in {"", "identity"}]


@attrs.frozen(kw_only=True, eq=False)
class Receiver:
    """
    The body of one answer under way, into the request's sink or into memory.

    Attributes:
        raw: urllib3's response.
    """

    request: Request
    status: int
    headers: Headers
    raw: Any
    exchange: Exchange

    def receive(self) -> Generator[None, None, bytes]:
        """
        Read the body; return what is kept in memory of it. Whenever the sink is full, yield.

        Raises:
            OpenAIError: It is encoded in a way that was not asked for, or too large (code ``"invalid_response"``).
            HTTPError: It broke off.
        """
        if self.request.sink is not None and self.status in {200, 206}:
            yield from self._into_sink(self.request.sink)
            return content_of(self.request.sink)
        if not 200 <= self.status <= 299:
            return self._refusal()
        body = io.BytesIO()
        for block in self._blocks(self._decoder()):
            if body.tell() + len(block) > MOST_BYTES:
                raise self._unusable(f"has more than {MOST_BYTES:,} bytes")
            body.write(block)
        if self.status == 200 and not body.tell() and not self._is_framed():
            # cut within its headers, which the parser below takes for a whole one without a body
            raise urllib3.exceptions.ProtocolError("the answer ended within its headers")
        return body.getvalue()  # shared, no second copy

    def _into_sink(self, sink: Sink) -> Generator[None, None, None]:
        decoder, context = self._decoder(), self.exchange.context
        done = sink.begin(self.status, self.headers)
        reservoir = sink if isinstance(sink, ResumingSink) else None
        if reservoir is not None and reservoir.is_full:
            yield
        length = self.headers.get("content-length", "")
        total = done + int(length) if _LENGTH.fullmatch(length) and decoder is None else None
        for block in self._blocks(decoder):
            sink.write(memoryview(block))
            done += len(block)
            context.report("downloading", done, total, self.request.attempt)
            if reservoir is not None and reservoir.is_full:
                yield

    def _refusal(self) -> bytes:
        """
        Read as much of a refusal or a redirect as will be shown: its status counts, whatever its body is.
        """
        body = io.BytesIO()
        try:
            for block in self._blocks(self._decoder()):
                body.write(block[: _MOST_REFUSAL_BYTES - body.tell()])
                if body.tell() >= _MOST_REFUSAL_BYTES:
                    break
        except (OpenAIError, urllib3.exceptions.DecodeError):
            pass
        return body.getvalue()

    def _blocks(self, decoder: Decoder | None) -> Iterator[bytes | memoryview]:
        """
        Read the body as it comes, so that a break loses nothing that came; a block is valid until the next one is read.
        """
        for chunk in self._chunks():
            self.exchange.context.throttle(DOWN, len(chunk))
            if decoder is None:
                yield chunk
            else:
                yield from decoder.blocks(chunk)
        if decoder is not None and not decoder.is_whole and self.headers.get("content-length") != "0":
            raise urllib3.exceptions.DecodeError("the answer ended before its encoded content did")

    def _chunks(self) -> Iterator[bytes | memoryview]:
        most, raw, answer = self.exchange.context.block_size(BLOCK_BYTES), self.raw, self.exchange.answer
        if answer is None or not answer.is_plain or self.request.sink is None:
            while chunk := raw.read1(most, decode_content=False):
                yield chunk
            return
        yield from self._chunks_in_place(answer, most)

    def _chunks_in_place(self, answer: Answer, most: int) -> Iterator[memoryview]:
        view = memoryview(bytearray(min(most, answer.length or 0)))  # read into and written from, without a copy
        while count := answer.receive_into(view):
            if answer.isclosed():
                self.raw.release_conn()  # a rested connection belongs to no call, also while its last bytes are written
            yield view[:count]

    def _is_framed(self) -> bool:
        return "content-length" in self.headers or "transfer-encoding" in self.headers

    def _decoder(self) -> Decoder | None:
        """
        Return what decodes the body; ``None`` if it is the content.
        """
        transfer = self.raw.headers.get("transfer-encoding", "chunked").strip().lower()
        names = _encodings(self.raw.headers)
        if transfer in {"chunked", "identity"} and not names:
            return None
        if transfer == "chunked" and len(names) == 1 and names[0] in _GZIP_NAMES | {"deflate"}:
            return Decoder(is_gzip=names[0] in _GZIP_NAMES)
        told = ", ".join(names) if transfer == "chunked" else transfer
        raise self._unusable(
            f"is encoded as {told[:_SHOWN]!r}, which is not read; a proxy or server on the way does so"
        )

    def _unusable(self, why: str) -> OpenAIError:
        return OpenAIError(
            message=f"the answer of {redacted(self.request.url)} {why}",
            code="invalid_response",
            status=self.status,
            headers=self.headers.without_secrets(),
        )
