"""
Addresses of a resource: whatever people copy, requests go to one of its two surfaces.
"""

from __future__ import annotations

import pytest

from aikit.providers.azure.endpoint import Endpoint

_HOST = "https://res.openai.azure.com"
_DATE = "2024-10-21"


@pytest.mark.parametrize(
    "address",
    [
        _HOST,
        f"{_HOST}/openai",
        f"{_HOST}/openai/",
        f"{_HOST}/openai/v1",
        f"{_HOST}/openai/v1/",
        f"{_HOST}/OpenAI/V1/chat/completions",
        f"{_HOST}/openai/v1?api-version=v1",
        f"{_HOST}/openai/responses?api-version=latest",
    ],
)
def test_what_names_no_date_is_v1(address: str) -> None:
    """
    The newer surface needs no version; a path that was copied along is left out.
    """
    endpoint = Endpoint.of(address, None)
    assert (endpoint.resource, endpoint.is_dated) == (_HOST, False)
    assert endpoint.url("/files") == f"{_HOST}/openai/v1/files"
    assert endpoint.url("/files?limit=2") == f"{_HOST}/openai/v1/files?limit=2"


@pytest.mark.parametrize(
    ("address", "version"),
    [
        (_HOST, _DATE),
        (f"{_HOST}/openai", _DATE),
        (f"{_HOST}/openai/deployments/gpt-4o/chat/completions?api-version={_DATE}", None),
        (f"{_HOST}/openai/deployments/openai/chat/completions?Api-Version={_DATE}", "preview"),
        (f"{_HOST}/?api-version={_DATE}", "2025-04-01-preview"),
        (f"{_HOST}/openai/files?api-version={_DATE}", "v1"),
    ],
)
def test_a_date_is_the_dated_surface(address: str, version: str | None) -> None:
    """
    Files and batches are never below a deployment; the version of the address counts before the other.
    """
    endpoint = Endpoint.of(address, version)
    assert (endpoint.resource, endpoint.is_dated) == (_HOST, True)
    assert endpoint.url("/batches?limit=2") == f"{_HOST}/openai/batches?limit=2&api-version={_DATE}"


def test_preview_is_a_version_of_v1() -> None:
    """
    It is said with every request.
    """
    assert Endpoint.of(_HOST, "preview").url("/files") == f"{_HOST}/openai/v1/files?api-version=preview"
    assert Endpoint.of(f"{_HOST}/openai/v1", "Preview").url("/files").endswith("/v1/files?api-version=preview")


def test_the_address_says_v1_louder_than_a_variable_says_a_date() -> None:
    """
    Variables of the other surface are left behind by programs that moved to v1; within one address it is a mistake.
    """
    assert Endpoint.of(f"{_HOST}/openai/v1", _DATE).url("/files") == f"{_HOST}/openai/v1/files"
    with pytest.raises(ValueError, match="leave it out, or leave out /v1"):
        Endpoint.of(f"{_HOST}/openai/v1?api-version={_DATE}", None)


@pytest.mark.parametrize(
    ("address", "resource"),
    [
        ("https://res.services.ai.azure.com", "https://res.services.ai.azure.com"),
        (
            "https://res.services.ai.azure.com/api/projects/p/openai/v1",
            "https://res.services.ai.azure.com/api/projects/p",
        ),
        ("https://gate.azure-api.net/openai/openai/v1", "https://gate.azure-api.net/openai"),
        ("https://gate.azure-api.net/openai/mine", "https://gate.azure-api.net/openai/mine"),
        ("http://127.0.0.1:4010/x", "http://127.0.0.1:4010/x"),
    ],
)
def test_what_stands_before_the_surface_is_kept(address: str, resource: str) -> None:
    """
    Other hosts of resources, and gateways with paths of their own.
    """
    assert Endpoint.of(address, None).base_url == f"{resource}/openai/v1"


def test_the_rest_of_a_query_goes_with_every_request_and_is_not_shown() -> None:
    """
    Gateways take keys there.
    """
    endpoint = Endpoint.of("https://gate.azure-api.net/?subscription-key=s%2Fcret&x=", _DATE)
    assert endpoint.url("/files") == (
        f"https://gate.azure-api.net/openai/files?api-version={_DATE}&subscription-key=s%2Fcret&x="
    )
    assert "cret" not in repr(endpoint) + endpoint.base_url


@pytest.mark.parametrize("version", ["2024", "v2", "2024-10-21-beta", "24-10-21", "gpt-4o"])
def test_a_version_that_is_none_is_refused_with_those_there_are(version: str) -> None:
    """
    Rather than with a 404 of the service.
    """
    with pytest.raises(ValueError, match="not one of v1, preview, or a date such as"):
        Endpoint.of(_HOST, version)
