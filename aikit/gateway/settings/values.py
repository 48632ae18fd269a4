"""
The settings of the gateway as values.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs

from aikit.gateway.values import LINES, Deployment
from aikit.providers.config.providers import Providers


class SettingsError(ValueError):
    """
    A configuration with which the gateway does not start.

    Attributes:
        problems: What is wrong, all of it, each with file and line, what is allowed, and the mend.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@attrs.frozen(kw_only=True)
class GatewaySettings:
    """
    What the gateway is configured with.

    Attributes:
        deployments: The accounts that are called.

        providers: How to reach each, by the deployment's name.

        default: Name of the deployment for calls that name none; ``""`` without any deployment.

        master_key: ``None`` where no key is needed.

        database_url: In SQLAlchemy's form.

        home: Folder of the gateway.

        spool: Folder for bodies on their way.

        others: Name of a deployment → the same account in its other form, with batches of its own or lines that are
            run here.

        unsure: Names of deployments of which only the server knows the form.

        aliases: Name that a deployment had, or may have → the name that it has.

        max_file_size_bytes: ``None`` sets no limit; the same is true of the other limits.

        allowed_file_extensions: In lower case, each with its dot; empty for all.

        timeout_s: Seconds of silence after which an attempt at a provider fails; ``None`` for the client's default.

        max_retries: Tries after the first; ``None`` likewise.

        may_be_open: Whether an empty or publicly known master key is permitted at all addresses.

        warnings: What is not heeded, with file and line.
    """

    deployments: tuple[Deployment, ...]
    providers: Providers = attrs.field(repr=False)
    default: str
    master_key: str | None = attrs.field(default=None, repr=False)
    database_url: str = attrs.field(repr=False)
    home: Path
    spool: Path
    others: Mapping[str, Deployment] = attrs.field(factory=dict)
    unsure: frozenset[str] = frozenset()
    aliases: Mapping[str, str] = attrs.field(factory=dict)
    max_file_size_bytes: int | None = None
    max_request_size_bytes: int | None = None
    max_batch_file_size_bytes: int | None = None
    max_batch_file_records: int | None = None
    max_batch_file_uploads_per_day: int | None = None
    max_file_downloads_per_minute: int | None = None
    allowed_file_extensions: tuple[str, ...] = ()
    blocked_file_extensions: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    timeout_s: float | None = None
    max_retries: int | None = None
    may_be_open: bool = False
    warnings: tuple[str, ...] = ()
    _by_name: Mapping[str, Deployment] = attrs.field(init=False, repr=False, eq=False)

    @_by_name.default
    def _by_name_of_all(self) -> Mapping[str, Deployment]:
        return {one.name: one for one in self.forms}

    @property
    def forms(self) -> tuple[Deployment, ...]:
        """All deployments, those that have two forms in both."""
        return *self.others.values(), *self.deployments

    @property
    def database_kind(self) -> str:
        """Where things are remembered, without passwords."""
        kind, _, rest = self.database_url.partition("://")
        return f"sqlite {rest[1:]}" if kind == "sqlite" else f"postgresql {rest.partition('?')[0].rpartition('@')[2]}"

    def is_reached_as(self, other: GatewaySettings) -> bool:
        """
        Return whether a client that was made for *other* serves these, too.
        """
        return self._of_client() == other._of_client()

    def _of_client(self) -> tuple[object, ...]:
        file, prices = self.providers.own, [one.prices for one in self.deployments]
        return file.entries, file.variables, prices, self.default, self.home, self.timeout_s, self.max_retries

    def deployment(self, name: str) -> Deployment:
        """
        Return the deployment called *name*, be it by a name that it had when there were fewer or more of them.

        Raises:
            KeyError: There is none.
        """
        base = name.removesuffix(LINES)
        return self._by_name[self.aliases.get(base, base) + name[len(base) :]]

    def of_model(self, model_name: str) -> Deployment | None:
        """
        Return the first deployment that serves *model_name*.
        """
        exact = next((one for one in self.deployments if model_name in one.models), None)
        return exact or next((one for one in self.deployments if one.model_for(model_name) is not None), None)

    def of_provider(self, provider: str) -> Deployment | None:
        """
        Return the first deployment of LiteLLM's *provider*.
        """
        return next((one for one in self.deployments if one.provider == provider), None)
