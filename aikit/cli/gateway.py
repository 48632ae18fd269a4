"""
``aikit gateway``: files, uploads and batches of all providers, served in OpenAI's format.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import click

from aikit.cli.options import Command, Group, settings_of_context
from aikit.cli.output import Exit, Output
from aikit.cli.safety import safe
from aikit.gateway.settings import GatewaySettings, SettingsError, read_settings
from aikit.gateway.settings.keys import key_problem
from aikit.gateway.values import Deployment

_TITLES: Final = ("DEPLOYMENT", "PROVIDER", "MODEL", "ADDRESS", "BATCHES", "DEFAULT")
_LIMITS: Final = (
    *("max_file_size_bytes", "max_request_size_bytes", "max_batch_file_size_bytes", "max_batch_file_records"),
    *("max_batch_file_uploads_per_day", "max_file_downloads_per_minute"),
    *("allowed_file_extensions", "blocked_file_extensions", "cors_origins"),
)
_EVERYWHERE: Final = "0.0.0.0"  # noqa: S104  to tell what would be refused


@click.group(cls=Group, on_demand={"keys": "aikit.cli.gateway_keys:keys"})
def gateway() -> None:
    """
    Serve files, uploads and batches of all configured providers in OpenAI's format.
    """


@gateway.command(cls=Command)
@click.argument("config", type=click.Path(path_type=Path))
def check(config: Path) -> int:
    """
    Read CONFIG, LiteLLM's config.yaml, and print what the gateway makes of it; nothing is started and nothing sent.

    Printed are the deployments, which have no secrets in them, and to stderr what is not heeded and what is wrong,
    each with its line. The exit code is 3 when the gateway would not start.
    """
    output = Output(settings_of_context())
    try:
        found = read_settings(config, os.environ, home=output.settings.home)
    except SettingsError as error:
        for problem in error.problems:
            output.complain(problem)
        if output.settings.json:
            output.document({"object": "gateway.settings", "problems": list(error.problems)})
        return Exit.PROBLEMS
    _print(found, output)
    for warning in (*found.warnings, *_of_key(found)):
        output.say(safe(f"note: {warning}"))
    return Exit.DONE


def _print(found: GatewaySettings, output: Output) -> None:
    if output.settings.json:
        output.document(_document(found))
    elif output.settings.quiet:
        for one in found.deployments:
            output.line(safe(one.name))
    elif output.is_plain:
        for one in found.deployments:
            output.line("\t".join(map(safe, _row(one, found))))
    else:
        output.columns(_TITLES, [_row(one, found) for one in found.deployments], flexible="ADDRESS")
        for name, value in _limits(found).items():
            output.line(safe(f"{name}: {value}"))


def _row(one: Deployment, found: GatewaySettings) -> list[str]:
    models = ", ".join(name if name == model else f"{name} = {model}" for name, model in one.models.items())
    batches = "run by the gateway" if one.runs_lines else "its own"
    return [one.name, one.provider, models or "-", one.api_base, batches, "yes" if one.name == found.default else "-"]


def _limits(found: GatewaySettings) -> dict[str, Any]:
    held = {name: getattr(found, name) for name in _LIMITS}
    said = {name: list(value) if isinstance(value, tuple) else value for name, value in held.items() if value}
    return {"database": found.database_kind, "master_key": "set" if found.master_key else "not set", **said}


def _document(found: GatewaySettings) -> dict[str, Any]:
    deployments = [
        {
            "name": one.name,
            "provider": one.provider,
            "models": dict(one.models),
            "model_id": one.model_id,
            "api_base": one.api_base,
            "runs_lines": one.runs_lines,
            "has_prices": bool(one.prices),
        }
        for one in found.deployments
    ]
    said = {"default": found.default, "deployments": deployments, "general": _limits(found)}
    return {"object": "gateway.settings", **said, "warnings": list(found.warnings), "problems": []}


def _of_key(found: GatewaySettings) -> list[str]:
    """
    Return why the gateway would listen on loopback alone.
    """
    problem = key_problem(found.master_key, _EVERYWHERE, may_be_open=found.may_be_open)
    return [] if problem is None else [f"good for this machine alone: {problem}"]
