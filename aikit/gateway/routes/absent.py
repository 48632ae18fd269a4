"""
What LiteLLM manages by HTTP and the gateway does not: each address says what there is instead.
"""

from __future__ import annotations

from typing import Final, NoReturn

from aikit.gateway.call import Call
from aikit.gateway.routing import Endpoint
from aikit.types.errors import OpenAIError

_MODELS: Final = (
    "Models are those of the configuration; change its model_list, try it with aikit gateway check, and send SIGHUP."
)
_OTHERS: Final = (
    "The gateway manages no teams, users, customers and the like; keys have team_id, user_id and max_budget."
)
_GROUPS: Final = ("team", "user", "organization", "customer", "end_user", "budget")


async def no_models(call: Call) -> NoReturn:  # noqa: ARG001  a route's signature
    """
    Tell where models come from.
    """
    raise OpenAIError(message=_MODELS, status=404, code="unknown_url")


async def no_groups(call: Call) -> NoReturn:  # noqa: ARG001  a route's signature
    """
    Tell what takes the place of teams and their like.
    """
    raise OpenAIError(message=_OTHERS, status=404, code="unknown_url")


ENDPOINTS: Final = (
    *(Endpoint("POST", f"/model/{action}", no_models, is_own=True) for action in ("new", "update", "delete")),
    *(
        Endpoint(method, f"/{name}/{{action}}", no_groups, is_own=True)
        for name in _GROUPS
        for method in ("GET", "POST")
    ),
)
