"""
The download of one file to disk.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aikit.http.flow import Flow
from aikit.http.sinks import FileSink
from aikit.resources.files.results import Saved
from aikit.types.errors import OpenAIError

if TYPE_CHECKING:
    from aikit.providers import Provider

_UNSAFE: Final = re.compile(r"[/\\\0-\x1f]")


def download_file(provider: Provider, file_id: str, path: str) -> Flow[Saved]:
    """
    Save the content of a file at *path*, or in the folder *path* under the file's own name.

    Raises:
        OpenAIError: It did not arrive whole, or *path* cannot be written; a file that was there before is unchanged.
    """
    target = Path(path)
    if target.is_dir():
        file = yield from provider.retrieve_file(file_id)
        target /= _UNSAFE.sub("_", file.filename).strip(". ") or file_id
    elif os.path.basename(path) in {"", "."}:  # noqa: PTH119  a Path has forgotten the separator
        message = f"{path} is no folder; create it, or leave out the separator at the end to name a file"
        raise OpenAIError(message=message, code="unwritable_file", param="path")
    with FileSink(path=target) as sink:
        total = yield from provider.download_file(file_id, sink)
        sink.commit(total)
    return Saved(target, sink.done)
