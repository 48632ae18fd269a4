"""
``aikit providers``: the configured providers, and where each is configured.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

import attrs
import click

from aikit.cli.option_types import ProviderName
from aikit.cli.options import Command, Group, Settings, settings_of_context, usage_errors
from aikit.cli.output import Exit, Output
from aikit.cli.output.messages import ask_secret
from aikit.cli.safety import safe
from aikit.http.headers import redacted
from aikit.providers import provider_from
from aikit.providers.config import ProviderSettings
from aikit.providers.config.entries import Configured
from aikit.providers.config.kept_keys import KeyringError, log_in, log_out
from aikit.providers.config.logins import origin_for_key
from aikit.providers.config.providers import Providers
from aikit.providers.kinds import KINDS
from aikit.storage import home_folder
from aikit.types.errors import OpenAIError

_TITLES: Final = ("NAME", "SETTING", "VALUE", "FROM")
_BUILT_IN: Final = "built in"
_MASK: Final = "***"
_MOST_KEY: Final = 64 * 1024


@click.group(cls=Group, invoke_without_command=True)
@click.pass_context
def providers(ctx: click.Context) -> int:
    """
    List the configured providers, with the origin of each setting.

    Printed are name, kind, address, whether a key is set, the file that is from, and for each setting its line or its
    variable. The file is that of AIKIT_PROVIDERS, or else AIProviders.json in AIKIT_HOME, to which one in the working
    folder adds names. openai and local are always there, the other clouds when they are configured.
    """
    if ctx.invoked_subcommand is not None:
        return Exit.DONE
    settings = settings_of_context()
    output = Output(settings)
    with usage_errors():
        configured = Providers.load(home=settings.home)
        entries = [_entry(name, configured, settings) for name in configured.list() if configured.is_configured(name)]
    if settings.json:
        output.document({"object": "list", "data": entries})
    elif output.is_plain:
        for entry in entries:
            output.line(entry["name"] if settings.quiet else "\t".join(_fields(entry)))
    else:
        output.columns(_TITLES, [row for entry in entries for row in _rows(entry)], flexible="VALUE")
        for entry in entries:
            if not entry["settings"]:  # what the table has cut
                output.say(safe(f"note: {entry['name']} {entry['address']}"))
    _tell_notes(configured, output)
    for warning in _warnings(configured):
        output.say(safe(f"note: {warning}"))
    return Exit.USAGE if configured.found.is_broken else Exit.DONE


@providers.command(cls=Command)
@click.argument("name", type=ProviderName())
def login(name: str) -> int:
    """
    Keep the key of the provider NAME in the keyring of the operating system.

    The key is asked for, or read from standard input. It counts where neither a file nor the environment gives one, and
    goes to the address that the provider has now, to no other.
    """
    settings = settings_of_context()
    output = Output(settings)
    with usage_errors():
        found = _for_login(name, settings)
        place = origin_for_key(found.settings)
        if place is None:
            raise ValueError(f"provider {name!r} sends no key anywhere")
        key = attrs.evolve(found.settings, api_key=settings.api_key or _asked(name)).api_key
        if not key:
            raise ValueError("no key was given; type it, or send it to standard input")
        home = settings.home or home_folder()
    try:
        log_in(name, place, key, home)
    except KeyringError as error:
        output.error(OpenAIError(message=str(error), code="keyring_unavailable"))
        return Exit.REFUSED
    if found.sources.get("api_key", "keyring") != "keyring":
        output.say(safe(f"note: the key of {found.sources['api_key']} counts, as long as it is there"))
    _tell_login({"name": name, "address": place, "logged_in": True}, f"the key for {place} is in the keyring", output)
    return Exit.DONE


@providers.command(cls=Command)
@click.argument("name")
def logout(name: str) -> int:
    """
    Delete the key of the provider NAME from the keyring.
    """
    settings = settings_of_context()
    output = Output(settings)
    try:
        with usage_errors():
            home = settings.home or home_folder()
        was_there = log_out(name, home)
    except KeyringError as error:
        output.error(OpenAIError(message=str(error), code="keyring_unavailable"))
        return Exit.REFUSED
    told = f"the key of {name} is deleted" if was_there else f"the keyring has no key of {name}"
    _tell_login({"name": name, "logged_in": False}, told, output)
    return Exit.DONE


def _for_login(name: str, settings: Settings) -> Configured:
    configured = Providers.load(home=settings.home)
    if name in configured.found.entries:
        raise ValueError(f"provider {name!r} is that of the working folder's file alone; name it in AIKIT_PROVIDERS")
    found = configured.without_keyring(name)
    found.settings.require_usable()
    return found


def _asked(name: str) -> str:
    if sys.stdin.isatty():
        return ask_secret(f"API key of {name}")
    return sys.stdin.read(_MOST_KEY).strip()


def _tell_login(document: dict[str, Any], told: str, output: Output) -> None:
    if output.settings.json:
        output.document(document)
    else:
        output.say(safe(told))


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
    entry: dict[str, Any] = {"name": name, "kind": "-", "address": "-", "has_key": False, "from": "-", "settings": {}}
    path = configured.origin(name)
    if path is not None:
        entry["from"] = str(path)
    try:
        found = configured.look_up(name)
        known = found.settings
        entry |= {"kind": known.kind, "address": _address(known, settings), "has_key": bool(known.api_key)}
    except ValueError as error:  # one bad entry hides none of the others
        return entry | {"address": f"cannot be used: {error}"}
    entry["settings"] = _origins(found, entry["address"], settings)
    return entry if path is not None else entry | {"from": _origin(found)}


def _address(known: ProviderSettings, settings: Settings) -> str:
    return provider_from(attrs.evolve(known, home=settings.home or known.home)).address


def _origin(found: Configured) -> str:
    telling = ("api_key", "base_url", *KINDS[found.settings.kind].required)
    sources = {found.sources[name] for name in telling if name in found.sources}
    return "keyring" if sources == {"keyring"} else "environment" if sources else _BUILT_IN


def _origins(found: Configured, address: str, settings: Settings) -> dict[str, dict[str, str]]:
    """
    Return each setting with its value and where that is from; values of secrets are masked.
    """
    known, sources = found.settings, dict(found.sources)
    if known.is_embedded and (settings.home is not None or "home" not in sources):
        sources["home"] = "--home" if settings.home else "AIKIT_HOME" if os.environ.get("AIKIT_HOME") else _BUILT_IN
    place = "home" if known.is_embedded else "base_url"
    values = {"kind": known.kind, place: address}
    for name in sources:
        values.setdefault(name, _MASK if known.is_secret(name) else redacted(str(known.setting(name))))
    return {name: {"value": value, "from": sources.get(name, _BUILT_IN)} for name, value in values.items()}


def _key(entry: dict[str, Any]) -> str:
    is_keyless = entry["kind"] in KINDS and not KINDS[entry["kind"]].needs_key
    return "set" if entry["has_key"] else "-" if is_keyless else "not set"


def _fields(entry: dict[str, Any]) -> list[str]:
    origins = "; ".join(f"{name}: {one['from']}" for name, one in entry["settings"].items()) or "-"
    return [safe(one) for one in (entry["name"], entry["kind"], entry["address"], _key(entry), entry["from"], origins)]


def _rows(entry: dict[str, Any]) -> list[list[str]]:
    """
    Return a row for each setting of a provider, its name before the first; without a key that is needed, one says so.
    """
    rows = [[name, one["value"], one["from"]] for name, one in entry["settings"].items()]
    if not rows:
        rows = [["-", entry["address"], entry["from"]]]
    elif _key(entry) == "not set":
        rows.append(["api_key", "not set", "-"])
    return [[entry["name"] if row is rows[0] else "", *row] for row in rows]
