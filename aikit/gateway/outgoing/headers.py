"""
Headers of every answer: what LiteLLM's clients read, and the provider's id of the request.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from aikit.gateway.call import Call
from aikit.gateway.outgoing.objects import printable

_REQUEST_ID: Final = "x-request-id"
_MAX_VALUE: Final = 256


def headers_of(call_id: str, started: float, call: Call | None, answer: Response) -> list[tuple[bytes, bytes]]:
    """
    Return the headers of the answer to a request.

    Args:
        call_id: Of this request.

        started: When it came, of `time.perf_counter`.

        call: ``None`` when it was refused before its key was known.

        answer: Keeps what it has of them already.
    """
    told = {"x-litellm-call-id": call_id, _REQUEST_ID: call_id}
    if call is not None:
        told |= {name: value for name, value in _of_call(call).items() if printable(value)}
    told["x-litellm-response-duration-ms"] = f"{(time.perf_counter() - started) * 1000:.3f}"
    own = {name for name, _ in answer.raw_headers}
    encoded = ((name.encode(), value.encode("latin-1")) for name, value in told.items())
    return [each for each in encoded if each[0] not in own]


def _of_call(call: Call) -> Mapping[str, str]:
    who = call.principal
    of_key = {"spend": who.spend, "max-budget": who.max_budget, "rpm-limit": who.rpm_limit, "tpm-limit": who.tpm_limit}
    told = {f"x-litellm-key-{name}": _number(value) for name, value in of_key.items() if value is not None}
    if call.deployment is not None:
        told["x-litellm-model-id"] = call.deployment.model_id.encode("latin-1", "replace").decode("latin-1")
    if call.cost is not None:
        told["x-litellm-response-cost"] = _number(call.cost)
    if request_id := call.upstream.get(_REQUEST_ID):
        told[_REQUEST_ID] = request_id[:_MAX_VALUE]
    return told


def _number(amount: float) -> str:
    return str(amount) if isinstance(amount, int) else format(amount, ".10g")
