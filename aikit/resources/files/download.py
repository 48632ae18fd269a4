"""
The download of one file to disk.
"""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

from aikit.http.flow import Flow
from aikit.http.sinks import FileSink
from aikit.resources.files.results import Saved
from aikit.storage import is_folder
from aikit.storage.safe_names import numbered, safe_name
from aikit.types.errors import OpenAIError

if TYPE_CHECKING:
    from aikit.providers import Provider

    NamesGiven = dict[str, str]
    """Paths, as systems that ignore case compare them, that a client named after files → id of the file."""


def download_file(provider: Provider, file_id: str, path: str, given: NamesGiven, *, may_replace: bool) -> Flow[Saved]:
    """
    Save the content of a file at *path*, or in the folder *path* under the file's own name.

    Args:
        provider: Who has it.

        file_id: The file.

        path: Where to save it; a file of this very name is replaced.

        given: Names that files of this client got in folders; another file of the same name gets a number.

        may_replace: Whether a file in a folder *path* is replaced, too, whose name only the provider chose.

    Raises:
        OpenAIError: It did not arrive whole, or *path* cannot be written; a file that was there before is unchanged.
    """
    target, is_own_name = Path(path), False
    if is_folder(target):
        file = yield from provider.retrieve_file(file_id)
        target, is_own_name = _free(target / safe_name(file.filename, file_id), file_id, given), True
    elif os.path.basename(path) in {"", "."}:  # noqa: PTH119  a Path has forgotten the separator
        message = f"{path} is no folder; create it, or leave out the separator at the end to name a file"
        raise OpenAIError(message=message, code="unwritable_file", param="path")
    with FileSink(path=target, may_replace=may_replace or not is_own_name) as sink:
        total = yield from provider.download_file(file_id, sink)
        sink.commit(total)
    return Saved(target, sink.done)


def _free(place: Path, file_id: str, given: NamesGiven) -> Path:
    """
    Return *place*, or with a number what no other file was saved as.
    """
    return next(
        one
        for one in numbered(place)
        if given.setdefault(unicodedata.normalize("NFC", str(one.absolute())).casefold(), file_id) == file_id
    )
