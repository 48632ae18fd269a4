"""
Streams that read other streams: buffers, decompressors, temporary files, uploads of web frameworks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from aikit.types.interruptions import let_through

_MOST_LAYERS: Final = 10
_INNER: Final = ("raw", "_fp", "fileobj", "stream", "file")
"""Of buffers, of bz2 and lzma, of gzip and tar, of Flask, of tempfile and Django."""


def attribute(stream: Any, name: str, default: Any = None) -> Any:
    """
    Return an attribute of *stream*, *default* if it has none or raises: a detached buffer does for nearly all.
    """
    try:
        return getattr(stream, name, default)
    except Exception as error:  # noqa: BLE001  a foreign property may raise anything
        let_through(error)
        return default


def layers(stream: Any) -> Iterator[Any]:
    """
    Yield *stream*, the stream that it reads, the one that this reads, and so on.
    """
    yield stream
    for _ in range(_MOST_LAYERS):
        found = (attribute(stream, name) for name in _INNER)
        inner = next((one for one in found if one is not stream and callable(attribute(one, "read"))), None)
        if inner is None:
            return
        stream = inner
        yield stream
