"""
Gateways for tests, with a registry and a store of their own.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from aikit.gateway.app import make_app
from aikit.gateway.registry.keys import hash_of
from aikit.gateway.registry.rows import FileRow, KeyRow
from aikit.gateway.settings import read_settings
from aikit.gateway.state import Gateway
from aikit.gateway.values import Principal
from tests.gateway.asgi import KEY, Answer, Asgi

TENANT: Final = "sk-of-a-tenant-0123456789"
OTHER: Final = "sk-of-another-0123456789"


@contextmanager
def opened(
    home: Path, config: str | None = None, environ: Mapping[str, str] | None = None, **options: Any
) -> Iterator[Gateway]:
    """
    Open a gateway in *home* with the text of a configuration, or with the embedded provider alone.
    """
    path = None
    if config is not None:
        path = home / "config.yaml"
        path.write_text(config, "utf-8")
    settings = read_settings(path, {"LITELLM_MASTER_KEY": KEY, **(environ or {})}, home=home)
    gateway = Gateway.open(settings, **options)
    try:
        yield gateway
    finally:
        gateway.close()


def master_of(gateway: Gateway) -> Asgi:
    """
    Return a client of *gateway* with the master key.
    """
    return Asgi(make_app(gateway))


def tenant_of(gateway: Gateway, key: str = TENANT, **fields: Any) -> Asgi:
    """
    Return a client of *gateway* with a new key.
    """
    gateway.registry.keys.add(KeyRow(token=hash_of(key), hash=hash_of(key), **fields))
    return Asgi(make_app(gateway), key)


def row_of(gateway: Gateway, file_id: str) -> FileRow:
    """
    Return what the registry has of a file.
    """
    row = gateway.registry.files.get(file_id, Principal())
    assert row is not None
    return row


def lines(*models: str) -> bytes:
    """
    Return a batch file that asks *models*.
    """
    bodies = [{"model": each, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5} for each in models]
    request = {"method": "POST", "url": "/v1/chat/completions"}
    numbered = ({"custom_id": f"r-{number}", **request, "body": body} for number, body in enumerate(bodies))
    return b"".join(json.dumps(line).encode() + b"\n" for line in numbered)


def upload(
    client: Asgi,
    content: bytes = b"text",
    name: str = "a.txt",
    purpose: str = "user_data",
    *,
    target: str = "/v1/files",
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, str] | None = None,
) -> Answer:
    """
    Upload a file, with more fields before it.
    """
    fields: list[Any] = [("purpose", purpose), *(more or {}).items(), ("file", (name, content))]
    return client.form(target, fields, headers=headers or {})


def left_in_spool(gateway: Gateway) -> list[Path]:
    """
    Return what the spool has, once nothing waits to be removed.
    """
    asyncio.run(_nothing_waits(gateway))
    return [path for path in gateway.spool.folder.iterdir() if path.name != ".lock"]


async def _nothing_waits(gateway: Gateway) -> None:
    threads = gateway.spool._pool._max_workers
    all_of_them = threading.Barrier(threads)  # where each has come once, what was begun before is done
    await asyncio.gather(*(gateway.spool.run(all_of_them.wait) for _ in range(threads)))
