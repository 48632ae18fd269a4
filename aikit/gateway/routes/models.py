"""
Models by the names that requests may give them.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from aikit.gateway.call import Call
from aikit.gateway.choice import is_allowed_model, may_use
from aikit.gateway.outgoing.errors import shown
from aikit.gateway.outgoing.objects import json_answer
from aikit.gateway.routing import Endpoint
from aikit.gateway.values import Deployment
from aikit.types.errors import OpenAIError

_CREATED: Final = 1_677_610_602  # nobody tells when a model was made; LiteLLM gives them all this


async def list_models(call: Call) -> Response:
    """
    Answer with all models that the key may use.
    """
    return json_answer({"object": "list", "data": list(_models(call).values())})


async def retrieve_model(call: Call) -> Response:
    """
    Answer with one model.
    """
    name = call.ids["model"]
    model = _models(call).get(name)
    if model is None:
        message = f"The model '{shown(name)}' does not exist or you do not have access to it."
        raise OpenAIError(message=message, status=404, code="model_not_found", param="model")
    return json_answer(model)


async def describe_models(call: Call) -> Response:
    """
    Answer with the models that the key may use and where they are, as LiteLLM's ``/model/info`` does.
    """
    # https://docs.litellm.ai/docs/proxy/model_management (read 2026-11-30)
    wanted = call.request.query_params.get("litellm_model_id")
    told = [
        _described(call, deployment, name, model)
        for deployment in call.gateway.settings.deployments
        if may_use(call.principal, deployment) and wanted in {None, deployment.model_id}
        for name, model in deployment.models.items()
        if is_allowed_model(call.principal, name)
    ]
    return json_answer({"data": told})


def _described(call: Call, deployment: Deployment, name: str, model: str) -> dict[str, Any]:
    params = {"model": f"{deployment.provider}/{model}", "custom_llm_provider": deployment.provider}
    if call.principal.is_admin:  # addresses inside a network are nothing for tenants
        params["api_base"] = deployment.api_base
    info = {"id": deployment.model_id, "db_model": False, "mode": "batch"}
    return {"model_name": name, "litellm_params": params, "model_info": info}


def _models(call: Call) -> dict[str, dict[str, Any]]:
    names = {
        name: deployment.provider
        for deployment in reversed(call.gateway.settings.deployments)
        if may_use(call.principal, deployment)
        for name in reversed(tuple(deployment.models))
        if is_allowed_model(call.principal, name)
    }
    return {
        name: {"id": name, "object": "model", "created": _CREATED, "owned_by": provider}
        for name, provider in reversed(names.items())
    }


ENDPOINTS: Final = (
    Endpoint("GET", "/models", list_models),
    Endpoint("GET", "/models/{model}", retrieve_model),
    Endpoint("GET", "/model/info", describe_models),
)
