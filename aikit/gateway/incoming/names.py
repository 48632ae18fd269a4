"""
Names of files as programs send them, and the endings that are allowed.
"""

from __future__ import annotations

import re
from typing import Final, Protocol
from urllib.parse import unquote_to_bytes

from multipart import MultipartSegment

from aikit.gateway.incoming.refusals import NOT_FORWARDED, request_refused

_EXTENDED: Final = re.compile(r";\s*filename\*\s*=\s*\"?([\w-]+)'[^']*'([^\s;\"]*)", re.ASCII)
_ENCODINGS: Final = ("utf-8", "iso-8859-1", "us-ascii")


class Extensions(Protocol):
    """
    The endings of names that the gateway's settings allow, in lower case; all, if none is named.
    """

    @property
    def allowed_file_extensions(self) -> tuple[str, ...]: ...  # noqa: D102  told above
    @property
    def blocked_file_extensions(self) -> tuple[str, ...]: ...  # noqa: D102  told above


def filename_of(segment: MultipartSegment) -> str | None:
    """
    Return the name of the file in a part, without folders; ``None`` for a field.

    Raises:
        OpenAIError: It leads out of a folder, or has characters that no name has.
    """
    name = _extended(segment) or segment.filename
    if name is None:
        return None
    parts = name.replace("\\", "/").split("/")
    if ".." in parts or "\0" in name:
        message = f"Filename '{name[:100]}' is not allowed: directory traversal sequences are not permitted in uploaded"
        raise request_refused(400, f"{message} file names. {NOT_FORWARDED}", "invalid_filename", "file")
    return parts[-1]


def check_extension(name: str, settings: Extensions) -> None:
    """
    Refuse a *name* whose ending the settings do not allow.

    Raises:
        OpenAIError: It is not allowed.
    """
    ending = name[name.rfind(".") :].lower() if "." in name else ""
    if settings.allowed_file_extensions and ending not in settings.allowed_file_extensions:
        message = f"File extension '{ending}' is not in this proxy's allowed_file_extensions setting. {NOT_FORWARDED}"
        raise request_refused(400, message, "invalid_extension", "file")
    if ending in settings.blocked_file_extensions:
        message = f"File extension '{ending}' is blocked by this proxy's blocked_file_extensions setting."
        raise request_refused(400, f"{message} {NOT_FORWARDED}", "invalid_extension", "file")


def _extended(segment: MultipartSegment) -> str | None:
    """
    Return a name that is written as RFC 5987 has it, which some clients do for letters beyond ASCII.
    """
    found = _EXTENDED.search(segment.header("Content-Disposition", ""))
    if found is None or found[1].lower() not in _ENCODINGS:
        return None
    return unquote_to_bytes(found[2]).decode(found[1], "replace")
