"""
Embeddings, of EmbedContent and of the older models, as OpenAI's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from aikit.providers.vertex.answers.gemini import add_kinds
from aikit.providers.vertex.answers.misfits import MisfitError, list_in, object_in
from aikit.types.wire import NOTHING, whole_number

_NUMBERS: Final = frozenset((float, int))


def embedding_list(response: Mapping[str, Any], model: str) -> dict[str, Any]:
    """
    Return the list of one embedding that *response* to an EmbedContentRequest is.

    Raises:
        MisfitError: It has no vector, or one with what is no finite number.
    """
    return _list([object_in(response, "embedding")], model, usage_of(response))


def usage_of(response: Mapping[str, Any]) -> dict[str, Any] | None:
    """
    Return the tokens of the text, or of what else was embedded, that *response* tells.
    """
    told, about = response.get("tokenCount"), response.get("usageMetadata")
    about = about if isinstance(about, dict) else NOTHING
    usage = _usage(whole_number(told if told is not None else about.get("promptTokenCount")))
    kinds: dict[str, Any] = {}
    add_kinds(kinds, about.get("promptTokensDetails"))
    return {**usage, "prompt_tokens_details": kinds} if usage and kinds else usage


def _usage(tokens: int | None) -> dict[str, Any] | None:
    return None if tokens is None else {"prompt_tokens": tokens, "total_tokens": tokens}


def embedding_list_of_predictions(predictions: list[Any], model: str) -> dict[str, Any]:
    """
    Return the list of embeddings that the predictions of an older model are.

    Raises:
        MisfitError: One has no vector, or one with what is no finite number.
    """
    if not all(isinstance(one, dict) for one in predictions):
        raise MisfitError("a prediction is no object")
    found = [object_in(one, "embeddings") for one in predictions]
    counts = [whole_number(object_in(one, "statistics").get("token_count")) for one in found]
    tokens = None if None in counts else sum(count or 0 for count in counts)
    return _list(found, model, _usage(tokens))


def _list(found: list[Mapping[str, Any]], model: str, usage: dict[str, Any] | None) -> dict[str, Any]:
    data = [
        {"object": "embedding", "index": index, "embedding": _vector(list_in(one, "values"))}
        for index, one in enumerate(found)
    ]
    return {"object": "list", "data": data, "model": model, "usage": usage}


def _vector(values: list[Any]) -> list[Any]:
    if not values:
        raise MisfitError("it has no vector")
    try:
        is_vector = set(map(type, values)) <= _NUMBERS and all(map(math.isfinite, values))
    except OverflowError:  # a whole number of hundreds of digits
        is_vector = False
    if not is_vector:
        raise MisfitError("its vector has what is no finite number")
    return values
