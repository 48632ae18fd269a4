"""
Below the transport: header fields as they go over the wire.
"""

from __future__ import annotations

import pytest
from urllib3.util import SKIP_HEADER

from aikit.http.connections import _Abortable


def _written(header: str, value: object) -> list[bytes]:
    connection = _Abortable("127.0.0.1")
    connection.putrequest("GET", "/", skip_host=True, skip_accept_encoding=True)
    connection.putheader(header, value)
    return list(connection._buffer[1:])  # type: ignore[attr-defined]  # of the standard library


@pytest.mark.parametrize("value", ["Bearer sk-1", "", "a: b", "caf\xe9"])
def test_a_field_is_a_line(value: str) -> None:
    """
    Plain ones and those of Latin-1 alike.
    """
    assert _written("X-Some-Field", value) == [f"X-Some-Field: {value}".encode("latin-1")]


@pytest.mark.parametrize(("header", "value"), [("X-A", "b\r\nX-C: d"), ("X-A\r\nX-B", "c"), ("X A", "b\nc")])
def test_a_field_cannot_become_two(header: str, value: str) -> None:
    """
    What would end its line is refused, whoever said it.
    """
    with pytest.raises(ValueError, match="Invalid header"):
        _written(header, value)


def test_a_field_to_be_left_out_is_left_out() -> None:
    """
    As urllib3 asks for some.
    """
    assert _written("User-Agent", SKIP_HEADER) == []
