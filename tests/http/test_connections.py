"""
Below the transport: header fields as they go over the wire.
"""

from __future__ import annotations

import pytest
from urllib3.util import SKIP_HEADER

from aikit import OpenAIClient, OpenAIError
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


@pytest.mark.parametrize("version", ["1.26.20", "2.0.7", "2.5.0"])
def test_urllib3_that_is_too_old_is_refused_by_name(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A call with a urllib3 in which things fail without showing why says which one is needed, before anything is sent.
    """
    monkeypatch.setattr("urllib3.__version__", version)
    error = _error_of_a_call()
    assert error.code == "dependency_too_old"
    assert version in error.message
    assert "urllib3>=2.6" in error.message


@pytest.mark.parametrize("version", ["2.6.0", "2.10", "3.0a1", "unknown"])
def test_other_urllib3_are_used(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What is new enough, or does not say how old it is, gets its chance.
    """
    monkeypatch.setattr("urllib3.__version__", version)
    assert _error_of_a_call().code == "connection_error"


def _error_of_a_call() -> OpenAIError:
    with OpenAIClient("sk-1", base_url="http://127.0.0.1:9/v1", max_retries=0) as client:
        return client.files.retrieve("file-1").errors[0]
