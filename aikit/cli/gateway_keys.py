"""
``aikit gateway keys``: the gateway's keys, in its registry itself; a gateway that runs heeds changes within a second.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs
import click

from aikit.cli.option_types import Dollars, Pairs
from aikit.cli.options import Command, Group, settings_of_context
from aikit.cli.output import Exit, Output
from aikit.cli.output.formats import human_time
from aikit.cli.safety import safe
from aikit.gateway.key_fields import key_object, read_fields, read_key, when
from aikit.gateway.registry.keys import hash_of, masked
from aikit.gateway.registry.registry import Registry
from aikit.gateway.registry.rows import KeyRow
from aikit.gateway.registry.takeover import Row, take_keys, take_spend
from aikit.gateway.registry.takeover_sources import litellm_database, rows_of_dump
from aikit.gateway.settings import GatewaySettings, read_settings

F = TypeVar("F", bound=Callable[..., Any])

_TITLES: Final = ("ALIAS", "KEY", "STATE", "SPENT", "BUDGET", "EXPIRES", "TOKEN")
_PAGE: Final = 500
_NONE: Final = "none"


def _names(ctx: click.Context, param: click.Parameter, value: str | None) -> list[str] | None:  # noqa: ARG001  click's
    return None if value is None else [] if value == _NONE else [name.strip() for name in value.split(",")]


def _number(ctx: click.Context, param: click.Parameter, value: str | None) -> int | str | None:  # noqa: ARG001  click's
    if value in {None, _NONE}:
        return value
    if not str(value).isdecimal() or not str(value).isascii():
        raise click.BadParameter(f"{value!r} is no whole number; write one, or none for no limit")
    return int(str(value))


_FIELDS: Final = (
    click.option("--alias", "key_alias", help="Name of the key, which names it from then on."),
    click.option("--models", callback=_names, metavar="A,B", help="Models that it may use; none for all."),
    click.option("--providers", callback=_names, metavar="A,B", help="Providers that it may use; none for all."),
    click.option("--purposes", callback=_names, metavar="A,B", help="Purposes that it may upload for; none for all."),
    click.option("--expires", "duration", metavar="30d", help="How long it is good; none for ever."),
    click.option("--rpm", "rpm_limit", callback=_number, metavar="N", help="Requests a minute, and lines of batches."),
    click.option("--tpm", "tpm_limit", callback=_number, metavar="N", help="Tokens a minute that batches send."),
    click.option("--max-budget", type=Dollars(), help="US dollars that it may spend."),
    click.option("--budget-duration", metavar="30d", help="After which the budget begins anew; none for never."),
    click.option("--user-id", help="User that it is of."),
    click.option("--team-id", help="Team that it is of."),
    click.option("--tag", "tags", multiple=True, help="Booked with all that it spends; more than once for several."),
    click.option("--metadata", type=Pairs(), multiple=True, help="key=value; more than once for several."),
)


def _key_options(function: F) -> F:
    for option in reversed(_FIELDS):
        function = option(function)
    return function


@click.group(cls=Group)
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="config.yaml of the gateway.")
def keys(config: Path | None) -> None:
    """
    Make, list, change and revoke keys of the gateway.

    KEY is a key, its token or its alias. A gateway that runs heeds each change within a second.
    """


@keys.command(cls=Command)
@_key_options
def create(**options: Any) -> int:
    """
    Make a key and print it; it is shown this once, as only its hash is kept.
    """
    output = Output(settings_of_context())
    with _registry() as registry:
        key = read_key(None)
        fields = read_fields(_given(options), now=time.time())
        row = registry.keys.add(KeyRow(token=hash_of(key), hash=hash_of(key), key_name=masked(key), **fields))
    if output.settings.json:
        output.document({"key": key, **key_object(row)})
    else:
        output.line(key)
        output.say("keep it now: only its hash is stored, and it is not shown again")
    return Exit.DONE


@keys.command("list", cls=Command)
def list_keys() -> int:
    """
    List all keys, the newest first.

    Lines have alias, masked key, state, US dollars spent, budget, end and token.
    """
    output = Output(settings_of_context())
    with _registry() as registry:
        rows = list(_all(registry))
    if output.settings.json:
        output.document({"object": "list", "data": [key_object(row) for row in rows]})
    else:
        _print(rows, output)
    return Exit.DONE


@keys.command(cls=Command)
@click.argument("key")
@_key_options
def update(key: str, **options: Any) -> int:
    """
    Change of KEY what the options name; none as a value takes a restriction away.
    """
    with _registry() as registry:
        row, given = _required(registry, key), _given(options)
        changed = registry.keys.edit(
            row.token, lambda found: read_fields(given, now=time.time(), metadata=found.metadata)
        )
        return _tell(changed or row, "changed")


@keys.command(cls=Command)
@click.argument("key")
@click.option("--undo", is_flag=True, help="Unblock it.")
def block(key: str, *, undo: bool) -> int:
    """
    Let KEY open nothing, until it is unblocked.
    """
    with _registry() as registry:
        row = _required(registry, key)
        return _tell(registry.keys.block(row.token, blocked=not undo) or row, "unblocked" if undo else "blocked")


@keys.command(cls=Command)
@click.argument("key")
def revoke(key: str) -> int:
    """
    Delete KEY; files and batches that it made stay, for the master key to see.
    """
    with _registry() as registry:
        row = _required(registry, key)
        registry.keys.remove(row.token)
        return _tell(row, "revoked")


@keys.command("import", cls=Command)
@click.argument("source", required=False)
@click.option("--spend", type=click.Path(path_type=Path, dir_okay=False), help="Dump of LiteLLM_SpendLogs.")
@click.option("--dry-run", is_flag=True, help="Only tell what would come of it.")
def import_keys(source: str | None, spend: Path | None, *, dry_run: bool) -> int:
    """
    Take over LiteLLM's keys, which go on working, and sums of what they spent.

    SOURCE is a dump of LiteLLM_VerificationToken (CSV with a line of names, JSON, or an object a line), or the address
    of LiteLLM's PostgreSQL database; without it, the database_url of the configuration is read. LiteLLM's tables are
    not changed; keys that are there already stay as they are.
    """
    output = Output(settings_of_context())
    with _registry() as registry, _litellm(source) as (rows, spent):
        taken = take_keys(registry, rows, is_trial=dry_run)
        logs = rows_of_dump(spend) if spend is not None else spent
        sums = 0 if dry_run else take_spend(registry, logs)
    for text in (*taken.left, *taken.notes):
        output.say(safe(f"note: {text}"))
    if output.settings.json:
        output.document({**attrs.asdict(taken), "spend": sums, "dry_run": dry_run})
    else:
        fields = {"added": taken.added, "known": taken.known, "left out": len(taken.left), "spend of": sums}
        output.line("\t".join(f"{name} {count}" for name, count in fields.items()))
    return Exit.SOME_NOT_OK if taken.left else Exit.DONE


@contextmanager
def _litellm(source: str | None) -> Iterator[tuple[Iterable[Row], Iterable[Row]]]:
    """
    Yield LiteLLM's keys, and what they spent.
    """
    url = _settings().database_url if source is None else source
    if source is not None and "://" not in source:
        yield rows_of_dump(Path(source)), ()
    elif url.startswith("sqlite"):
        raise ValueError("name a dump or a database of LiteLLM's: the gateway's own database is SQLite")
    else:
        with litellm_database(url) as found:
            yield found.keys(), found.spend()


@contextmanager
def _registry() -> Iterator[Registry]:
    """
    Open the registry of the gateway; what is said of keys and cannot be is an error of usage.
    """
    try:
        registry = Registry.open(_settings().database_url)
        try:
            yield registry
        finally:
            registry.close()
    except ValueError as error:  # of the settings, of fields, of an alias that is taken, of a dump
        raise click.UsageError(str(error)) from None


def _settings() -> GatewaySettings:
    ctx: click.Context | None = click.get_current_context()
    config = None
    while ctx is not None and config is None:
        config, ctx = ctx.params.get("config"), ctx.parent
    return read_settings(config, os.environ, home=settings_of_context().home)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """
    Return the options that were given as fields of a request.
    """
    fields: dict[str, Any] = {
        name: None if value == _NONE else value for name, value in options.items() if value not in (None, ())
    }
    for name, kind in (("tags", list), ("metadata", dict)):
        if name in fields:
            fields[name] = kind(fields[name])
    return fields


def _required(registry: Registry, name: str) -> KeyRow:
    row: KeyRow | None = registry.keys.find(name)
    if row is None:
        raise click.UsageError("there is no such key; see: aikit gateway keys list")
    return row


def _all(registry: Registry) -> Iterator[KeyRow]:
    after, has_more = None, True
    while has_more:
        page = registry.keys.page(after=after, limit=_PAGE)
        yield from page.rows
        has_more, after = page.has_more, page.rows[-1].token if page.rows else None


def _print(rows: list[KeyRow], output: Output) -> None:
    if not output.is_plain:
        shown = [dict(zip(_TITLES, _columns(row), strict=True)) | {"EXPIRES": _human_expiry(row)} for row in rows]
        cells = [list(row.values()) for row in shown]
        output.columns(_TITLES, cells, flexible="ALIAS", spare=("TOKEN", "EXPIRES"))
        return
    for row in rows:
        output.line(row.token if output.settings.quiet else "\t".join(safe(field) for field in _columns(row)))


def _human_expiry(row: KeyRow) -> str:
    return "-" if row.expires_at is None else human_time(int(row.expires_at))


def _columns(row: KeyRow) -> list[str]:
    expires = None if row.expires_at is None else when(int(row.expires_at))
    state = "blocked" if row.blocked else "expired" if row.is_expired(time.time()) else "good"
    budget = "-" if row.max_budget is None else f"{row.max_budget:f}"
    period = f"{budget}/{row.budget_duration}" if row.budget_duration else budget
    return [row.alias or "-", row.key_name or "-", state, f"{row.spend:f}", period, expires or "-", row.token]


def _tell(row: KeyRow, what: str) -> int:
    output = Output(settings_of_context())
    if output.settings.json:
        output.document(key_object(row))
    else:
        _print([row], output)
        output.say(safe(f"{what}: {row.alias or row.key_name}"))
    return Exit.DONE
