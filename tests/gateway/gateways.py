"""
Gateways for tests, with a registry and a store of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aikit.gateway.app import make_app
from aikit.gateway.settings import read_settings
from aikit.gateway.state import Gateway
from tests.gateway.asgi import KEY, Asgi


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


@contextmanager
def serving(home: Path, config: str | None = None, **options: Any) -> Iterator[Asgi]:
    """
    The same, as a client of its application with the master key.
    """
    with opened(home, config, **options) as gateway:
        yield Asgi(make_app(gateway))
