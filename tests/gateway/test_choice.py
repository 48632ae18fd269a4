"""
Which account a request is for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from aikit.gateway.choice import Said, choose, require_models, require_purpose, said_in, said_in_headers
from aikit.gateway.settings import GatewaySettings, read_settings
from aikit.gateway.values import Deployment, Principal
from aikit.providers.config.providers import Providers
from aikit.types.errors import OpenAIError

OPENAI: Final = Deployment(name="openai", provider="openai")
AZURE: Final = Deployment(name="azure", provider="azure", models={"gpt-batch": "gpt-4o"})
WEST: Final = Deployment(name="azure-2", provider="azure", models={"gpt-west": "gpt-4o", "mini": "gpt-4o-mini"})
VLLM: Final = Deployment(name="vllm", provider="hosted_vllm", models={"llama": "meta/llama", "mini": "phi"})
SETTINGS: Final = GatewaySettings(
    deployments=(OPENAI, AZURE, WEST, VLLM),
    providers=Providers(),
    default="openai",
    database_url="sqlite:///unused",
    home=Path("unused"),
    spool=Path("unused"),
    aliases={"azure-1": "azure"},
)
ANYBODY: Final = Principal()
NONE: Final = Said()


def chosen(*places: Said, principal: Principal = ANYBODY) -> str:
    """
    Return the name of the account that is chosen.
    """
    return choose(SETTINGS, places, principal).name


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (NONE, "openai"),
        (Said("azure"), "azure"),
        (Said("azure-2"), "azure-2"),
        (Said("azure-1"), "azure"),
        (Said("hosted_vllm"), "vllm"),
        (Said(None, "gpt-west"), "azure-2"),
        (Said(None, "mini"), "azure-2"),
        (Said("hosted_vllm", "mini"), "vllm"),
        (Said("azure", "gpt-west"), "azure-2"),
        (Said("openai", "whatever"), "openai"),
    ],
)
def test_a_name_chooses_an_account(said: Said, name: str) -> None:
    """
    Names of providers, accounts and models are taken, and an account without a list of models takes any.
    """
    assert chosen(said) == name


def test_the_first_place_wins_and_later_ones_choose_among_what_is_left() -> None:
    """
    What an earlier place names stands; a later place may only say which account of it is meant.
    """
    assert chosen(Said("azure"), Said("hosted_vllm")) == "azure"
    assert chosen(NONE, Said("hosted_vllm"), Said("azure")) == "vllm"
    assert chosen(Said("azure"), NONE, Said(None, "mini")) == "azure-2"
    assert chosen(Said(None, "mini"), Said("hosted_vllm")) == "vllm"
    assert chosen(Said("azure"), Said(None, "llama")) == "azure"


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        (Said("nothing"), "unknown_provider", "no provider 'nothing'. Only openai, azure, hosted_vllm are"),
        (Said(None, "nothing"), "model_not_found", "Invalid model name passed in model=nothing"),
        (Said("azure", "llama"), "model_not_found", "model=llama for azure"),
    ],
)
def test_an_unknown_name_is_refused_wherever_it_stands(said: Said, code: str, words: str) -> None:
    """
    A typing error never sends a file to another account than was meant.
    """
    for places in ((said,), (NONE, said), (Said("hosted_vllm"), said)):
        with pytest.raises(OpenAIError, match=words) as caught:
            chosen(*places)
        assert (caught.value.status, caught.value.code) == (400, code)


def test_a_key_uses_only_its_providers() -> None:
    """
    Another provider is refused, and the default is the first that it may use.
    """
    bound = Principal(token="t", providers=("azure",))
    assert chosen(principal=bound) == "azure"
    assert chosen(Said("azure-2"), principal=bound) == "azure-2"
    assert chosen(principal=Principal(token="t", providers=("azure-2",))) == "azure-2"
    with pytest.raises(OpenAIError, match="can only access providers") as caught:
        chosen(Said("openai"), principal=bound)
    assert (caught.value.status, caught.value.code) == (403, "key_provider_access_denied")


def test_a_key_uses_only_its_models() -> None:
    """
    Named models and those of lines, by either name, are compared with the list of the key.
    """
    bound = Principal(token="t", models=("gpt-batch",))
    assert chosen(Said(None, "gpt-batch"), principal=bound) == "azure"
    require_models(bound, ["gpt-batch", "gpt-4o"], AZURE)
    require_models(Principal(token="t", models=("all-proxy-models",)), ["x"], AZURE)
    for refused in (
        lambda: chosen(Said(None, "mini"), principal=bound),
        lambda: require_models(bound, ["gpt-batch", "gpt-5"], AZURE),
        lambda: require_models(bound, ["gpt-4o"], WEST),
    ):
        with pytest.raises(OpenAIError, match="key not allowed to access model") as caught:
            refused()
        assert (caught.value.status, caught.value.type) == (403, "key_model_access_denied")


def test_a_key_uploads_only_for_its_purposes() -> None:
    """
    Another purpose is refused.
    """
    bound = Principal(token="t", purposes=("batch",))
    require_purpose(bound, "batch")
    with pytest.raises(OpenAIError, match="can only use purposes"):
        require_purpose(bound, "vision")


def test_names_are_found_in_fields() -> None:
    """
    Lists of one name, and the same name twice, are one name.
    """
    assert said_in({"custom_llm_provider": "azure", "model": ""}) == Said("azure")
    assert said_in({"provider": ["azure", "azure"]}) == Said("azure")
    assert said_in({"target_model_names": " mini ", "purpose": "batch"}) == Said(None, "mini")
    assert said_in({"target_model_names[]": ["mini", "mini"]}) == Said(None, "mini")


@pytest.mark.parametrize("fields", [{"model": ["a", "b"]}, {"target_model_names": "a,b"}, {"model": 1}, {"model": {}}])
def test_several_names_are_refused(fields: dict[str, object]) -> None:
    """
    A file goes to one account.
    """
    with pytest.raises(OpenAIError, match="must"):
        said_in(fields)


def test_headers_name_one_model() -> None:
    """
    Headers that contradict each other are refused, for which of them is meant is not known.
    """
    assert said_in_headers([(b"x-litellm-model", b"mini"), (b"x-litellm-model", b" mini")]) == Said(None, "mini")
    assert said_in_headers([(b"custom-llm-provider", b"azure")]) == Said("azure")
    with pytest.raises(OpenAIError, match="Send one x-litellm-model header"):
        said_in_headers([(b"x-litellm-model", b"a"), (b"x-litellm-model", b"b")])


def test_without_a_configuration_all_names_are_those_of_the_embedded_provider(tmp_path: Path) -> None:
    """
    Programs that name LiteLLM's providers and models are tried with it as they are; typing errors are still refused.
    """
    settings = read_settings(None, {}, home=tmp_path)
    for said in (Said("openai"), Said("azure", "gpt-4o"), Said(None, "gpt-4o"), Said("vertex_ai"), NONE):
        assert choose(settings, (said,), ANYBODY).name == "local"
    with pytest.raises(OpenAIError, match="no provider 'opnai'"):
        choose(settings, (Said("opnai"),), ANYBODY)
