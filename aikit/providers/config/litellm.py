"""
LiteLLM's ``config.yaml``: what of it says how to reach providers, as entries of a provider file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    "local": "local",
    **dict.fromkeys(("ollama", "ollama_chat", "llamafile", "lm_studio", "openai_like"), "openai"),
}
_NEED_ADDRESS: Final = frozenset(
    (
        *("custom_openai", "hosted_vllm", "litellm_proxy"),
        *("ollama", "ollama_chat", "llamafile", "lm_studio", "openai_like"),
    )
)
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


@attrs.frozen(kw_only=True)
class LiteLLMEntry:
    """
    An entry of ``files_settings`` or ``model_list``.

    Attributes:
        name: The ``model_name``; of ``files_settings``, the ``custom_llm_provider``; ``""`` if there is none.

        provider: LiteLLM's name of the provider.

        model: The provider's name of the model; ``""`` in ``files_settings``.

        settings: An entry as in ``AIProviders.json``, or why there is none.

        is_supported: Whether aikit has such a provider.

        place: File and line.

        places: Key of *settings* → file and line.

        given: What says how to reach the provider, as it is written.

        info: The ``model_info``.
    """

    name: str
    provider: str = ""
    model: str = ""
    settings: Mapping[str, str] | str = attrs.field(repr=False)
    is_supported: bool = True
    place: str
    places: Mapping[str, str] = attrs.field(factory=dict)
    given: Mapped = attrs.field(factory=Mapped, repr=False)
    info: Mapped = attrs.field(factory=Mapped)

    @property
    def is_model(self) -> bool:
        """Whether it is one of ``model_list``."""
        return bool(self.model)

    @property
    def own_name(self) -> str:
        """The name that it is called by, which is that of a kind for none but the kind itself."""
        is_moved = not self.is_model and self.name == "openai" and "baseURL" in self.settings
        return "files-openai" if is_moved and not isinstance(self.settings, str) else self.name


@attrs.define
class LiteLLM:
    """
    What a configuration says.

    Attributes:
        entries: Those of ``files_settings``, then those of ``model_list``.

        warnings: What is not heeded, with file and line.

        problems: What has another shape than it must have, likewise.

        variables: What it adds to the environment.

        credentials: Name → what entries that name it have, unless they say so themselves.

        config: All of it, with what it includes.
    """

    environ: Mapping[str, str] = attrs.field(repr=False)
    config: Mapped = attrs.field(repr=False)
    entries: list[LiteLLMEntry] = attrs.field(factory=list)
    warnings: list[str] = attrs.field(factory=list)
    problems: list[str] = attrs.field(factory=list)
    variables: dict[str, str] = attrs.field(factory=dict, repr=False)
    credentials: dict[str, Mapped] = attrs.field(factory=dict, repr=False)

    def warn(self, place: str, text: str) -> None:
        """
        Note that something is not heeded.
        """
        if len(self.warnings) < _MOST_WARNINGS:
            self.warnings.append(f"{place}: {text}")

    def resolved(self, value: Any) -> Any:
        """
        Return *value*, or what the variable that it names holds; ``None`` if that is not set.
        """
        if isinstance(value, str) and value.startswith(_VARIABLE):
            name = value.removeprefix(_VARIABLE).strip()
            return {**self.environ, **self.variables}.get(name, "").strip() or None
        return value

    def unset(self, key: str, value: Any) -> str | None:
        """
        Return what to do about the *value* of *key* if it names a variable that is not set.
        """
        if value is None or self.resolved(value) is not None:
            return None
        return f"{key} is {shown(value)}, and that variable is not set; set it"

    def by_name(self) -> dict[str, LiteLLMEntry]:
        """
        Return the entries by their names; of those with one name, the first counts, and a warning says so.
        """
        chosen: dict[str, LiteLLMEntry] = {}
        for entry in self.entries:
            name = entry.own_name
            if not name:
                self.warn(entry.place, f"{entry.settings}, and is ignored")
            elif chosen.setdefault(name, entry) is not entry:
                self.warn(entry.place, f"there is another {name!r} before, which counts")
        return chosen


def read_litellm(path: Path, environ: Mapping[str, str]) -> LiteLLM:
    """
    Return what the configuration at *path* says, and the files that it includes.

    Raises:
        ValueError: It, or what it includes, cannot be understood.
        OSError: It cannot be read.
    """
    config = _whole(path)
    found = LiteLLM(environ, config)
    variables = config.get("environment_variables")
    for name, value in variables.items() if isinstance(variables, Mapped) else ():
        held = found.resolved(value)
        found.variables |= {} if held is None else {name: str(held)}
    for entry in _list(found, "credential_list"):
        if isinstance(entry.get("credential_values"), Mapped):
            found.credentials[str(entry.get("credential_name"))] = entry["credential_values"]
    for key in config:
        if key not in _SECTIONS:
            found.warn(config.places[key], f"unknown key {shown(key)!r}, which is ignored")
    found.entries += [_of_files_settings(found, entry) for entry in _list(found, "files_settings")]
    found.entries += [_of_model_list(found, entry) for entry in _list(found, "model_list")]
    return found


def places_of(entries: Mapping[str, LiteLLMEntry]) -> dict[tuple[str, ...], str]:
    """
    Return where *entries*, by their names, and their keys stand.
    """
    found: dict[tuple[str, ...], str] = {}
    for name, entry in entries.items():
        found["providers", name] = entry.place
        found |= {("providers", name, key): place for key, place in entry.places.items()}
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


def _list(found: LiteLLM, key: str) -> list[Mapped]:
    entries = found.config.get(key) or []
    if isinstance(entries, list) and all(isinstance(entry, Mapped) for entry in entries):
        return entries
    found.problems.append(f"{found.config.places[key]}: {key} must be a list of mappings")
    return []


def _of_files_settings(found: LiteLLM, entry: Mapped) -> LiteLLMEntry:
    place = _place_of(entry, "custom_llm_provider")
    provider = found.resolved(entry.get("custom_llm_provider"))
    if not isinstance(provider, str) or not provider:
        why = "an entry of files_settings has no custom_llm_provider"
        return LiteLLMEntry(name="", settings=why, place=place)
    return _entry(
        found,
        entry,
        f"files_settings of {provider!r}",
        LiteLLMEntry(name=provider, provider=provider, settings="", place=place),
    )


def _of_model_list(found: LiteLLM, entry: Mapped) -> LiteLLMEntry:
    place = _place_of(entry, "model_name")
    name, params, info = entry.get("model_name"), entry.get("litellm_params"), entry.get("model_info")
    model = found.resolved(params.get("model")) if isinstance(params, Mapped) else None
    if not isinstance(name, str) or not name or not isinstance(params, Mapped) or not isinstance(model, str):
        why = "an entry of model_list lacks model_name, or a model in litellm_params"
        return LiteLLMEntry(name="", settings=why, place=place)
    _warn_unknown(found, entry, ("model_name", "litellm_params", "model_info"), f"model {name!r}")
    provider, slash, rest = model.partition("/")
    if params.get("custom_llm_provider"):
        provider = str(params["custom_llm_provider"])
        rest = model.removeprefix(f"{provider}/")
    elif not slash:
        provider, rest = "openai" if model.lower().startswith(_OPENAI_MODELS) else "", model
    described = LiteLLMEntry(
        name=name,
        provider=provider,
        model=rest or model,
        settings="",
        place=place,
        info=info if isinstance(info, Mapped) else Mapped(),
    )
    return _entry(found, params, f"model {name!r}", described)


def _entry(found: LiteLLM, given: Mapped, whose: str, entry: LiteLLMEntry) -> LiteLLMEntry:
    """
    Return *entry* with what *given* means for its provider, or why that is nothing.
    """
    kind, credential = _KINDS.get(entry.provider), given.get(_CREDENTIAL)
    given = given.over(found.credentials.get(str(credential)))
    if kind is None:
        return attrs.evolve(entry, settings=_why_not(entry.provider), given=given, is_supported=False)
    known = {**_KEYS, **_KEYS_OF.get(kind, {})}
    problem = (
        f"{_CREDENTIAL} is {shown(credential)!r}, which is none of credential_list; add it there"
        if credential is not None and str(credential) not in found.credentials
        else _problem(found, kind, given, known)
    )
    if problem is not None:
        return attrs.evolve(entry, settings=problem, given=given)
    _warn_unknown(found, given, {*known, *(_IDENTITY if kind == "azure" else ()), _CREDENTIAL}, whose)
    values = ((name, found.resolved(given.get(key))) for key, name in known.items())
    settings = {"kind": kind} | {
        name: str(one) for name, one in values if one is not None
    }  # versions are dates to YAML
    for name in _FROM_ENVIRONMENT if kind == "vertex" else ():  # also beside credentials of the entry
        held = next(filter(None, (found.resolved(_VARIABLE + one) for one in KINDS[kind].variables[name])), None)
        if held is not None:
            settings.setdefault(name, held)
    if entry.provider in _NEED_ADDRESS and "baseURL" not in settings:
        why = f"{entry.provider} has no api_base, so its key would go to OpenAI; add one"
        return attrs.evolve(entry, settings=why, given=given)
    places = {name: given.places[key] for key, name in known.items() if key in given}
    return attrs.evolve(entry, settings=settings, places=places, given=given)


def _problem(found: LiteLLM, kind: str, given: Mapped, known: Iterable[str]) -> str | None:
    """
    Return why what *given* says of a *kind* cannot be used.
    """
    for key in known:
        unset = found.unset(key, given.get(key))
        if unset is not None:
            return unset
        if isinstance(given.get(key), list | Mapped):
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
