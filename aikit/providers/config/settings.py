"""
The settings of one provider, checked as they are given.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from aikit.http.headers import is_secret, redacted
from aikit.providers.addresses import QUOTES, usable_url
from aikit.providers.kinds import KINDS, LOCAL, require_kind

MAX_CONCURRENCY: Final = 1_000
_NO_KEYS: Final = (
    (
        re.compile(r"(authorization\s*:\s*)?(bearer|basic)(\s|$)", re.IGNORECASE),
        "begins with Bearer; give the key alone",
    ),
    (re.compile(r"(export\s+)?\w*(key|token)\s*=", re.IGNORECASE), "begins with a variable's name; give the key alone"),
    (re.compile(r"(\$\{?\w*(KEY|TOKEN)\}?|%\w*(KEY|TOKEN)%)$"), "is a variable's name; give its value instead"),
)


def _shown_url(url: str | None) -> str:
    return repr(url and redacted(url))


def _stripped(value: str | None) -> str | None:
    return value.strip() if isinstance(value, str) else value


def _url(value: str | None) -> str | None:
    return usable_url(value, with_query=True)


def _has_query_if_it_may(settings: Any, _: attrs.Attribute[Any], value: str | None) -> None:
    if settings.kind not in KINDS or not KINDS[settings.kind].takes_query:
        usable_url(value)


def _is_usable(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{field.name} must be a string, not {type(value).__name__}")
    if value and (value[0] in QUOTES or value[-1] in QUOTES):
        raise ValueError(f"{field.name} has quotes around it; give it without them")
    if value and not (value.isascii() and value.isprintable()):
        raise ValueError(f"{field.name} has characters that no HTTP header can carry; copy it again, whole and alone")


def _is_key(instance: Any, field: attrs.Attribute[Any], value: Any) -> None:
    _is_usable(instance, field, value)
    for pattern, problem in _NO_KEYS:
        if value and pattern.match(value):
            raise ValueError(f"{field.name} {problem}")


def _is_count(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    if value is None:
        return
    if type(value) is not int:  # so no bool
        raise TypeError(f"{field.name} must be a whole number, not {type(value).__name__}")
    if not 1 <= value <= MAX_CONCURRENCY:
        raise ValueError(f"{field.name} must be from 1 to {MAX_CONCURRENCY:,}, not {value:,}")


@attrs.frozen(kw_only=True)
class ProviderSettings:
    """
    How to reach a provider.

    Attributes:
        kind: ``"openai"`` (and whatever speaks its format), or another of `KINDS`.

        base_url: ``None`` takes the kind's own. For the embedded provider, where the lines of its batches are answered,
            with *api_key* and *custom_headers*; ``None``: by the built-in model.

        home: Folder of the embedded provider.

        concurrency: Lines of its batches that are answered at once.

        token: Returns a bearer token, for kinds that take one instead of a key; asked again when it is refused.

        options: What only its kind has, by the names of `Kind.options`; there may be secrets among them.
    """

    kind: str = "openai"
    api_key: str | None = attrs.field(default=None, repr=False, converter=_stripped, validator=_is_key)
    base_url: str | None = attrs.field(default=None, repr=_shown_url, converter=_url, validator=_has_query_if_it_may)
    organization: str | None = attrs.field(default=None, converter=_stripped, validator=_is_usable)
    project: str | None = attrs.field(default=None, converter=_stripped, validator=_is_usable)
    custom_headers: Mapping[str, str] | None = attrs.field(default=None, repr=False)
    home: Path | None = None
    concurrency: int | None = attrs.field(default=None, validator=_is_count)
    token: Callable[[], str] | None = attrs.field(default=None, repr=False)
    options: Mapping[str, str] = attrs.field(factory=dict, repr=False)

    @property
    def is_embedded(self) -> bool:
        """Whether they are of the embedded provider."""
        return self.kind == LOCAL

    def __reduce__(self) -> Any:
        raise TypeError("settings of a provider cannot be pickled, they may hold a key; load them again there")

    def or_environment(self, environ: Mapping[str, str] = os.environ) -> ProviderSettings:
        """
        Return these settings, with those not given from the environment variables of their kind.

        Raises:
            ValueError: A variable has what cannot be used; the message names it.
        """
        settings = self
        for name, variable in self.variables_in(environ).items():
            try:
                settings = settings.with_setting(name, environ[variable].strip())
            except ValueError as error:
                raise ValueError(f"{variable}: {error}") from None
        return settings

    def variables_in(self, environ: Mapping[str, str]) -> dict[str, str]:
        """
        Return, for each setting that is not given, the environment variable that gives it, if one is set.
        """
        unset = {name: names for name, names in KINDS[self.kind].variables.items() if self.setting(name) is None}
        found = {
            name: next((one for one in names if environ.get(one, "").strip()), "") for name, names in unset.items()
        }
        return {name: variable for name, variable in found.items() if variable}

    def setting(self, name: str) -> Any:
        """
        Return the setting called *name*, or the option; ``None`` if it is not given.
        """
        return getattr(self, name) if hasattr(self, name) else self.options.get(name)

    def is_secret(self, name: str) -> bool:
        """
        Return whether the setting called *name* is a secret: keys and tokens are, of credentials not the path.
        """
        is_path = name == "credentials" and not str(self.setting(name)).lstrip().startswith("{")
        return is_secret(name) and not is_path

    @property
    def missing(self) -> str | None:
        """A setting without which its kind is of no use, and which is not given; ``None`` if all are there."""
        required = KINDS[self.kind].required if self.kind in KINDS else ()
        return next((name for name in required if not self.setting(name)), None)

    def require_usable(self) -> None:
        """
        Check that there is such a kind of provider, and that it has what it needs.

        Raises:
            ValueError: There is none, or something is missing; the message names the variable to set.
        """
        require_kind(self.kind)
        name = self.missing
        if name is not None:
            raise self.lacking(name)

    def lacking(self, name: str) -> ValueError:
        """
        Return the error for a setting that is needed and not given.
        """
        variables = " or ".join(KINDS[self.kind].variables.get(name, ()))
        return ValueError(f"provider {self.kind!r} has no {name}: set {variables}, or give it with the provider")

    def with_setting(self, name: str, value: Any) -> ProviderSettings:
        """
        Return these settings with another *value* of one of them.

        Raises:
            TypeError: It is of another type.
            ValueError: It cannot be used.
        """
        value = value.strip() if isinstance(value, str) else value
        if value and self.kind in KINDS:
            KINDS[self.kind].require_form(name, value)
        if hasattr(self, name):
            return attrs.evolve(self, **{name: value})
        return attrs.evolve(self, options={**self.options, name: value})
