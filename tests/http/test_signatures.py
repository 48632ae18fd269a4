"""
Contents without a name: those whose bytes are certain get one, whole in memory or as a stream.
"""

from __future__ import annotations

import io
import mmap
import wave
import zipfile
from pathlib import Path

import pytest

from aikit.http.bodies import _type_of, media_type
from aikit.http.signatures import HEAD_BYTES, TAIL_BYTES
from aikit.http.sources import source_of


def _zip(*names: str, first: bytes | None = None) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        if first is not None:
            archive.writestr(zipfile.ZipInfo("mimetype"), first)
        for name in names:
            archive.writestr(name, "content " * 50)
    return file.getvalue()


def _wave() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setparams((1, 2, 8000, 0, "NONE", ""))
        written.writeframes(bytes(100))
    return file.getvalue()


def _office(folder: str, more: int = 0) -> bytes:
    parts = ("_rels/.rels", f"{folder}/document.xml", "docProps/app.xml")
    return _zip("[Content_Types].xml", *(f"{folder}/media/image{number}.png" for number in range(more)), *parts)


_WEBM = b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x84webm\x42\x87"
_MP3_FRAME = b"\xff\xfb\x90\x64" + bytes(413)  # MPEG 1, layer III, 128 kbit/s, 44,100 Hz: 417 bytes
_HALF_FRAME = b"\xff\xf3\x40\xc4" + bytes(140)  # MPEG 2, layer III, 32 kbit/s, 16,000 Hz: 144 bytes
_CONTENTS = (
    ("wav", "audio/x-wav", _wave()),
    ("mp3", "audio/mpeg", b"ID3\x04\0\0\0\0\0\0"),
    ("mp3", "audio/mpeg", _MP3_FRAME * 2),
    ("mp3", "audio/mpeg", b"\xff\xf3\x48\xc4" + bytes(140) + _HALF_FRAME),
    ("ogg", "audio/ogg", b"OggS\0\2" + bytes(20)),
    ("flac", "audio/flac", b"fLaC\0\0\0\x22"),
    ("m4a", "audio/mp4", b"\0\0\0\x1cftypM4A \0\0\0\0"),
    ("mp4", "video/mp4", b"\0\0\0\x20ftypisom\0\0\2\0"),
    ("mov", "video/quicktime", b"\0\0\0\x14ftypqt  \0\0\2\0"),
    ("heic", "image/heic", b"\0\0\0\x18ftypheic\0\0\0\0"),
    ("webm", "video/webm", _WEBM),
    ("mkv", "video/x-matroska", _WEBM.replace(b"\x84webm", b"\x88matroska")),
    ("tif", "image/tiff", b"II*\0\x08\0\0\0"),
    ("tif", "image/tiff", b"MM\0*\0\0\0\x08"),
    ("rtf", "application/rtf", b"{\\rtf1\\ansi}"),
    ("gz", "application/octet-stream", b"\x1f\x8b\x08\0"),
    ("zip", "application/zip", _zip("notes.txt")),
    ("zip", "application/zip", _zip()),
    ("zip", "application/zip", _zip("word/notes.txt")),
    ("zip", "application/zip", _zip("[Content_Types].xml", "word/a.xml", "xl/a.xml")),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", _office("word")),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", _office("xl")),
    ("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation", _office("ppt", 500)),
    ("odt", "application/vnd.oasis.opendocument.text", _zip("a", first=b"application/vnd.oasis.opendocument.text")),
    ("epub", "application/epub+zip", _zip("a", first=b"application/epub+zip")),
    ("zip", "application/zip", _zip("a", first=b"application/x-other")),
)


@pytest.mark.parametrize(("extension", "kind", "content"), _CONTENTS)
def test_contents_are_named_by_their_bytes(extension: str, kind: str, content: bytes, tmp_path: Path) -> None:
    """
    Bytes, streams and mapped files alike get the extension of what they are, and that has its media type.
    """
    (tmp_path / "x").write_bytes(content)
    with (tmp_path / "x").open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        for one in (content, bytearray(content), io.BytesIO(content), mapped):
            assert source_of(one, purpose="user_data").name == f"file.{extension}"
    assert media_type(f"file.{extension}") == kind


def test_media_types_are_the_same_on_every_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What a system says of the extensions that are chosen here does not count: Windows' registry has its own words.
    """
    _type_of.cache_clear()
    monkeypatch.setattr("mimetypes.guess_type", lambda *_, **__: ("application/x-odd", None))
    found = {extension: media_type(f"file.{extension}") for extension, _, _ in _CONTENTS}
    _type_of.cache_clear()
    assert {extension: kind for extension, kind, _ in _CONTENTS if extension != "gz"} == {
        extension: kind for extension, kind in found.items() if extension != "gz"
    }


def test_a_stream_is_named_from_where_it_stands() -> None:
    """
    What was read before is no part of the content, and the stream stands where it stood.
    """
    stream = io.BytesIO(b"skipped" * 2_000 + _office("word", 400))
    stream.seek(14_000)
    source = source_of(stream, purpose="user_data")
    assert (source.name, stream.tell()) == ("file.docx", 14_000)


def test_the_list_of_a_large_package_is_at_its_end() -> None:
    """
    A document is known by its list of files, which stands after more than what is looked at first.
    """
    content = _office("word", 300)
    assert len(content) > HEAD_BYTES
    assert source_of(content, purpose="user_data").name == "file.docx"
    huge = _zip("[Content_Types].xml", "word/document.xml", *(f"{'n' * 200}{number}" for number in range(400)))
    assert len(huge) > TAIL_BYTES
    assert source_of(huge, purpose="user_data").name in {"file.zip", "file.docx"}


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfb\x90\x64" + bytes(500),
        b"\xff\xfb\x90\x64",
        b"\xff\xfb\xf0\x64" * 300,
        b"\xff\xfe" + "text".encode("utf-16-le"),
        b"\x1a\x45\xdf\xa3" + bytes(50),
        b"RIFF1234CDXA",
        b"BM" + bytes(20),
        b"OggX",
        b"fLaCs",
        b"MMXX",
        b"ID3 is what stands before the sound",
        b"The ftyp box says which film it is",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    ],
)
def test_bytes_that_may_be_anything_get_no_name(content: bytes) -> None:
    """
    One frame's header, a mark of UTF-16, or letters with which a text may begin are no proof.
    """
    with pytest.raises(ValueError, match="pass filename"):
        source_of(content, purpose="user_data")
