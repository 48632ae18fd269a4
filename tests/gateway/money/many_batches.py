"""
A gateway that looks after ten thousand batches: tells its share of a processor and its memory.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from pathlib import Path

import attrs
from sqlalchemy import insert

from aikit.gateway.registry.rows import BatchRow
from aikit.gateway.registry.schema import BATCHES
from aikit.gateway.settings import read_settings
from aikit.gateway.state import Gateway
from aikit.gateway.values import Principal

_COUNT = 10_000
_HOUR_S = 3600
_BODY = {
    "endpoint": "/v1/chat/completions",
    "input_file_id": "file-x",
    "completion_window": "24h",
    "status": "in_progress",
}
_WARM_S, _MEASURED_S = 5.0, 30.0


def _opened(home: str) -> Gateway:
    return Gateway.open(read_settings(Path(home) / "config.yaml", {"LITELLM_MASTER_KEY": "sk-many"}, home=Path(home)))


def _fill(home: str) -> None:
    """Add batches that are two hours old."""
    gateway = _opened(home)
    created, spread = int(time.time()) - 2 * _HOUR_S, random.Random(1)  # noqa: S311  nothing secret
    for start in range(0, _COUNT, 1_000):
        rows = [
            BatchRow(
                id=f"batch_{number:024d}",
                deployment="one",
                upstream_id=f"batch_up{number}",
                owner=None,
                input_file_id="file-own",
                endpoint="/v1/chat/completions",
                created_at=created,
                status="in_progress",
                body={**_BODY, "id": f"batch_up{number}", "created_at": created},
                intent=str(number),
                next_poll_at=time.time() + spread.uniform(0, 300),
            )
            for number in range(start, start + 1_000)
        ]
        with gateway.registry.database.writing() as connection:
            connection.execute(insert(BATCHES), [attrs.asdict(row, recurse=False) for row in rows])
    gateway.close()


def _pages() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1])


async def _measure(home: str) -> dict[str, float]:
    gateway = _opened(home)
    polling = asyncio.create_task(gateway.poller.run())
    await asyncio.sleep(_WARM_S)
    processor, clock = time.process_time(), time.monotonic()
    await asyncio.sleep(_MEASURED_S)
    share = (time.process_time() - processor) / (time.monotonic() - clock)
    pages = _pages()
    polling.cancel()
    await asyncio.gather(polling, return_exceptions=True)
    rows = gateway.registry.batches.page(Principal(), limit=_COUNT).rows
    gateway.close()
    asked = sum("request_counts" in row.body for row in rows)
    return {"share": share, "mib": pages * 4096 / 2**20, "asked": asked}


if __name__ == "__main__":
    if sys.argv[1] == "fill":
        _fill(sys.argv[2])
    else:
        sys.stdout.write(json.dumps(asyncio.run(_measure(sys.argv[2]))))
