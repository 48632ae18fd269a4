"""
The API reference: the OpenAPI document, and a page that shows it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from starlette.responses import Response

from aikit.gateway.call import Call
from aikit.gateway.openapi import document
from aikit.gateway.routing import Endpoint
from aikit.types.errors import OpenAIError

_STYLE: Final = "swagger-ui.css"
_PROGRAM: Final = "swagger-ui-bundle.js"
_ICON: Final = "favicon-32x32.png"
_FILES: Final = {_STYLE: "text/css", _PROGRAM: "text/javascript", _ICON: "image/png"}
_START: Final = "start.js"
_LIBRARY: Final = "flask_swagger_ui"  # only its files are served; importing it would need Flask
_DAY: Final = "public, max-age=86400"

_PAGE: Final = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>aikit gateway</title>
<link rel="icon" type="image/png" href="/docs/{_ICON}">
<link rel="stylesheet" href="/docs/{_STYLE}">
</head>
<body>
<main id="reference"></main>
<script src="/docs/{_PROGRAM}"></script>
<script src="/docs/{_START}"></script>
</body>
</html>
"""
_SCRIPT: Final = """SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  persistAuthorization: false,
  validatorUrl: null,
});
"""
_GUARDS: Final = {
    # Swagger UI writes styles into elements, and keeps its pictures as data.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


async def docs(call: Call) -> Response:  # noqa: ARG001  every route takes one
    """
    Show the reference.
    """
    _place_of_files()
    return Response(_PAGE, media_type="text/html", headers=_GUARDS)


async def docs_file(call: Call) -> Response:
    """
    Answer with what the page needs.
    """
    name = call.ids["name"]
    if name == _START:
        return Response(_SCRIPT, media_type="text/javascript", headers=_GUARDS)
    if name not in _FILES:
        raise OpenAIError(message="The reference has no such file.", status=404, code="unknown_url")
    headers = _GUARDS | {"cache-control": _DAY}
    content = await call.gateway.in_thread((_place_of_files() / name).read_bytes)
    return Response(content, media_type=_FILES[name], headers=headers)


async def _openapi(endpoints: Sequence[Endpoint], call: Call) -> Response:
    is_keyed = call.gateway.settings.master_key is not None
    return Response(_written(tuple(endpoints), is_keyed=is_keyed), media_type="application/json")


@cache
def _written(endpoints: tuple[Endpoint, ...], *, is_keyed: bool) -> bytes:
    return json.dumps(document(endpoints, is_keyed=is_keyed), separators=(",", ":")).encode()


@cache
def _place_of_files() -> Path:
    found = find_spec(_LIBRARY)
    if found is None or not found.submodule_search_locations:
        message = "The page needs the files of Swagger UI: pip install 'aikit-client[gateway]'. /openapi.json is there."
        raise OpenAIError(message=message, status=404, code="unknown_url")
    return Path(next(iter(found.submodule_search_locations)), "dist")


def with_pages(endpoints: Sequence[Endpoint]) -> tuple[Endpoint, ...]:
    """
    Return *endpoints* and those of the reference, which describes them all.
    """
    pages = (
        Endpoint("GET", "/docs", docs, is_open=True, is_own=True),
        Endpoint("GET", "/docs/{name}", docs_file, is_open=True, is_own=True),
    )
    every = [*endpoints, *pages]
    every.append(Endpoint("GET", "/openapi.json", partial(_openapi, every), is_open=True, is_own=True))
    return tuple(every)
