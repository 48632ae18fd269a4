"""
From LiteLLM's ``config.yaml`` and the environment to the settings of the gateway.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from aikit.client import OpenAIClient
from aikit.gateway.settings.deployments import accounts_of, embedded
from aikit.gateway.settings.general import read_general
from aikit.gateway.settings.keys import key_problem
from aikit.gateway.settings.values import GatewaySettings, SettingsError
from aikit.providers.config.litellm import read_litellm
from aikit.providers.config.litellm_entries import LiteLLM
from aikit.providers.config.yaml_nodes import Mapped
from aikit.storage import home_folder, shown

_SPOOL: Final = "gateway-spool"


def read_settings(
    path: Path | None,
    environ: Mapping[str, str],
    *,
    home: Path | None = None,
    spool: Path | None = None,
    host: str | None = None,
) -> GatewaySettings:
    """
    Return the settings that the configuration at *path* and the environment describe; may be called in any thread.

    Args:
        path: LiteLLM's ``config.yaml``; ``None`` for the embedded provider alone.

        environ: The environment.

        home: Folder of the gateway; else ``AIKIT_HOME``, else ``~/.aikit``.

        spool: Folder for bodies on their way; else one in *home*.

        host: Address that is listened on; with it, the master key must be strong enough for that.

    Raises:
        SettingsError: Something cannot be used. It has all that is wrong, not only the first.
    """
    try:
        home = home or home_folder(environ)
        found = LiteLLM(environ, Mapped()) if path is None else read_litellm(path, environ)
    except OSError as error:
        raise SettingsError((f"{shown(path)} cannot be read: {error.strerror}; correct its path",)) from None
    except ValueError as error:
        raise SettingsError((str(error),)) from None
    accounts = embedded(environ, home) if path is None or not found.entries else accounts_of(path, found, home)
    general = read_general(found, home, is_configured=path is not None)
    problems = [*found.problems, *accounts.problems, *general.problems]
    if host is not None:
        weak = key_problem(general.values["master_key"], host, may_be_open=general.values["may_be_open"])
        problems += [] if weak is None else [weak]
    if problems:
        raise SettingsError(tuple(problems))
    return GatewaySettings(
        deployments=accounts.deployments,
        providers=accounts.providers,
        default=accounts.default,
        others=accounts.others,
        unsure=accounts.unsure,
        aliases=accounts.aliases,
        home=home,
        spool=spool or home / _SPOOL,
        warnings=(*found.warnings, *accounts.warnings, *general.warnings),
        **general.values,
    )


def client_of(settings: GatewaySettings, **options: Any) -> OpenAIClient:
    """
    Return one client whose configured providers are the deployments of *settings*; *options* are further arguments.
    """
    prices = {model: price for one in reversed(settings.deployments) for model, price in one.prices.items()}
    configured = {"timeout": settings.timeout_s, "max_retries": settings.max_retries}
    given = {name: value for name, value in configured.items() if value is not None} | options
    return OpenAIClient(
        provider=settings.default,
        providers=settings.providers,
        home=settings.home,
        prices=prices or None,
        **given,
    )
