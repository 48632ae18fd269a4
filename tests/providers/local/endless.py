"""
Uploads one file after the other until it is killed, announcing the first; run as a program.
"""

from __future__ import annotations

import sys
from pathlib import Path

from aikit.providers.local.api.files import FilesService
from aikit.providers.local.store.files import Store


def main(home: str) -> None:
    """
    Upload until killed.
    """
    service = FilesService(store=Store(Path(home)))
    number = 0
    while True:
        number += 1
        reply = service.create({"purpose": "user_data"}, "a.bin", [bytes([number % 251]) * 100_000] * 5)
        assert reply.status == 200, reply.body
        sys.stdout.write("one more\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
