"""
A gateway from its start to its end: opened, served, given new settings on SIGHUP, closed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Final

import attrs

from aikit.client import OpenAIClient
from aikit.gateway.app import make_app
from aikit.gateway.faults import FaultyApp
from aikit.gateway.memory import share_one_heap
from aikit.gateway.server import ServerOptions, run
from aikit.gateway.settings import GatewaySettings, SettingsError
from aikit.gateway.state import Gateway
from aikit.providers.local.faults import Script

log: Final = logging.getLogger("aikit.gateway")

_DRAIN_DELAY_S: Final = 0.5
_GRACE_S: Final = 5.0
_FIXED: Final = ("database_url", "home", "spool", "cors_origins")
"""Settings that a gateway keeps as long as it runs."""


def serve(
    settings: GatewaySettings,
    host: str,
    port: int,
    *,
    drain_timeout_s: float,
    read: Callable[[], GatewaySettings],
    on_start: Callable[[str], object],
    script: Script | None = None,
) -> None:
    """
    Serve what *settings* say until SIGINT or SIGTERM.

    Args:
        settings: To begin with.

        host: Address to listen on.

        port: Port to listen on; 0 takes a free one.

        drain_timeout_s: How long requests under way have to end.

        read: Reads the settings anew, on SIGHUP.

        on_start: Called with the address when requests are taken.

        script: Faults that requests are to meet.

    Raises:
        OSError: The address cannot be listened on.
        StoreError: The database cannot be used.
    """
    share_one_heap()
    gateway = Gateway.open(settings)

    def drain() -> None:
        gateway.is_draining = True

    options = ServerOptions(
        drain_delay_s=_DRAIN_DELAY_S,
        drain_timeout_s=drain_timeout_s,
        on_start=on_start,
        on_drain=drain,
        on_reload=partial(reload, gateway, read),
    )
    try:
        app = make_app(gateway)
        run(app if script is None else FaultyApp(app, script, gateway), host, port, options)
    finally:
        gateway.close()


def reload(gateway: Gateway, read: Callable[[], GatewaySettings]) -> None:
    """
    Have *gateway* go on with what *read* returns, or as before if that is wrong; the log tells which.

    It returns when calls that began before have ended.
    """
    with gateway.taking:
        old = _taken(gateway, read)
    if old is not None:
        time.sleep(_GRACE_S)  # a call that has just been given the old client begins with it
        old.close()


def _taken(gateway: Gateway, read: Callable[[], GatewaySettings]) -> OpenAIClient | None:
    try:
        settings = read()
    except SettingsError as error:
        for problem in error.problems:
            log.error("%s", problem)  # noqa: TRY400  what is wrong stands in a file, not in this program
        log.error("the configuration is wrong, and the one before goes on")  # noqa: TRY400  likewise
        return None
    before = {name: getattr(gateway.settings, name) for name in _FIXED}
    changed = [name for name, value in before.items() if getattr(settings, name) != value]
    if changed:
        log.warning("%s: changed only when the gateway is started anew", ", ".join(changed))
    for warning in settings.warnings:
        log.warning("%s", warning)
    old = gateway.take(attrs.evolve(settings, **before))
    log.info("the configuration was read anew: %d accounts", len(settings.deployments))
    return old
