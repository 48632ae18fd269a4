"""
Names: ids as OpenAI writes them for objects and jobs, and the objects that belong together.

Ids come from anywhere. One that we would not write ourselves is refused as one that there is not, before anything is
asked: an id names nothing but what is ours.
"""

from __future__ import annotations

import binascii
import os
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, Final

import attrs

from aikit.types.errors import OpenAIError

STORED: Final = "f"
OUTPUT: Final = "o"
ERRORS: Final = "e"
FILES: Final = "files/"
OUTPUTS: Final = "outputs/"
JOBS: Final = "batchPredictionJobs"
UPLOADS: Final = "uploads/"

_LONGEST: Final = 900  # bytes; an object's name has 1,024 with the prefix and what is around it
_FILE_ID: Final = re.compile(r"file-([A-Za-z0-9_-]{2,1202})", re.ASCII)
_NAME: Final = r"([A-Za-z][A-Za-z0-9_-]{21})"  # as `new_name` makes them
_UPLOAD_ID: Final = re.compile(f"upload_{_NAME}", re.ASCII)
_PART_ID: Final = re.compile(f"part_{_NAME}{_NAME}", re.ASCII)
_BATCH_ID: Final = re.compile(r"batch_([1-9][0-9]{0,19})", re.ASCII)
_JOB: Final = re.compile(r"[1-9][0-9]{0,19}", re.ASCII)
_JOB_NAME: Final = re.compile(r"projects/[^/]{1,100}/locations/[^/]{1,63}/batchPredictionJobs/([1-9][0-9]{0,19})")
_NO_SEGMENT: Final = re.compile(r"(?:^|/)\.{0,2}(?:/|$)")
_REFUSED: Final = frozenset("\\#?%")


@attrs.frozen
class FileName:
    """
    What a file's id says.

    Attributes:
        kind: `STORED`, `OUTPUT` or `ERRORS`.

        text: The object's name behind ``files/``, or the number of the job.
    """

    kind: str
    text: str

    @property
    def id(self) -> str:
        """The id: ``"file-"``, and kind and text in base64, so that one word is one segment of any address."""
        return "file-" + urlsafe_b64encode(f"{self.kind}{self.text}".encode()).decode().rstrip("=")

    @property
    def stored(self) -> str:
        """Name of the object that was stored."""
        return FILES + self.text

    @property
    def requests(self) -> str:
        """Name of the object with its lines translated for a job."""
        return f"requests/{self.text}.jsonl"

    @property
    def ids(self) -> str:
        """Name of the object with the custom_id of each of these lines."""
        return f"requests/{self.text}.ids.jsonl"


def read_file_id(file_id: str) -> FileName:
    """
    Return what *file_id* says.

    Raises:
        OpenAIError: It is none of ours (status 404, as for one that there is not); nothing was sent.
    """
    found = _FILE_ID.fullmatch(file_id)
    try:
        text = urlsafe_b64decode(found[1] + "=" * (-len(found[1]) % 4)).decode() if found else ""
    except (binascii.Error, UnicodeDecodeError):
        text = ""
    name = FileName(text[:1], text[1:])
    if not _is_ours(name) or name.id != file_id:
        raise no_such_file(file_id)
    return name


def stored_in(name: str | None) -> FileName | None:
    """
    Return what the object called *name* is as a file; ``None`` if its name is none that an id can have.
    """
    file = FileName(STORED, name.removeprefix(FILES)) if name is not None and name.startswith(FILES) else None
    return file if file is not None and _is_ours(file) else None


def _is_ours(name: FileName) -> bool:
    if name.kind in {OUTPUT, ERRORS}:
        return _JOB.fullmatch(name.text) is not None
    return (
        name.kind == STORED
        and name.text.isprintable()  # so there are no surrogates either
        and len(name.text.encode()) <= _LONGEST
        and _NO_SEGMENT.search(name.text) is None
        and not _REFUSED & set(name.text)
        and not name.text.endswith(".ids")  # its requests would be the custom_ids of another
    )


def new_name() -> str:
    """
    Return a name that no object has: 22 letters, digits, ``-`` and ``_``, the first one a letter.
    """
    while not (name := urlsafe_b64encode(os.urandom(16)).decode().rstrip("="))[0].isalpha():
        pass
    return name


def batch_id(job_name: Any) -> str | None:
    """
    Return the id of the batch that the job of this name is, ``"projects/…/batchPredictionJobs/1"``; else ``None``.
    """
    found = _JOB_NAME.fullmatch(job_name) if isinstance(job_name, str) else None
    return f"batch_{found[1]}" if found else None


def job_of(batch_id: str) -> str:
    """
    Return the number of the job that a batch is.

    Raises:
        OpenAIError: It is none of ours (status 404, as for one that there is not); nothing was sent.
    """
    found = _BATCH_ID.fullmatch(batch_id)
    if found is None:
        raise no_such("Batch", batch_id)
    return found[1]


def upload_of(upload_id: str) -> str:
    """
    Return the name of an upload, which the file that it becomes has, too.

    Raises:
        OpenAIError: It is none of ours (status 404, as for one that there is not); nothing was sent.
    """
    found = _UPLOAD_ID.fullmatch(upload_id)
    if found is None:
        raise no_such("Upload", upload_id)
    return found[1]


def part_of(part_id: str, upload: str) -> str | None:
    """
    Return the name of a part of the upload of that name; ``None`` if it is none of its parts.
    """
    found = _PART_ID.fullmatch(part_id)
    return found[2] if found is not None and found[1] == upload else None


def no_such_file(file_id: str) -> OpenAIError:
    """
    Return the error for a file that there is not, in OpenAI's words, whether it never was or cannot be.
    """
    return no_such("File", file_id)


def no_such(what: str, item_id: str) -> OpenAIError:
    """
    Return the same for any object.
    """
    message = f"No such {what} object: {item_id[:200]}"
    return OpenAIError(message=message, type="invalid_request_error", param="id", status=404)
