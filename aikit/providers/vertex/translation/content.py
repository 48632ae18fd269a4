"""
The content of messages as Gemini's parts: texts, images, sound and documents.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from typing import Any, Final

from aikit.http.bodies import media_type
from aikit.providers.vertex.translation.refusals import expect, expect_choice, expect_members, refuse

_UNKNOWN: Final = "application/octet-stream"
_SOUNDS: Final = {"wav": "audio/wav", "mp3": "audio/mp3"}
_LETTERS: Final = (string.ascii_letters + string.digits + "+/-_").encode()
"""Of base64, in both of its alphabets, which Google reads."""

_DETAILS: Final = {
    "auto": None,
    "low": "MEDIA_RESOLUTION_LOW",
    "high": "MEDIA_RESOLUTION_HIGH",
}
_IMAGE, _SOUND, _FILE = (
    frozenset(names) for names in (("url", "detail"), ("data", "format"), ("file_id", "file_data", "filename"))
)
_MENDS: Final = "give it as a data: URL, or put it into a bucket and give gs://BUCKET/NAME"


def parts_of(content: Any, param: str) -> list[dict[str, Any]]:
    """
    Return *content* as parts; empty texts, which Gemini refuses, are none.

    Raises:
        RefusedError: It has what cannot be translated.
    """
    if type(content) is str:
        return [{"text": content}] if content else []
    if content is None:
        return []
    parts = []
    for number, item in enumerate(expect(content, list, param)):
        place = f"{param}[{number}]"
        kind = expect(item, dict, place).get("type")
        part = expect_choice(kind, _KINDS, f"{place}.type")(item, place)
        expect_members(item, {"type", str(kind)}, place)
        if part != {"text": ""}:
            parts.append(part)
    return parts


def text_of(content: Any, param: str) -> str:
    """
    Return the text of *content* that may have nothing else.

    Raises:
        RefusedError: It has other things, too.
    """
    return content if type(content) is str else "".join(texts_of(content, param))


def texts_of(content: Any, param: str) -> list[str]:
    """
    Return the texts of *content* that may have nothing else.

    Raises:
        RefusedError: It has other things, too.
    """
    parts = parts_of(content, param)
    if any("text" not in part for part in parts):
        refuse(param, "has more than text, which Vertex AI takes from users and assistants only")
    return [part["text"] for part in parts]


def _text(item: dict[str, Any], place: str) -> dict[str, Any]:
    return {"text": expect(item.get("text"), str, f"{place}.text")}


def _refusal(item: dict[str, Any], place: str) -> dict[str, Any]:
    return {"text": expect(item.get("refusal"), str, f"{place}.refusal")}


def _image(item: dict[str, Any], place: str) -> dict[str, Any]:
    place = f"{place}.image_url"
    image = expect(item.get("image_url"), dict, place)
    expect_members(image, _IMAGE, place)
    part = _media(expect(image.get("url"), str, f"{place}.url"), f"{place}.url")
    level = expect_choice(image.get("detail") or "auto", _DETAILS, f"{place}.detail")
    return part if level is None else {**part, "mediaResolution": {"level": level}}


def _sound(item: dict[str, Any], place: str) -> dict[str, Any]:
    place = f"{place}.input_audio"
    sound = expect(item.get("input_audio"), dict, place)
    expect_members(sound, _SOUND, place)
    mime_type = expect_choice(sound.get("format"), _SOUNDS, f"{place}.format")
    return _inline(mime_type, expect(sound.get("data"), str, f"{place}.data"), f"{place}.data")


def _file(item: dict[str, Any], place: str) -> dict[str, Any]:
    place = f"{place}.file"
    file = expect(item.get("file"), dict, place)
    expect_members(file, _FILE, place)
    filename = expect(file.get("filename") or "", str, f"{place}.filename")
    if file.get("file_data") is None:
        return _media(expect(file.get("file_id"), str, f"{place}.file_id"), f"{place}.file_id", filename)
    data, place = expect(file["file_data"], str, f"{place}.file_data"), f"{place}.file_data"
    if data.startswith("data:"):
        return _media(data, place)
    return _inline(_type_of(filename, place), data, place)


def _media(url: str, place: str, filename: str = "") -> dict[str, Any]:
    """
    Return the part of what *url* has, or where it is; in a bucket its name, or a *filename*, tells what it is.
    """
    scheme = url[:8].partition(":")[0].lower()
    if scheme == "data":
        head, _, data = url[5:].partition(",")
        mime_type, *_, encoding = head.split(";") if ";" in head else (head, "")
        if encoding.strip().lower() != "base64" or "/" not in mime_type:
            refuse(place, "is a data: URL of another form; write it as data:image/png;base64,…")
        return _inline(mime_type.strip(), data, place)
    if scheme == "gs":
        return {"fileData": {"mimeType": _type_of(filename or url, place), "fileUri": url}}
    if scheme in {"http", "https"}:
        refuse(place, f"is a web address, which batches on Vertex AI do not fetch; {_MENDS}")
    return refuse(place, f"is no data: URL and not in a bucket; {_MENDS}")


def _inline(mime_type: str, data: str, place: str) -> dict[str, Any]:
    if not data:
        refuse(place, "has no data")
    padding = _without_letters(data)
    if padding.strip("="):  # white space, as electronic mail has it
        data = "".join(data.split())
        padding = _without_letters(data)
    if padding not in {"", "=", "=="} or not data.endswith(padding) or (len(data) - len(padding)) % 4 == 1:
        refuse(place, "is no base64")
    return {"inlineData": {"mimeType": mime_type, "data": data}}


def _without_letters(data: str) -> str:
    return data.encode("utf-8", "replace").translate(None, _LETTERS).decode()


def _type_of(name: str, place: str) -> str:
    kind = media_type(name.rpartition("/")[2])
    if kind == _UNKNOWN:
        refuse(
            place,
            "has a name whose ending does not tell what it is; give it one like .png or .pdf, or a filename beside it",
        )
    return kind


_KINDS: Final[Mapping[str, Callable[[dict[str, Any], str], dict[str, Any]]]] = {
    "text": _text,
    "image_url": _image,
    "input_audio": _sound,
    "file": _file,
    "refusal": _refusal,
}
