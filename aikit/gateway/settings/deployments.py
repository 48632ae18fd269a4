"""
Entries of ``files_settings`` and ``model_list`` as deployments with unique names, and as providers of the client.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from aikit.gateway.settings.prices import prices_of
from aikit.gateway.values import Deployment
from aikit.http.headers import is_secret, redacted
from aikit.providers.config.file import ProviderFile, file_of
from aikit.providers.config.litellm_entries import LiteLLM, LiteLLMEntry
from aikit.providers.config.logins import is_signed
from aikit.providers.config.providers import Providers
from aikit.providers.config.settings import ProviderSettings
from aikit.providers.kinds import KINDS, LOCAL, OPENAI

_WITHOUT_BATCHES: Final = frozenset(("hosted_vllm", "ollama", "ollama_chat", "llamafile", "lm_studio"))
"""LiteLLM's providers that answer single requests alone, unless an entry says that its mode is batch."""
_HOMES: Final = "gateway-runs"
_VARIABLE: Final = "os.environ/"
_OF_CALLS: Final = frozenset(("model", "api_version", "rpm", "tpm", "weight", "order", "timeout", "max_retries"))
_SHORT: Final = 8


@attrs.frozen(kw_only=True)
class Accounts:
    """
    The deployments, how the client reaches them, and what is wrong with them.

    Attributes:
        aliases: Name that a deployment has beside others of its kind → the name that it has now.

        warnings: What is not heeded, with file and line.

        problems: What cannot be used, likewise.
    """

    deployments: tuple[Deployment, ...]
    providers: Providers
    aliases: Mapping[str, str] = attrs.field(factory=dict)
    warnings: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def default(self) -> str:
        """The name of the deployment for calls that name none: as with LiteLLM, one of OpenAI where there is one."""
        names = [one.name for one in sorted(self.deployments, key=lambda one: one.provider != OPENAI)]
        return next(iter(names), "")


def embedded(environ: Mapping[str, str], home: Path) -> Accounts:
    """
    Return the embedded provider as the one account.
    """
    deployment = Deployment(name=LOCAL, provider=LOCAL, model_id=LOCAL, api_base=str(home))
    return Accounts(deployments=(deployment,), providers=Providers(ProviderFile(), environ, home=home))


def accounts_of(path: Path, found: LiteLLM, home: Path) -> Accounts:
    """
    Return the accounts that *found*, the configuration at *path*, describes.

    Args:
        path: Of the configuration.

        found: What it says.

        home: Folder under which each deployment that runs lines has its own.
    """
    named, aliases = _named([entry for entry in found.entries if not isinstance(entry.settings, str)])
    stable = {name: own for own, name in aliases.items()}
    chosen = {name: _where_it_runs(entry, home / _HOMES / _as_folder(stable[name])) for name, entry in named.items()}
    file = file_of(path, found, chosen)
    providers = Providers(file, {**found.environ, **found.variables}, home=home)
    deployments: list[Deployment] = []
    warnings, problems = _left_out(found)
    for name, entry in chosen.items():
        try:
            configured = providers.look_up(name)
            deployments.append(_deployment(name, entry, configured.settings))
        except ValueError as error:
            problems.append(str(error))
        else:
            warnings += [*configured.warnings, *_keyless(entry, configured.settings)]
    if not deployments and not problems:
        problems.append(f"{path} has no account of a provider that aikit knows, so there is nothing to serve; add one")
    return Accounts(
        deployments=tuple(deployments),
        providers=providers,
        aliases=aliases,
        warnings=tuple(warnings),
        problems=tuple(problems),
    )


def _left_out(found: LiteLLM) -> tuple[list[str], list[str]]:
    """
    Return warnings of entries whose provider is not supported, and problems of those that cannot be used.
    """
    warnings, problems = [], []
    for entry in found.entries:
        if isinstance(entry.settings, str):
            whose = f"{entry.name!r}: " if entry.name else ""
            told = f"{entry.place}: {whose}{entry.settings}"
            if entry.is_supported:
                problems.append(told)
            else:
                warnings.append(f"{told}; the entry is left out")
    return warnings, problems


def _named(entries: list[LiteLLMEntry]) -> tuple[dict[str, LiteLLMEntry], dict[str, str]]:
    """
    Return *entries* by unique names, and other names that stand for these.

    An entry is called as LiteLLM calls it. Several that are called alike have a text behind it that stays the same
    when entries come, go or change places: files and batches are remembered by these names.
    """
    called = [_called(entry) for entry in entries]
    alike, shared = Counter(called), Counter(map(_identity, called, entries))
    named: dict[str, LiteLLMEntry] = {}
    aliases: dict[str, str] = {}
    for base, entry in zip(called, entries, strict=True):
        own = _identity(base, entry)
        if shared[own] > 1:
            own = _identity(base, entry, is_by_secret=True)
        shared[own] += shared[own] <= 1
        name = base if alike[base] == 1 else _free(own, named)
        named[name] = entry
        aliases.setdefault(base, name)
        aliases[own if alike[base] == 1 else name] = name
    return named, aliases


def _free(name: str, taken: Mapping[str, Any]) -> str:
    number = 1
    while (free := name if number == 1 else f"{name}-{number}") in taken:
        number += 1
    return free


def _called(entry: LiteLLMEntry) -> str:
    """
    Return what *entry* is called; not as a kind of provider that has no such settings.
    """
    kind, keys = KINDS.get(entry.name), set(entry.settings) - {"kind"}
    is_own = kind is None or (entry.settings["kind"] == entry.name and keys <= set(kind.own_keys))  # type: ignore[index]  # it has settings
    return entry.name if is_own else f"{'model' if entry.is_model else 'files'}-{entry.name}"


def _identity(name: str, entry: LiteLLMEntry, *, is_by_secret: bool = False) -> str:
    """
    Return *name* and a text that tells the entry's account from others; of secrets their variables count.
    """
    given = {key: str(value) for key, value in entry.given.items() if key not in _OF_CALLS}
    told = entry.info.get("id") or {
        key: value for key, value in given.items() if is_by_secret or not _is_secret(key, value)
    }
    return f"{name}@{_hash([entry.provider, entry.model, told])[:_SHORT]}"


def _is_secret(key: str, value: str) -> bool:
    return is_secret(key, value) and key != "litellm_credential_name" and not value.startswith(_VARIABLE)


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _as_folder(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9@_-]", "_", name)[-64:]


def _where_it_runs(entry: LiteLLMEntry, home: Path) -> LiteLLMEntry:
    """
    Return *entry* as one of the embedded provider with *home*, if its server has no batches of its own.
    """
    has_none = entry.is_model and entry.provider in _WITHOUT_BATCHES and entry.info.get("mode") != "batch"
    if not has_none or isinstance(entry.settings, str):
        return entry
    return attrs.evolve(entry, settings={**entry.settings, "kind": LOCAL, "home": str(home)})


def _deployment(name: str, entry: LiteLLMEntry, settings: ProviderSettings) -> Deployment:
    runs_lines = settings.kind == LOCAL and settings.base_url is not None
    shown = {key: str(value) for key, value in entry.given.items() if not _is_secret(key, str(value))}
    return Deployment(
        name=name,
        provider=entry.provider,
        models={entry.name: entry.model} if entry.is_model else {},
        model_id=str(entry.info.get("id") or _hash([entry.name, entry.provider, entry.model, shown])[:32]),
        api_base=redacted(settings.base_url or KINDS[settings.kind].base_url),
        prices=prices_of(entry, has_discount=not runs_lines),
        runs_lines=runs_lines,
    )


def _keyless(entry: LiteLLMEntry, settings: ProviderSettings) -> Iterator[str]:
    if KINDS[settings.kind].needs_key and not is_signed(settings):
        variable = KINDS[settings.kind].variables["api_key"][0]
        yield f"{entry.place}: {entry.name!r} has no api_key; give it one, or set {variable}"
