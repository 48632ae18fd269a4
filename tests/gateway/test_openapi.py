"""
The API reference: that it tells of every address that is served, and of no other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from openapi_core import OpenAPI

from aikit.gateway.app import ENDPOINTS as ALL
from aikit.gateway.app import make_app
from aikit.gateway.openapi import described_by, document
from aikit.gateway.routes import absent
from tests.gateway.asgi import Asgi
from tests.gateway.gateways import opened

ENDPOINTS = [each for each in ALL if each not in absent.ENDPOINTS]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Asgi]:
    """A client without a key of a gateway that has one."""
    with opened(tmp_path) as gateway:
        yield Asgi(make_app(gateway), None)


def _addresses(found: Any) -> set[tuple[str, str]]:
    return {(method.upper(), path) for path, methods in found["paths"].items() for method in methods}


def test_the_document_has_every_address_that_is_served(client: Asgi) -> None:
    """
    It is made of the table that requests are found in, without what says only that it is not there.
    """
    found = client.get("/openapi.json")
    served = {(each.method, each.template if each.is_own else f"/v1{each.template}") for each in ENDPOINTS}
    assert found.status == 200
    assert _addresses(found.json) == served


def test_nothing_is_told_of_addresses_that_are_not_served() -> None:
    """
    What `openapi.json` describes is there.
    """
    told = json.loads(files("aikit.gateway").joinpath("openapi.json").read_text("utf-8"))["operations"]
    assert set(told) == {described_by(each) for each in ENDPOINTS}


def test_the_document_is_valid() -> None:
    """
    Each reference in it is to something, each operation has a name of its own, and each part of a path is a parameter.
    """
    found = document(ENDPOINTS, is_keyed=True)
    OpenAPI.from_dict(found).check_spec()
    for kind, name in re.findall(r'"#/components/(\w+)/(\w+)"', json.dumps(found)):
        assert name in found["components"][kind]
    operations = [operation for methods in found["paths"].values() for operation in methods.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)


def test_without_keys_none_is_asked_for() -> None:
    """
    The document of a gateway without a master key names none.
    """
    assert "security" in document(ENDPOINTS, is_keyed=True)
    assert "security" not in document(ENDPOINTS, is_keyed=False)


def test_the_page_loads_nothing_from_elsewhere(client: Asgi) -> None:
    """
    Program, style and icon come from the gateway, and its guards allow nothing else.
    """
    page = client.get("/docs")
    assert page.status == 200
    assert page.headers["content-type"].startswith("text/html")
    guards = page.headers["content-security-policy"]
    assert "default-src 'none'" in guards
    assert "script-src 'self';" in guards
    named = re.findall(r'(?:src|href)="([^"]+)"', page.body.decode())
    assert len(named) == 4
    for name in named:
        assert name.startswith("/docs/")
        assert client.get(name).status == 200
    assert client.get("/docs/swagger-ui-bundle.js").headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize("name", ["swagger-ui.js.map", "..%2f..%2f__init__.py", "%2e%2e", "LICENSE", "start.js%00"])
def test_no_other_file_is_served(client: Asgi, name: str) -> None:
    """
    The files have names, which are no path.
    """
    assert client.get(f"/docs/{name}").status == 404
