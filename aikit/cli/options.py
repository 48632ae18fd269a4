"""
The options of every command (provider, address, output format), and the types of options.
"""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import attrs
import click
from click.core import ParameterSource

from aikit.cli.option_types import ProviderName, Rate
from aikit.cli.safety import safe
from aikit.cli.spelling import with_options
from aikit.client import OpenAIClient
from aikit.providers.kinds import LOCAL
from aikit.types.suggestions import did_you_mean, nearest

_GRACE_S: Final = 1.0
_WHOLE: Final = 1_000


@attrs.define(kw_only=True)
class Settings:
    """
    The options of every command, given before or after its name; the later one wins.
    """

    provider: str | None = None
    base_url: str | None = None
    api_key: str | None = attrs.field(default=None, repr=False)
    home: Path | None = None
    timeout: float | None = None
    max_retries: int | None = None
    bandwidth: float | None = None
    quiet: bool = False
    json: bool = False
    no_color: bool = False
    descriptor: int = 1
    """The open file that gets the data, if not stdout: ``-o /dev/fd/3`` names another."""

    @property
    def provider_name(self) -> str | None:
        """The provider's name; a home alone means the embedded provider, the only one that has a home."""
        if self.provider is None and self.home is not None and self.base_url is None:
            return LOCAL
        return self.provider

    def client(self, **more: Any) -> OpenAIClient:
        """
        Return a client for these settings and *more*.

        Raises:
            click.UsageError: The settings do not fit each other.
        """
        named = ("timeout", "max_retries", "bandwidth")
        given: dict[str, Any] = {name: value for name in named if (value := getattr(self, name)) is not None}
        with usage_errors():
            return OpenAIClient(
                self.api_key,
                provider=self.provider_name,
                base_url=self.base_url,
                home=self.home,
                **given,
                **more,
            )

    @contextmanager
    def connected(self, **more: Any) -> Iterator[OpenAIClient]:
        """
        Yield a client, and close it; but not after Ctrl-C, since closing waits for calls under way.
        """
        client = self.client(**more)
        try:
            yield client
        except Exception:
            client.close()
            raise
        except KeyboardInterrupt:
            if client.provider.is_embedded:
                _leave_in_order(client)
            raise
        client.close()

    def command_line(self, *words: str) -> str:
        """
        Return a command line with *words* for the same provider; it never contains the API key, and is one line.
        """
        given: dict[str, object] = {"--provider": self.provider, "--base-url": self.base_url, "--home": self.home}
        given["--bandwidth"] = self.bandwidth and int(self.bandwidth)
        shared = [part for name, value in given.items() if value is not None for part in (name, str(value))]
        return safe(shlex.join(["aikit", *words, *shared]))


def _leave_in_order(client: OpenAIClient) -> None:
    """
    Give the embedded provider a second to store the answers it has, so that they are not paid for twice.
    """
    leaving = threading.Thread(target=client.close, kwargs={"cancel": True}, daemon=True)
    leaving.start()
    leaving.join(_GRACE_S)


@contextmanager
def usage_errors() -> Iterator[None]:
    """
    Turn the library's `TypeError` and `ValueError` into errors of usage.
    """
    try:
        yield
    except (TypeError, ValueError) as error:
        raise click.UsageError(with_options(str(error))) from error


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    settings, name = ctx.ensure_object(Settings), param.name or ""
    if value is None or value is False:
        return
    is_given = ctx.get_parameter_source(name) is not ParameterSource.ENVIRONMENT
    if is_given or getattr(settings, name) is None:  # an option before the command wins over the environment
        setattr(settings, name, value)


def _option(*names: str, **more: Any) -> Callable[[], click.Option]:
    return lambda: click.Option(names, expose_value=False, callback=_remember, **more)


_SHARED: Final = (
    _option(
        "--provider",
        type=ProviderName(),
        envvar="AIKIT_PROVIDER",
        help="Provider, by its name in `aikit providers`. Default: AIKIT_PROVIDER.",
    ),
    _option("--base-url", metavar="URL", help="Address of an OpenAI-format API."),
    _option("--api-key", metavar="KEY", help="Better set OPENAI_API_KEY: other users may see command lines."),
    _option(
        "--home",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder of the embedded provider, which is then used. Default: AIKIT_HOME.",
    ),
    _option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        metavar="SECONDS",
        help="Silence that ends a try.",
    ),
    _option("--max-retries", type=click.IntRange(min=0), metavar="N", help="Tries after the first."),
    _option("--bandwidth", type=Rate(), metavar="RATE", help="Bytes a second, up and down each: 500K, 2M."),
    _option("--json", is_flag=True, help="Print JSON, also for errors."),
    _option("-q", "--quiet", is_flag=True, help="Print bare ids and errors only."),
    _option("--no-color", is_flag=True, help="Print without colors; NO_COLOR does the same."),
)


class SharedOptions(click.Command):
    """
    A command that also takes the options of every command, and lists them last.
    """

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._shared = [make() for make in _SHARED]
        self.params += self._shared

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """
        Write this command's own options, then those of every command.
        """
        shown: dict[bool, list[tuple[str, str]]] = {True: [], False: []}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None:
                shown[param in self._shared].append(record)
        for title, records in (("Options", shown[False]), ("Options of every command", shown[True])):
            with formatter.section(title):
                formatter.write_dl(records)


class Command(SharedOptions):
    """
    A command whose function returns the exit code.
    """

    def invoke(self, ctx: click.Context) -> Any:
        """
        Run the command, and exit with its exit code.
        """
        ctx.exit(int(super().invoke(ctx) or 0))


class Group(SharedOptions, click.Group):
    """
    A group of commands; they stand in the order in which they were added, those loaded on demand last.

    Attributes:
        on_demand: Name → module and attribute of a command that is imported when it is used.
    """

    command_class = Command
    group_class = type

    def __init__(self, *args: Any, on_demand: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(*args, **more)
        self.on_demand = dict(on_demand or {})

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """
        Return the names in their order.
        """
        return [*(name for name in self.commands if name not in self.on_demand), *self.on_demand]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """
        Return the command of that name, imported if need be.
        """
        if cmd_name in self.on_demand and cmd_name not in self.commands:
            module, _, attribute = self.on_demand[cmd_name].partition(":")
            self.add_command(getattr(import_module(module), attribute), cmd_name)
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """
        Return the command that *args* name; where there is none, say which may be meant, of this group or another.
        """
        given = args[0]
        if not given.startswith("-") and not ctx.resilient_parsing and self.get_command(ctx, given) is None:
            ctx.fail(f"there is no command {given!r}{self._meant(ctx, given)}")
        return super().resolve_command(ctx, args)

    def _meant(self, ctx: click.Context, given: str) -> str:
        near = nearest(given, self.list_commands(ctx))
        if near is not None:
            return f'; did you mean "{ctx.command_path} {near}"?'
        top, path = ctx.find_root(), f"{ctx.command_path} {given}"
        alike = [one for one in _paths(top.command, top, top.command_path) if one.split()[-1] == given]
        return did_you_mean(path, alike, cutoff=0)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """
        Write the commands, each with its whole first sentence.
        """
        found = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        told = [(name, one.get_short_help_str(_WHOLE)) for name, one in found.items() if one is not None]
        with formatter.section("Commands"):
            formatter.write_dl(told)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """
        Write the commands before the options.
        """
        self.format_commands(ctx, formatter)
        SharedOptions.format_options(self, ctx, formatter)


def _paths(command: click.Command, ctx: click.Context, path: str) -> Iterator[str]:
    """
    Yield *path*, which leads to *command*, and those of all commands below it.
    """
    yield path
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            found = command.get_command(ctx, name)
            if found is not None:
                yield from _paths(found, ctx, f"{path} {name}")


def settings_of_context() -> Settings:
    """
    Return the settings of the running command.
    """
    return click.get_current_context().ensure_object(Settings)
