"""
Entries of LiteLLM's ``config.yaml``: what each says of how to reach a provider, as an entry of a provider file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import attrs

from aikit.providers.config.yaml_nodes import Mapped
from aikit.providers.kinds import KINDS
from aikit.storage import shown

# https://docs.litellm.ai/docs/proxy/config_settings and /docs/files_endpoints (1.109, read 2026-11-30)

_SERVERS: Final = ("hosted_vllm", "litellm_proxy", "ollama", "ollama_chat", "llamafile", "lm_studio", "openai_like")
"""Servers in OpenAI's format at an address that has to be told."""
_KINDS: Final = {
    **dict.fromkeys(("openai", "text-completion-openai", "custom_openai", *_SERVERS), "openai"),
    "azure": "azure",
    "gemini": "gemini",
    "vertex_ai": "vertex",
    "vertex_ai_beta": "vertex",
    "local": "local",
}
PROVIDERS: Final = frozenset((*_KINDS, "anthropic", "azure_ai", "bedrock", "manus", "mistral"))
"""LiteLLM's names of providers that have files or batches."""
_OLLAMA: Final = "http://localhost:11434"
_OLLAMAS: Final = frozenset(("ollama", "ollama_chat"))
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
_OF_CALLS: Final = frozenset(
    (
        *("model", "custom_llm_provider", "api_version", "rpm", "tpm", "timeout", "stream_timeout", "max_retries"),
        *("max_tokens", "max_parallel_requests", "max_budget", "budget_duration", "temperature", "top_p", "weight"),
        *(
            "order",
            "tags",
            "drop_params",
            "mock_response",
            "mock_timeout",
            "base_model",
            "region_name",
            "extra_headers",
        ),
    )
)
"""Keys that are about calls and prices, and so mean nothing for how to reach a provider."""
_IDENTITY: Final = {
    **{name: f"AZURE_{name.upper()}" for name in ("tenant_id", "client_id", "client_secret")},
    **{f"azure_{name}": f"AZURE_{name.upper()}" for name in ("username", "password")},
}
"""Keys of identities → the variable that Azure's library reads in their place."""
_IDENTITIES: Final = (
    "an identity of Azure is that of the environment, as AZURE_TENANT_ID, AZURE_CLIENT_ID, … name it; remove it, or "
    "give an api_key"
)
_OIDC: Final = "oidc/"
_CREDENTIAL: Final = "litellm_credential_name"
_ACCOUNT: Final = "account"
_NAME: Final = re.compile(r"[\w.-]{1,64}", re.ASCII)
_OPENAI_MODELS: Final = ("ft:gpt", "gpt", "chatgpt", "o1", "o3", "o4", "text-", "davinci", "babbage", "whisper", "tts")
_VARIABLE: Final = "os.environ/"
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

        problems: Place and reason of each value that cannot be used.

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
    problems: tuple[tuple[str, str], ...] = ()
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

    def unset(self, value: Any) -> str | None:
        """
        Return what to do about a *value* that names a variable that is not set; ``None`` about others.
        """
        if value is None or self.resolved(value) is not None:
            return None
        return f"is {shown(value)}, and that variable is not set; set it"

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


def of_files_settings(found: LiteLLM, entry: Mapped) -> LiteLLMEntry:
    """
    Return an *entry* of ``files_settings``; it may have a name of its own as ``account``, which is not LiteLLM's.
    """
    place = _place_of(entry, "custom_llm_provider")
    provider, name = found.resolved(entry.get("custom_llm_provider")), entry.get(_ACCOUNT)
    if not isinstance(provider, str) or not provider:
        why = "an entry of files_settings has no custom_llm_provider"
        return LiteLLMEntry(name="", settings=why, place=place)
    if name is not None and (not isinstance(name, str) or not _NAME.fullmatch(name)):
        why = f"{_ACCOUNT} must be a name of letters, digits, dots, dashes and underscores"
        return LiteLLMEntry(name=provider, settings=why, place=entry.places[_ACCOUNT])
    described = LiteLLMEntry(name=name or provider, provider=provider, settings="", place=place)
    return _entry(found, entry, f"files_settings of {provider!r}", described)


def of_model_list(found: LiteLLM, entry: Mapped) -> LiteLLMEntry:
    """
    Return an *entry* of ``model_list``.
    """
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
    problems = tuple((given.places[key], f"{key} {why}") for key, why in _problems(found, given, known))
    if problems:
        place, why = problems[0]
        return attrs.evolve(entry, settings=why, given=given, place=place, problems=problems)
    unused = _unused_identity(given) if kind == "azure" and not given.get("api_key") else None
    if unused is not None:
        return attrs.evolve(
            entry, settings=f"{unused} is not supported: {_IDENTITIES}", given=given, is_supported=False
        )
    _warn_unknown(found, given, {*known, _ACCOUNT, *(_IDENTITY if kind == "azure" else ()), _CREDENTIAL}, whose)
    values = ((name, found.resolved(given.get(key))) for key, name in known.items())
    settings = {"kind": kind}
    settings |= {name: str(one) for name, one in values if one is not None}  # versions are dates to YAML
    _complete(found, entry.provider, settings)
    if entry.provider in {"custom_openai", *_SERVERS} and "baseURL" not in settings:
        why = f"{entry.provider} has no api_base, so its key would go to OpenAI; add one"
        return attrs.evolve(entry, settings=why, given=given)
    places = {name: given.places[key] for key, name in known.items() if key in given}
    return attrs.evolve(entry, settings=settings, places=places, given=given)


def _complete(found: LiteLLM, provider: str, settings: dict[str, str]) -> None:
    """
    Add to *settings* what LiteLLM takes from the environment or knows by itself.
    """
    for name in _FROM_ENVIRONMENT if settings["kind"] == "vertex" else ():  # also beside credentials of the entry
        held = next(filter(None, (found.resolved(_VARIABLE + one) for one in KINDS["vertex"].variables[name])), None)
        if held is not None:
            settings.setdefault(name, held)
    if provider in _SERVERS and "baseURL" not in settings:  # a key goes where the same environment says, only
        prefix = _VARIABLE + provider.removesuffix("_chat").upper()
        held = {"baseURL": found.resolved(f"{prefix}_API_BASE"), "apiKey": found.resolved(f"{prefix}_API_KEY")}
        settings |= {name: value for name, value in held.items() if value and name not in settings}
    if provider in _OLLAMAS:
        address = settings.get("baseURL", _OLLAMA).rstrip("/")
        settings["baseURL"] = address if "/" in address.partition("://")[2] else f"{address}/v1"


def _problems(found: LiteLLM, given: Mapped, known: Iterable[str]) -> Iterator[tuple[str, str]]:
    """
    Yield each key of *given* whose value cannot be used, and why.
    """
    credential = given.get(_CREDENTIAL)
    if credential is not None and str(credential) not in found.credentials:
        yield _CREDENTIAL, f"is {shown(credential)!r}, which is none of credential_list; add it there"
    for key in known:
        why = "must be text" if isinstance(given.get(key), list | Mapped) else found.unset(given.get(key))
        if why is not None:
            yield key, why


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
    which = f"LiteLLM's provider {shown(provider)!r}" if provider else "a model without a provider before it"
    return f"{which} is not supported; supported before the model are {supported}"


def _warn_unknown(found: LiteLLM, given: Mapped, known: Iterable[str], whose: str) -> None:
    for key in given:
        if key not in known and key not in _OF_CALLS and "_cost_per_" not in key:
            found.warn(given.places[key], f"{whose} has the unknown key {shown(key)!r}, which is ignored")


def _place_of(entry: Mapped, key: str) -> str:
    return entry.places.get(key) or next(iter(entry.places.values()), entry.place)
