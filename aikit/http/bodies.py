"""
Bodies of requests: JSON, and multipart/form-data around a source that is streamed.
"""

from __future__ import annotations

import io
import json
import mimetypes
import os
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Any, Final

import attrs

from aikit.http.messages import Reader
from aikit.http.sources import Source

_ESCAPES: Final = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})
_OFFICE: Final = "application/vnd.openxmlformats-officedocument."
_OPEN: Final = "application/vnd.oasis.opendocument."
# those of contents that get a name here, which systems tell each in its own way, or not at all
_TYPES: Final = {
    ".jsonl": "application/jsonl",
    ".md": "text/markdown",
    ".docx": f"{_OFFICE}wordprocessingml.document",
    ".xlsx": f"{_OFFICE}spreadsheetml.sheet",
    ".pptx": f"{_OFFICE}presentationml.presentation",
    ".odt": f"{_OPEN}text",
    ".ods": f"{_OPEN}spreadsheet",
    ".odp": f"{_OPEN}presentation",
    ".epub": "application/epub+zip",
    ".ogg": "audio/ogg",
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".mkv": "video/x-matroska",
    ".7z": "application/x-7z-compressed",
    ".zip": "application/zip",
    ".tar": "application/x-tar",
    ".rtf": "application/rtf",
    ".pdf": "application/pdf",
    ".wav": "audio/x-wav",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".avi": "video/x-msvideo",
    ".3gp": "video/3gpp",
    ".tif": "image/tiff",
    ".heic": "image/heic",
    ".avif": "image/avif",
    ".webp": "image/webp",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
}


@attrs.frozen(kw_only=True)
class BytesBody:
    """
    A short body held in memory.
    """

    content: bytes = attrs.field(repr=False)
    content_type: str = "application/json"
    is_replayable: bool = True

    @property
    def size_bytes(self) -> int:
        """Exact size."""
        return len(self.content)

    @property
    def payload_bytes(self) -> int:
        """The same: nothing is around it."""
        return len(self.content)

    def open(self) -> Reader:
        """
        Start from its first byte.
        """
        return io.BytesIO(self.content)


def json_body(value: Any) -> BytesBody:
    """
    Return *value* as a JSON body.
    """
    return BytesBody(content=json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


@attrs.frozen(kw_only=True)
class MultipartBody:
    """
    Form fields, then one file, as multipart/form-data; the file is streamed.

    Attributes:
        fields: Names and values, nested ones with brackets: ``expires_after[anchor]``.

        file_field: Name of the field that carries *source*.

        boundary: Random, so that no file contains it.
    """

    # RFC 7578; names are escaped as browsers do: https://html.spec.whatwg.org/#multipart-form-data (read 2026-11-21)

    fields: Mapping[str, str] = attrs.field(repr=lambda fields: repr([*fields]))  # a caller's own may be secrets
    file_field: str
    source: Source
    boundary: str = attrs.field(factory=lambda: os.urandom(16).hex())

    @property
    def content_type(self) -> str:
        """Value of the Content-Type header."""
        return f"multipart/form-data; boundary={self.boundary}"

    @cached_property
    def size_bytes(self) -> int | None:
        """Exact size, ``None`` when the source's is unknown."""
        size = self.source.size_bytes
        return None if size is None else len(self._head) + size + len(self._tail)

    @cached_property
    def payload_bytes(self) -> int | None:
        """Size of the source, ``None`` when it is unknown."""
        return self.source.size_bytes

    @property
    def is_replayable(self) -> bool:
        """Whether the source can be read more than once."""
        return self.source.is_replayable

    def open(self) -> Reader:
        """
        Start from its first byte; see `aikit.http.sources.Source.open`.
        """
        head, tail = self._head, self._tail
        return _MultipartReader(head, self.source.open(), tail, self.source.size_bytes)

    @cached_property
    def _head(self) -> bytes:
        parts = [
            f'--{self.boundary}\r\nContent-Disposition: form-data; name="{_escaped(name)}"\r\n\r\n{value}\r\n'
            for name, value in self.fields.items()
        ]
        name = self.source.name
        parts.append(
            f'--{self.boundary}\r\nContent-Disposition: form-data; name="{_escaped(self.file_field)}"; '
            f'filename="{_escaped(name)}"\r\nContent-Type: {type_of(self.source)}\r\n\r\n'
        )
        return "".join(parts).encode()

    @cached_property
    def _tail(self) -> bytes:
        return f"\r\n--{self.boundary}--\r\n".encode()


@attrs.define
class _MultipartReader:
    """
    Reads head, file and tail as one; a small file leaves in one piece.
    """

    _head: bytes
    _file: Reader
    _tail: bytes
    _left: int | None
    _is_at_end: bool = False

    def read(self, size: int, /) -> bytes:
        if self._is_at_end:
            return b""
        chunk = self._file.read(size)
        if self._left is not None:
            self._left -= len(chunk)
        self._is_at_end = not chunk or self._left == 0
        head, self._head = self._head, b""
        return head + chunk + (self._tail if self._is_at_end else b"")

    def close(self) -> None:
        self._file.close()


def type_of(source: Source) -> str:
    """
    Return the media type of *source*: that which the caller says, or else that which its name stands for.
    """
    return source.mime_type or media_type(source.name)


def media_type(filename: str) -> str:
    """
    Return the media type that *filename*'s extension stands for.
    """
    return _type_of(filename[filename.rfind(".") :].lower() if "." in filename else "")


@lru_cache(maxsize=256)
def _type_of(extension: str) -> str:
    kind = mimetypes.guess_type(f"file{extension}", strict=False)[0]  # of the extension alone: data:, x is no name
    return _TYPES.get(extension) or kind or "application/octet-stream"


def _escaped(name: str) -> str:
    return name.translate(_ESCAPES)
