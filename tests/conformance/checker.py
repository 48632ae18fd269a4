"""
What was asked and answered, held against the document with openapi-core.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import IO, Final
from urllib.parse import parse_qsl, urlsplit

import attrs
from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from werkzeug.datastructures import FileStorage, Headers, ImmutableMultiDict
from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header

from aikit.http import messages as wire
from tests.conformance.document import Document

HOST: Final = "https://api.openai.com"


@attrs.frozen(kw_only=True, slots=False)
class Asked:
    """
    A request as it goes over the wire.

    Attributes:
        target: Path and query, from ``/v1`` on.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @classmethod
    def of(cls, request: wire.Request, base_url: str) -> Asked:
        """
        Return what *request* sends to *base_url*.
        """
        target, headers = "/v1" + request.url.removeprefix(base_url), dict(request.headers)
        if request.body is None:
            return cls(method=request.method, target=target, headers=headers)
        headers["Content-Type"] = request.body.content_type
        return cls(method=request.method, target=target, headers=headers, body=_read(request.body.open()))

    @property
    def path(self) -> str:
        """The target without its query."""
        return urlsplit(self.target).path

    @cached_property
    def query(self) -> Mapping[str, str]:
        """What stands in the query."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def content_type(self) -> str:
        """The media type of the body, with its parameters."""
        return Headers(dict(self.headers)).get("Content-Type", "")

    @cached_property
    def form(self) -> tuple[Mapping[str, list[str]], Mapping[str, list[FileStorage]]]:
        """Fields and files of the body as werkzeug reads it."""
        kind, options = parse_options_header(self.content_type)
        parser = FormDataParser(stream_factory=_in_memory, silent=False)
        _, fields, files = parser.parse(io.BytesIO(self.body), kind, len(self.body), options)
        return dict(fields.lists()), dict(files.lists())


@attrs.frozen(kw_only=True)
class Answered:
    """
    An answer as it came over the wire.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def of(cls, response: wire.Response) -> Answered:
        """
        Return what *response* carried.
        """
        return cls(status=response.status, headers=response.headers, body=response.body)


@attrs.frozen
class Checker:
    """
    Holds exchanges against a document.
    """

    document: Document
    _api: OpenAPI = attrs.field(init=False)

    @_api.default
    def _(self) -> OpenAPI:
        return OpenAPI.from_dict(self.document)

    def complaints_of(self, asked: Asked) -> list[str]:
        """
        Return what is wrong with a request, in words.
        """
        return [*_worded(self._api.iter_request_errors(_Request(asked))), *self._overlooked(asked)]

    def complaints_about(self, asked: Asked, answered: Answered) -> list[str]:
        """
        Return what is wrong with the answer to a request, in words.
        """
        return list(_worded(self._api.iter_response_errors(_Request(asked), _Response(answered))))

    def _overlooked(self, asked: Asked) -> Iterator[str]:
        """
        Complain of what openapi-core has no eye for: names that are not described, and how the parts of a form look.
        """
        operation = self.document["paths"].get(asked.path.removeprefix("/v1"), {}).get(asked.method.lower(), {})
        known = {parameter["name"] for parameter in operation.get("parameters", ())}
        yield from (f"query parameter {name!r} is not described" for name in asked.query if name not in known)
        if asked.content_type.startswith("multipart/"):
            yield from self._overlooked_in_form(asked)

    def _overlooked_in_form(self, asked: Asked) -> Iterator[str]:
        fields, files = asked.form
        known = self.document["components"]["schemas"]["CreateFileRequest"]["properties"]
        names = [name for name, values in fields.items() for _ in values]
        names += [name for name, values in files.items() for _ in values]
        for name in dict.fromkeys(names):
            if name not in known:
                yield f"form field {name!r} is not described"
            if names.count(name) > 1:
                yield f"form field {name!r} is there {names.count(name)} times"
        if "file" not in files:
            yield "the form has no file"
        for name, (file, *_) in files.items():
            if not file.filename:
                yield f"form field {name!r} has no filename"
            if not file.content_type:
                yield f"form field {name!r} has no Content-Type, on which some servers stumble"


@attrs.define
class _Request:
    """
    A request as openapi-core wants it.
    """

    _asked: Asked
    parameters: RequestParameters = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        query, headers = ImmutableMultiDict(self._asked.query), Headers(dict(self._asked.headers))
        self.parameters = RequestParameters(query=query, header=headers)

    @property
    def host_url(self) -> str:
        return HOST

    @property
    def path(self) -> str:
        return self._asked.path

    @property
    def method(self) -> str:
        return self._asked.method.lower()

    @property
    def content_type(self) -> str:
        return self._asked.content_type

    @property
    def body(self) -> bytes:
        return self._asked.body


@attrs.define
class _Response:
    """
    An answer as openapi-core wants it.
    """

    _answered: Answered

    @property
    def status_code(self) -> int:
        return self._answered.status

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "")

    @property
    def headers(self) -> Headers:
        return Headers(dict(self._answered.headers))

    @property
    def data(self) -> bytes:
        return self._answered.body


def _in_memory(
    total_content_length: int | None,  # noqa: ARG001  werkzeug's names
    content_type: str | None,  # noqa: ARG001  likewise
    filename: str | None,  # noqa: ARG001  likewise
    content_length: int | None = None,  # noqa: ARG001  likewise
) -> IO[bytes]:
    return io.BytesIO()


def _worded(errors: Iterable[Exception]) -> Iterator[str]:
    for error in errors:
        reasons = getattr(error.__cause__, "schema_errors", None) or (error.__cause__ or error,)
        yield from (f"{type(error).__name__}: {reason}".split("\n", 1)[0] for reason in reasons)


def _read(reader: wire.Reader) -> bytes:
    try:
        return b"".join(iter(lambda: reader.read(65_536), b""))
    finally:
        reader.close()
