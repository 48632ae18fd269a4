"""
Content that is something else than JSONL, as it is called.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from aikit import OpenAIClient, jsonl
from aikit.types.errors import Rejected
from tests.jsonl.split_cases import request_line

_OBJECTS: Final = [json.loads(request_line(f"é{number}")) for number in range(3)]
_TEXT: Final = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in _OBJECTS)


@pytest.fixture
def local_client(tmp_path: Path) -> Iterator[OpenAIClient]:
    """
    Return a client of the embedded provider.
    """
    with OpenAIClient(provider="local", home=tmp_path) as client:
        yield client


def _zipped() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.jsonl", _TEXT)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (gzip.compress(_TEXT.encode()), "compressed with gzip; decompress"),
        (bz2.compress(_TEXT.encode()), "compressed with bzip2"),
        (lzma.compress(_TEXT.encode()), "compressed with xz"),
        (b"\x28\xb5\x2f\xfd" + bytes(range(200)), "compressed with zstd"),
        (_zipped(), "zip archive"),
        (b"PAR1\n" + bytes(range(200)), "Parquet"),
        (b"%PDF-1.7\n%\xe2\xe3\n", "PDF"),
        (b"<!DOCTYPE html>\n<html></html>", "HTML"),
        (json.dumps(_OBJECTS, indent=2).encode(), "a JSON array"),
        (("[\n" + ",\n".join(_TEXT.splitlines()) + "\n]").encode(), "a JSON array"),
        ("\n".join(json.dumps(one, indent=4) for one in _OBJECTS).encode(), "on several lines"),
        (json.dumps(_OBJECTS[0], indent=0).encode(), "on several lines"),
        (json.dumps(_OBJECTS[0], indent="\t").replace("{\n", "{", 1).encode(), "on several lines"),
        (_TEXT.replace("\n", "\r").encode(), "carriage returns"),
        ("".join("\x1e" + line for line in _TEXT.splitlines(keepends=True)).encode(), "text sequences"),
    ],
)
@pytest.mark.parametrize("purpose", ["batch", "fine-tune", "evals"])
def test_other_formats_are_one_problem_that_names_them(
    content: bytes, word: str, purpose: str, local_client: OpenAIClient
) -> None:
    """
    A file of another kind is told as that, once, and not line by line.
    """
    (error,) = local_client.files.create(content, purpose, {"filename": "a.jsonl"}).errors
    assert (error.code, error.param, error.line) == ("not_jsonl", "file", None)
    assert word in error.message


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", [_TEXT, '{"ж": 1}\n'])
def test_encodings_are_named_with_and_without_a_mark(encoding: str, text: str) -> None:
    """
    UTF-16 and UTF-32 are recognised by where their zeros are.
    """
    (error,) = jsonl.check(text.encode(encoding))
    assert error.code == "invalid_encoding"
    assert encoding[:6].upper() in error.message


@pytest.mark.parametrize(
    ("line", "word"),
    [
        (b'{"a": 1},', "Remove the comma"),
        (b"{'a': 1}", "json.dumps"),
        (b'{"a": 1', "Expecting"),
        (b"\xff{}", "Byte 1 is not UTF-8"),
    ],
)
def test_lines_that_are_nearly_json_say_what_to_do(line: bytes, word: str) -> None:
    """
    What is wrong with one line is told with that line, the first or another.
    """
    good = request_line("a")
    for content, number in ((good + b"\n" + line, 2), (line + b"\n" + good, 1)):
        (error,) = (one for one in jsonl.check(content) if one.code != "too_many_errors")
        assert (error.code, error.line) == ("invalid_json_line", number)
        assert word in error.message


def test_estimate_names_the_format_as_well(local_client: OpenAIClient) -> None:
    """
    What reads lines without checking the file says with the line what the file is.
    """
    result = local_client.batches.estimate(gzip.compress(_TEXT.encode()))
    assert result.estimate is not None
    assert "compressed with gzip" in result.estimate.problems[0].message


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"temperature": float("nan")}, "body.temperature"),
        ({"metadata": {"a": [1, {"b": float("-inf")}]}}, "body.metadata.a[1].b"),
        ({"seed": b"1"}, "body.seed"),
        ({"tools": [{1, 2}]}, "body.tools[0]"),
    ],
)
@pytest.mark.parametrize("custom_id", [None, "mine"])
def test_value_that_json_cannot_carry_names_line_and_place(
    more: dict[str, Any], place: str, custom_id: str | None, tmp_path: Path
) -> None:
    """
    A generator whose line cannot be made is told by that line, as a line that cannot be written.
    """
    contents: tuple[tuple[str, dict[str, Any]], ...] = (("a", {}), ("b", more))
    lines = (jsonl.chat_line(text, model="m", custom_id=custom_id and text, **kind) for text, kind in contents)
    with pytest.raises(Rejected) as caught:
        jsonl.write(tmp_path / "a.jsonl", lines)
    (error,) = caught.value.errors
    assert (error.line, error.code, error.param) == (2, "invalid_value", place)
    assert place in error.message
