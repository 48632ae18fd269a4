"""
Validation: everything a provider would refuse about a file, found before sending.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from aikit.http.context import CallContext
from aikit.http.messages import Reader
from aikit.http.sources import Source, source_of
from aikit.types.errors import CancelledError, OpenAIError
from aikit.types.progress import Progress
from aikit.validation import check_batch, check_file
from aikit.validation.limits import limits_for

_OPENAI = limits_for("openai")


def _batch_line(number: int, **changes: Any) -> dict[str, Any]:
    body = {"model": "gpt-5", "messages": [{"role": "user", "content": "Hi"}]}
    line = {"custom_id": f"request-{number}", "method": "POST", "url": "/v1/chat/completions", "body": body}
    return line | changes


def _jsonl(*values: Any) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def _codes(errors: list[OpenAIError]) -> list[str | None]:
    return [error.code for error in errors]


def _checked(content: bytes, purpose: str, name: str = "file.jsonl") -> list[OpenAIError]:
    return check_file(source_of(content, filename=name), purpose, _OPENAI)


@attrs.frozen(kw_only=True)
class _OddSource:
    """
    A source of our making: any size, any reader.
    """

    name: str = "file.jsonl"
    size_bytes: int | None = None
    is_replayable: bool = True
    mime_type: str | None = None
    opened: Callable[[], Reader] = lambda: io.BytesIO(b"")

    def resolved(self) -> Source:
        return self

    def open(self, start: int = 0) -> Reader:  # noqa: ARG002  as all sources have it
        return self.opened()


@attrs.define
class _FailingReader:
    """
    Gives one chunk, then fails.
    """

    error: Exception
    chunk: bytes = b""
    is_closed: bool = False

    def read(self, _size: int, /) -> bytes:
        if not self.chunk:
            raise self.error
        chunk, self.chunk = self.chunk, b""
        return chunk

    def close(self) -> None:
        self.is_closed = True


@pytest.mark.parametrize(
    ("content", "purpose", "name"),
    [
        (_jsonl(_batch_line(1), _batch_line(2)), "batch", "in.jsonl"),
        (_jsonl({"item": {"a": 1}}), "evals", "in.JSONL"),
        (b"anything", "user_data", "notes"),
        (b"%PDF-1.7", "assistants", "a.PDF"),
        (b"GIF89a", "vision", "a.gif"),
        (_jsonl(*[{"prompt": "a", "completion": "b"}] * 10), "fine-tune", "t.jsonl"),
    ],
)
def test_a_good_file_has_no_problems(content: bytes, purpose: str, name: str) -> None:
    """
    What the provider accepts is let through.
    """
    assert _checked(content, purpose, name) == []


@pytest.mark.parametrize(
    ("purpose", "meant"), [("finetune", "fine-tune"), ("Batch", "batch"), ("user data", "user_data"), ("eval", "evals")]
)
def test_unknown_purpose_is_refused_with_the_nearest_one(purpose: str, meant: str) -> None:
    """
    The message lists what is allowed and guesses what was meant.
    """
    (error,) = _checked(b"x", purpose, "a.txt")
    assert (error.code, error.param) == ("invalid_purpose", "purpose")
    assert error.message == (
        f'purpose "{purpose}" is not one of assistants, batch, evals, fine-tune, user_data, vision; '
        f'did you mean "{meant}"?'
    )


def test_purpose_like_no_other_is_refused_without_a_guess() -> None:
    """
    Nothing is suggested where nothing is near.
    """
    (error,) = _checked(b"x", "qqqq", "a.txt")
    assert error.message.endswith("user_data, vision")


@pytest.mark.parametrize("purpose", ["batch_output", "fine-tune-results", "assistants_output"])
@pytest.mark.parametrize("kind", ["openai", "local", "compatible"])
def test_output_purpose_is_refused_as_output_only(purpose: str, kind: str) -> None:
    """
    Purposes of files that the provider makes are told apart from misspelt ones.
    """
    (error,) = check_file(source_of(b"x", filename="a.txt"), purpose, limits_for(kind))
    assert error.code == "invalid_purpose"
    assert "output only" in error.message


def test_other_servers_may_have_purposes_of_their_own() -> None:
    """
    A purpose that OpenAI lacks is let through to servers we know nothing about.
    """
    assert check_file(source_of(b"x", filename="a.txt"), "ocr", limits_for("compatible")) == []


@pytest.mark.parametrize(
    ("name", "purpose", "ending"),
    [
        ("a.pdf", "batch", "ends in .pdf"),
        ("a", "assistants", "has no extension"),
        ("a.bmp", "vision", "ends in .bmp"),
        ("a.csv", "fine-tune", "ends in .csv"),
        ("a.xlsx", "evals", "ends in .xlsx"),
    ],
)
def test_name_that_does_not_fit_the_purpose_is_refused(name: str, purpose: str, ending: str) -> None:
    """
    The message names the ending and those allowed; content of another kind is not read as JSONL.
    """
    (error,) = _checked(b"\x00\x01not json\n" * 3, purpose, name)
    assert (error.code, error.param) == ("invalid_extension", "file")
    assert ending in error.message
    assert all(extension in error.message for extension in _OPENAI.extensions[purpose])


@pytest.mark.parametrize(
    ("name", "purpose", "is_answered"), [("a.csv", "batch", True), ("a.TSV", "batch", True), ("a.csv", "evals", False)]
)
def test_table_is_not_to_be_renamed_but_to_be_run(name: str, purpose: str, is_answered: bool) -> None:  # noqa: FBT001  a parameter of the test
    """
    Its lines are no requests under any name; where its rows can be answered, the call that does it is named.
    """
    (error,) = _checked(b"id,review\n1,Good\n", purpose, name)
    assert ("client.batches.run()" in error.message) == is_answered
    assert ("rename" in error.message) != is_answered


@pytest.mark.parametrize("name", ["in.txt", "in.json", "in.ndjson", "in"])
def test_wrong_name_is_told_before_any_line_is(name: str) -> None:
    """
    What is not named as JSONL is mostly none, so that its name is the one problem and not a hundred of its lines.
    """
    source = _OddSource(name=name, size_bytes=200, opened=lambda: pytest.fail("it was read"))
    assert _codes(check_file(source, "batch", _OPENAI)) == ["invalid_extension"]
    assert _codes(_checked(b"Dear all,\n" * 200, "batch", name)) == ["invalid_extension"]


@pytest.mark.parametrize("name", ["a\nb.txt", "a\0b", "\x7f", "\x1b[31m", "..", "a/", "a\\", "."])
def test_name_that_is_none_is_told(name: str) -> None:
    """
    Control characters, and what names a folder, are refused before sending; the message cannot harm a terminal.
    """
    (error,) = check_file(_OddSource(name=name, size_bytes=1), "user_data", _OPENAI)
    assert (error.code, error.param) == ("invalid_filename", "file")
    assert (repr(name) in error.message, error.message.isprintable()) == (True, True)


def test_file_whose_name_has_a_newline_is_told(tmp_path: Path) -> None:
    """
    File systems take such names, providers do not; a filename of one's own is the way out.
    """
    path = tmp_path / "a\nb.txt"
    path.write_bytes(b"abc")
    assert _codes(check_file(source_of(path).resolved(), "user_data", _OPENAI)) == ["invalid_filename"]
    assert check_file(source_of(path, filename="ab.txt").resolved(), "user_data", _OPENAI) == []


def test_name_is_measured_in_utf8_bytes() -> None:
    """
    255 bytes pass and one more does not, counted as the name is stored.
    """
    fits = "é" * 125 + ".json"
    assert _checked(b"x", "user_data", fits) == []
    (error,) = _checked(b"x", "user_data", "x" + fits)
    assert error.code == "invalid_filename"
    assert "256 bytes" in error.message
    assert "255" in error.message


@pytest.mark.parametrize("purpose", ["batch", "user_data", "fine-tune"])
def test_empty_file_is_refused_once(purpose: str) -> None:
    """
    No bytes are one problem, not one per rule.
    """
    assert _codes(_checked(b"", purpose)) == ["empty_file"]


@pytest.mark.parametrize("content", [b"\n", b" \n\t\r\n\n"])
def test_file_of_blank_lines_is_as_good_as_empty(content: bytes) -> None:
    """
    Blank lines alone hold no request.
    """
    assert _codes(_checked(content, "batch")) == ["empty_file"]


@pytest.mark.parametrize(
    ("size", "purpose", "words"),
    [
        (9 * 1024**3, "user_data", "9,663,676,416 bytes (9 GiB)"),
        (209_715_201, "batch", "209,715,201 bytes (200 MiB)"),
        (8 * 1024**3 + 1, "vision", "8,589,934,593 bytes (8 GiB)"),
    ],
)
def test_too_large_a_file_is_refused_with_both_sizes(size: int, purpose: str, words: str) -> None:
    """
    The message tells the file's size and the one allowed, in bytes and in words.
    """
    name = {"vision": "a.png"}.get(purpose, "a.jsonl")
    source = _OddSource(name=name, size_bytes=size, opened=lambda: io.BytesIO(_jsonl(_batch_line(1))))
    (error,) = check_file(source, purpose, _OPENAI)
    assert error.code == "file_too_large"
    assert words in error.message
    assert f"{_OPENAI.size_limit(purpose, in_parts=True):,} bytes" in error.message


@pytest.mark.parametrize(("size", "purpose"), [(8 * 1024**3, "user_data"), (209_715_200, "batch")])
def test_the_largest_size_allowed_is_allowed(size: int, purpose: str) -> None:
    """
    A file as large as the limit passes.
    """
    source = _OddSource(size_bytes=size, opened=lambda: io.BytesIO(_jsonl(_batch_line(1))))
    assert check_file(source, purpose, _OPENAI) == []


def test_all_problems_are_told_at_once() -> None:
    """
    Name, size and lines are all reported in one go, the file's problems first.
    """
    content = _jsonl(_batch_line(1), _batch_line(1), {"custom_id": "a"}) + b"{"
    source = _OddSource(name="é" * 150 + ".jsonl", size_bytes=2**40, opened=lambda: io.BytesIO(content))
    assert [(error.code, error.line) for error in check_file(source, "batch", _OPENAI)] == [
        ("invalid_filename", None),
        ("file_too_large", None),
        ("duplicate_custom_id", 2),
        ("missing_required_parameter", 3),
        ("missing_required_parameter", 3),
        ("missing_required_parameter", 3),
        ("invalid_json_line", 4),
    ]


@pytest.mark.parametrize(
    ("bad", "shown", "hidden"), [(100, 100, None), (101, 100, "2 more"), (4_000, 100, "3,901 more")]
)
def test_at_most_a_hundred_problems_are_told(bad: int, shown: int, hidden: str | None) -> None:
    """
    The hundredth entry tells how many are not shown, where there are more.
    """
    errors = _checked(b"x\n" * bad, "batch")
    assert len(errors) == shown
    assert [error.line for error in errors[:99]] == list(range(1, 100))
    if hidden is None:
        assert errors[-1].code == "invalid_json_line"
    else:
        assert errors[-1].code == "too_many_errors"
        assert errors[-1].message.startswith(hidden)


def test_problems_of_the_whole_file_are_never_hidden() -> None:
    """
    What only the end of the file shows comes before the hundred bad lines.
    """
    limits = attrs.evolve(_OPENAI, batch_max_lines=150)
    content = _jsonl(*[_batch_line(1)] * 151)
    errors = check_file(source_of(content, filename="a.jsonl"), "batch", limits)
    assert _codes(errors)[:2] == ["too_many_tasks", "duplicate_custom_id"]
    assert errors[-1].message.startswith("52 more")


def test_stream_that_cannot_go_back_is_not_read() -> None:
    """
    Reading would take from the upload what it cannot get again.
    """

    def fail() -> Reader:
        raise AssertionError

    assert check_file(_OddSource(is_replayable=False, opened=fail), "batch", _OPENAI) == []


def test_stream_is_read_from_where_it_stood() -> None:
    """
    A seekable stream is checked from its position on.
    """
    stream = io.BytesIO(b"garbage\n" + _jsonl(_batch_line(1)))
    stream.seek(8)
    assert check_file(source_of(stream, filename="a.jsonl"), "batch", _OPENAI) == []


def test_purposes_without_a_known_form_are_not_read() -> None:
    """
    Only JSONL purposes cost a pass over the file.
    """

    def fail() -> Reader:
        raise AssertionError

    assert check_file(_OddSource(name="a.bin", size_bytes=5, opened=fail), "user_data", _OPENAI) == []


def test_file_that_vanished_is_a_problem_not_a_crash(tmp_path: Path) -> None:
    """
    What happens to the file after it was resolved is told as an error.
    """
    path = tmp_path / "in.jsonl"
    path.write_bytes(_jsonl(_batch_line(1)))
    source = source_of(path).resolved()
    path.unlink()
    assert _codes(check_file(source, "batch", _OPENAI)) == ["file_not_found"]


def test_file_that_grows_while_it_is_checked_is_a_problem(tmp_path: Path) -> None:
    """
    A file that is still being written is not sent.
    """
    path = tmp_path / "in.jsonl"
    path.write_bytes(_jsonl(_batch_line(1)))
    source = source_of(path).resolved()
    with path.open("ab") as file:
        file.write(_jsonl(_batch_line(2)))
    assert _codes(check_file(source, "batch", _OPENAI)) == ["file_changed"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OpenAIError(message="gone", code="file_changed"), "file_changed"),
        (OSError(5, "Input/output error"), "unreadable_file"),
        (OSError("odd"), "unreadable_file"),
    ],
)
def test_reading_that_fails_half_way_keeps_what_was_found(error: Exception, code: str) -> None:
    """
    Problems found before the failure are told along with it, and the reader is closed.
    """
    reader = _FailingReader(error, b"x\n{}")
    errors = check_file(_OddSource(opened=lambda: reader), "evals", _OPENAI)
    assert _codes(errors) == [code, "invalid_json_line"]
    assert reader.is_closed


def test_cancelling_ends_the_check() -> None:
    """
    A cancelled call raises, and the reader is closed.
    """
    context = CallContext()
    context.cancel()
    reader = _FailingReader(OSError(), b"{}\n")
    with pytest.raises(CancelledError):
        check_file(_OddSource(opened=lambda: reader), "batch", _OPENAI, context)
    assert reader.is_closed


def test_progress_reaches_the_size_of_the_file() -> None:
    """
    Reading is reported as bytes of the phase checking, up to the last one.
    """
    seen: list[Progress] = []
    content = _jsonl(*({"item": {"n": n, "pad": "x" * 1000}} for n in range(1000)))
    assert (
        check_file(source_of(content, filename="a.jsonl"), "evals", _OPENAI, CallContext(on_progress=seen.append)) == []
    )
    assert seen[-1] == Progress(len(content), len(content), "checking")
    assert {progress.phase for progress in seen} == {"checking"}


def test_checking_loads_no_http_library(tmp_path: Path) -> None:
    """
    A file can be checked by a program that never connects.
    """
    program = "import sys, aikit.validation; assert 'requests' not in sys.modules and 'difflib' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path, env={"PYTHONPATH": _root()})


def _root() -> str:
    return str(Path(__file__).parents[2])


def test_compatible_servers_take_any_endpoint_as_long_as_it_is_one() -> None:
    """
    Batch lines for unknown servers may go anywhere, but all to the same place.
    """
    lines = [_batch_line(1, url="/v4/chat"), _batch_line(2, url="/v4/chat"), _batch_line(3, url="/v4/other")]
    errors = check_file(source_of(_jsonl(*lines), filename="a.jsonl"), "batch", limits_for("compatible"))
    assert [(error.code, error.line) for error in errors] == [("invalid_url", 3)]


@pytest.mark.parametrize(
    ("endpoint", "window", "params"),
    [
        ("/v1/embeddings", "24h", []),
        ("/v1/embedings", "24h", ["endpoint"]),
        ("/v1/embeddings", "24 h", ["completion_window"]),
        ("https://api.openai.com/v1/rerank", "7d", ["endpoint", "completion_window"]),
    ],
)
def test_batch_is_checked_for_what_is_known(endpoint: str, window: str, params: list[str]) -> None:
    """
    OpenAI's endpoints and window are closed lists, of which the nearest is named; other servers have their own.
    """
    problems = check_batch(endpoint, window, limits_for("openai"))
    assert [(error.code, error.param) for error in problems] == [("invalid_value", param) for param in params]
    assert all("is not one of" in error.message for error in problems)
    assert check_batch(endpoint, window, limits_for("compatible")) == []
