"""
Files whose content was checked before they are uploaded.
"""

from __future__ import annotations

import os
from pathlib import Path

import attrs


@attrs.frozen(kw_only=True)
class CheckedFile:
    """
    A file on disk whose content the caller has checked: its upload reads it once, to send it, if it is unchanged.

    Attributes:
        purpose: What its content was checked for; for another purpose it is checked like any other file.

        size_bytes: Size when it was checked.

        modified_ns: Time of modification when it was checked, in nanoseconds since 1970.
    """

    path: Path = attrs.field(converter=Path)
    purpose: str
    size_bytes: int
    modified_ns: int

    def __fspath__(self) -> str:
        return str(self.path)

    @classmethod
    def of(cls, path: str | os.PathLike[str], purpose: str) -> CheckedFile:
        """
        Vouch for the content that the file at *path* has now.

        Raises:
            OSError: It cannot be looked at.
        """
        status = Path(path).stat()
        return cls(path=path, purpose=purpose, size_bytes=status.st_size, modified_ns=status.st_mtime_ns)
