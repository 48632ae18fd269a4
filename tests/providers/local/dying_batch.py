"""
Works on the batch named by the second argument, and is killed at the moment named by the third; run as a program.

Prints ``working`` when it has looked at the batch, and the last status when it has ended.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from aikit.http.context import CallContext
from aikit.http.headers import Headers
from aikit.http.messages import Request
from aikit.providers.local import BASE_URL
from aikit.providers.local.batches import lifecycle as batch_work
from aikit.providers.local.batches.journal import Journal
from aikit.providers.local.store import files as store_module
from aikit.providers.local.store.batch_folder import BatchFolder
from aikit.providers.local.store.batches import BatchStore
from aikit.providers.local.store.blobs import Incoming
from aikit.providers.local.store.files import Store
from aikit.providers.local.transport import LocalTransport


def die(*_: object, **__: object) -> NoReturn:
    """
    Be killed, with no chance to tidy up.
    """
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def dying_after(calls: int, act: Callable[..., Any]) -> Callable[..., Any]:
    """
    Return *act*, whose call after *calls* others is the last thing that happens.
    """
    left = [calls]

    @functools.wraps(act)
    def acted(*args: Any, **kwargs: Any) -> Any:
        result = act(*args, **kwargs)
        left[0] -= 1
        if left[0] < 0:
            die()
        return result

    return acted


def half_a_record(journal: Journal, content: bytes) -> None:
    """
    Write the group but for its last bytes, and be killed.
    """
    journal._file.write(content[:-7])
    die()


MOMENTS: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "validating": (batch_work, "check_input", die),
    "validated": (BatchStore, "change", dying_after(0, BatchStore.change)),
    "first answers": (Journal, "add", dying_after(3, Journal.add)),
    "half a record": (Journal, "_append", half_a_record),
    "some written down": (Journal, "_append", dying_after(0, Journal._append)),
    "all written down": (Journal, "sync", dying_after(0, Journal.sync)),
    "finalizing": (batch_work, "conclude", die),
    "output written": (Store, "keep_all", die),
    "first file moved": (Incoming, "move_to", dying_after(0, Incoming.move_to)),
    "all files moved": (store_module, "sync", die),
    "completed": (BatchFolder, "forget", die),
}
"""Moment → what is replaced, and by what."""


def main(home: str, batch_id: str, moment: str = "") -> None:
    """
    Look at the batch until it has ended.
    """
    if moment:
        setattr(*MOMENTS[moment])
    transport = LocalTransport(Path(home))
    request = Request(method="GET", url=f"{BASE_URL}/batches/{batch_id}", headers=Headers())
    status = ""
    while status not in {"completed", "failed", "expired", "cancelled"}:
        status = transport.send(request, CallContext()).json()["status"]
        sys.stdout.write(f"{status}\n")
        sys.stdout.flush()
        time.sleep(0.02)
    transport.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
