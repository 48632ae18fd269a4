"""
Tests of the embedded provider's settings: where its batches' lines are answered, and what must not decide that.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aikit import OpenAIClient
from aikit.providers.local.provider import LocalProvider

_URL = "http://127.0.0.1:11434/v1"


def _provider(home: Path, **options: Any) -> LocalProvider:
    with OpenAIClient(provider="local", home=home, **options) as client:
        provider = client.provider
    assert isinstance(provider, LocalProvider)
    return provider


def test_without_an_address_the_built_in_model_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set for OpenAI in the environment leads no line and no key anywhere."""
    monkeypatch.setenv("OPENAI_BASE_URL", "http://elsewhere.example/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    provider = _provider(tmp_path)
    assert (provider.upstream, dict(provider.upstream_headers), provider.concurrency) == (None, {}, 16)


def test_address_key_and_headers_are_those_of_the_upstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They go where the lines are answered, and a missing key is not taken from the environment."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai")
    given = _provider(tmp_path, base_url=f"{_URL}/", api_key="sk-mine", custom_headers={"X-A": "b"}, concurrency=3)
    assert (given.upstream, given.concurrency, given.home) == (_URL, 3, tmp_path)
    assert given.upstream_headers["authorization"] == "Bearer sk-mine"
    assert given.upstream_headers["x-a"] == "b"
    assert "sk-mine" not in repr(given)
    assert "authorization" not in _provider(tmp_path, base_url=_URL).upstream_headers


def test_what_is_asked_of_the_store_carries_no_key(tmp_path: Path) -> None:
    """The key is the upstream's: requests about files and batches have none."""
    provider = _provider(tmp_path, base_url=_URL, api_key="sk-mine")
    assert provider.base_url == LocalProvider().base_url
    assert dict(provider.headers) == {}


@pytest.mark.parametrize(("concurrency", "error"), [(0, ValueError), (1_001, ValueError), (2.0, TypeError)])
def test_a_concurrency_that_is_none_is_the_callers_fault(
    tmp_path: Path, concurrency: Any, error: type[Exception]
) -> None:
    """It is refused when the client is made."""
    with pytest.raises(error, match="concurrency must be"):
        OpenAIClient(provider="local", home=tmp_path, concurrency=concurrency)


def test_other_providers_have_no_concurrency() -> None:
    """What would have no effect is refused instead."""
    with pytest.raises(ValueError, match="is for the embedded provider"):
        OpenAIClient("k", concurrency=4)
