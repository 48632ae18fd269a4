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

from aikit.gateway.settings.prices import prices_of, unused_prices
from aikit.gateway.values import LINES, Deployment
from aikit.http.headers import is_secret, redacted
from aikit.providers.config.file import ProviderFile, file_of
from aikit.providers.config.litellm_entries import PROVIDERS, LiteLLM, LiteLLMEntry
from aikit.providers.config.logins import is_signed
from aikit.providers.config.providers import Providers
from aikit.providers.config.settings import ProviderSettings
from aikit.providers.kinds import KINDS, LOCAL

_FIRST: Final = "openai"  # LiteLLM's name
_WITHOUT_BATCHES: Final = frozenset(("hosted_vllm", "ollama", "ollama_chat", "llamafile", "lm_studio"))
"""LiteLLM's providers that mostly answer single requests alone."""
_WITH_BATCHES: Final = frozenset(("openai", "custom_openai", "openai_like", "text-completion-openai"))
"""LiteLLM's providers that mostly have batches, at other addresses than OpenAI's maybe not."""
_HAVE_BATCHES: Final = ("api.openai.com", ".azure.com")
_HOMES: Final = "gateway-runs"
_VARIABLE: Final = "os.environ/"
_TELLING: Final = frozenset(
    (
        *("api_key", "api_base", "base_url", "organization", "azure_ad_token", "litellm_credential_name", "home"),
        *(f"vertex_{ai}{name}" for ai in ("ai_", "") for name in ("project", "location", "credentials")),
        *("gcs_bucket_name", "bucket_name"),
    )
)
"""Keys that tell one account from another."""
_SHORT: Final = 8


@attrs.frozen(kw_only=True)
class Accounts:
    """
    The deployments, how the client reaches them, and what is wrong with them.

    Attributes:
        others: Name of a deployment → the same account in its other form, with batches of its own or lines that are
            run here.

        unsure: Names of deployments of which only the server knows the form.

        aliases: Name that a deployment has beside others of its kind → the name that it has now.

        warnings: What is not heeded, with file and line.

        problems: What cannot be used, likewise.
    """

    deployments: tuple[Deployment, ...]
    providers: Providers
    others: Mapping[str, Deployment] = attrs.field(factory=dict)
    unsure: frozenset[str] = frozenset()
    aliases: Mapping[str, str] = attrs.field(factory=dict)
    warnings: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def default(self) -> str:
        """The name of the deployment for calls that name none: as with LiteLLM, one of OpenAI where there is one."""
        names = [one.name for one in sorted(self.deployments, key=lambda one: one.provider != _FIRST)]
        return next(iter(names), "")


def embedded(environ: Mapping[str, str], home: Path) -> Accounts:
    """
    Return the embedded provider as the one account, which answers under all names: programs are tried with it as is.
    """
    deployment = Deployment(name=LOCAL, provider=LOCAL, model_id=LOCAL, api_base=str(home), stands_for=PROVIDERS)
    return Accounts(deployments=(deployment,), providers=Providers(ProviderFile(), environ, home=home))


def accounts_of(path: Path, found: LiteLLM, home: Path) -> Accounts:
    """
    Return the accounts that *found*, the configuration at *path*, describes.

    Args:
        path: Of the configuration.

        found: What it says.

        home: Folder under which each deployment that runs lines has its own.
    """
    entries = [_with_bucket(entry) for entry in found.entries]
    named = _named([entry for entry in entries if not isinstance(entry.settings, str)])
    chosen: dict[str, LiteLLMEntry] = {}
    for one in named:
        chosen |= _forms(one, home / _HOMES / _as_folder(one.own))
    providers = Providers(file_of(path, found, chosen), {**found.environ, **found.variables}, home=home)
    made: dict[str, Deployment] = {}
    warnings, problems = _left_out(entries)
    for name, entry in chosen.items():
        try:
            configured = providers.look_up(name)
            made[name] = _deployment(name, entry, configured.settings)
        except ValueError as error:
            problems += [] if name.endswith(LINES) else [str(error)]
        else:
            warnings += [*configured.warnings, *_keyless(entry, configured.settings), *unused_prices(entry)]
    if not made and not problems:
        problems.append(f"{path} has no account of a provider that aikit knows, so there is nothing to serve; add one")
    pairs = [(made[one.name], made.get(one.name + LINES), one.entry) for one in named if one.name in made]
    usual = [(one, lines) if lines is None or not _runs_lines(entry) else (lines, one) for one, lines, entry in pairs]
    return Accounts(
        deployments=tuple(one for one, _ in usual),
        providers=providers,
        others={one.name: other for one, other in usual if other is not None},
        unsure=frozenset(
            one.name
            for (one, other), (_, _, entry) in zip(usual, pairs, strict=True)
            if other is not None and not _is_told(entry)
        ),
        aliases={one.called: one.name for one in reversed(named)} | {one.own: one.name for one in named},
        warnings=tuple(dict.fromkeys(warnings)),
        problems=tuple(dict.fromkeys(problems)),
    )


def _with_bucket(entry: LiteLLMEntry) -> LiteLLMEntry:
    """
    Return *entry*, or why it is left out: LiteLLM's users have models of Vertex AI for single requests, without files.
    """
    is_single = entry.is_model and not _is_told(entry) and not isinstance(entry.settings, str)
    if not is_single or entry.settings["kind"] != "vertex" or "bucket" in entry.settings:  # type: ignore[index]  # it has
        return entry
    why = "it has no gcs_bucket_name, which files and batches need"
    return attrs.evolve(entry, settings=why, is_supported=False)


def _left_out(entries: list[LiteLLMEntry]) -> tuple[list[str], list[str]]:
    """
    Return warnings of *entries* that are not supported, and problems of those that cannot be used.
    """
    warnings, problems = [], []
    for entry in entries:
        if isinstance(entry.settings, str):
            whose = f"{entry.name!r}: " if entry.name else ""
            told = [f"{place}: {whose}{why}" for place, why in entry.problems or ((entry.place, entry.settings),)]
            if entry.is_supported:
                problems += told
            else:
                warnings += [f"{why}; the entry is left out" for why in told]
    return warnings, problems


@attrs.frozen
class _Named:
    """
    An entry, the names by which it is called, and one that stays when other entries come, go or change places.
    """

    entry: LiteLLMEntry
    called: str
    own: str
    name: str


def _named(entries: list[LiteLLMEntry]) -> list[_Named]:
    """
    Return *entries* with unique names.

    An entry is called as LiteLLM calls it. Several that are called alike go by their own names: files and batches are
    remembered by these.
    """
    called = [_called(entry) for entry in entries]
    alike, shared, taken = Counter(called), Counter(map(_identity, called, entries)), Counter[str]()
    named = []
    for base, entry in zip(called, entries, strict=True):
        own = _identity(base, entry)
        own = own if shared[own] == 1 else _identity(base, entry, is_by_secret=True)
        taken[own] += 1
        own = own if taken[own] == 1 else f"{own}-{taken[own]}"
        named.append(_Named(entry, base, own, base if alike[base] == 1 else own))
    return named


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
    given = {key: str(value) for key, value in entry.given.items() if key in _TELLING}
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


def _forms(one: _Named, home: Path) -> dict[str, LiteLLMEntry]:
    """
    Return the entry by its name, and, if its server may have no batches, as one of the embedded provider with *home*.
    """
    entry, settings = one.entry, one.entry.settings
    is_server = entry.is_model and entry.provider in _WITHOUT_BATCHES | _WITH_BATCHES
    if isinstance(settings, str) or not is_server or "baseURL" not in settings:
        return {one.name: entry}
    if any(host in settings["baseURL"] for host in _HAVE_BATCHES):
        return {one.name: entry}
    lines = attrs.evolve(entry, settings={**settings, "kind": LOCAL, "home": str(home)})
    return {one.name: entry, one.name + LINES: lines}


def _is_told(entry: LiteLLMEntry) -> bool:
    return entry.info.get("mode") == "batch"


def _runs_lines(entry: LiteLLMEntry) -> bool:
    return entry.provider in _WITHOUT_BATCHES and not _is_told(entry)


def _deployment(name: str, entry: LiteLLMEntry, settings: ProviderSettings) -> Deployment:
    runs_lines = name.endswith(LINES)
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
    if KINDS[settings.kind].needs_key and settings.base_url is None and not is_signed(settings):
        variable = KINDS[settings.kind].variables["api_key"][0]
        yield f"{entry.place}: {entry.name!r} has no api_key; give it one, or set {variable}"
