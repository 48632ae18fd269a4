"""
What a caller may ask of a batch: refused in OpenAI's words before anything is sent, whichever the provider.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import attrs

from aikit.gateway.attribution import without_tags
from aikit.gateway.values import Deployment
from aikit.providers.local.api.batch_rules import BatchListQuery, parse_batch, parse_list_query
from aikit.providers.local.api.refusals import Refusal
from aikit.types.batches import INTENT_KEY
from aikit.types.errors import OpenAIError

_ORDER: Final = ("input_file_id", "endpoint", "completion_window", "metadata", "output_expires_after")
_OF_ROUTING: Final = frozenset(
    ("custom_llm_provider", "provider", "model", "target_model_names", "user", "tags", "litellm_metadata")
)
_OF_QUERIES: Final = _OF_ROUTING | {"api-version", "target_model_names[]"}
_VERSION: Final = "/v1"
_MOST_SENT: Final = 15  # of the 16 pairs that providers take, one is the gateway's own mark


@attrs.frozen(kw_only=True)
class Order:
    """
    A batch as its caller wants it.

    Attributes:
        metadata: As given; ``None`` without any.
    """

    input_file_id: str
    endpoint: str
    completion_window: str
    metadata: Mapping[str, str] | None
    output_expires_after: Mapping[str, Any] | None

    def options(self) -> dict[str, Any]:
        """
        Return the options of the client's call; of 16 pairs of metadata the last stays in the registry.
        """
        pairs = [pair for pair in (self.metadata or {}).items() if pair[0] != INTENT_KEY]
        return {
            "completion_window": self.completion_window,
            "metadata": dict(pairs[:_MOST_SENT]),
            "output_expires_after": self.output_expires_after,
        }

    def endpoint_at(self, deployment: Deployment) -> str:
        """
        Return the endpoint as *deployment* names it: Azure's clients leave its version out, and only Azure takes that.
        """
        is_short = deployment.provider != "azure" and not self.endpoint.startswith(_VERSION)
        return _VERSION + self.endpoint if is_short else self.endpoint


def order_in(fields: Mapping[str, Any]) -> Order:
    """
    Return the order in the JSON body *fields*.

    Raises:
        OpenAIError: OpenAI would not have it.
    """
    # https://developers.openai.com/api/reference/resources/batches/methods/create (read 2026-11-21)
    asked = {name: value for name, value in fields.items() if name not in _OF_ROUTING}
    if "metadata" in asked:
        asked["metadata"] = without_tags(asked["metadata"])
    endpoint = asked.get("endpoint")
    is_short = isinstance(endpoint, str) and endpoint.startswith("/") and not endpoint.startswith(_VERSION)
    with _refusing():
        parse_batch({**asked, "endpoint": f"{_VERSION}{endpoint}"} if is_short else asked)
    values: dict[str, Any] = {name: asked.get(name) for name in _ORDER}
    return Order(**values)


def page_in(query: Mapping[str, str]) -> BatchListQuery:
    """
    Return which page of batches a *query* asks for.

    Raises:
        OpenAIError: OpenAI would not have it.
    """
    # https://developers.openai.com/api/reference/resources/batches/methods/list (read 2026-11-21)
    with _refusing():
        return parse_list_query({name: value for name, value in query.items() if name not in _OF_QUERIES})


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except Refusal as no:
        raise OpenAIError(message=no.message, status=no.status, code=no.code, type=no.type, param=no.param) from None
