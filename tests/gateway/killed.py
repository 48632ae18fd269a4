"""
A gateway that creates batches and looks after them, to be killed at any moment and started again.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from aikit.gateway.app import make_app
from aikit.gateway.settings import read_settings
from aikit.gateway.state import Gateway
from tests.gateway.asgi import KEY, Asgi

SPEED = 100.0


async def run(gateway: Gateway, files: list[str], count: int) -> None:
    """
    Create *count* batches, each with a key of its own, and look after all there are until this process is killed.
    """
    polling = asyncio.create_task(gateway.poller.run())
    client = Asgi(make_app(gateway))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for number in range(count):
        order = {"input_file_id": files[number % len(files)], "endpoint": "/v1/chat/completions"}
        body = json.dumps(order | {"completion_window": "24h"}).encode()
        while True:
            headers = {"idempotency-key": f"batch {number}"}
            answer = await client.asend("POST", "/v1/batches", body=[body], headers=headers)
            if answer.status == 200:
                break
            await asyncio.sleep(0.05)
    await polling


def main(home: str, config: str, files: str, count: str) -> None:
    """
    Open the gateway, and run.
    """
    environ = {
        "LITELLM_MASTER_KEY": KEY,
        **{name: os.environ[name] for name in ("DATABASE_URL",) if name in os.environ},
    }
    gateway = Gateway.open(read_settings(Path(config), environ, home=Path(home)), max_retries=0)
    gateway.poller.speed = SPEED
    gateway.poller.unsettled_s = 1.5 * SPEED  # longer than an order of a process that was killed is on its way
    asyncio.run(run(gateway, files.split(","), int(count)))


if __name__ == "__main__":
    main(*sys.argv[1:])
