"""
Stores one file and is killed at the moment named by the second argument; run as a program.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from aikit.providers.local.store import files as store_module
from aikit.providers.local.store.blobs import Incoming
from aikit.providers.local.store.files import Store
from aikit.storage.database import Database


def die(*_: object) -> NoReturn:
    """
    Be killed, with no chance to tidy up.
    """
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def main(home: str, moment: str) -> None:
    """
    Store one file, as far as it gets.
    """
    store = Store(Path(home))
    if moment == "synced":
        Incoming.move_to = die  # type: ignore[method-assign,assignment]  # the row is written, the file not moved
    if moment == "moved":
        vars(store_module)["sync"] = die  # the file is moved, nothing committed
    with store.receiving() as incoming:
        if moment == "opened":
            die()
        incoming.write(b"x" * 3_000_000)
        if moment == "written":
            die()
        store.keep(incoming, filename="a.txt", purpose="user_data", expires_after_s=None)
        if moment == "kept":
            die()
    file = store.list(limit=1)
    assert file
    if moment == "deleted":
        Store._remove_blob = die  # type: ignore[method-assign,assignment]  # the row is gone, the blob not yet
        store.delete(file[0].id)
    Database.close(store._database)


if __name__ == "__main__":
    main(*sys.argv[1:])
