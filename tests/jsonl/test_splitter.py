"""
Batch inputs of any size and mixture, split.
"""

from __future__ import annotations

import io
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aikit.http.context import CallContext
from aikit.jsonl import Part, check, estimate_tokens, split
from aikit.jsonl import splitter as splitting
from aikit.types.errors import CancelledError
from aikit.validation.limits import limits_for
from tests.alone import peak_bytes
from tests.jsonl.split_cases import CHAT, EMBEDDINGS, jsonl_of, names_in, refused_split, request_line


def test_an_input_that_needs_no_split_is_one_part(tmp_path: Path) -> None:
    """
    Its part is a copy, byte for byte, named after it.
    """
    path = tmp_path / "big.jsonl"
    path.write_bytes(jsonl_of(*(request_line(number) for number in range(10))))
    (part,) = split(path, tmp_path / "parts")
    assert part == Part(
        path=tmp_path / "parts" / "big.part-00001.jsonl",
        url=CHAT,
        model="m",
        lines=10,
        bytes=path.stat().st_size,
        first_line=1,
    )
    assert part.path.read_bytes() == path.read_bytes()
    assert names_in(tmp_path / "parts") == ["big.part-00001.jsonl"]


def test_each_part_has_one_url_and_one_model(tmp_path: Path) -> None:
    """
    Parts come in the order in which they begin in the input, whose order their lines keep.
    """
    lines = [
        request_line(0),
        request_line(1, model="n"),
        request_line(2, EMBEDDINGS),
        request_line(3),
        request_line(4, EMBEDDINGS),
        request_line(5, model="n"),
    ]
    found = split(jsonl_of(*lines), tmp_path)
    assert [(part.url, part.model, part.lines, part.first_line) for part in found] == [
        (CHAT, "m", 2, 1),
        (CHAT, "n", 2, 2),
        (EMBEDDINGS, "m", 2, 3),
    ]
    assert [part.path.read_bytes() for part in found] == [
        jsonl_of(lines[0], lines[3]),
        jsonl_of(lines[1], lines[5]),
        jsonl_of(lines[2], lines[4]),
    ]
    assert [part.path.name for part in found] == [f"file.part-0000{number}.jsonl" for number in (1, 2, 3)]
    assert [check(part.path) for part in found] == [()] * 3


@settings(deadline=None)
@given(
    kinds=st.lists(st.tuples(st.sampled_from([CHAT, EMBEDDINGS]), st.sampled_from("abc"), st.text()), min_size=1),
    max_lines=st.integers(1, 20),
    max_bytes=st.integers(400, 1_200),  # two to eight lines
    ending=st.sampled_from([b"", b"\n", b"\n\n \n", b"\r\n"]),
)
def test_no_line_is_lost_or_changed(
    tmp_path_factory: pytest.TempPathFactory,
    kinds: list[tuple[str, str, str]],
    max_lines: int,
    max_bytes: int,
    ending: bytes,
) -> None:
    """
    The lines of the parts are those of the input, in its order for each kind, and no part is beyond its bounds.
    """
    lines = [request_line(number, url, model, user=text[:20]) for number, (url, model, text) in enumerate(kinds)]
    folder = tmp_path_factory.mktemp("parts")
    found = split(b"\n".join(lines) + ending, folder, max_lines=max_lines, max_bytes=max_bytes)
    expected: dict[tuple[str, str | None], list[bytes]] = defaultdict(list)
    written: dict[tuple[str, str | None], list[bytes]] = defaultdict(list)
    for line, (url, model, _) in zip(lines, kinds, strict=True):
        expected[url, model].append(line)
    for part in found:
        content = part.path.read_bytes()
        assert (part.bytes, part.lines) == (len(content), content.count(b"\n"))
        assert part.bytes <= max_bytes
        assert part.lines <= max_lines
        written[part.url, part.model] += content.rstrip(b"\r\n").split(b"\n")
    assert written == expected
    assert names_in(folder) == [part.path.name for part in found]


def test_a_part_may_be_as_large_as_its_bound(tmp_path: Path) -> None:
    """
    With one byte less, the second line goes into another part.
    """
    lines = [request_line(number) for number in range(4)]
    size = len(jsonl_of(*lines[:2]))
    assert [part.bytes for part in split(jsonl_of(*lines), tmp_path / "a", max_bytes=size)] == [size, size]
    assert [part.lines for part in split(jsonl_of(*lines), tmp_path / "b", max_bytes=size - 1)] == [1] * 4


def test_lines_are_copied_byte_for_byte(tmp_path: Path) -> None:
    """
    Odd spacing, escapes, double keys, lone surrogates and carriage returns are none of our business.
    """
    odd = (
        b' {"custom_id" : "\\u0061", "custom_id":"b","method":"POST","url":"\\/v1\\/embeddings",'
        b'"body":{"model":"m","input":"\\ud800","x":1e5}}\t\r'
    )
    (part,) = split(odd, tmp_path)
    assert part.path.read_bytes() == odd + b"\n"
    assert (part.url, part.bytes) == (EMBEDDINGS, len(odd) + 1)


def test_embedding_inputs_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A part has no more inputs than the provider takes in a batch; a line that has more alone is an error.
    """
    limits = attrs.evolve(limits_for("openai"), embeddings_batch_max_inputs=5)
    monkeypatch.setattr(splitting, "limits_for", lambda _: limits)
    lines = [request_line(number, EMBEDDINGS, input=["a"] * count) for number, count in enumerate((2, 3, 1, 5))]
    assert [part.lines for part in split(jsonl_of(*lines), tmp_path)] == [2, 1, 1]
    assert refused_split(request_line(9, EMBEDDINGS, input=["a"] * 6), tmp_path / "more") == [(1, "too_many_inputs")]


def test_tokens_are_bounded_by_the_high_estimate(tmp_path: Path) -> None:
    """
    Where the provider bounds what may be enqueued, parts tell what they hold; a line that is too much is an error.
    """
    lines = [request_line(number, messages=[{"role": "user", "content": "word " * 100}]) for number in range(10)]
    one = estimate_tokens(json.loads(lines[0]))
    found = split(jsonl_of(*lines), tmp_path / "a", max_tokens=one.high * 3)
    assert [part.lines for part in found] == [3, 3, 3, 1]
    assert found[0].tokens == one + one + one
    assert split(jsonl_of(*lines), tmp_path / "b")[0].tokens is None
    assert refused_split(jsonl_of(*lines), tmp_path / "c", max_tokens=one.high - 1) == [
        (number, "too_many_tokens") for number in range(1, 11)
    ]


def test_all_that_cannot_be_in_a_part_is_told(tmp_path: Path) -> None:
    """
    Bad lines of every kind are errors with their numbers, and nothing is left behind, not even the folder.
    """
    lines = [
        request_line("a"),
        b"{",
        b"[]",
        b"",
        request_line("a", model="n"),
        request_line("b", "/v1/none"),
        request_line("c", model=""),
        b'{"custom_id": "d", "method": "POST"}',
        request_line("e", stream=True),
        request_line("f", user="x" * 1_000),
        request_line("g") + b"\xff",
    ]
    assert refused_split(jsonl_of(*lines), tmp_path / "deep" / "parts", max_bytes=500) == [
        (2, "invalid_json_line"),
        (3, "invalid_json_line"),
        (4, "invalid_json_line"),
        (5, "duplicate_custom_id"),
        (6, "invalid_url"),
        (7, "invalid_request"),
        (8, "missing_required_parameter"),
        (8, "missing_required_parameter"),
        (9, "streaming_unsupported"),
        (10, "line_too_long"),
        (11, "invalid_json_line"),
    ]
    assert names_in(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "codes"),
    [
        (b"", ["empty_file"]),
        (b"\n \n", ["empty_file"]),
        (b"\xef\xbb\xbf" + request_line("a"), ["bom"]),
        (request_line("a").decode().encode("utf-16"), ["invalid_encoding"]),
        (request_line("a").decode().encode("utf-16-le"), ["invalid_encoding"]),
        (b"[\n" + request_line("a") + b"]\n", ["not_jsonl"]),
        (request_line("a").replace(b'"m"', b'["m"]'), ["invalid_type"]),
        (request_line("a").replace(b'"/v1/chat/completions"', b'{"a": 1}'), ["invalid_type"]),
        (request_line("a")[:-20], ["invalid_json_line"]),
        (
            request_line("\ud800".encode("utf-8", "replace").decode()) + b"\n" + request_line("?"),
            ["duplicate_custom_id"],
        ),
    ],
)
def test_what_is_no_batch_input_is_refused(tmp_path: Path, content: bytes, codes: list[str]) -> None:
    """
    Empty files, marks and other encodings, values that are no url or model: told, and nothing is written.
    """
    assert [code for _, code in refused_split(content, tmp_path / "parts")] == codes
    assert names_in(tmp_path) == []


def test_at_most_a_hundred_problems_are_told(tmp_path: Path) -> None:
    """
    A file full of mistakes gives a list that can be read.
    """
    errors = refused_split(b"x\n" * 5_000, tmp_path)
    assert (len(errors), errors[-1]) == (100, (None, "too_many_errors"))


class _Lines(io.BytesIO):
    """
    A stream that makes its lines up as it is read, and cannot go back.
    """

    def __init__(self, lines: Iterator[bytes]) -> None:
        super().__init__()
        self.lines = lines
        self.rest = b""

    def read(self, size: int | None = -1, /) -> bytes:
        size = size or -1
        while len(self.rest) < size and (line := next(self.lines, None)) is not None:
            self.rest += line + b"\n"
        chunk, self.rest = self.rest[:size], self.rest[size:]
        return chunk

    def seekable(self) -> bool:
        return False


def test_large_inputs_need_little_memory() -> None:
    """
    A stream of 60 MB is read once and never held.
    """
    assert peak_bytes(_split_very_much) < 12_000_000


def _split_very_much() -> None:
    lines = (request_line(number, model=f"m{number % 7}", user="x" * 20_000) for number in range(3_000))
    with tempfile.TemporaryDirectory() as folder:
        found = split(_Lines(lines), folder, max_bytes=1_000_000)
    assert sum(part.lines for part in found) == 3_000


def test_a_line_beyond_the_bound_is_not_held() -> None:
    """
    A line of 70 MB is told without taking its memory.
    """
    assert peak_bytes(_split_one_long_line) < 20_000_000


def _split_one_long_line() -> None:
    blocks = iter([b"x" * 1_000_000] * 70)

    class _Endless(_Lines):
        def read(self, _size: int | None = -1, /) -> bytes:
            return next(blocks, b"")

    with tempfile.TemporaryDirectory() as folder:
        assert refused_split(_Endless(blocks), Path(folder), max_bytes=5_000_000) == [(1, "line_too_long")]


def test_splitting_can_be_watched_and_stopped(tmp_path: Path) -> None:
    """
    Progress is told in bytes of the input; who cancels finds nothing left behind.
    """
    content = jsonl_of(*(request_line(number, user="x" * 1_000) for number in range(2_000)))
    seen: list[Any] = []
    split(content, tmp_path / "a", on_progress=seen.append)
    assert (seen[-1].phase, seen[-1].bytes, seen[-1].total) == ("splitting", len(content), len(content))
    context = CallContext(clock=iter(range(1_000)).__next__)
    context.on_progress = lambda progress: context.cancel() if progress.bytes > 1_000_000 else None
    with pytest.raises(CancelledError):
        split(content, tmp_path / "b", context=context)
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"max_lines": 0}, ValueError, "max_lines must be 1 or more, not 0"),
        ({"max_bytes": 1.5}, TypeError, "max_bytes must be a whole number, not float"),
        ({"max_tokens": True}, TypeError, "max_tokens must be a whole number, not bool"),
        ({"provider": "opneai"}, ValueError, "known are azure, compatible, .*local, openai"),
        ({"filename": "a/b"}, ValueError, "is no plain name"),
        ({"folder": b"a"}, TypeError, "folder must be a path as a string, not bytes"),
        ({"folder": ""}, ValueError, "folder must not be empty"),
        ({"file": 5}, TypeError, "file must be a path, bytes or a binary stream, not int"),
    ],
)
def test_wrong_arguments_are_refused_at_once(
    tmp_path: Path, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    """
    The caller's fault is told before anything is read.
    """
    with pytest.raises(error, match=words):
        split(**cast("Any", {"file": request_line(0), "folder": tmp_path} | options))
    assert names_in(tmp_path) == []


def test_other_servers_take_what_they_take(tmp_path: Path) -> None:
    """
    Servers in OpenAI's format have urls of their own and no known bounds.
    """
    content = jsonl_of(request_line(0, "/v4/rerank"), request_line(1, "/v4/rerank"))
    assert refused_split(content, tmp_path) == [(1, "invalid_url"), (2, "invalid_url")]
    assert [part.url for part in split(content, tmp_path, provider="compatible")] == ["/v4/rerank"]
