"""
What a content is, where its first bytes are certain about it.
"""

from __future__ import annotations

import re
from typing import Final

HEAD_BYTES: Final = 4096
"""As much of a content's begin tells what it is."""

TAIL_BYTES: Final = 64 * 1024
"""As much of a ZIP file's end has its list of files."""

_MAGIC: Final = (
    (b"%PDF-", "pdf"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\0", "tif"),
    (b"MM\0*", "tif"),
    (b"OggS\0", "ogg"),
    (b"fLaC\0", "flac"),
    (b"{\\rtf1", "rtf"),
    (b"\x1f\x8b\x08", "gz"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"PK\x05\x06", "zip"),
)
_RIFF: Final = {b"WAVE": "wav", b"WEBP": "webp", b"AVI ": "avi"}
# ISO/IEC 14496-12, section 4.3: the major brand; others than these are of films
_BRANDS: Final = {b"M4A ": "m4a", b"qt  ": "mov", b"heic": "heic", b"heix": "heic", b"avif": "avif"}
_DOCTYPE: Final = re.compile(rb"\x42\x82.(webm|matroska)", re.DOTALL)  # RFC 8794, section 11.2.5
_PACKAGE: Final = re.compile(rb"PK\x03\x04.{26}mimetypeapplication/([a-z.+-]+)(?=PK)", re.DOTALL)
_PACKAGES: Final = {
    b"vnd.oasis.opendocument.text": "odt",
    b"vnd.oasis.opendocument.spreadsheet": "ods",
    b"vnd.oasis.opendocument.presentation": "odp",
    b"epub+zip": "epub",
}
_LISTED: Final = re.compile(rb"PK\x01\x02.{42}(\[Content_Types\]\.xml|(?:word|xl|ppt)(?=/))", re.DOTALL)
_OFFICE: Final = {b"word": "docx", b"xl": "xlsx", b"ppt": "pptx"}
# ISO/IEC 11172-3 section 2.4.2.3, and 13818-3: kbit/s of layer III by index, with and without the half sampling rates
_MP3_RATES: Final = (
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
)
_MP3_SAMPLES: Final = (44_100, 48_000, 32_000)
_ID3: Final = re.compile(rb"ID3[\x02-\x04][^\xff].[\0-\x7f]{4}", re.DOTALL)  # https://id3.org/id3v2.4.0-structure, 3.1
_MP3_HALVES: Final = {0b11: 1, 0b10: 2, 0b00: 4}


def extension_of(head: bytes, tail: bytes = b"") -> str | None:
    """
    Return the extension that suits a content, ``None`` if its bytes are not certain about it.

    Args:
        head: Its first bytes, `HEAD_BYTES` of them if there are as many.

        tail: Its last bytes, of a ZIP file, which many formats are.
    """
    plain = next((extension for magic, extension in _MAGIC if head.startswith(magic)), None)
    if plain is not None or head[:4] == b"RIFF":
        return plain or _RIFF.get(head[8:12])
    if head[:2] == b"\0\0" and head[4:8] == b"ftyp":  # behind the size of this box, which is some dozens of bytes
        return _BRANDS.get(head[8:12]) or ("3gp" if head[8:11] == b"3gp" else "mp4")
    if head[:4] == b"\x1a\x45\xdf\xa3":
        found = _DOCTYPE.search(head)
        return None if found is None else {b"webm": "webm"}.get(found[1], "mkv")
    if is_zip(head):
        return _of_zip(head, tail)
    return "tar" if head[257:262] == b"ustar" else "mp3" if _ID3.match(head) or _is_mp3(head) else None


def is_zip(head: bytes) -> bool:
    """
    Return whether the end of a content is needed to know what it is.
    """
    return head[:4] == b"PK\x03\x04"


def _of_zip(head: bytes, tail: bytes) -> str:
    package = _PACKAGE.match(head)
    if package is not None:
        return _PACKAGES.get(package[1], "zip")
    names = set(_LISTED.findall(tail))
    kinds = [extension for name, extension in _OFFICE.items() if name in names]
    return kinds[0] if b"[Content_Types].xml" in names and len(kinds) == 1 else "zip"


def _is_mp3(head: bytes) -> bool:
    """
    Return whether two frames of MPEG audio, layer III, follow each other: one header alone may be anything.
    """
    size = _mp3_frame_bytes(head)
    return size is not None and _mp3_frame_bytes(head[size : size + 4]) is not None


def _mp3_frame_bytes(header: bytes) -> int | None:
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return None
    halves = _MP3_HALVES.get(header[1] >> 3 & 3)
    rate, samples = header[2] >> 4, header[2] >> 2 & 3
    if halves is None or rate in {0, 15} or samples == 3:
        return None
    is_whole = halves == 1
    bits = _MP3_RATES[is_whole][rate] * 1_000
    return (144 if is_whole else 72) * bits // (_MP3_SAMPLES[samples] // halves) + (header[2] >> 1 & 1)
