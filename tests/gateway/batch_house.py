"""
A gateway with files of batches, keys and a poller, for tests of what becomes of batches.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs

from aikit.gateway.app import make_app
from aikit.gateway.ids import new_id
from aikit.gateway.registry.keys import hash_of
from aikit.gateway.registry.rows import BatchRow, FileRow, KeyRow, SpendRow
from aikit.gateway.state import Gateway
from aikit.gateway.values import Principal
from tests.gateway.asgi import Answer, Asgi
from tests.gateway.gateways import opened

ENDPOINT = "/v1/chat/completions"
ADMIN = Principal()
_WAIT_S = 30.0


def lines(count: int = 2, model: str = "local", **body: Any) -> bytes:
    """
    Return the input of a batch.
    """
    text = {"model": model, "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 16, **body}
    line = {"method": "POST", "url": ENDPOINT, "body": text}
    return b"".join(json.dumps({"custom_id": f"line-{number}", **line}).encode() + b"\n" for number in range(count))


@attrs.define(eq=False)
class House:
    """
    A gateway, and clients of it.
    """

    gateway: Gateway
    admin: Asgi

    def key(self, **fields: Any) -> Asgi:
        """Return a client with a new key."""
        key = f"sk-{new_id('part_')}"
        digest = hash_of(key)
        fields = {name: Decimal(str(value)) if name == "max_budget" else value for name, value in fields.items()}
        self.gateway.registry.keys.add(KeyRow(token=digest, hash=digest, created_at=time.time(), **fields))
        return self.admin.with_key(key)

    def file(self, content: bytes, owner: Asgi | None = None, *, has_facts: bool = True, account: str = "") -> str:
        """Upload the input of a batch and register it for *owner*; return its id."""
        account = account or self.gateway.settings.default
        made = self.gateway.client.files.create(content, "batch", {"provider": account, "validate": False}).throw().file
        assert made is not None
        facts = None
        if has_facts:
            models: dict[str, int] = {}
            for line in content.splitlines():
                name = json.loads(line)["body"]["model"]
                models[name] = models.get(name, 0) + 1
            asked = {
                name: {"requests": count, "input_tokens": 10 * count, "output_tokens": 16 * count}
                for name, count in models.items()
            }
            facts = {"lines": content.count(b"\n"), "models": asked, "endpoints": [ENDPOINT]}
        row = FileRow(
            id=new_id("file-"),
            deployment=account,
            upstream_id=made.id,
            owner=None if owner is None else hash_of(owner.key or ""),
            purpose="batch",
            filename="input.jsonl",
            size_bytes=len(content),
            created_at=made.created_at,
            facts=facts,
            body=made.to_wire(),
        )
        self.gateway.registry.files.add(row)
        return row.id

    def create(self, file_id: str, client: Asgi | None = None, **fields: Any) -> Answer:
        """Create a batch."""
        headers = fields.pop("headers", {})
        order = {"input_file_id": file_id, "endpoint": ENDPOINT, "completion_window": "24h", **fields}
        body = [json.dumps(order).encode()]
        return (client or self.admin).send("POST", "/v1/batches", body=body, headers=headers)

    def created(self, client: Asgi | None = None) -> BatchRow:
        """Create a batch of two lines, and return its row."""
        answer = self.create(self.file(lines(model="gpt-4o-mini"), client), client)
        assert answer.status == 200, answer.body
        return self.row(answer.json["id"])

    def rows(self) -> tuple[BatchRow, ...]:
        """Return all batches that are known to exist."""
        return self.gateway.registry.batches.page(ADMIN, limit=1_000).rows

    def row(self, batch_id: str) -> BatchRow:
        """Return a batch as the registry has it."""
        row = self.gateway.registry.batches.get(batch_id, ADMIN)
        assert row is not None
        return row

    def spend(self) -> tuple[SpendRow, ...]:
        """Return the books."""
        return tuple(self.gateway.registry.spend.logs(limit=1_000))

    def poll(self, until: Callable[[], Any]) -> None:
        """Have the poller run until something is true."""
        asyncio.run(self._poll(until))

    async def _poll(self, until: Callable[[], Any]) -> None:
        async with self.polling():
            await self.eventually(until)

    @asynccontextmanager
    async def polling(self) -> AsyncIterator[None]:
        """Have the poller run inside the block."""
        task = asyncio.create_task(self.gateway.poller.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    @staticmethod
    async def eventually(until: Callable[[], Any]) -> None:
        """Wait until something is true."""
        ends_at = time.monotonic() + _WAIT_S
        while not until():
            assert time.monotonic() < ends_at, "it did not come about"
            await asyncio.sleep(0.02)


@contextmanager
def house(home: Path, config: str | None = None, *, speed: float = 50.0, **options: Any) -> Iterator[House]:
    """
    Open a gateway in *home* whose poller is in a hurry.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with opened(home, config, **options) as gateway:
        gateway.poller.speed = speed
        yield House(gateway, Asgi(make_app(gateway)))
