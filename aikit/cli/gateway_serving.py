"""
A gateway that is served, with what that alone needs: the libraries of an extra.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from aikit.cli.output import Exit, Output, naming_stdout
from aikit.cli.safety import safe
from aikit.gateway import logs, running
from aikit.gateway.faults import read_faults
from aikit.gateway.settings import GatewaySettings, SettingsError, read_settings
from aikit.gateway.settings.probing import probed
from aikit.providers.local.faults import Script


def serve(
    output: Output,
    *,
    config: Path | None,
    spool: Path | None,
    faults: Path | None,
    host: str,
    port: int,
    drain_timeout: float,
) -> int:
    """
    Serve what *config* says until the process is told to end; return its exit code.
    """

    def read() -> GatewaySettings:
        return probed(read_settings(config, os.environ, home=output.settings.home, spool=spool, host=host))

    try:
        found = read()
    except SettingsError as error:
        for problem in error.problems:
            output.complain(problem)
        return Exit.USAGE
    for warning in found.warnings:
        output.say(safe(f"note: {warning}"))
    logs.log_to()
    with ExitStack() as stack:
        try:
            script = None if faults is None else _scripted(faults, found.home, stack)
        except ValueError as error:
            output.complain(str(error))
            return Exit.USAGE
        running.serve(
            found,
            host.strip("[]"),  # of an address of IPv6
            port,
            drain_timeout_s=drain_timeout,
            read=read,
            on_start=partial(_tell, output),
            script=script,
        )
    return Exit.DONE


def _scripted(path: Path, home: Path, stack: ExitStack) -> Script:
    from aikit.testing import embedded_provider, scripted  # noqa: PLC0415  for those who test, and have pytest

    provider = stack.enter_context(embedded_provider(home))
    read_faults(path, provider)
    stack.enter_context(scripted(home, provider.script))
    return provider.script


def _tell(output: Output, url: str) -> None:
    if output.settings.json:
        output.document({"object": "gateway", "url": url})
    else:
        output.line(url if output.settings.quiet else f"aikit gateway serves {url}/v1")
    with naming_stdout():
        sys.stdout.flush()
