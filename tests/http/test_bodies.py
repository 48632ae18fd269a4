"""
Multipart bodies: what another parser reads is what went in, and their size is exact.
"""

from __future__ import annotations

import io
import json
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.http.bodies import BytesBody, MultipartBody, json_body, media_type
from aikit.http.messages import Body
from aikit.http.sources import BytesSource, source_of

_NAMES = st.text("abc ü日\"'\r\n;=%.", min_size=1, max_size=12)
_VALUES = st.text("abc123 ü日-_", max_size=12)


def _sent(body: Body, size: int) -> bytes:
    reader = body.open()
    try:
        return b"".join(iter(lambda: reader.read(size), b""))
    finally:
        reader.close()


def _parts(body: Body, content: bytes) -> list[EmailMessage]:
    """
    Parse with a parser that is not ours.
    """
    head = f"Content-Type: {body.content_type}\r\n\r\n".encode()
    message = BytesParser(EmailMessage, policy=policy.HTTP).parsebytes(head + content)
    assert message.is_multipart()
    assert not message.defects
    return list(message.iter_parts())  # type: ignore[arg-type]  # parts are of the class given


def _raw_parts(body: MultipartBody, content: bytes) -> list[tuple[str, bytes]]:
    """
    Take apart by the letter of RFC 7578: headers as browsers escape them, and content.
    """
    boundary = body.content_type.removeprefix("multipart/form-data; boundary=").encode()
    first, *parts, last = (b"\r\n" + content).split(b"\r\n--" + boundary)
    assert (first, last) == (b"", b"--\r\n")
    heads = [part.removeprefix(b"\r\n").partition(b"\r\n\r\n") for part in parts]
    return [(head.decode(), rest) for head, _, rest in heads]


@given(st.dictionaries(_NAMES, _VALUES, max_size=3), _NAMES, st.binary(max_size=60), st.integers(1, 70))
def test_everything_comes_through(fields: dict[str, str], name: str, content: bytes, size: int) -> None:
    """
    Whatever names, values, content and chunks, the parts are those that went in, of exactly the size promised.
    """
    body = MultipartBody(fields=fields, file_field="file", source=BytesSource(content=memoryview(content), name=name))
    sent = _sent(body, size)
    assert len(sent) == body.size_bytes
    assert _sent(body, 1000) == sent

    def escaped(text: str) -> str:
        return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")

    assert _raw_parts(body, sent) == [
        *(
            (f'Content-Disposition: form-data; name="{escaped(field)}"', value.encode())
            for field, value in fields.items()
        ),
        (
            "\r\n".join(
                (
                    f'Content-Disposition: form-data; name="file"; filename="{escaped(name)}"',
                    f"Content-Type: {media_type(name)}",
                )
            ),
            content,
        ),
    ]


@given(_VALUES.filter(str.isascii), st.text("abc.-_%;=", max_size=12), st.binary(max_size=60))
def test_a_foreign_parser_reads_the_same(value: str, name: str, content: bytes) -> None:
    """
    The parser of the standard library finds both parts, the name and the very bytes.
    """
    content = content.replace(b"\n", b".").replace(b"\r", b".")  # of which a parser of mail has its own view
    body = MultipartBody(
        fields={"purpose": value}, file_field="file", source=source_of(content, filename=f"x{name}.txt")
    )
    purpose, file = _parts(body, _sent(body, 8))
    assert purpose["Content-Disposition"].params == {"name": "purpose"}
    assert purpose.get_payload(decode=True) == value.encode()
    assert file["Content-Disposition"].params["name"] == "file"
    assert file["Content-Disposition"].params["filename"] == f"x{name}.txt"
    assert file.get_payload(decode=True) == content


def test_stream_of_unknown_size_is_framed_too() -> None:
    """
    Without a known size the body has none, and ends where the stream does.
    """

    class _Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    body = MultipartBody(fields={}, file_field="data", source=source_of(_Pipe(b"abcdef"), filename="a.bin"))
    assert (body.size_bytes, body.is_replayable) == (None, False)
    assert _raw_parts(body, _sent(body, 4))[0][1] == b"abcdef"


def test_payload_is_the_file_without_its_envelope() -> None:
    """
    What is shown as progress is the file's size, known or not; bytes alone are their own payload.
    """
    known = MultipartBody(fields={"purpose": "batch"}, file_field="file", source=source_of(b"abc", filename="a"))
    assert known.payload_bytes == 3
    assert known.size_bytes is not None
    assert known.size_bytes > 3
    unresolved = MultipartBody(fields={}, file_field="file", source=source_of("nowhere.txt"))
    assert unresolved.payload_bytes is None
    assert BytesBody(content=b"abc").payload_bytes == 3


@pytest.mark.parametrize("size", [1, 5, 1 << 20])
def test_empty_file_is_a_part_without_content(size: int) -> None:
    """
    A part of no bytes is still a part.
    """
    body = MultipartBody(fields={}, file_field="file", source=source_of(b"", filename="a.txt"))
    assert [content for _, content in _raw_parts(body, _sent(body, size))] == [b""]


def test_small_file_leaves_in_one_piece() -> None:
    """
    Head, file and tail of a small upload are one chunk, so one packet.
    """
    body = MultipartBody(fields={"purpose": "batch"}, file_field="file", source=source_of(b"{}", filename="a.jsonl"))
    reader = body.open()
    assert len(reader.read(1 << 18)) == body.size_bytes
    assert reader.read(1 << 18) == b""


def test_boundary_is_a_new_one_each_time() -> None:
    """
    Nobody can put a boundary into a file that is not made yet; a retry of the same body keeps its own.
    """
    source = source_of(b"x", filename="a")
    bodies = [MultipartBody(fields={}, file_field="file", source=source) for _ in range(2)]
    assert len({body.boundary for body in bodies}) == 2
    assert all(len(body.boundary) == 32 for body in bodies)
    assert _sent(bodies[0], 10) == _sent(bodies[0], 10)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.jsonl", "application/jsonl"),
        ("A.JSONL", "application/jsonl"),
        ("a.md", "text/markdown"),
        ("a.pdf", "application/pdf"),
        ("a.png", "image/png"),
        ("a.txt", "text/plain"),
        ("a.tar.gz", "application/octet-stream"),
        ("data:,a.pdf", "application/pdf"),
        ("a", "application/octet-stream"),
        ("", "application/octet-stream"),
        (".", "application/octet-stream"),
        ("a.x\r\ny", "application/octet-stream"),
    ],
)
def test_media_type_is_that_of_the_extension(name: str, kind: str) -> None:
    """
    Only the extension counts; what is compressed is not called by what is in it.
    """
    assert media_type(name) == kind


@given(st.dictionaries(st.text(), st.none() | st.integers() | st.text('aü日\n"')))
def test_json_bodies_are_compact_utf8(value: dict[str, object]) -> None:
    """
    What is sent as JSON is read back the same, in no more bytes than it needs.
    """
    body = json_body(value)
    assert json.loads(_sent(body, 3)) == value
    assert (body.size_bytes, body.content_type) == (len(_sent(body, 100)), "application/json")
    assert repr(BytesBody(content=b"x")) == "BytesBody(content_type='application/json', is_replayable=True)"
