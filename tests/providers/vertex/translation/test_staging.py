"""
The files that a translated batch input is kept in until it is stored.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from aikit.http.context import CallContext
from aikit.http.sources import source_of
from aikit.providers.vertex.checksum import digest_of
from aikit.providers.vertex.translation.staging import stage
from aikit.types.errors import CancelledError, OpenAIError
from aikit.validation.limits import limits_for
from tests.providers.vertex.translation.translating import HELLO, content_of, errors_of, lines_of, staged

_BODY: Final = {"model": "gemini-2.5-flash", "messages": HELLO}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Have temporary folders in a place of the test's own, where none may be left."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path
    assert list(tmp_path.iterdir()) == []


def _line(text: str) -> bytes:
    return b'{"custom_id": "c", "method": "POST", "url": "/v1/chat/completions", "body": ' + text.encode() + b"}\n"


def test_two_files_and_what_is_to_be_known_of_them_are_staged() -> None:
    """
    Line *n* of the one is about line *n* of the other; odd custom_ids are kept as they are.
    """
    lines = [json.loads(line) for line in content_of([_BODY] * 3).splitlines()]
    names = ["000000", "ü \u2028 🎈", "a\nb\ud800"]
    content = b"".join(
        json.dumps({**line, "custom_id": name}).encode() + b"\n" for line, name in zip(lines, names, strict=True)
    )
    result = staged(content.rstrip())
    assert [json.loads(line) for line in result.ids.read_bytes().splitlines()] == names
    assert [json.loads(line)["key"] for line in result.requests.read_bytes().splitlines()] == ["r-1", "r-2", "r-3"]
    assert result.metadata == {
        "model": "publishers/google/models/gemini-2.5-flash",
        "endpoint": "/v1/chat/completions",
        "shape": "gemini",
        "lines": "3",
        "ids": digest_of(result.ids),
    }
    result.discard()


def test_blank_lines_are_not_translated_and_count() -> None:
    """
    The job gets none, and what is wrong with a line is told by its number in the file.
    """
    content = content_of([_BODY] * 2).replace(b"\n", b"\n\n \r\n", 1)
    assert [line["key"] for line in lines_of(content)] == ["r-1", "r-2"]
    assert [(error.line, error.code) for error in errors_of(content + b"\n{")] == [(6, "invalid_json_line")]


def test_all_problems_are_told_in_the_order_of_lines() -> None:
    """
    Those of the format, of the rules of batches and of the translation.
    """
    bodies: list[Any] = [_BODY, {**_BODY, "seed": "x"}, {"model": "gemini-2.5-flash"}, {**_BODY, "model": "other"}]
    errors = errors_of(content_of(bodies) + b"{\n")
    assert [(error.line, error.code) for error in errors] == [
        (2, "invalid_type"),
        (3, "invalid_request"),
        (4, "mismatched_model"),
        (5, "invalid_json_line"),
    ]


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ('{"model": "gemini-2.5-flash", "model": "gemini-2.5-pro"}', "invalid_json_line", 'the name "model" twice'),
        ('{"model": "gemini-2.5-flash", "messages": [], "top_p": NaN}', "invalid_json_line", "NaN is no JSON number"),
        ('{"model": "gemini-2.5-flash", "top_p": 1e999}', "invalid_json_line", "too large a number"),
        ("[" * 100_000, "invalid_json_line", "nested too deeply"),
        (
            '{"model": "gemini-2.5-flash", "messages": [{"role": "user", "content": "\\ud800"}]}',
            "invalid_value",
            "surrogate",
        ),
        (
            '{"model": "gemini-2.5-flash", "messages": [{"role": "assistant", "tool_calls": [{"id": "a", "function": '
            '{"name": "f", "arguments": "' + '{\\"a\\": ' * 400 + "1" + "}" * 400 + '"}}]}]}',
            "unsupported",
            "nested too deeply",
        ),
    ],
)
def test_hostile_lines_get_a_sentence(body: str, code: str, said: str) -> None:
    """
    And no other error, and nothing is left behind.
    """
    (error,) = errors_of(_line(body))
    assert (error.line, error.code) == (1, code)
    assert said in error.message


@attrs.frozen
class _Endless:
    """
    A file of one good line, and one of 100 MB.
    """

    name: str = "in.jsonl"
    size_bytes: int | None = None
    is_replayable: bool = True
    mime_type: str | None = None

    def resolved(self) -> _Endless:
        """Return itself."""
        return self

    def open(self, start: int = 0) -> _Reader:
        """Start."""
        assert not start
        return _Reader(content_of([_BODY]) + b'{"custom_id": "')


@attrs.define
class _Reader:
    _first: bytes
    _left: int = 100_000_000

    def read(self, size: int, /) -> bytes:
        chunk, self._first = self._first[:size], self._first[size:]
        if not chunk:
            chunk = b"x" * min(size, self._left)
            self._left -= len(chunk)
        return chunk

    def close(self) -> None:
        pass


def test_a_line_of_100_mb_is_refused_without_being_held() -> None:
    """
    It is longer than lines may be.
    """
    limits = attrs.evolve(limits_for("openai"), line_max_bytes=16 * 1024 * 1024)
    with pytest.raises(Exception, match="line 2: The line is longer than 16,777,216 bytes"):
        stage(_Endless(), CallContext(), limits=limits)


def test_a_cancelled_translation_leaves_nothing() -> None:
    """
    The fixture looks.
    """
    context = CallContext()
    context.cancel()
    with pytest.raises(CancelledError):
        stage(source_of(content_of([_BODY]), filename="in.jsonl"), context, limits=limits_for("openai"))


def test_a_full_disk_is_told_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    With what to do.
    """

    def full(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(OpenAIError, match=r"No space left on device; .* TMPDIR") as caught:
        staged(content_of([_BODY]))
    assert caught.value.code == "temporary_storage"


def test_more_lines_than_a_job_takes_are_refused() -> None:
    """
    However many that is.
    """
    limits = attrs.evolve(limits_for("openai"), batch_max_lines=2)
    with pytest.raises(Exception, match="at most 2 are allowed; split it"):
        stage(source_of(content_of([_BODY] * 3), filename="in.jsonl"), CallContext(), limits=limits)


def test_translated_lines_that_are_more_than_a_job_takes_are_refused() -> None:
    """
    They may be longer than those that they were made of.
    """
    limits = attrs.evolve(limits_for("openai"), batch_max_bytes=100)
    with pytest.raises(Exception, match="more than 100 bytes, the limit of a job; split the file"):
        stage(source_of(content_of([_BODY] * 3), filename="in.jsonl"), CallContext(), limits=limits)


def test_the_importer_sees_no_more_names_than_a_table_has_columns() -> None:
    """
    So memory is bounded, too.
    """
    calls = [
        {"id": "a", "function": {"name": "f", "arguments": json.dumps({f"n{part}_{each}": 1 for each in range(2_500)})}}
        for part in range(5)
    ]
    bodies = [{**_BODY, "messages": [*HELLO, {"role": "assistant", "tool_calls": [call]}]} for call in calls]
    (error,) = errors_of(content_of(bodies))
    assert error.line == 5
    assert "10,000 different names" in error.message


def test_what_can_be_read_is_unicode_as_it_is() -> None:
    """
    Not escaped, which would make it six times as long.
    """
    body = {**_BODY, "messages": [{"role": "user", "content": "日本語 🎈 \u2028 \x00"}]}
    assert lines_of(content_of([body]))[0]["request"]["contents"][0]["parts"] == [{"text": "日本語 🎈 \u2028 \x00"}]
    content = content_of([body]).replace(b"\\u65e5\\u672c", "日本".encode())
    for one in (content, content.replace(b"\\ud83c\\udf88", "🎈".encode())):
        result = staged(one)
        assert "日本語 🎈" in result.requests.read_text("utf-8")
        result.discard()


@pytest.mark.parametrize("text", ["plain", "a" * 500 + "ü", "ü", '"\\\n', "\x7f\x00"])
def test_what_is_written_in_ascii_is_the_same(text: str) -> None:
    """
    Lines of few other letters are written so, which is quicker.
    """
    body = json.dumps({**_BODY, "messages": [{"role": "user", "content": text}]}, ensure_ascii=False)
    assert lines_of(_line(body))[0]["request"]["contents"][0]["parts"] == [{"text": text}]
