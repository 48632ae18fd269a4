"""
Settings of the environment: their names, and the form of their values, wherever these are from.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aikit.providers.config import ProviderSettings
from aikit.providers.config.file import FILE_NAME
from aikit.providers.config.providers import Providers


@pytest.mark.parametrize(
    ("kind", "setting", "variables"),
    [
        ("openai", "base_url", ("OPENAI_BASE_URL", "OPENAI_API_BASE")),
        ("openai", "organization", ("OPENAI_ORG_ID", "OPENAI_ORGANIZATION")),
        ("azure", "base_url", ("AZURE_OPENAI_ENDPOINT", "AZURE_API_BASE")),
        ("gemini", "base_url", ("GOOGLE_GEMINI_BASE_URL", "GEMINI_API_BASE")),
        ("vertex", "base_url", ("GOOGLE_VERTEX_BASE_URL", "VERTEXAI_API_BASE")),
    ],
)
def test_names_of_the_environment_are_those_of_each_cloud_and_of_litellm(
    kind: str, setting: str, variables: tuple[str, str]
) -> None:
    """
    A key that another program of the same environment sends to a gateway does not go past it; a cloud's own name wins.
    """
    clouds, litellms = (f"https://{number}.example" for number in (1, 2))
    for environ, told in (
        ({variables[1]: litellms}, litellms),
        ({variables[1]: litellms, variables[0]: clouds}, clouds),
    ):
        assert ProviderSettings(kind=kind).or_environment(environ).setting(setting) == told


@pytest.mark.parametrize(
    ("option", "variable", "value"),
    [
        ("api_version", "AZURE_API_VERSION", "../../secret"),
        ("api_version", "OPENAI_API_VERSION", "2024"),
        ("ad_token", "AZURE_AD_TOKEN", "secret\r\nX-Other: 1"),
        ("ad_token", "AZURE_AD_TOKEN", "Bearer secret"),
        ("ad_token", "AZURE_OPENAI_AD_TOKEN", "'secret'"),
    ],
)
def test_values_of_options_are_refused_where_they_stand(tmp_path: Path, option: str, variable: str, value: str) -> None:
    """
    By the line of a file, or by the variable; a token is not shown, and none with another header in it is sent.
    """
    entry = {"type": "azure", "baseURL": "https://res.example", option: value}
    path = tmp_path / FILE_NAME
    path.write_text(json.dumps({"providers": {"work": entry}}, indent=1))
    for name, more, place in (
        ("work", {}, f"{path}:6: provider 'work': {option}"),
        ("azure", {variable: value}, variable),
    ):
        with pytest.raises(ValueError, match=r"is not (one of v1|a token alone)") as caught:
            Providers.load({"AIKIT_HOME": str(tmp_path)} | more).get(name)
        assert str(caught.value).startswith(place)
        assert option == "api_version" or "secret" not in str(caught.value)
    good = {"AZURE_AD_TOKEN": " eyJ0.e30.x_-~+/= ", "AZURE_API_VERSION": "2025-04-01-preview"}
    assert dict(Providers.load({"AIKIT_HOME": str(tmp_path)} | good).get("azure").options) == {
        "ad_token": "eyJ0.e30.x_-~+/=",
        "api_version": "2025-04-01-preview",
    }
