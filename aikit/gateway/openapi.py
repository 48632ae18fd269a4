"""
The OpenAPI document: every address of the route table, with what `openapi.json` says of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any, Final

from aikit import __version__
from aikit.gateway.routing import Endpoint

_VARIABLE: Final = re.compile(r"\{(\w+)\}")
_PREFIX: Final = "/v1"
_CHOOSING: Final = ("CustomLlmProvider", "CustomLlmProviderHeader", "ModelHeader")
_CHOOSING_TAGS: Final = frozenset(("files", "uploads", "batches"))


def document(endpoints: Iterable[Endpoint], *, is_keyed: bool) -> dict[str, Any]:
    """
    Return the document of *endpoints*.

    Args:
        endpoints: All that is served.

        is_keyed: Whether requests need a key.
    """
    # https://spec.openapis.org/oas/v3.1.0 (read 2026-11-30)
    told = json.loads(files("aikit.gateway").joinpath("openapi.json").read_text("utf-8"))
    operations: Mapping[str, dict[str, Any]] = told.pop("operations")
    told["info"]["version"] = __version__
    if not is_keyed:
        del told["security"], told["components"]["securitySchemes"]
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        path = endpoint.template if endpoint.is_own else _PREFIX + endpoint.template
        said = operations[described_by(endpoint)]
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint, said)
    return {**told, "paths": paths}


def described_by(endpoint: Endpoint) -> str:
    """
    Return the key under which `openapi.json` describes *endpoint*; HEAD is GET without a body.
    """
    return f"{'GET' if endpoint.method == 'HEAD' else endpoint.method} {endpoint.template}"


def _operation(endpoint: Endpoint, said: Mapping[str, Any]) -> dict[str, Any]:
    tag = said["tags"][0]
    chosen = [_reference("parameters", name) for name in _CHOOSING] if tag in _CHOOSING_TAGS else []
    named = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in _VARIABLE.findall(endpoint.template)
    ]
    parameters = [*named, *said.get("parameters", ()), *chosen]
    responses = dict(said["responses"]) | {"default": _reference("responses", "Error")}
    if endpoint.method == "HEAD":
        responses = {status: {"description": told["description"]} for status, told in said["responses"].items()}
        responses["default"] = {"description": "An error."}
    operation = {**said, "operationId": _id_of(endpoint), "responses": responses}
    if parameters:
        operation["parameters"] = parameters
    if endpoint.is_open:
        operation["security"] = []
    return operation


def _id_of(endpoint: Endpoint) -> str:
    return re.sub(r"\W+", "_", f"{endpoint.method} {endpoint.template}".lower()).strip("_")


def _reference(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}
