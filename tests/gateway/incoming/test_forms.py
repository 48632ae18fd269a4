"""
Tests of forms and JSON bodies.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aikit.gateway.incoming.forms import receive_fields
from aikit.gateway.incoming.json_body import receive_json
from aikit.types.errors import OpenAIError
from tests.gateway.incoming.sending import field, file, form, pieces, request_of

_FORM = "application/x-www-form-urlencoded"


def _fields(body: bytes, content_type: str = "") -> dict[str, Any]:
    return asyncio.run(receive_fields(request_of(pieces(body, 10), content_type)))


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (form(field("a", "1"), field("b[]", "ü"), field("b[]", "")), ""),
        ("a=1&b[]=ü&b[]=".encode(), _FORM),
        (b'{"a": "1", "b[]": ["\xc3\xbc", ""]}', "application/json"),
    ],
)
def test_fields_read_the_same_in_every_encoding(body: bytes, content_type: str) -> None:
    """
    A name that comes several times has a list.
    """
    assert _fields(body, content_type) == {"a": "1", "b[]": ["ü", ""]}


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (form(file(b"x")), "", 400),
        (form(field("a", b"\xff")), "", 400),
        (form(field("", "x")), "", 400),
        (form(field("a", "x" * 2**20)), "", 413),
        (b"a=%ff", _FORM, 400),
        (b"&".join([b"a=1"] * 1_001), _FORM, 400),
        (b"x" * (2**20 + 1), _FORM, 413),
    ],
)
def test_forms_beyond_bounds_are_refused(body: bytes, content_type: str, status: int) -> None:
    """
    Files, bytes that are no text, missing names, and too much are no forms.
    """
    with pytest.raises(OpenAIError) as caught:
        _fields(body, content_type)
    assert caught.value.status == status


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'"text"',
        b"{",
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 2}}',
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b'{"a": "\xff"}',
        b'{"a": ' + b"[" * 64 + b"]" * 64 + b"}",
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a": ' + b"1" * 5_000 + b"}",
        b"\xef\xbb\xbf{}",
    ],
)
def test_json_that_is_not_one_plain_object_is_refused(body: bytes) -> None:
    """
    The error is OpenAI's, with what is wrong.
    """
    with pytest.raises(OpenAIError, match="We could not parse the JSON body of your request") as caught:
        asyncio.run(receive_json(request_of([body], "application/json")))
    assert (caught.value.status, caught.value.code) == (400, "invalid_json")


def test_json_as_deep_as_allowed_is_read() -> None:
    """
    Sixty-four levels are read; so is no body at all where it may be empty.
    """
    body = b'{"a": ' + b"[" * 63 + b"]" * 63 + b"}"
    assert asyncio.run(receive_json(request_of([body]))).keys() == {"a"}
    assert asyncio.run(receive_json(request_of([b" "]), may_be_empty=True)) == {}


def test_a_large_json_body_is_refused_while_it_comes() -> None:
    """
    No more than its bound is held.
    """
    with pytest.raises(OpenAIError) as caught:
        asyncio.run(receive_json(request_of((b" " * 2**16 for _ in range(10**9)), "application/json")))
    assert (caught.value.status, caught.value.code) == (413, "request_too_large")
