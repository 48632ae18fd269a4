"""
Whether a server is one's own, so that its cost is not asked about.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from aikit.cli.own_server import is_own_server
from aikit.types.costs import OpenAIBatchEstimate, OpenAIModelEstimate

HERE = "http://localhost:11434/v1"


def estimate(*models: str, price: str | None = None) -> OpenAIBatchEstimate:
    """
    Return the estimate of a request to each of *models*, without prices but for *price*.
    """
    costs = {name: None if name != price else Decimal(0) for name in models}
    told = [
        OpenAIModelEstimate(
            model=name,
            requests=1,
            input_tokens_low=1,
            input_tokens_high=1,
            output_tokens_high=None,
            cost_low=cost,
            cost_high=cost,
        )
        for name, cost in costs.items()
    ]
    return OpenAIBatchEstimate(models=tuple(told))


@pytest.mark.parametrize(
    "address",
    [
        HERE,
        "http://127.0.0.1:8000/v1",
        "http://[::1]:8000/v1",
        "http://10.1.2.3/v1",
        "https://192.168.1.20:8443/v1",
        "http://172.20.0.5/v1",
        "http://gpu-box:8000/v1",
        "http://vllm.models.svc.cluster.local/v1",
        "http://llm.internal/v1",
        "http://box.local./v1",
    ],
)
def test_a_server_in_a_private_network_is_ones_own(address: str) -> None:
    """
    This machine, an address of a private network, a name without a dot or one that only such networks have.
    """
    assert is_own_server(address, estimate("llama3.1:8b", "gpt-oss-20b", "openai/gpt-oss-120b", "Qwen/Qwen3-8B"))


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://api.openai.com/v1",
        "http://8.8.8.8/v1",
        "https://llm.example.com/v1",
        "http://0.0.0.0/v1",
        "nonsense",
    ],
)
def test_another_server_is_not(address: str) -> None:
    """
    What is in the open network may be paid for.
    """
    assert not is_own_server(address, estimate("llama3.1:8b"))


@pytest.mark.parametrize(
    "model",
    [
        "gpt-4o-mini",
        "openai/gpt-4.1",
        "o3-mini",
        "azure/o4-mini",
        "claude-sonnet-4-5",
        "anthropic.claude-3",
        "gemini-2.5-flash",
        "vertex_ai/gemini-2.5-pro",
        "text-embedding-3-small",
        "GPT-5",
    ],
)
def test_a_gateway_to_models_that_are_sold_is_not(model: str) -> None:
    """
    It stands in one's own network, and passes the bill on; one such model among others is enough.
    """
    assert not is_own_server(HERE, estimate(model))
    assert not is_own_server(HERE, estimate("llama3.1:8b", model))


def test_what_has_a_price_is_asked_about() -> None:
    """
    Who gave a price wants to know what it comes to; without requests there is nothing to ask about.
    """
    assert not is_own_server(HERE, estimate("llama3.1:8b", "mistral", price="mistral"))
    assert not is_own_server(HERE, estimate())
