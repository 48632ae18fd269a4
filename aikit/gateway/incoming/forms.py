"""
The fields of forms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

import attrs
from multipart import MultipartSegment
from starlette.requests import Request

from aikit.gateway.incoming.json_body import BODY_MAX_BYTES, receive_json
from aikit.gateway.incoming.multipart import parts_of
from aikit.gateway.incoming.refusals import request_refused
from aikit.gateway.incoming.slow_clients import body_of

_FIELDS_MAX: Final = 1_000
_NAME_MAX: Final = 256


async def receive_fields(request: Request) -> dict[str, Any]:
    """
    Return the fields of a form without files, of either encoding, or the object of a JSON body; at most 1 MiB.

    Raises:
        OpenAIError: It is too large or too slow, is none of these, or has a file.
        ClientDisconnect: The client is gone.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return await _urlencoded(request)
    if kind != "multipart/form-data":
        return await receive_json(request)
    fields = Fields()
    async for event in parts_of(request, body_of(request, BODY_MAX_BYTES)):
        if not isinstance(event, MultipartSegment):
            fields.take(event)
        elif event.filename is None:
            fields.begin(event.name or "")
        else:
            message = f"The part '{(event.name or '')[:100]}' is a file; here only fields are allowed."
            raise request_refused(400, message, "unknown_parameter", (event.name or "")[:100])
    return dict(fields.values)


def single(fields: Mapping[str, Any], name: str) -> str | None:
    """
    Return the value of a field; ``None`` when it was not sent.

    Raises:
        OpenAIError: It was sent several times, or is no text.
    """
    value = fields.get(name)
    if value is None or isinstance(value, str):
        return value
    raise request_refused(400, f"Invalid value for '{name}': send it once, as a string.", "invalid_value", name)


@attrs.define(eq=False)
class Fields:
    """
    Fields that come in pieces.

    Attributes:
        values: Name → text; a list of texts where the name came several times.
    """

    values: dict[str, str | list[str]] = attrs.field(factory=dict)
    _name: str = ""
    _text: bytearray = attrs.field(factory=bytearray)
    _size_bytes: int = 0

    def begin(self, name: str) -> None:
        """
        Begin a field.

        Raises:
            OpenAIError: It has no name, or too long a one.
        """
        if not 0 < len(name) <= _NAME_MAX or not name.isprintable():
            message = f"The name of a field must have 1 to {_NAME_MAX} characters that can be printed."
            raise request_refused(400, message, "invalid_multipart")
        self._name, self._text = name, bytearray()

    def take(self, piece: bytes | None) -> None:
        """
        Add *piece* to the field that was begun; ``None`` ends it.

        Raises:
            OpenAIError: All fields together are larger than 1 MiB; or it is no UTF-8.
        """
        if piece is not None:
            self._size_bytes += len(piece)
            if self._size_bytes > BODY_MAX_BYTES:
                raise request_refused(
                    413, "The fields of the form are larger than 1 MiB together.", "request_too_large", self._name
                )
            self._text += piece
            return
        try:
            self._put(self._name, self._text.decode())
        except UnicodeDecodeError:
            raise request_refused(
                400, f"The field '{self._name}' is not UTF-8.", "invalid_multipart", self._name
            ) from None

    def _put(self, name: str, text: str) -> None:
        present = self.values.get(name)
        if present is None:
            self.values[name] = text
        else:
            self.values[name] = [*([present] if isinstance(present, str) else present), text]


async def _urlencoded(request: Request) -> dict[str, Any]:
    body = bytearray()
    async for chunk in body_of(request, BODY_MAX_BYTES):
        body += chunk
    fields = Fields()
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS_MAX)
    except ValueError:
        message = f"The form cannot be read: it is not UTF-8, or has more than {_FIELDS_MAX} fields."
        raise request_refused(400, message, "invalid_multipart") from None
    for name, text in pairs:
        fields.begin(name)
        fields.take(text.encode())
        fields.take(None)
    return dict(fields.values)
