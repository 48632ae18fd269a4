"""
Embeddings as Gemini's ``embedContent``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aikit.providers.vertex.translation.refusals import expect, expect_choice, expect_integer, refuse
from aikit.providers.vertex.translation.shared import Shared

_MOST_DIMENSIONS: Final = 2**31 - 1
_KNOWN: Final = frozenset(("model", "input", "dimensions", "encoding_format"))


def embedding_request(body: Mapping[str, Any], shared: Shared) -> dict[str, Any]:
    """
    Translate *body*, and note in *shared* what has no meaning at Vertex AI.

    Raises:
        RefusedError: It cannot be translated.
    """
    given = {name: value for name, value in body.items() if value is not None}
    told: dict[str, Any] = {"content": {"parts": [{"text": _text(given.get("input"))}]}}
    expect_choice(given.get("encoding_format", "float"), {"float": None}, "encoding_format")
    if "dimensions" in given:
        dimensions = expect_integer(given["dimensions"], 1, _MOST_DIMENSIONS, "dimensions")
        told["embed_content_config"] = {"output_dimensionality": dimensions}
    for name in given.keys() - _KNOWN:
        if name != "user":
            refuse(name[:60], "has no counterpart in embeddings of Vertex AI, or is unknown; leave it out")
        shared.left_out.add(name)
    return told


def _text(given: Any) -> str:
    if type(given) is list:
        if len(given) != 1:
            refuse("input", f"has {len(given):,} elements; Vertex AI embeds one text a line: write a line for each")
        given = given[0]
    text = expect(given, str, "input")
    if not text:
        refuse("input", "is empty, which Vertex AI does not take")
    return text
