"""
Tokens of Entra ID: asked for where there is neither key nor token, and nothing of Azure's library is loaded before.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from aikit import OpenAIClient
from aikit.providers.azure.entra import scope_of
from aikit.providers.azure.provider import AzureProvider
from aikit.providers.config import ProviderSettings
from tests.azure_server import TOKEN, Resource
from tests.scripted_server import answer, serving

_PUBLIC = "https://cognitiveservices.azure.com/.default"


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stand in for Azure's library, and return the scopes that tokens were asked for."""
    scopes: list[str] = []
    module = ModuleType("azure.identity")

    def bearer(_: object, scope: str) -> Callable[[], str]:
        return lambda: (scopes.append(scope), TOKEN)[1]  # type: ignore[func-returns-value]  # said on the way

    module.DefaultAzureCredential = type("DefaultAzureCredential", (), {})  # type: ignore[attr-defined]  # made here
    module.get_bearer_token_provider = bearer  # type: ignore[attr-defined]  # likewise
    monkeypatch.setitem(sys.modules, "azure", ModuleType("azure"))
    monkeypatch.setitem(sys.modules, "azure.identity", module)
    return scopes


def _is_signed_by_identity(**given: Any) -> bool:
    settings = ProviderSettings(kind="azure", base_url="https://h.example", **given)
    provider = AzureProvider.from_settings(settings.or_environment({}))
    return provider.token is not None and not callable(given.get("token"))


def test_without_key_and_token_the_identity_signs(resource: Resource, library: list[str]) -> None:
    """
    A bearer and no key goes with each request; the token is the library's to keep.
    """
    with OpenAIClient(provider="azure", base_url=resource.url) as client:
        file = client.files.create(b"abc", "user_data", {"filename": "a.txt"}).throw().file
        assert file is not None
        assert client.files.content(file.id).throw().text == "abc"
    assert set(library) == {_PUBLIC}


def test_the_scope_is_what_it_is_told(resource: Resource, library: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Some hosts want another one.
    """
    monkeypatch.setenv("AZURE_SCOPE", "https://ai.azure.com/.default")
    with OpenAIClient(provider="azure", base_url=resource.url) as client:
        assert client.files.list().success
    assert library == ["https://ai.azure.com/.default"]


@pytest.mark.parametrize(
    ("resource", "scope"),
    [
        ("https://res.openai.azure.com", _PUBLIC),
        ("https://gate.example", _PUBLIC),
        ("https://res.openai.azure.us", "https://cognitiveservices.azure.us/.default"),
        ("https://res.openai.azure.cn", "https://cognitiveservices.azure.cn/.default"),
        ("https://azure.us.example", _PUBLIC),
    ],
)
def test_clouds_apart_have_scopes_of_their_own(resource: str, scope: str) -> None:
    """
    The host tells which cloud it is.
    """
    assert scope_of(resource) == scope


@pytest.mark.parametrize(
    "given",
    [
        {"api_key": "k"},
        {"api_key": ""},
        {"api_key": "", "token": lambda: "t"},
        {"options": {"ad_token": "a.b.c"}},
        {"custom_headers": {"authorization": "Bearer mine"}},
    ],
)
def test_who_signs_otherwise_needs_no_identity(given: dict[str, Any]) -> None:
    """
    A key, none on purpose, a callable, a token, or a header of one's own.
    """
    assert not _is_signed_by_identity(**given)
    assert _is_signed_by_identity()


def test_a_missing_library_is_one_sentence(resource: Resource, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    It names the extra; nothing is sent.
    """
    monkeypatch.setitem(sys.modules, "azure.identity", None)
    with OpenAIClient(provider="azure", base_url=resource.url) as client:
        (error,) = client.files.list().errors
    assert error.code == "token_unavailable"
    assert "pip install 'aikit-client[azure]'" in error.message
    assert resource.asked == []


def test_a_call_with_a_key_loads_nothing_of_azure(resource: Resource) -> None:
    """
    Not even the first request does.
    """
    program = f"""
import sys
from aikit import OpenAIClient
OpenAIClient("k", provider="azure", base_url={resource.url!r}).files.list()
print([name for name in sys.modules if name.split(".")[0] in ("azure", "msal")])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_real_library_gets_the_token_of_a_managed_identity(
    resource: Resource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    From an endpoint of a service on this machine, once for all requests.
    """
    pytest.importorskip("azure.identity", reason="azure-identity is not installed: pip install 'aikit-client[azure]'")
    later = str(int(time.time()) + 86_000)
    token = {"access_token": TOKEN, "expires_on": later, "token_type": "Bearer", "resource": "r"}
    with serving(answer(200, json.dumps(token).encode(), {"Content-Type": "application/json"})) as identity:
        monkeypatch.setenv("IDENTITY_ENDPOINT", identity.url)
        monkeypatch.setenv("IDENTITY_HEADER", "h")
        with OpenAIClient(provider="azure", base_url=resource.url) as client:
            for _ in range(3):
                assert client.files.list().throw().files == ()
    assert len(identity.received) == 1
    assert identity.received[0].path.endswith("resource=https://cognitiveservices.azure.com")
