"""
``aikit providers``: the configured providers, and where each is configured.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

import attrs
import click

from aikit.cli.options import Command, Settings, settings_of_context, usage_errors
from aikit.cli.output import Exit, Output
from aikit.cli.safety import safe
from aikit.providers import provider_from
from aikit.providers.config import Providers, ProviderSettings
from aikit.providers.kinds import KINDS, require_kind

_TITLES: Final = ("NAME", "KIND", "ADDRESS", "KEY", "FROM")


@click.command(cls=Command)
def providers() -> int:
    """
    List the configured providers.

    Printed are name, kind, address, whether a key is set, and where that is configured: in the file of AIKIT_PROVIDERS,
    or else in AIProviders.json in AIKIT_HOME, to which one in the working folder adds names. openai and local are
    always there, the other clouds when they are configured.
    """
    settings = settings_of_context()
    output = Output(settings)
    with usage_errors():
        configured = Providers.load(home=settings.home)
        entries = [_entry(name, configured, settings) for name in configured.list() if configured.is_configured(name)]
    if settings.json:
        output.document({"object": "list", "data": entries})
    elif output.is_plain:
        for entry in entries:
            output.line(entry["name"] if settings.quiet else "\t".join(_cells(entry)))
    else:
        output.columns(_TITLES, [_cells(entry) for entry in entries], flexible="ADDRESS")
    _tell_notes(configured, output)
    for warning in _warnings(configured):
        output.say(safe(f"note: {warning}"))
    return Exit.USAGE if configured.found.is_broken else Exit.DONE


def _tell_notes(configured: Providers, output: Output) -> None:
    """
    Say what of the file in the working folder counts, which may be anybody's, and what could not be looked at.
    """
    found = configured.found
    if found.entries:
        output.say(safe(f"note: {', '.join(found.entries)}: only {found.path} in the working folder has them"))
    if configured.unheeded:
        output.say(safe(f"note: what {found.path} says of {', '.join(configured.unheeded)} is not heeded"))
    if configured.problem:
        output.say(safe(f"note: {configured.problem}"))


def _warnings(configured: Providers) -> Iterator[str]:
    """
    Yield what of the files is not heeded, each with its line.
    """
    yield from (*configured.own.warnings, *configured.found.warnings)
    for name in configured.list():
        with suppress(ValueError):  # the list has it
            yield from configured.look_up(name).warnings


def _entry(name: str, configured: Providers, settings: Settings) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": name, "kind": "-", "address": "-", "has_key": False, "from": "-"}
    path = configured.origin(name)
    if path is not None:
        entry["from"] = str(path)
    try:
        known = configured.look_up(name).settings
        entry |= {"kind": known.kind, "address": _address(known, settings), "has_key": bool(known.api_key)}
    except ValueError as error:  # one bad entry hides none of the others
        return entry | {"address": f"cannot be used: {error}"}
    return entry if path is not None else entry | {"from": _origin(known)}


def _address(known: ProviderSettings, settings: Settings) -> str:
    require_kind(known.kind)
    return provider_from(attrs.evolve(known, home=settings.home or known.home)).address


def _origin(known: ProviderSettings) -> str:
    return "environment" if known.api_key or known.base_url else "built in"


def _cells(entry: dict[str, Any]) -> list[str]:
    is_keyless = entry["kind"] in KINDS and not KINDS[entry["kind"]].needs_key
    key = "set" if entry["has_key"] else "-" if is_keyless else "not set"
    return [safe(str(cell)) for cell in (entry["name"], entry["kind"], entry["address"], key, entry["from"])]
