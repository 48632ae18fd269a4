"""
``aikit doctor``: what stands between this machine and each provider.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import attrs
import click
from click.core import ParameterSource

from aikit.cli.option_types import ProviderName
from aikit.cli.options import Command, Settings, settings_of_context, usage_errors
from aikit.cli.output import Exit, Output
from aikit.cli.output.messages import paragraphs
from aikit.cli.safety import safe
from aikit.providers.checks import Finding
from aikit.providers.config.logins import is_signed
from aikit.providers.config.providers import Providers
from aikit.providers.doctor import examine
from aikit.providers.kinds import KINDS, OPENAI
from aikit.types.suggestions import continued


@click.command(cls=Command)
@click.argument("name", type=ProviderName(), required=False)
def doctor(name: str | None) -> int:
    """
    Try the provider NAME, or all that are configured.

    Looked at are settings, proxy, DNS, connection, TLS, the key (one page of files is asked for), this machine's clock,
    what quotas have left where a provider tells it, a bucket and its permissions, and the folder of the embedded
    provider. Nothing is changed, and each probe takes five seconds at most. The exit code is 1 when something is wrong;
    what to do stands beside it.
    """
    settings = settings_of_context()
    output = Output(settings)
    with usage_errors():
        configured = Providers.load(home=settings.home)
        if name is not None and name not in configured.list():
            configured.look_up(name)
    found = []
    for one in _names(name, settings, configured):
        for finding in _examined(one, settings, configured):
            found.append((one, finding))
            _print(one, finding, output)
    if settings.json:
        data = [{"provider": one, **attrs.asdict(finding)} for one, finding in found]
        output.document({"object": "list", "data": data})
    return Exit.DONE if all(finding.is_good for _, finding in found) else Exit.REFUSED


def _names(name: str | None, settings: Settings, configured: Providers) -> list[str]:
    if name is None and _is_given("provider"):
        name = settings.provider
    if name is not None:
        return [name]
    if settings.base_url or settings.api_key:
        return [settings.provider or OPENAI]
    return [one for one in configured.list() if configured.is_configured(one) and _is_meant(one, configured)]


def _is_given(option: str) -> bool:
    """
    Return whether *option* stands on the command line, which means this time; the environment means all the time.
    """
    context: click.Context | None = click.get_current_context()
    while context is not None:
        if context.get_parameter_source(option) is ParameterSource.COMMANDLINE:
            return True
        context = context.parent
    return False


def _is_meant(name: str, configured: Providers) -> bool:
    """
    Return whether a provider that is always there is one of the user's: it has what it needs.
    """
    if configured.origin(name) is not None or not KINDS[name].needs_key:
        return True
    try:
        return is_signed(configured.look_up(name).settings)
    except ValueError:  # which is to be told
        return True


def _examined(name: str, settings: Settings, configured: Providers) -> Iterator[Finding]:
    given: dict[str, Any] = {"base_url": settings.base_url, "api_key": settings.api_key, "home": settings.home}
    try:
        found = configured.look_up(name, {key: value for key, value in given.items() if value is not None})
        configured.require_own_key(name, found.settings)
    except ValueError as error:
        yield Finding("settings", is_good=False, text=str(error), mend="mend what is named")
        return
    yield from examine(found)


def _print(name: str, finding: Finding, output: Output) -> None:
    state = "ok" if finding.is_good else "problem"
    if output.settings.json:
        return
    if output.settings.quiet:
        if not finding.is_good:
            output.line(safe(name))
    elif output.is_plain:
        fields = (name, finding.check, state, finding.text, finding.mend or "-")
        output.line("\t".join(safe(field) for field in fields))
    else:
        row = f"{safe(name):<12}  {state:<7}  {finding.check:<10}  "
        output.line(paragraphs(row + safe(continued(finding.text, finding.mend or "")), sys.stdout, indent=len(row)))
