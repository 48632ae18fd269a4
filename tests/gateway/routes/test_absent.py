"""
What LiteLLM has and the gateway has not, and what models are.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from aikit.gateway.app import make_app
from aikit.gateway.registry.keys import hash_of
from aikit.gateway.registry.rows import KeyRow
from aikit.gateway.state import Gateway
from tests.gateway.asgi import Asgi
from tests.gateway.gateways import opened

CONFIG: Final = """
model_list:
  - model_name: mini
    litellm_params: {model: openai/gpt-4o-mini, api_key: sk-upstream, api_base: "http://127.0.0.1:9/v1"}
    model_info: {id: an-id}
  - model_name: other
    litellm_params: {model: hosted_vllm/llama, api_key: sk-upstream, api_base: "http://127.0.0.1:9/v1"}
"""
TENANT: Final = "sk-of-a-tenant-0123456789"


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """
    A gateway with two models, and a key for one of them.
    """
    with opened(tmp_path, CONFIG) as opened_gateway:
        opened_gateway.registry.keys.add(KeyRow(token="t", hash=hash_of(TENANT), models=("mini",)))
        yield opened_gateway


@pytest.mark.parametrize("target", ["/model/new", "/model/delete", "/team/new", "/user/new", "/customer/delete"])
def test_what_the_gateway_has_not_says_what_there_is_instead(gateway: Gateway, target: str) -> None:
    """
    A 404 with one sentence, for the master key and for others.
    """
    for key in (None, TENANT):
        admin = Asgi(make_app(gateway))
        answer = (admin if key is None else admin.with_key(key)).post(target, {"a": 1})
        assert (answer.status, answer.error["code"]) == (404, "unknown_url")
        assert "configuration" in answer.error["message"] or "keys have" in answer.error["message"]


def test_models_are_described(gateway: Gateway) -> None:
    """
    Names, providers and ids, without any key; addresses for the master key only.
    """
    admin = Asgi(make_app(gateway))
    answer = admin.get("/model/info")
    first, second = answer.json["data"]
    assert (first["model_name"], first["model_info"]["id"]) == ("mini", "an-id")
    assert first["litellm_params"] == {
        "model": "openai/gpt-4o-mini",
        "custom_llm_provider": "openai",
        "api_base": "http://127.0.0.1:9/v1",
    }
    assert second["litellm_params"]["model"] == "hosted_vllm/llama"
    assert b"sk-upstream" not in answer.body
    assert admin.get("/v1/model/info?litellm_model_id=an-id").json["data"] == [first]
    (own,) = admin.with_key(TENANT).get("/model/info").json["data"]
    assert own["model_name"] == "mini"
    assert "api_base" not in own["litellm_params"]
