"""
Successful answers that repeat the key, or have halves of characters: neither gets into what is kept.
"""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from aikit import OpenAIClient
from aikit.http.headers import Headers
from aikit.http.messages import Request, Response
from tests.scripted_server import FILE, answer, serving

_KEY = "sk-proj-0123/4567"
_ECHO = {"seen": {"Authorization": f"Bearer {_KEY}", _KEY: 1}, "api_key": _KEY, "filename": f"{_KEY}.txt", "id": _KEY}


def read(body: bytes, key: str = _KEY) -> Any:
    """
    Return the JSON of an answer to a request with *key*.
    """
    request = Request(method="GET", url="http://x", headers=Headers({"Authorization": f"Bearer {key}"}))
    return Response(status=200, body=body, request=request).json()


def spelled(value: Any) -> list[bytes]:
    """
    Return *value* as JSON in all its spellings.
    """
    text = json.dumps(value)
    odd = text.replace("sk", "\\u0073\\u006B").replace("/", "\\/")
    return [text.encode(), odd.encode(), text.encode("utf-16"), text.encode("utf-32-be")]


@pytest.mark.parametrize("number", range(4))
def test_no_spelling_hides_a_key(number: int) -> None:
    """In keys and values of objects, within other text, as an id: each becomes asterisks, and other text stays."""
    body = spelled(_ECHO | {"list": [_KEY, 7, None, "é😀"]})[number]
    hidden = read(body)
    assert _KEY not in json.dumps(hidden)
    assert hidden["seen"] == {"Authorization": "***", "***": 1}
    assert (hidden["filename"], hidden["list"]) == ("***.txt", ["***", 7, None, "é😀"])


def test_words_are_no_keys() -> None:
    """A short key of a local server stays where it is a word of a name, and a part of an id."""
    value = {"id": "file-dummykey12", "filename": "secret.txt", "note": "dummykey12"}
    body = json.dumps(value).encode()
    assert read(body, "secret") == value
    assert read(body, "dummykey12") == value | {"note": "***"}


def test_halves_of_characters_become_a_sign() -> None:
    """Nothing could print or store them; whole characters stay, and an id is left for its reader to refuse."""
    value = {"id": "a\ud800", "filename": "\udfffb😀", "metadata": {"\ud83d": ["\ude00"]}}
    told = read(json.dumps(value).encode())
    assert told == {"id": "a\ud800", "filename": "\ufffdb😀", "metadata": {"\ufffd": ["\ufffd"]}}
    assert read(b'"\xed\xa0\x80"') == "\ufffd"


def test_an_echoed_key_reaches_neither_results_nor_manifest(tmp_path: Path) -> None:
    """What is shown, pickled and noted of a success has no key."""
    body = json.dumps(json.loads(FILE) | _ECHO | {"id": "file-1", "filename": "a.txt"}).encode()
    path, manifest = tmp_path / "a.txt", tmp_path / "m.jsonl"
    path.write_bytes(b"abc")
    with (
        serving(answer(200, body)) as server,
        OpenAIClient(_KEY, base_url=server.url, home=tmp_path / "home") as client,
    ):
        one = client.files.retrieve("file-1").throw()
        many = client.files.create_many(path, "user_data", {"manifest": manifest, "skip_identical": True}).throw()
    kept = [repr(one.file), repr(one), repr(many.items[0]), manifest.read_text("utf-8")]
    kept += [str(pickle.dumps(value)) for value in (one.file, one.response, many.items[0])]
    kept += [repr(file.read_bytes()) for file in (tmp_path / "home").rglob("*") if file.is_file()]
    assert one.file is not None
    assert one.file.extra["api_key"] == "***"
    assert not [text for text in kept if _KEY in text or "0123" in text]
