"""
What is configured: the arguments of a client, the environment, and the provider file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeGuard

import attrs

from aikit.local import home_folder
from aikit.wire import redacted

OPENAI: Final = "openai"
LOCAL: Final = "local"
FILE_NAME: Final = "AIProviders.json"
_KEYS: Final = {"kind": "kind", "baseURL": "base_url", "apiKey": "api_key"}
_KEYS_TOO: Final = {name: name for name in ("organization", "project", "home")}


def _shown_url(url: str | None) -> str:
    return repr(url and redacted(url))


@attrs.frozen(kw_only=True)
class ProviderSettings:
    """
    How to reach a provider.

    Attributes:
        kind: ``"openai"`` (and whatever speaks its format) or ``"local"``.

        base_url: ``None`` takes the kind's own.

        home: Folder of the embedded provider.
    """

    kind: str = "openai"
    api_key: str | None = attrs.field(default=None, repr=False)
    base_url: str | None = attrs.field(default=None, repr=_shown_url)
    organization: str | None = None
    project: str | None = None
    custom_headers: Mapping[str, str] | None = attrs.field(default=None, repr=False)
    home: Path | None = None

    def __reduce__(self) -> Any:
        raise TypeError("settings of a provider cannot be pickled, they may hold a key; load them again there")

    def or_environment(self, environ: Mapping[str, str] = os.environ) -> ProviderSettings:
        """
        Return these with OpenAI's environment variables for what is not given.
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

        entries: Name → settings; ``"openai"`` and ``"local"`` are always there.

        models: Alias → ``{"provider", "model"}``.
    """

    # providers: NAME → baseURL, apiKey, organization, project; models: ALIAS → provider, model; as in 4D AIKit:
    # https://developer.4d.com/docs/aikit/openaiproviders (read 2026-11-21). "kind" and "home" are ours.

    path: Path | None = None
    entries: Mapping[str, ProviderSettings] = attrs.field(factory=dict)
    models: Mapping[str, Mapping[str, str]] = attrs.field(factory=dict)

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
        return cls(None, _always_there(environ), {})

    def get(self, name: str) -> ProviderSettings:
        """
        Return the settings of the provider called *name*.

        Raises:
            ValueError: There is none.
        """
        if name not in self.entries:
            where = f"in {self.path}" if self.path else f"and there is no {FILE_NAME}; set AIKIT_PROVIDERS to its path"
            raise ValueError(f"provider {name!r} is not one of {', '.join(self.entries)} {where}")
        return self.entries[name]

    def list(self) -> tuple[str, ...]:
        """
        Return the names of all providers.
        """
        return tuple(self.entries)

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


def _always_there(environ: Mapping[str, str]) -> dict[str, ProviderSettings]:
    return {OPENAI: ProviderSettings().or_environment(environ), LOCAL: ProviderSettings(kind=LOCAL)}


def _read(path: Path, environ: Mapping[str, str]) -> Providers:
    try:
        data = json.loads(path.read_text("utf-8-sig"))  # editors on Windows begin files with a mark
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read as JSON: {error}") from error
    entries = data.get("providers", {}) if isinstance(data, dict) else None
    models = data.get("models", {}) if isinstance(data, dict) else None
    if not isinstance(entries, dict) or not _are_models(models):
        shape = '{"providers": {NAME: {…}}, "models": {ALIAS: {"provider": …, "model": …}}}'
        raise ValueError(f"{path} must hold {shape}")
    named = {name: _settings(path, name, entry) for name, entry in entries.items()}
    return Providers(path, _always_there(environ) | named, models)


def _are_models(models: Any) -> TypeGuard[dict[str, dict[str, str]]]:
    return isinstance(models, dict) and all(
        isinstance(model, dict) and all(isinstance(value, str) for value in model.values()) for model in models.values()
    )


def _settings(path: Path, name: str, entry: Any) -> ProviderSettings:
    known = _KEYS | _KEYS_TOO
    if not isinstance(entry, dict) or not all(isinstance(value, str | None) for value in entry.values()):
        raise ValueError(f"{path}: provider {name!r} must be an object of strings")
    unknown = sorted(set(entry) - set(known))
    if unknown:
        raise ValueError(f"{path}: provider {name!r} has unknown keys {', '.join(unknown)}; known: {', '.join(known)}")
    values = {known[key]: value for key, value in entry.items() if value is not None}
    if "home" in values:
        values["home"] = Path(values["home"]).expanduser()
    return ProviderSettings(**({"kind": LOCAL} if name == LOCAL else {}) | values)
