"""
Health: whether the process lives, whether it takes requests, and whether its accounts answer.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from starlette.responses import Response

from aikit import __version__
from aikit.gateway.call import Call
from aikit.gateway.choice import may_use
from aikit.gateway.outgoing.objects import json_answer
from aikit.gateway.routing import Endpoint
from aikit.gateway.values import Deployment

_PATIENCE_S: Final = 5  # for the database; who asks gives up soon after
_ACCOUNT_S: Final = 10

# https://docs.litellm.ai/docs/proxy/health (read 2026-11-30)


async def liveness(call: Call) -> Response:  # noqa: ARG001  every route takes one
    """
    Say that the process lives.
    """
    return json_answer("I'm alive!")


async def readiness(call: Call) -> Response:
    """
    Tell whether requests are taken: not while the gateway drains, nor while the database is away.
    """
    is_there = await _has_database(call)
    is_ready = is_there and not call.gateway.is_draining
    said = {
        "status": "healthy" if is_ready else "draining" if is_there else "unhealthy",
        "db": "connected" if is_there else "Not connected",
        "version": __version__,
    }
    return json_answer(said, 200 if is_ready else 503)


async def health(call: Call) -> Response:
    """
    Ask each account that the key may use for one file, and tell which answer.
    """
    deployments = [each for each in call.gateway.settings.deployments if may_use(call.principal, each)]
    problems = await asyncio.gather(*(_problem_of(call, each) for each in deployments))
    told = [(_about(call, each), problem) for each, problem in zip(deployments, problems, strict=True)]
    healthy = [about for about, problem in told if problem is None]
    unhealthy = [about | {"error": problem} for about, problem in told if problem is not None]
    return json_answer(
        {
            "healthy_endpoints": healthy,
            "unhealthy_endpoints": unhealthy,
            "healthy_count": len(healthy),
            "unhealthy_count": len(unhealthy),
        }
    )


async def _has_database(call: Call) -> bool:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await call.gateway.look(call.gateway.registry.database.ping)
    except Exception:  # noqa: BLE001  whatever it is, it is not there
        return False
    return True


async def _problem_of(call: Call, deployment: Deployment) -> str | None:
    """
    Return what is wrong with the account; ``None`` when it answers.
    """
    options: dict[str, Any] = {
        "provider": deployment.name,
        "limit": 1,
        "deadline": _ACCOUNT_S,
        "max_retries": 0,
        "background": True,
    }
    try:
        result = await call.gateway.client.files.list(**options)
    except (TypeError, ValueError) as error:
        return str(error)
    if not result.errors:
        return None
    first = result.errors[0]
    # a provider repeats parts of a key that it refuses
    return "The provider refuses the key." if first.status in {401, 403} else first.message


def _about(call: Call, deployment: Deployment) -> dict[str, Any]:
    about = {"model_id": deployment.model_id, "custom_llm_provider": deployment.provider}
    if deployment.models:
        about["model"] = next(iter(deployment.models))
    if call.principal.is_admin and deployment.api_base:
        about["api_base"] = deployment.api_base
    return about


ENDPOINTS: Final = (
    *(
        Endpoint("GET", f"/health/{name}", liveness, is_open=True, is_own=True)
        for name in ("liveliness", "liveness", "live")
    ),
    *(Endpoint("GET", f"/health/{name}", readiness, is_open=True, is_own=True) for name in ("readiness", "ready")),
    Endpoint("GET", "/health", health, is_own=True),
)
