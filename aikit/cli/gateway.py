"""
``aikit gateway``: files, uploads and batches of all providers, served in OpenAI's format.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from aikit.cli.option_types import Duration
from aikit.cli.options import Command, Group, settings_of_context
from aikit.cli.output import Exit, Output
from aikit.cli.safety import safe
from aikit.gateway.settings import GatewaySettings, SettingsError, read_settings
from aikit.gateway.settings.keys import key_problem
from aikit.gateway.values import Deployment

if TYPE_CHECKING:  # what is loaded by name: programs that freeze others look for it here
    from aikit.cli.gateway_keys import keys  # noqa: F401

F = TypeVar("F", bound=Callable[..., Any])

_TITLES: Final = ("DEPLOYMENT", "PROVIDER", "MODEL", "ADDRESS", "BATCHES", "DEFAULT")
_LIMITS: Final = (
    *("max_file_size_bytes", "max_request_size_bytes", "max_batch_file_size_bytes", "max_batch_file_records"),
    *("max_batch_file_uploads_per_day", "max_file_downloads_per_minute"),
    *("allowed_file_extensions", "blocked_file_extensions", "cors_origins"),
)
_LIBRARIES: Final = ("starlette", "uvicorn", "httptools", "multipart", "orjson", "sqlalchemy", "alembic", "yaml")
_EVERYWHERE: Final = "0.0.0.0"  # noqa: S104  to tell what would be refused


class _GatewayGroup(Group):
    """
    Commands of which some need the libraries of an extra, and say so where these are not installed.
    """

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """
        Return the command of that name; one that is loaded on demand only says what it lacks, if it lacks something.
        """
        missing = _missing() if cmd_name in self.on_demand else None
        if missing is None:
            return super().get_command(ctx, cmd_name)
        words = click.Argument(["words"], nargs=-1, type=click.UNPROCESSED)
        about = {"ignore_unknown_options": True}
        return Command(cmd_name, about, lambda words: _require_extra(), params=[words], help=missing)  # noqa: ARG005


_OPTIONS: Final = (
    click.option("-c", "--config", type=click.Path(path_type=Path, dir_okay=False), help="LiteLLM's config.yaml."),
    click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on."),
    click.option("--port", type=click.IntRange(0, 65_535), default=4000, show_default=True, help="0 takes a free one."),
    click.option("--drain-timeout", type=Duration(), default=60, metavar="SECONDS", help="Default: 60."),
    click.option("--faults", type=click.Path(path_type=Path, dir_okay=False), help="Misbehave as this file says."),
    click.option("--spool", type=click.Path(path_type=Path, file_okay=False), help="Folder for bodies on their way."),
)


def _served(function: F) -> F:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@click.group(cls=_GatewayGroup, on_demand={"keys": "aikit.cli.gateway_keys:keys"}, invoke_without_command=True)
@_served
@click.pass_context
def gateway(ctx: click.Context, /, config: Path | None, spool: Path | None, faults: Path | None, **options: Any) -> int:
    """
    Serve files, uploads and batches of all configured providers in OpenAI's format.

    Without --config the embedded provider is served. On SIGHUP the configuration is read anew, and the old one goes on
    when the new one is wrong. On SIGTERM transfers have the time of --drain-timeout to end. With --faults, requests and
    lines of batches fail as a file of JSON or YAML says, for tests of programs on any SDK.
    """
    if ctx.invoked_subcommand is not None:
        return Exit.DONE
    output = Output(settings_of_context())
    _require_extra()
    from aikit.cli.gateway_serving import serve  # noqa: PLC0415  an extra, which check does without

    return serve(output, config=config, spool=spool, faults=faults, **options)


def _missing() -> str | None:
    library = next((name for name in _LIBRARIES if find_spec(name) is None), None)
    return library and f"the gateway needs {library}; install it with: pip install 'aikit-client[gateway]'"


def _require_extra() -> None:
    missing = _missing()
    if missing is not None:
        raise click.UsageError(missing)


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
        rows = [_row(one, found) for one in found.deployments]
        output.columns(_TITLES, rows, flexible="ADDRESS", spare=("DEFAULT", "BATCHES"))
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
