"""
Google's own description of an API, and whether what was asked and answered is as it says.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import attrs

from tests.scripted_server import Received

_FORMATS: Final = {
    "int64": re.compile(r"-?\d{1,19}"),
    "uint64": re.compile(r"\d{1,20}"),
    "google-datetime": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z"),
    "date-time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)"),
    "byte": re.compile(r"[A-Za-z0-9+/_-]*={0,2}"),
}
_KINDS: Final[dict[str, Any]] = {"string": str, "boolean": bool, "integer": int, "number": (int, float)}
_ALWAYS: Final = frozenset(("upload_id", "uploadType"))


@attrs.frozen
class Discovery:
    """
    One discovery document.
    """

    document: dict[str, Any]

    @classmethod
    def of(cls, wheel: Path, name: str) -> Discovery:
        """
        Read the document called *name*, ``"aiplatform.v1"``, from the wheel of Google's library.
        """
        with zipfile.ZipFile(wheel) as packed:
            return cls(json.loads(packed.read(f"googleapiclient/discovery_cache/documents/{name}.json")))

    def check(self, asked: Received, status: int, answer: bytes) -> str:
        """
        Check a request and its answer; return the id of the method that was called.

        Raises:
            AssertionError: There is no such method, or something of either is not as it says.
        """
        path = urlsplit(asked.path).path
        method = next((one for one in self._methods(self.document) if _is_at(one, asked.method, path)), None)
        assert method is not None, f"{asked.method} {path} is no method"
        known = self.document["parameters"] | method.get("parameters", {})
        for name, value in parse_qsl(urlsplit(asked.path).query, keep_blank_values=True):
            assert name in known or name in _ALWAYS, f"{method['id']} has no parameter {name}"
            _check_parameter(known.get(name, {}), name, value)
        is_media = "multipart/" in asked.headers.get("content-type", "") or "uploadType=media" in asked.path
        if asked.body and not is_media:
            self._check(json.loads(asked.body), method["request"], method["id"], is_request=True)
        if status == 200 and answer and "alt=media" not in asked.path:
            self._check(json.loads(answer), method["response"], f"answer of {method['id']}", is_request=False)
        return str(method["id"])

    def require(self, value: Any, schema: str) -> None:
        """
        Check a value of the type called *schema*, as requests have it.

        Raises:
            AssertionError: It is none.
        """
        self._check(value, {"$ref": schema}, schema, is_request=True)

    def _methods(self, resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for method in resource.get("methods", {}).values():
            root = urlsplit(self.document["baseUrl"]).path
            uploads = method.get("mediaUpload", {}).get("protocols", {}).values()
            paths = [root + method.get("flatPath", method["path"]), *(one["path"] for one in uploads)]
            yield method | {"paths": paths}
        for inner in resource.get("resources", {}).values():
            yield from self._methods(inner)

    def _check(self, value: Any, schema: dict[str, Any], where: str, *, is_request: bool) -> None:
        if "$ref" in schema:
            schema = self.document["schemas"][schema["$ref"]]
        kind = schema.get("type", "any")
        if kind == "object":
            self._check_object(value, schema, where, is_request=is_request)
        elif kind == "array":
            assert isinstance(value, list), f"{where} is no array"
            for number, one in enumerate(value):
                self._check(one, schema["items"], f"{where}[{number}]", is_request=is_request)
        elif kind != "any":
            _check_value(value, schema, where)

    def _check_object(self, value: Any, schema: dict[str, Any], where: str, *, is_request: bool) -> None:
        assert isinstance(value, dict), f"{where} is no object"
        for name, one in value.items():
            known = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
            assert known is not None, f"{where} has no field {name}"
            assert not (is_request and known.get("readOnly")), f"{where}.{name} is the server's to write"
            self._check(one, known, f"{where}.{name}", is_request=is_request)


def _is_at(method: dict[str, Any], verb: str, path: str) -> bool:
    if method["httpMethod"] != verb:
        return False
    forms = (re.sub(r"\\\{\+?\w+\\\}", "[^/]+?", re.escape(one)) for one in method["paths"])
    return any(re.fullmatch(form, path) for form in forms)


def _check_parameter(schema: dict[str, Any], name: str, value: str) -> None:
    """
    Check an argument of a query, which is text whatever its type.
    """
    if schema.get("type") == "integer":
        assert re.fullmatch(r"-?\d+", value), f"{name} is no number"
    elif schema.get("type") == "boolean":
        assert value in {"true", "false"}, f"{name} is neither true nor false"
    else:
        _check_value(value, schema | {"type": "string"}, name)


def _check_value(value: Any, schema: dict[str, Any], where: str) -> None:
    kind, form = schema["type"], _FORMATS.get(schema.get("format", ""))
    assert isinstance(value, _KINDS[kind]), f"{where} is no {kind}: {value!r}"
    assert kind == "boolean" or not isinstance(value, bool), f"{where} is no {kind}: {value!r}"
    assert "enum" not in schema or value in schema["enum"], f"{where} is {value!r}, which is not one of its values"
    assert kind != "string" or form is None or form.fullmatch(value), f"{where} has not its format: {value!r}"
