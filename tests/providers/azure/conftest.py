"""
A resource on this machine, and a client of it on either surface.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aikit import OpenAIClient
from tests.azure_server import KEY, VERSION, Resource, resource_here

Make = Callable[[str], OpenAIClient]

_ENDINGS = {"dated": f"?api-version={VERSION}", "v1": "/openai/v1"}


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Start from an environment that says nothing of Azure."""
    for name in ("ENDPOINT", "API_KEY", "AD_TOKEN"):
        monkeypatch.delenv(f"AZURE_OPENAI_{name}", raising=False)
    for name in (
        "AZURE_API_BASE",
        "AZURE_API_KEY",
        "AZURE_API_VERSION",
        "AZURE_AD_TOKEN",
        "OPENAI_API_VERSION",
        "AZURE_STORAGE_BLOB_URL",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AIKIT_HOME", str(tmp_path / "home"))


@pytest.fixture
def resource() -> Iterator[Resource]:
    """Serve an empty resource."""
    with resource_here() as resource:
        yield resource


@pytest.fixture
def make(resource: Resource) -> Iterator[Make]:
    """Make clients of the resource."""
    made: list[OpenAIClient] = []

    def client_of(surface: str) -> OpenAIClient:
        made.append(OpenAIClient(KEY, provider="azure", base_url=resource.url + _ENDINGS[surface]))
        return made[-1]

    yield client_of
    for client in made:
        client.close()


@pytest.fixture(params=sorted(_ENDINGS))
def client(request: pytest.FixtureRequest, make: Make) -> OpenAIClient:
    """Give a client of each surface."""
    return make(request.param)
