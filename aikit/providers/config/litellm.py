"""
LiteLLM's ``config.yaml``: what of it says how to reach providers, as entries of a provider file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from aikit.providers.config.yaml_nodes import MAX_BYTES, Mapped, read_yaml
from aikit.providers.kinds import KINDS
from aikit.storage import is_file, shown

# https://docs.litellm.ai/docs/proxy/config_settings and /docs/files_endpoints (1.109, read 2026-11-30)

_KINDS: Final = {
    "openai": "openai",
    "text-completion-openai": "openai",
    "custom_openai": "openai",
    "hosted_vllm": "openai",
    "litellm_proxy": "openai",
    "azure": "azure",
    "gemini": "gemini",
    "vertex_ai": "vertex",
    "vertex_ai_beta": "vertex",
}
_NEED_ADDRESS: Final = frozenset(("custom_openai", "hosted_vllm", "litellm_proxy"))
_KEYS: Final = {"api_key": "apiKey", "api_base": "baseURL", "base_url": "baseURL", "organization": "organization"}
_KEYS_OF: Final[Mapping[str, Mapping[str, str]]] = {
    "azure": {"api_version": "api_version", "azure_ad_token": "ad_token", "azure_scope": "scope"},
    "vertex": {
        **{f"vertex_{ai}{name}": name for ai in ("ai_", "") for name in ("project", "location", "credentials")},
        "bucket_name": "bucket",
        "gcs_bucket_name": "bucket",
    },
}
_FROM_ENVIRONMENT: Final = ("project", "location", "bucket", "storage_url")
_SECTIONS: Final = frozenset(
    (
        *("model_list", "files_settings", "include", "environment_variables", "general_settings", "litellm_settings"),
        *("router_settings", "finetune_settings", "callback_settings", "guardrails", "credential_list", "mcp_servers"),
        *("vector_store_registry", "assistant_settings", "prompts", "search_tools"),
    )
)
_OF_CALLS: Final = frozenset(
    (
        *("model", "custom_llm_provider", "api_version", "rpm", "tpm", "timeout", "stream_timeout", "max_retries"),
        *("max_tokens", "max_parallel_requests", "max_budget", "budget_duration", "temperature", "top_p", "weight"),
        *("order", "tags", "drop_params", "mock_response"),
    )
)
"""Keys that are about calls and prices, and so mean nothing for how to reach a provider."""
_IDENTITY: Final = {
    **{name: f"AZURE_{name.upper()}" for name in ("tenant_id", "client_id", "client_secret")},
    **{f"azure_{name}": f"AZURE_{name.upper()}" for name in ("username", "password")},
}
"""Keys of identities → the variable that Azure's library reads in their place."""
_OIDC: Final = "oidc/"
_CREDENTIAL: Final = "litellm_credential_name"
_OPENAI_MODELS: Final = ("ft:gpt", "gpt", "chatgpt", "o1", "o3", "o4", "text-", "davinci", "babbage", "whisper", "tts")
_VARIABLE: Final = "os.environ/"
_MOST_FILES: Final = 20
_MOST_WARNINGS: Final = 50


@attrs.define
class LiteLLM:
    """
    What a configuration says, entry by entry.

    Attributes:
        entries: Name → an entry as in ``AIProviders.json``, or why there is none.

        models: ``model_name`` → provider and model.

        places: Keys, from the outermost → file and line.

        warnings: What is not heeded, with file and line.

        variables: What it adds to the environment.

        credentials: Name → what entries that name it have, unless they say so themselves.
    """

    environ: Mapping[str, str] = attrs.field(repr=False)
    entries: dict[str, Any] = attrs.field(factory=dict, repr=False)
    models: dict[str, dict[str, str]] = attrs.field(factory=dict)
    places: dict[tuple[str, ...], str] = attrs.field(factory=dict, repr=False)
    warnings: list[str] = attrs.field(factory=list)
    variables: dict[str, str] = attrs.field(factory=dict, repr=False)
    credentials: dict[str, Mapped] = attrs.field(factory=dict, repr=False)

    def warn(self, place: str, text: str) -> None:
        """
        Note that something is not heeded.
        """
        if len(self.warnings) < _MOST_WARNINGS:
            self.warnings.append(f"{place}: {text}")

    def add(self, name: str, place: str, entry: Any, places: Mapping[str, str]) -> None:
        """
        Add an entry, unless there is one of that name.
        """
        if name in self.entries:
            self.warn(place, f"there is another {name!r} before, which counts")
            return
        self.entries[name], self.places["providers", name] = entry, place
        for key, at in places.items():
            self.places["providers", name, key] = at

    def resolved(self, value: Any) -> Any:
        """
        Return *value*, or what the variable that it names holds; ``None`` if that is not set.
        """
        if isinstance(value, str) and value.startswith(_VARIABLE):
            name = value.removeprefix(_VARIABLE).strip()
            return {**self.environ, **self.variables}.get(name, "").strip() or None
        return value


def read_litellm(path: Path, environ: Mapping[str, str]) -> LiteLLM:
    """
    Return what the configuration at *path* says, and the files that it includes.

    Raises:
        ValueError: It, or what it includes, cannot be understood, or is not of that shape.
        OSError: It cannot be read.
    """
    config = _whole(path)
    variables = config.get("environment_variables")
    found = LiteLLM(environ)
    for name, value in variables.items() if isinstance(variables, Mapped) else ():
        held = found.resolved(value)
        found.variables |= {} if held is None else {name: str(held)}
    for entry in _list(config, "credential_list"):
        if isinstance(entry.get("credential_values"), Mapped):
            found.credentials[str(entry.get("credential_name"))] = entry["credential_values"]
    for key in config:
        if key not in _SECTIONS:
            found.warn(config.places[key], f"unknown key {shown(key)!r}, which is ignored")
    for entry in _list(config, "files_settings"):
        _add_files_settings(found, entry)
    for entry in _list(config, "model_list"):
        _add_model(found, entry)
    return found


def _whole(path: Path) -> Mapped:
    """
    Return the configuration with what it includes: lists become longer, other keys are replaced.
    """
    config = _mapping(path)
    waiting, seen = _included(path, config), {path.resolve()}
    while waiting:
        place, file = waiting.pop(0)
        if file.resolve() in seen or len(seen) >= _MOST_FILES:
            raise ValueError(f"{place}: {shown(file)} is included already, or is one of too many; remove it")
        if not is_file(file):
            raise ValueError(f"{place}: {shown(file)} cannot be included: it is not a file; correct its path")
        seen.add(file.resolve())
        try:
            more = _mapping(file)
        except OSError as error:
            raise ValueError(f"{place}: {shown(file)} cannot be included: {error.strerror}; correct its path") from None
        waiting += _included(file, more)
        for key, value in more.items():
            is_longer = isinstance(value, list) and isinstance(config.get(key), list)
            config[key] = [*config[key], *value] if is_longer else value
            config.places[key] = more.places[key]
    return config


def _mapping(path: Path) -> Mapped:
    with path.open("rb") as file:
        found = read_yaml(path, file.read(MAX_BYTES + 1))
    if not isinstance(found, Mapped):
        raise ValueError(  # noqa: TRY004  a wrong file, not a wrong argument
            f"{path} must hold a mapping with model_list or files_settings, as LiteLLM's config.yaml"
        )
    return found


def _included(path: Path, config: Mapped) -> list[tuple[str, Path]]:
    names = config.pop("include", None) or []
    place = config.places.get("include", str(path))
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{place}: include must be a list of paths")
    return [(place, path.parent / name) for name in names]


def _list(config: Mapped, key: str) -> Iterator[Mapped]:
    entries = config.get(key) or []
    if not isinstance(entries, list) or not all(isinstance(entry, Mapped) for entry in entries):
        raise ValueError(f"{config.places[key]}: {key} must be a list of mappings")
    yield from entries


def _add_files_settings(found: LiteLLM, entry: Mapped) -> None:
    place = _place_of(entry, "custom_llm_provider")
    provider = found.resolved(entry.get("custom_llm_provider"))
    if not isinstance(provider, str) or not provider:
        found.warn(place, "an entry of files_settings has no custom_llm_provider, and is ignored")
        return
    settings, places = _entry(found, provider, entry, f"files_settings of {provider!r}")
    is_moved = provider == "openai" and isinstance(settings, dict) and "baseURL" in settings
    found.add("files-openai" if is_moved else provider, place, settings, places)


def _add_model(found: LiteLLM, entry: Mapped) -> None:
    place = _place_of(entry, "model_name")
    name, params = entry.get("model_name"), entry.get("litellm_params")
    model = found.resolved(params.get("model")) if isinstance(params, Mapped) else None
    if not isinstance(name, str) or not isinstance(params, Mapped) or not isinstance(model, str):
        found.warn(place, "an entry of model_list lacks model_name, or a model in litellm_params, and is ignored")
        return
    _warn_unknown(found, entry, ("model_name", "litellm_params", "model_info"), f"model {name!r}")
    provider, slash, rest = model.partition("/")
    if params.get("custom_llm_provider"):
        provider = str(params["custom_llm_provider"])
        rest = model.removeprefix(f"{provider}/")
    elif not slash:
        provider, rest = "openai" if model.lower().startswith(_OPENAI_MODELS) else "", model
    settings, places = _entry(found, provider, params, f"model {name!r}")
    if name not in found.entries:
        found.models[name] = {"provider": name, "model": rest}
    found.add(name, place, settings, places)


def _entry(found: LiteLLM, provider: str, given: Mapped, whose: str) -> tuple[Any, dict[str, str]]:
    """
    Return the entry that *given* means for LiteLLM's *provider*, or why there is none; and the places of its keys.
    """
    kind, credential = _KINDS.get(provider), given.get(_CREDENTIAL)
    given = given.over(found.credentials.get(str(credential)))
    if kind is None:
        return _why_not(provider), {}
    known = {**_KEYS, **_KEYS_OF.get(kind, {})}
    problem = (
        f"{_CREDENTIAL} is {shown(credential)!r}, which is none of credential_list; add it there"
        if credential is not None and str(credential) not in found.credentials
        else _problem(found, kind, given, known)
    )
    if problem is not None:
        return problem, {}
    _warn_unknown(found, given, {*known, *(_IDENTITY if kind == "azure" else ()), _CREDENTIAL}, whose)
    values = ((name, found.resolved(given.get(key))) for key, name in known.items())
    entry = {"kind": kind} | {name: str(one) for name, one in values if one is not None}  # versions are dates to YAML
    for name in _FROM_ENVIRONMENT if kind == "vertex" else ():  # also beside credentials of the entry
        held = next(filter(None, (found.resolved(_VARIABLE + one) for one in KINDS[kind].variables[name])), None)
        if held is not None:
            entry.setdefault(name, held)
    if provider in _NEED_ADDRESS and "baseURL" not in entry:
        return f"{provider} has no api_base, so its key would go to OpenAI; add one", {}
    return entry, {name: given.places[key] for key, name in known.items() if key in given}


def _problem(found: LiteLLM, kind: str, given: Mapped, known: Iterable[str]) -> str | None:
    """
    Return why what *given* says of a *kind* cannot be used.
    """
    for key in known:
        value = found.resolved(given.get(key))
        if given.get(key) is not None and value is None:
            return f"{key} is {shown(given[key])}, and that variable is not set; set it"
        if isinstance(value, list | Mapped):
            return f"{key} must be text"
    unused = _unused_identity(given) if kind == "azure" and not given.get("api_key") else None
    why = "an identity of Azure is that of the environment, as AZURE_TENANT_ID, AZURE_CLIENT_ID, … name it"
    return unused and f"{unused} is not supported: {why}; remove it, or give an api_key"


def _unused_identity(given: Mapped) -> str | None:
    """
    Return the key by which *given* names another identity than the environment does.
    """
    token = given.get("azure_ad_token")
    if token is not None:
        return "azure_ad_token" if str(token).startswith(_OIDC) else None
    return next((key for key, name in _IDENTITY.items() if given.get(key) not in {None, _VARIABLE + name}), None)


def _why_not(provider: str) -> str:
    supported = ", ".join(_KINDS)
    return f"LiteLLM's provider {shown(provider)!r} is not supported; supported before the model are {supported}"


def _warn_unknown(found: LiteLLM, given: Mapped, known: Iterable[str], whose: str) -> None:
    for key in given:
        if key not in known and key not in _OF_CALLS and "_cost_per_" not in key:
            found.warn(given.places[key], f"{whose} has the unknown key {shown(key)!r}, which is ignored")


def _place_of(entry: Mapped, key: str) -> str:
    return entry.places.get(key) or next(iter(entry.places.values()), "an empty entry")
