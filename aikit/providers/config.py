"""
The configuration of providers: arguments of a client, the environment, and the provider file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeGuard
from urllib.parse import urlsplit

import attrs

from aikit.http.headers import redacted
from aikit.storage import home_folder

OPENAI: Final = "openai"
LOCAL: Final = "local"
FILE_NAME: Final = "AIProviders.json"
MAX_CONCURRENCY: Final = 1_000
_KEYS: Final = {"kind": "kind", "baseURL": "base_url", "apiKey": "api_key"}
_KEYS_TOO: Final = {name: name for name in ("organization", "project", "home", "concurrency")}
_OF_BUILT_IN: Final = {
    OPENAI: ("kind", "apiKey", "organization", "project"),
    LOCAL: ("kind", "home", "concurrency"),
}
"""What an entry may say of a built-in provider: a file in the working folder must not lead its key or files astray."""


def _shown_url(url: str | None) -> str:
    return repr(url and redacted(url))


def _usable_url(base_url: str | None) -> str | None:
    """
    Return *base_url* without a slash at its end.

    Raises:
        ValueError: It is no http(s) address of a host, or has parts that belong elsewhere.
    """
    if base_url is None:
        return None
    if not isinstance(base_url, str):
        raise TypeError(f"base_url must be a string, not {type(base_url).__name__}")
    base_url = base_url.strip()
    shown = repr(redacted(base_url))
    try:
        parts = urlsplit(base_url)
        is_usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets or a port that are none: their message would repeat a password
        is_usable, shown = False, f"{base_url.split(':', 1)[0]!r}…"
    if not is_usable or not base_url.isascii() or not base_url.isprintable() or any(char in base_url for char in " \\"):
        raise ValueError(f"base_url {shown} must start with http:// or https:// and name a host") from None
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError(f"base_url {shown} must have no user, query or fragment; pass the key as api_key")
    return base_url.rstrip("/")


def _stripped(value: str | None) -> str | None:
    return value.strip() if isinstance(value, str) else value


def _is_usable(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{field.name} must be a string, not {type(value).__name__}")
    if value and not (value.isascii() and value.isprintable()):
        raise ValueError(f"{field.name} has characters that no HTTP header can carry; copy it again, whole and alone")


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
        kind: ``"openai"`` (and whatever speaks its format) or ``"local"``.

        base_url: ``None`` takes the kind's own. For the embedded provider, where the lines of its batches are answered,
            with *api_key* and *custom_headers*; ``None``: by the built-in model.

        home: Folder of the embedded provider.

        concurrency: Lines of its batches that are answered at once.
    """

    kind: str = "openai"
    api_key: str | None = attrs.field(default=None, repr=False, converter=_stripped, validator=_is_usable)
    base_url: str | None = attrs.field(default=None, repr=_shown_url, converter=_usable_url)
    organization: str | None = attrs.field(default=None, converter=_stripped, validator=_is_usable)
    project: str | None = attrs.field(default=None, converter=_stripped, validator=_is_usable)
    custom_headers: Mapping[str, str] | None = attrs.field(default=None, repr=False)
    home: Path | None = None
    concurrency: int | None = attrs.field(default=None, validator=_is_count)

    @property
    def is_embedded(self) -> bool:
        """Whether they are of the embedded provider."""
        return self.kind == LOCAL

    def __reduce__(self) -> Any:
        raise TypeError("settings of a provider cannot be pickled, they may hold a key; load them again there")

    def or_environment(self, environ: Mapping[str, str] = os.environ) -> ProviderSettings:
        """
        Return these settings, with OpenAI's environment variables for those not given.
        """
        # OPENAI_API_KEY, OPENAI_BASE_URL, OPENAI_ORG_ID, OPENAI_PROJECT_ID: the names of OpenAI's own libraries
        names = {
            "api_key": "OPENAI_API_KEY",
            "base_url": "OPENAI_BASE_URL",
            "organization": "OPENAI_ORG_ID",
            "project": "OPENAI_PROJECT_ID",
        }
        missing: dict[str, Any] = {
            key: environ.get(name) or None for key, name in names.items() if getattr(self, key) is None
        }
        return attrs.evolve(self, **missing)


@attrs.frozen
class Providers:
    """
    The configured providers, read once from the first provider file that exists.

    Attributes:
        path: The file; ``None`` when there is none.

        written: Name → what the file says of it, read when it is asked for: one bad entry hides none of the others.

        models: Alias → ``{"provider", "model"}``.
    """

    # providers: NAME → baseURL, apiKey, organization, project; models: ALIAS → provider, model; as in 4D AIKit:
    # https://developer.4d.com/docs/aikit/openaiproviders (read 2026-11-21). "kind", "home" and
    # "concurrency" are ours.

    path: Path | None = None
    written: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    models: Mapping[str, Mapping[str, str]] = attrs.field(factory=dict)
    _environ: Mapping[str, str] = attrs.field(default=os.environ, repr=False)

    def __reduce__(self) -> Any:
        raise TypeError("configured providers cannot be pickled, they may hold keys; load them again there")

    @classmethod
    def load(cls, environ: Mapping[str, str] = os.environ) -> Providers:
        """
        Read the first that exists of: ``AIKIT_PROVIDERS``, ``./AIProviders.json``, ``AIProviders.json`` in the home.

        Raises:
            ValueError: The file is not what it should be.
        """
        for path in _candidates(environ):
            if path.is_file():
                return _read(path, environ)
        return cls(environ=environ)

    def get(self, name: str) -> ProviderSettings:
        """
        Return the settings of the provider called *name*.

        Raises:
            ValueError: There is no such provider, or its entry in the file cannot be used.
        """
        if name in self.written:
            settings = _settings(self.path, name, self.written[name])
            is_bare = name == OPENAI and settings.api_key is None
            return settings.or_environment(self._environ) if is_bare else settings
        if name == OPENAI:
            return ProviderSettings().or_environment(self._environ)
        if name == LOCAL:
            return ProviderSettings(kind=LOCAL)
        where = f"in {self.path}" if self.path else f"and there is no {FILE_NAME}; set AIKIT_PROVIDERS to its path"
        raise ValueError(f"provider {name!r} is not one of {', '.join(self.list())} {where}")

    def list(self) -> tuple[str, ...]:
        """
        Return the names of all providers; ``"openai"`` and ``"local"`` are always there.
        """
        return tuple(dict.fromkeys((OPENAI, LOCAL, *self.written)))

    def model_aliases(self) -> tuple[str, ...]:
        """
        Return the aliases of all models.
        """
        return tuple(self.models)


def _candidates(environ: Mapping[str, str]) -> Iterator[Path]:
    named = environ.get("AIKIT_PROVIDERS")
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            raise ValueError(f"AIKIT_PROVIDERS names {path}, which is not a file")
        yield path
    yield Path(FILE_NAME)
    yield home_folder(environ) / FILE_NAME


def _read(path: Path, environ: Mapping[str, str]) -> Providers:
    try:
        data = json.loads(path.read_text("utf-8-sig"))  # editors on Windows begin files with a mark
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read as JSON: {error}") from error
    entries = data.get("providers", {}) if isinstance(data, dict) else None
    models = data.get("models", {}) if isinstance(data, dict) else None
    unknown = sorted(set(data) - {"providers", "models"}) if isinstance(data, dict) else []
    if not isinstance(entries, dict) or not _are_models(models) or unknown:
        shape = '{"providers": {NAME: {…}}, "models": {ALIAS: {"provider": …, "model": …}}}'
        others = f" and nothing else; it has {', '.join(unknown)}" if unknown else ""
        raise ValueError(f"{path} must hold {shape}{others}")
    return Providers(path, entries, models, environ)


def _are_models(models: Any) -> TypeGuard[dict[str, dict[str, str]]]:
    return isinstance(models, dict) and all(
        isinstance(model, dict) and all(isinstance(value, str) for value in model.values()) for model in models.values()
    )


def _require_own_kind(path: Path | None, name: str, keys: set[str], kind: Any) -> None:
    allowed = _OF_BUILT_IN.get(name)
    if allowed is None or (keys <= set(allowed) and kind == name):
        return
    wrong = sorted(keys - set(allowed)) or ["another kind"]
    raise ValueError(
        f"{path}: provider {name!r} is built in and may have only {', '.join(allowed)}, with kind {name!r}; "
        f"it has {', '.join(wrong)}: choose another name for it"
    )


def _settings(path: Path | None, name: str, entry: Any) -> ProviderSettings:
    known = _KEYS | _KEYS_TOO
    if not isinstance(entry, dict) or not all(
        isinstance(value, str | None) for key, value in entry.items() if key != "concurrency"
    ):
        raise ValueError(f"{path}: provider {name!r} must be an object of strings, and concurrency a whole number")
    unknown = sorted(set(entry) - set(known))
    if unknown:
        raise ValueError(f"{path}: provider {name!r} has unknown keys {', '.join(unknown)}; known: {', '.join(known)}")
    values = {known[key]: value for key, value in entry.items() if value is not None}
    _require_own_kind(path, name, {key for key, value in entry.items() if value is not None}, values.get("kind", name))
    if "home" in values:
        values["home"] = Path(values["home"]).expanduser()
    try:
        return ProviderSettings(**({"kind": LOCAL} if name == LOCAL else {}) | values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: provider {name!r}: {error}") from None
