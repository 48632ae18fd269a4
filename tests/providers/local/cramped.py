"""
Uploads more than may be written to one file, then less; prints both answers; run as a program.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

from aikit.providers.local.api.files import FilesService
from aikit.providers.local.store.files import Store


def main(home: str) -> None:
    """
    Upload 2 MB where 1 MB has room, then 1 KB.
    """
    store = Store(Path(home))
    service = FilesService(store=store)
    service.list({})
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
    for chunks in ([b"x" * 100_000] * 20, [b"x" * 1_000]):
        reply = service.create({"purpose": "user_data"}, "a.bin", chunks)
        sys.stdout.write(f"{reply.status} {reply.body.decode()}\n")
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
