"""
Addresses: one table in all its spellings.
"""

from __future__ import annotations

from typing import Any

import pytest

from aikit.gateway.routing import Endpoint, RouteTable
from aikit.types.errors import OpenAIError


async def _route(_: Any) -> None: ...


TABLE = RouteTable.of(
    [
        Endpoint("GET", "/files", _route),
        Endpoint("POST", "/files", _route),
        Endpoint("GET", "/files/{file_id}", _route),
        Endpoint("GET", "/files/{file_id}/content", _route),
        Endpoint("GET", "/health/liveliness", _route, is_open=True, is_own=True),
    ]
)


@pytest.mark.parametrize(
    ("path", "provider"),
    [
        (b"/v1/files/file-1", None),
        (b"/files/file-1", None),
        (b"/files/file-1/", None),
        (b"/azure/v1/files/file-1", "azure"),
        (b"/openai/v1/files/file-1", "openai"),
        (b"/openai/files/file-1", None),
        (b"/v1/files/file%2D1", None),
        (b"/v1/%66iles/file-1", None),
    ],
)
def test_an_address_is_found_in_each_spelling(path: bytes, provider: str | None) -> None:
    """
    All spellings lead to the same endpoint with the same id, and some name a provider.
    """
    found = TABLE.find("GET", path)
    assert (found.endpoint.template, found.ids, found.provider) == ("/files/{file_id}", {"file_id": "file-1"}, provider)


def test_openai_is_no_provider_to_sdks_of_azure() -> None:
    """
    AzureOpenAI puts /openai/v1 in front of whatever it asks.
    """
    assert TABLE.find("GET", b"/openai/v1/files", is_azure=True).provider is None


@pytest.mark.parametrize(
    ("segment", "identifier"),
    [
        (b"a%2Fb", "a/b"),
        (b"gs%3A%2F%2Fbucket%2Fname", "gs://bucket/name"),
        (b"%2e%2e", ".."),
        (b"%00", "\0"),
        (b"%252F", "%2F"),
        (b"%C3%A9", "\u00e9"),
        (b"%ff", "\ufffd"),
        (b"%zz", "%zz"),
    ],
)
def test_an_id_is_decoded_once_after_the_path_was_divided(segment: bytes, identifier: str) -> None:
    """
    No encoding of an id leads to another endpoint.
    """
    assert TABLE.find("GET", b"/v1/files/" + segment).ids == {"file_id": identifier}


@pytest.mark.parametrize(
    "path",
    [
        b"/",
        b"",
        b"/v1",
        b"/v1/",
        b"//v1/files",
        b"/v1//files",
        b"/v2/files",
        b"/v1/files//content",
        b"/v1/files/x/other",
        b"/v1/files/a/b/c/d/e/f/g/h/i/j",
        b"/azure/openai/v1/files",
        b"/v1/health/liveliness",
        b"/azure/v1/health/liveliness",
        b"/health",
    ],
)
def test_what_is_not_in_the_table_is_not_there(path: bytes) -> None:
    """
    Any other address is a 404 with one sentence.
    """
    with pytest.raises(OpenAIError, match="Invalid URL") as caught:
        TABLE.find("GET", path)
    assert (caught.value.status, caught.value.code) == (404, "unknown_url")


@pytest.mark.parametrize(("method", "path"), [("PUT", b"/v1/files"), ("HEAD", b"/v1/files"), ("GEt", b"/files")])
def test_another_method_tells_those_that_are_there(method: str, path: bytes) -> None:
    """
    A wrong method is a 405 with an Allow header.
    """
    with pytest.raises(OpenAIError, match="it takes GET, POST") as caught:
        TABLE.find(method, path)
    assert (caught.value.status, caught.value.headers) == (405, {"allow": "GET, POST"})


def test_what_needs_no_key_answers_head() -> None:
    """
    Load balancers ask for health with HEAD.
    """
    assert TABLE.find("HEAD", b"/health/liveliness").endpoint.method == "GET"
