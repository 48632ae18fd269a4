"""
What the built-in model answers with numbers: embeddings and moderations.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
import struct
from typing import Any, Final

from aikit.providers.local.api.refusals import Refusal
from aikit.providers.local.model.chat import texts
from aikit.providers.local.model.request import Body, require_filled
from aikit.providers.local.model.text import tokens_of

_WORD: Final = re.compile(r"\w+")
_DIMENSIONS: Final = 1536
_MOST_DIMENSIONS: Final = 3072
_MOST_INPUTS: Final = 2048
_PLACES: Final = 8
"""Numbers of a vector that one word moves."""
_CATEGORIES: Final = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/intent",
    "self-harm/instructions",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)


def embeddings(body: Body) -> dict[str, Any]:
    """
    Answer a request to ``/v1/embeddings``.

    Raises:
        Refusal: OpenAI would not have it.
    """
    # https://developers.openai.com/api/reference/resources/embeddings (read 2026-11-22)
    model: str = body.required("model", str)
    require_filled("model", model)
    inputs = texts(body.required("input", str, list), "input")
    if len(inputs) > _MOST_INPUTS:
        message = f"Invalid 'input': array too long. Expected one with maximum length {_MOST_INPUTS}, but got one with "
        raise Refusal(f"{message}length {len(inputs)} instead.", "input", "array_above_max_length")
    dimensions = body.whole("dimensions", 1, _MOST_DIMENSIONS) or _DIMENSIONS
    is_packed = body.choice("encoding_format", ("float", "base64")) == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": _packed(vector) if is_packed else vector}
        for index, vector in enumerate(_vector(text, dimensions) for text in inputs)
    ]
    heard = sum(len(tokens_of(text)) for text in inputs)
    return {
        "object": "list",
        "data": data,
        "model": model,
        "usage": {"prompt_tokens": heard, "total_tokens": heard},
    }


def moderations(body: Body) -> dict[str, Any]:
    """
    Answer a request to ``/v1/moderations``: a text is flagged for each category whose name is in it.

    Raises:
        Refusal: OpenAI would not have it.
    """
    # https://developers.openai.com/api/reference/resources/moderations (read 2026-11-22)
    asked = body.required("input", str, list)
    require_filled("input", asked)
    if isinstance(asked, list) and all(type(part) is dict for part in asked):
        judged = [" ".join(str(part["text"]) for part in asked if "text" in part)]
    else:
        judged = [asked] if isinstance(asked, str) else texts(asked, "input")
    return {"model": body.get("model", str) or "omni-moderation-latest", "results": [_judged(text) for text in judged]}


def _judged(text: str) -> dict[str, Any]:
    lowered = text.lower()
    found = {category: category in lowered for category in _CATEGORIES}
    return {
        "flagged": any(found.values()),
        "categories": found,
        "category_scores": {category: 0.99 if is_found else 0.0001 for category, is_found in found.items()},
        "category_applied_input_types": {category: ["text"] for category in _CATEGORIES},
    }


def _vector(text: str, dimensions: int) -> list[float]:
    """
    Return a vector of length 1, to which each word adds a few numbers of its own: texts that share words are similar.
    """
    vector = [0.0] * dimensions
    for word in _WORD.findall(text.lower()) or [text]:
        digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=4 * _PLACES).digest()
        for number in struct.unpack(f"<{_PLACES}I", digest):
            vector[(number >> 1) % dimensions] += 1.0 if number & 1 else -1.0
    length = math.sqrt(sum(number * number for number in vector))
    if not length:  # they cancelled each other out, which few dimensions make likely
        return [1.0] + [0.0] * (dimensions - 1)
    return [round(number / length, 8) for number in vector]


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
