"""
Embeddings come back as OpenAI's.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from aikit.types.usage import Usage
from tests.providers.vertex.answers.translated import MODEL, failed, ids_of, lines_of, row


def _listed(told: dict[str, Any]) -> Any:
    output, errors = lines_of([told], ids_of(["one"]))
    assert errors == [], errors
    return output[0]["response"]["body"]


@pytest.mark.parametrize("told", [{"tokenCount": "5"}, {"usageMetadata": {"promptTokenCount": 5}}])
def test_an_embedding_is_a_list_of_one(told: Any) -> None:
    """
    Its tokens are told in either of two ways, as text and as a number.
    """
    body = _listed(row({"embedding": {"values": [0.25, -1, 3e-5]}, **told}))
    data = [{"object": "embedding", "index": 0, "embedding": [0.25, -1, 3e-5]}]
    usage = {"prompt_tokens": 5, "total_tokens": 5}
    assert body == {"object": "list", "data": data, "model": MODEL, "usage": usage}
    assert Usage.from_wire(body["usage"]) == Usage(input_tokens=5)


def test_predictions_of_older_models_are_embeddings() -> None:
    """
    Each prediction is one, and their tokens are added up.
    """
    one = {"embeddings": {"values": [1.0], "statistics": {"token_count": 4.0, "truncated": False}}}
    told = {"instance": {"content": "x"}, "predictions": [one, one], "status": "", "key": "r-1"}
    body = _listed(told)
    assert [entry["index"] for entry in body["data"]] == [0, 1]
    assert body["usage"] == {"prompt_tokens": 8, "total_tokens": 8}


@pytest.mark.parametrize("values", [[], None, ["x"], [None], [True], "NaN", {"0": 1}])
def test_what_is_no_vector_has_failed(values: Any) -> None:
    """
    A number missing in it is no zero.
    """
    assert failed({"response": {"embedding": {"values": values}}})["response"]["status_code"] == 502


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999"])
def test_numbers_that_are_not_finite_are_no_vector(value: str) -> None:
    """
    JSON has none of them.
    """
    raw = json.dumps(row({"embedding": {"values": ["X", 1.0]}})).replace('"X"', value).encode()
    output, errors = lines_of([raw], ids_of(["one"]))
    assert (output, errors[0]["response"]["body"]["error"]["code"]) == ([], "invalid_response")
