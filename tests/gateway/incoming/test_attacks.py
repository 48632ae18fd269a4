"""
Tests of multipart bodies that are made to harm: bombs, names, boundaries.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.gateway.incoming.multipart import parts_of
from aikit.gateway.incoming.slow_clients import body_of
from aikit.gateway.incoming.spool import Spool
from aikit.types.errors import OpenAIError, Rejected
from tests.gateway.incoming.sending import BOUNDARY, any_rules, field, file, form, left_in, pieces, receive, request_of

_OTHER: Final = field("purpose", "user_data")
_MANY: Final = 10**9


class _Endless:
    """
    Chunks that are counted, and never end.
    """

    def __init__(self, first: bytes, chunk: bytes) -> None:
        self.first, self.chunk, self.taken = first, chunk, 0

    def __iter__(self) -> Iterator[bytes]:
        yield self.first
        while self.taken < _MANY:
            self.taken += len(self.chunk)
            yield self.chunk


def _status(spool: Spool, body: Any) -> int:
    with pytest.raises((OpenAIError, Rejected)) as caught:
        asyncio.run(receive(spool, body))
    assert left_in(spool) == []
    error = caught.value.errors[0] if isinstance(caught.value, Rejected) else caught.value
    assert isinstance(error, OpenAIError)
    return error.status or 0


@pytest.mark.parametrize(
    ("first", "chunk"),
    [
        (b"", field("x", "y") * 100),
        (b"", b"--" + BOUNDARY.encode() + b"\r\n\r\n\r\n" * 100),
        (b"", b"x" * 10_000),
        (b"", b"\r\n" * 10_000),
        (f"--{BOUNDARY}\r\nContent-Disposition: form-data; name=".encode(), b"x" * 10_000),
        (f"--{BOUNDARY}\r\n".encode(), b"X: y\r\n" * 1_000),
        (f"--{BOUNDARY}\r\nContent-Disposition: form-data\r\n".encode(), b" folded\r\n" * 1_000),
        (form(_OTHER, file(b"x")), b"x" * 10_000),
        (form(_OTHER, file(b"x")), form(file(b"x"))),
        (field("x", "")[:-2], b"y" * 10_000),
    ],
    ids=["parts", "bare parts", "preamble", "lines", "header", "headers", "folds", "epilogue", "forms", "field"],
)
def test_a_bomb_is_refused_before_it_has_cost_anything(spool: Spool, first: bytes, chunk: bytes) -> None:
    """
    Parts, headers, fields and what is outside of them are bounded: little is read before the refusal.
    """
    bomb = _Endless(first, chunk)
    assert _status(spool, request_of(bomb)) in {400, 413}
    assert bomb.taken < 2_000_000


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + "x" * 71,
        'multipart/form-data; boundary="ä"',
        "multipart/mixed; boundary=" + BOUNDARY,
        "application/json",
        "text/plain",
    ],
)
def test_a_body_of_another_kind_or_boundary_is_refused(spool: Spool, content_type: str) -> None:
    """
    Nothing of it is looked at.
    """
    assert _status(spool, request_of([form(_OTHER, file(b"x"))], content_type)) == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--",
        f"--{BOUNDARY}--\r\n".encode(),
        f"--{BOUNDARY}".encode(),
        form(_OTHER, file(b"x")).replace(b"\r\n", b"\n"),
        b"x" + form(_OTHER, file(b"x")),
        form(_OTHER, file(b"x").replace(b"form-data", b"attachment")),
        form(_OTHER, file(b"x").replace(b"Content-Disposition", b"Content Disposition")),
        form(_OTHER, b"--" + BOUNDARY.encode() + b"\r\n\r\nx\r\n"),
        form(_OTHER, file(b"x", part="")),
        form(_OTHER, field("a\0b", "x"), file(b"x")),
    ],
)
def test_a_broken_body_is_refused(spool: Spool, body: bytes) -> None:
    """
    None of them leads to a file.
    """
    assert _status(spool, body) == 400


def test_another_boundary_inside_of_a_file_is_content(spool: Spool) -> None:
    """
    A form in a form is not looked into, and neither is a boundary that is one letter off.
    """
    inner = form(_OTHER).replace(BOUNDARY.encode(), b"another") + f"\r\n--{BOUNDARY[:-1]}\r\n\r--{BOUNDARY}".encode()

    async def run() -> bytes:
        with await receive(spool, form(_OTHER, file(inner, "a.bin")), size=3) as spooled:
            return spooled.path.read_bytes()

    assert asyncio.run(run()) == inner


def _named(spool: Spool, disposition: str | bytes) -> str:
    """
    Return the name that a file gets whose header says *disposition* after its part.
    """
    told = disposition.encode() if isinstance(disposition, str) else disposition
    head = b"--" + BOUNDARY.encode() + b'\r\nContent-Disposition: form-data; name="file"; '
    part = head + told + b"\r\n\r\nx\r\n"

    async def run() -> str:
        with await receive(spool, form(_OTHER, part)) as spooled:
            return spooled.filename

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('filename="a.txt"', "a.txt"),
        ("filename=a.txt", "a.txt"),
        ('filename="naïve 日本.txt"', "naïve 日本.txt"),
        ("filename*=UTF-8''na%C3%AFve.txt", "naïve.txt"),
        ("filename=\"x.txt\"; filename*=utf-8'en'na%C3%AFve.txt", "naïve.txt"),
        ("filename*=ISO-8859-1''na%EFve.txt", "naïve.txt"),
        ('filename="a%22b.txt"', 'a"b.txt'),
        ('filename="a\\"b.txt"', 'a"b.txt'),
        ('filename="folder/a.txt"', "a.txt"),
        ('filename="C:\\\\fakepath\\\\a.txt"', "a.txt"),
        ('filename="/etc/passwd"', "passwd"),
        ('filename=".env"', ".env"),
        ('filename="a..b.txt"', "a..b.txt"),
    ],
)
def test_names_are_read_as_clients_write_them(spool: Spool, disposition: str, name: str) -> None:
    """
    In UTF-8, as RFC 5987 has it, or with escapes; folders are left out.
    """
    assert _named(spool, disposition) == name


@pytest.mark.parametrize(
    "disposition",
    [
        'filename="../a.txt"',
        'filename="a/../b.txt"',
        'filename="..\\\\a.txt"',
        'filename=".."',
        "filename*=UTF-8''..%2Fa.txt",
        "filename=\"a.txt\"; filename*=UTF-8''..%2Fa.txt",
        "filename*=UTF-8''a%00.txt",
        "filename*=UTF-8''a%0D%0A.txt",
        'filename="a%0Ab.txt"',
        'filename="a\0.txt"',
        'filename="a\tb.txt"',
        'filename=""',
        'filename="folder/"',
        f'filename="{"x" * 300}.txt"',
        b'filename="\xff.txt"',
    ],
)
def test_names_that_lead_elsewhere_or_are_none_are_refused(spool: Spool, disposition: str | bytes) -> None:
    """
    Traversal, control characters, no name, one that is too long, and bytes that are no text.
    """
    with pytest.raises((OpenAIError, Rejected)) as caught:
        _named(spool, disposition)
    error = caught.value.errors[0] if isinstance(caught.value, Rejected) else caught.value
    assert isinstance(error, OpenAIError)
    assert error.status == 400
    assert left_in(spool) == []


@given(
    parts=st.lists(
        st.binary(max_size=30).map(lambda content: file(content, "a.bin"))
        | st.text(max_size=10).map(lambda text: field("name", text))
        | st.binary(max_size=40)
        | st.sampled_from(
            [b"--", b"\r\n", b"\r", f"--{BOUNDARY}".encode(), f"\r\n--{BOUNDARY}--".encode(), b'"', b";"]
        ),
        max_size=8,
    ),
    size=st.integers(1, 50),
)
def test_whatever_comes_is_parts_or_one_clear_refusal(parts: list[bytes], size: int) -> None:
    """
    No other exception comes out, and how the bytes are cut does not change what they are.
    """
    assert _outcome(b"".join(parts), size) == _outcome(b"".join(parts), 10**6)


def _outcome(body: bytes, size: int) -> list[Any] | int | None:
    async def run() -> list[Any]:
        request = request_of(pieces(body, size))
        found: list[Any] = []
        async for event in parts_of(request, body_of(request, None)):
            if isinstance(event, bytes) and found and isinstance(found[-1], bytes):
                found[-1] += event
            else:
                found.append(event if isinstance(event, bytes | None) else event.name)
        return found

    try:
        return asyncio.run(run())
    except OpenAIError as error:
        return error.status


def test_rules_are_asked_with_what_is_known(spool: Spool) -> None:
    """
    First with the fields before the file, then with all.
    """
    asked: list[set[str]] = []

    def rules(fields: Any) -> Any:
        asked.append(set(fields))
        return any_rules(fields)

    body = form(_OTHER, file(b"x", "a.bin"), field("user", "anna"))
    asyncio.run(receive(spool, body, rules=rules)).__exit__(None, None, None)
    assert asked == [{"purpose"}, {"purpose", "user"}]
