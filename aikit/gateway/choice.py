"""
Which account a request is for: one order on every route, and what a key may use.

Path, header, query, form or JSON body, the default: the first place that names an account decides, and later places
only choose among what it leaves. An id that the registry knows stands above all of them: its object is nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import attrs

from aikit.gateway.outgoing.errors import shown
from aikit.gateway.settings.values import GatewaySettings
from aikit.gateway.values import Deployment, Principal
from aikit.types.errors import OpenAIError

_ALL_MODELS: Final = frozenset(("*", "all-proxy-models"))
_PROVIDER_FIELDS: Final = ("custom_llm_provider", "provider")
_MODEL_FIELDS: Final = ("model", "target_model_names", "target_model_names[]")


@attrs.frozen
class Said:
    """
    What one place of a request names.

    Attributes:
        provider: LiteLLM's name of a provider, or the name of an account.

        model: A ``model_name`` of the configuration.
    """

    provider: str | None = None
    model: str | None = None

    def __bool__(self) -> bool:
        return self.provider is not None or self.model is not None


def said_in(fields: Mapping[str, Any]) -> Said:
    """
    Return what *fields* of a query, a form or a JSON body name.
    """
    provider = next(filter(None, (_one(fields.get(name), name) for name in _PROVIDER_FIELDS)), None)
    model = next(filter(None, (_one(fields.get(name), name) for name in _MODEL_FIELDS)), None)
    return Said(provider, model) if provider or model else _NOTHING


def said_in_headers(headers: Iterable[tuple[bytes, bytes]]) -> Said:
    """
    Return what *headers* name.
    """
    providers, models = set(), set()
    for name, value in headers:
        if name == b"custom-llm-provider":
            providers.add(value.decode("latin-1").strip())
        elif name == b"x-litellm-model":
            models.add(value.decode("latin-1").strip())
    if not providers and not models:
        return _NOTHING
    return Said(_only(providers, "custom-llm-provider"), _only(models, "x-litellm-model"))


def choose(settings: GatewaySettings, places: Sequence[Said], principal: Principal) -> Deployment:
    """
    Return the account that *places* of a request name, the first of them first; else the default of *principal*.

    Raises:
        OpenAIError: A name is unknown, what one place names does not go together, or *principal* may not use it.
    """
    left = _left(settings, places, principal)
    if left is settings.deployments:
        return _default(settings, principal)
    chosen = next((each for each in left if may_use(principal, each)), left[0])
    require_provider(principal, chosen)
    return chosen


def names_of(settings: GatewaySettings, places: Sequence[Said], principal: Principal) -> frozenset[str]:
    """
    Return the names, former ones too, of all accounts that *places* of a request name, for a list of what they have.

    Raises:
        OpenAIError: As `choose`.
    """
    choose(settings, places, principal)
    found = {each.name for each in _left(settings, places, principal)}
    return frozenset(found | {alias for alias, name in settings.aliases.items() if name in found})


def _left(settings: GatewaySettings, places: Sequence[Said], principal: Principal) -> Sequence[Deployment]:
    left: Sequence[Deployment] = settings.deployments
    for said in places:
        if said:
            _require_model(principal, said.model)
            left = _narrowed(settings, left, said)
    return left


def may_use(principal: Principal, deployment: Deployment) -> bool:
    """
    Return whether *principal* may use the account.
    """
    return not principal.providers or not {deployment.provider, deployment.account, *deployment.stands_for}.isdisjoint(
        principal.providers
    )


def require_provider(principal: Principal, deployment: Deployment) -> None:
    """
    Refuse what *principal* may not use.

    Raises:
        OpenAIError: It may not; status 403.
    """
    if not may_use(principal, deployment):
        raise OpenAIError(
            message=f"key not allowed to access provider. This key can only access providers={[*principal.providers]}. "
            f"Tried to access {deployment.provider}",
            status=403,
            code="key_provider_access_denied",
            type="key_provider_access_denied",
            param="custom_llm_provider",
        )


def require_purpose(principal: Principal, purpose: str) -> None:
    """
    Refuse a purpose that *principal* may not upload for.

    Raises:
        OpenAIError: It may not; status 403.
    """
    if principal.purposes and purpose not in principal.purposes:
        raise OpenAIError(
            message=f"key not allowed to use purpose. This key can only use purposes={[*principal.purposes]}. "
            f"Tried to use {shown(purpose)}",
            status=403,
            code="key_purpose_access_denied",
            type="key_purpose_access_denied",
            param="purpose",
        )


def is_allowed_model(principal: Principal, model_name: str) -> bool:
    """
    Return whether *principal* may name the model.
    """
    return not principal.models or model_name in principal.models or not _ALL_MODELS.isdisjoint(principal.models)


def require_models(principal: Principal, models: Iterable[str], deployment: Deployment) -> None:
    """
    Refuse the models of a batch's lines that *principal* may not use at *deployment*, by either of their names.

    Raises:
        OpenAIError: One is not allowed; status 403.
    """
    targets = {deployment.model_for(name) for name in principal.models}
    denied = next((each for each in models if each not in targets and not is_allowed_model(principal, each)), None)
    if denied is not None:
        raise _denied_model(principal, denied)


def _require_model(principal: Principal, model: str | None) -> None:
    if model is not None and not is_allowed_model(principal, model):
        raise _denied_model(principal, model)


def _denied_model(principal: Principal, model: str) -> OpenAIError:
    return OpenAIError(
        message=f"key not allowed to access model. This key can only access models={[*principal.models]}. "
        f"Tried to access {shown(model)}",
        status=403,
        code="key_model_access_denied",
        type="key_model_access_denied",
        param="model",
    )


def _narrowed(settings: GatewaySettings, left: Sequence[Deployment], said: Said) -> Sequence[Deployment]:
    """
    Return those *left* that *said* names too, all of them when an earlier place named others.
    """
    named = _of_provider(settings, said.provider) if said.provider is not None else settings.deployments
    if said.model is not None:
        served = [each for each in named if each.stands_for or each.model_for(said.model) is not None]
        # an account without a list of models leaves judging to the provider, if it was named
        around = named if said.provider is not None else left
        unlisted = [] if around is settings.deployments else [each for each in around if not each.models]
        named = served or unlisted
        if not named:
            raise _unknown_model(said)
    return [each for each in left if each in named] or left


def _of_provider(settings: GatewaySettings, name: str) -> Sequence[Deployment]:
    known = [each for each in settings.deployments if name in (each.provider, each.account, *each.stands_for)]
    if not known:
        try:
            return [settings.deployment(name)]  # a name that it had when there were fewer or more of its kind
        except KeyError:
            pass
        supported = ", ".join(dict.fromkeys(each.provider for each in settings.deployments))
        raise OpenAIError(
            message=f"The gateway has no provider {shown(name)!r}. Only {supported} are supported.",
            status=400,
            code="unknown_provider",
            param="custom_llm_provider",
        )
    return known


def _default(settings: GatewaySettings, principal: Principal) -> Deployment:
    """
    Return the account of a request that names none: the configured one, else the first that *principal* may use.
    """
    known = sorted(settings.deployments, key=lambda each: each.name != settings.default)
    if not known:
        raise OpenAIError(message="The gateway has no account of a provider.", code="unknown_provider", status=503)
    chosen = next((each for each in known if may_use(principal, each)), known[0])
    require_provider(principal, chosen)
    return chosen


def _unknown_model(said: Said) -> OpenAIError:
    name = shown(said.model or "") + ("" if said.provider is None else f" for {shown(said.provider)}")
    message = f"Invalid model name passed in model={name}. Call `/v1/models` to view available models for your key."
    return OpenAIError(message=message, status=400, code="model_not_found", param="model")


def _one(value: Any, name: str) -> str | None:
    """
    Return the one name that a field holds.
    """
    if value is None:
        return None
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise OpenAIError(message=f"{name} must be a string.", status=400, param=name, code="invalid_type")
    if name.startswith("target_model_names"):
        values = [part for each in values for part in each.split(",")]
    return _only({each.strip() for each in values}, name)


def _only(names: set[str], place: str) -> str | None:
    names.discard("")
    if len(names) > 1:
        what = f"Send one {place} header" if place.startswith(("x-", "custom-")) else f"{place} must name exactly one"
        message = f"{what}; it named {shown(', '.join(sorted(names)))}."
        raise OpenAIError(message=message, status=400, param=place, code="invalid_value")
    return next(iter(names), None)


_NOTHING: Final = Said()
