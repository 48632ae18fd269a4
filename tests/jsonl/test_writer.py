"""
Batch lines, written to a file.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.jsonl import Rejected, Written, chat_line, check, stable_id, write
from tests.alone import peak_bytes
from tests.jsonl.errors import JSON
from tests.systems import posix_only


def _request(custom_id: str = "a", **body: Any) -> dict[str, Any]:
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/responses", "body": {"model": "m", **body}}


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _refused(path: Path, lines: Any) -> list[tuple[int | None, str | None, str]]:
    with pytest.raises(Rejected) as caught:
        write(path, lines)
    return [(error.line, error.code, error.message) for error in caught.value.errors]


def test_lines_are_written_as_they_are(tmp_path: Path) -> None:
    """
    Requests go to disk one a line, and what is told is what is there.
    """
    path = tmp_path / "in.jsonl"
    lines = [chat_line("Grüße\n!", model="m"), _request("b", input="Hi")]
    assert write(path, lines) == Written(path, 2, path.stat().st_size)
    assert _read(path) == lines
    assert "Grüße\\n!".encode() in path.read_bytes()
    assert _names(tmp_path) == ["in.jsonl"]


@given(lines=st.lists(st.dictionaries(st.text(), JSON, max_size=3), min_size=1, max_size=5))
def test_any_json_comes_back(tmp_path_factory: pytest.TempPathFactory, lines: list[dict[str, Any]]) -> None:
    """
    What is read is what was written, whatever the bodies hold.
    """
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    write(path, ({"url": "u", "body": body} for body in lines))
    assert [line["body"] for line in _read(path)] == lines


def test_what_a_request_lacks_is_added(tmp_path: Path) -> None:
    """
    The method is always POST, and the id comes from the content.
    """
    path = tmp_path / "in.jsonl"
    write(path, [{"url": "/v1/responses", "body": {"model": "m", "input": "Hi"}, "custom_id": None}])
    body = {"model": "m", "input": "Hi"}
    (line,) = _read(path)
    assert line == {
        "custom_id": stable_id("/v1/responses", body),
        "method": "POST",
        "url": "/v1/responses",
        "body": body,
    }


def test_same_content_gets_distinct_ids_in_order(tmp_path: Path) -> None:
    """
    Occurrences are counted, the first one keeps its id, and writing again gives the same ids.
    """
    base = chat_line("Hi", model="m")["custom_id"]
    lines = [chat_line(text, model="m") for text in ("Hi", "there", "Hi", "Hi")]
    lines.insert(1, chat_line("other", model="m", custom_id=f"{base}-3"))
    for name in ("one.jsonl", "two.jsonl"):
        write(tmp_path / name, lines)
    ids = [line["custom_id"] for line in _read(tmp_path / "one.jsonl")]
    assert ids == [base, f"{base}-3", chat_line("there", model="m")["custom_id"], f"{base}-2", f"{base}-4"]
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()
    assert check(tmp_path / "one.jsonl") == ()
    assert lines[3]["custom_id"] == base, "the caller's lines are left alone"


def test_own_ids_must_be_unique(tmp_path: Path) -> None:
    """
    A caller's id that comes twice is refused, for nobody could tell the answers apart.
    """
    lines = [_request("a"), _request("b"), _request("a", input="Hi")]
    told = "The custom_id 'a' is a duplicate of another line's; make each unique."
    assert _refused(tmp_path / "in.jsonl", lines) == [(3, "duplicate_custom_id", told)]


_LOOP: list[Any] = []
_LOOP.append(_LOOP)
_DEEP: list[Any] = []
for _ in range(100_000):
    _DEEP = [_DEEP]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (float("nan"), "'body.x[0].y' is nan, which is no JSON number; use None."),
        (float("-inf"), "'body.x[0].y' is -inf, which is no JSON number; use None."),
        (b"abc", "'body.x[0].y' is bytes, which JSON cannot carry; make it a string, a number or a list."),
        ({1, 2}, "'body.x[0].y' is set, which JSON cannot carry; make it a string, a number or a list."),
        ("a\ud800", "'body.x[0].y' has a lone surrogate, which UTF-8 cannot carry."),
        ({"\udfff": 1}, "'body.x[0].y' has a key that JSON cannot carry: '\\udfff'."),
        ({(1, 2): 3}, "'body.x[0].y' has a key that JSON cannot carry: (1, 2)."),
        (_LOOP, "The line cannot be JSON: Circular reference detected."),
        (_DEEP, "The line cannot be JSON: it is nested too deeply."),
    ],
)
@pytest.mark.parametrize("custom_id", ["a", None])
def test_what_json_cannot_carry_is_told_with_its_place(
    tmp_path: Path, value: Any, words: str, custom_id: str | None
) -> None:
    """
    The error has the number of the line and the way to the value, and nothing is written.
    """
    lines = [_request("first"), _request("second") | {"custom_id": custom_id}]
    lines[1]["body"]["x"] = [{"y": value}]
    assert _refused(tmp_path / "in.jsonl", lines) == [(2, "invalid_value", words)]
    assert _names(tmp_path) == []


def test_all_problems_are_told(tmp_path: Path) -> None:
    """
    One pass finds everything that is wrong.
    """
    lines = [5, {"body": {}}, {"url": "u"}, _request(), _request() | {"custom_id": 5}, _request() | {"custom_id": ""}]
    lines += [{"url": None, "body": {}}, {"url": "u", "body": None}]
    assert [(line, code) for line, code, _ in _refused(tmp_path / "in.jsonl", lines)] == [
        (1, "invalid_type"),
        (2, "missing_required_parameter"),
        (3, "missing_required_parameter"),
        (5, "invalid_type"),
        (6, "invalid_type"),
        (7, "invalid_type"),
        (8, "invalid_type"),
    ]
    errors = _refused(tmp_path / "in.jsonl", [5] * 1_000)
    assert (len(errors), errors[-1][1]) == (100, "too_many_errors")


def test_numbers_as_keys_are_what_json_makes_of_them(tmp_path: Path) -> None:
    """
    ``logit_bias`` is often written with token numbers.
    """
    path = tmp_path / "in.jsonl"
    write(path, [chat_line("Hi", model="m", logit_bias={50256: -100})])
    assert _read(path)[0]["body"]["logit_bias"] == {"50256": -100}


def test_a_file_appears_only_when_it_is_complete(tmp_path: Path) -> None:
    """
    What fails half way leaves what was there before.
    """
    path = tmp_path / "in.jsonl"
    path.write_text("before")

    def lines() -> Iterator[dict[str, Any]]:
        yield _request("a", input="x" * 3_000_000)
        assert path.read_text() == "before"
        raise RuntimeError("the caller's own")

    with pytest.raises(RuntimeError, match="the caller's own"):
        write(path, lines())
    assert (path.read_text(), _names(tmp_path)) == ("before", ["in.jsonl"])


@posix_only
def test_a_file_can_be_made_from_itself(tmp_path: Path) -> None:
    """
    Lines may be read from the very file that they replace.
    """
    path = tmp_path / "in.jsonl"
    write(path, [_request(str(number)) for number in range(100)])
    with path.open("rb") as file:
        write(path, (json.loads(line) | {"url": "/v1/embeddings"} for line in file))
    assert {line["url"] for line in _read(path)} == {"/v1/embeddings"}
    assert len(_read(path)) == 100


def test_no_lines_are_refused(tmp_path: Path) -> None:
    """
    Providers refuse empty files, so none is written.
    """
    assert _refused(tmp_path / "in.jsonl", []) == [(None, "empty_file", "there are no lines to write")]


def test_trouble_with_the_disk_is_told(tmp_path: Path) -> None:
    """
    A folder that is not there is an error like any other.
    """
    ((line, code, message),) = _refused(tmp_path / "none" / "in.jsonl", [_request()])
    assert (line, code) == (None, "unwritable_file")
    assert "No such file or directory" in message
    ((_, code, message),) = _refused(Path("/dev/null"), [_request()])
    assert (code, message.endswith("pass the path of a file")) == ("not_a_regular_file", True)


@pytest.mark.parametrize(
    ("path", "lines", "error", "words"),
    [
        (5, [], TypeError, "path must be a path as a string, not int"),
        (b"a", [], TypeError, "path must be a path as a string, not bytes"),
        ("", [], ValueError, "path must not be empty"),
        ("a\0b", [], ValueError, "NUL"),
        ("a", None, TypeError, "lines must be an iterable of mappings, not NoneType"),
        ("a", "text", TypeError, "lines must be an iterable of mappings, not str"),
        ("a", {"url": "u"}, TypeError, "lines must be an iterable of mappings, not dict"),
    ],
)
def test_wrong_arguments_are_refused_at_once(path: Any, lines: Any, error: type[Exception], words: str) -> None:
    """
    The caller's fault is told where it was made.
    """
    with pytest.raises(error, match=words):
        write(path, lines)


def test_many_lines_need_little_memory() -> None:
    """
    A generator of 40 MB is never held.
    """
    assert peak_bytes(_write_very_much) < 6_000_000


def _write_very_much() -> None:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder, "in.jsonl"), (_request(str(number), input="x" * 40_000) for number in range(1_000)))


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="needs POSIX")
def test_what_stdout_is_redirected_to_is_not_replaced(tmp_path: Path) -> None:
    """
    A name of an open file, such as ``/dev/stdout``, is refused before the first line is asked for.
    """
    path = tmp_path / "a"
    path.write_bytes(b"before")
    with path.open("ab") as file, pytest.raises(Rejected, match="not a regular file") as caught:
        write(f"/dev/fd/{file.fileno()}", (pytest.fail("a line was asked for") for _ in "a"))
    assert ([error.code for error in caught.value.errors], path.read_bytes()) == (["not_a_regular_file"], b"before")
