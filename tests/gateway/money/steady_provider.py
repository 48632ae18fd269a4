"""
A provider whose batches are all under way, in a process of its own: ``python -m … PORT``.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import suppress


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, EOFError, asyncio.IncompleteReadError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            name = head.split(b" ", 2)[1].rpartition(b"/")[2].decode()
            batch = {
                "id": name,
                "object": "batch",
                "endpoint": "/v1/chat/completions",
                "input_file_id": "file-x",
                "completion_window": "24h",
                "status": "in_progress",
                "created_at": int(time.time()) - 7200,
                "request_counts": {"total": 1_000_000, "completed": int(time.time()) % 1_000_000, "failed": 0},
            }
            body = json.dumps(batch).encode()
            fields = b"content-type: application/json\r\ncontent-length: %d" % len(body)
            writer.write(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n\r\n" + body)
            await writer.drain()
    writer.close()


async def _serve(port: int) -> None:
    server = await asyncio.start_server(_answer, "127.0.0.1", port)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(0))
