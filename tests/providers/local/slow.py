"""
Uploads one file, half of it only after a line came on stdin; run as a program.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from aikit.providers.local.api.files import FilesService
from aikit.providers.local.store.files import Store


def halves() -> Iterator[bytes]:
    """
    Yield two halves with a pause between them.
    """
    yield b"x" * 1_000_000
    sys.stdout.write("half\n")
    sys.stdout.flush()
    sys.stdin.readline()
    yield b"y" * 1_000_000


def main(home: str) -> None:
    """
    Upload, and print the answer.
    """
    store = Store(Path(home))
    reply = FilesService(store=store).create({"purpose": "user_data"}, "a.bin", halves())
    sys.stdout.write(f"{reply.status}\n")
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
