"""
A program that receives files, and tells what it holds: descriptors, threads, files of its spool, memory.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from aikit.gateway.connections import ConnectionBounds
from aikit.gateway.incoming.files import receive_file
from aikit.gateway.incoming.spool import Spool
from aikit.gateway.outgoing.errors import error_answer
from aikit.gateway.server import ServerOptions, run
from aikit.types.errors import OpenAIError, Rejected
from tests.gateway.incoming.sending import Caps, any_rules

_spool = Spool.open(Path(sys.argv[1]))


async def receiving(scope: Any, receive: Any, send: Any) -> None:
    """
    Receive files by POST, and tell by GET what is held.
    """
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                _spool.close()
                return
    request = Request(scope, receive)
    try:
        answer = await _answer(request)
    except ClientDisconnect:
        return
    except (OpenAIError, Rejected) as error:
        answer = error_answer(error)
    await answer(scope, receive, send)


async def _answer(request: Request) -> Response:
    if request.method == "GET":
        return JSONResponse(_held())
    with await receive_file(request, _spool, Caps(), any_rules) as spooled:
        return JSONResponse({"bytes": spooled.size_bytes, "lines": spooled.facts.lines if spooled.facts else None})


def _held() -> dict[str, int]:
    status = Path("/proc/self/status").read_text("utf-8")
    return {
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "threads": threading.active_count(),
        "files": len([path for path in _spool.folder.iterdir() if path.name != ".lock"]),
        "kib": int(status.partition("VmRSS:")[2].split()[0]),
        "peak_kib": int(status.partition("VmHWM:")[2].split()[0]),
    }


def _say(address: str) -> None:
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    options = ServerOptions(on_start=_say, bounds=ConnectionBounds(head_s=5.0))
    run(receiving, port=0, options=options)
