"""
A batch input, checked from wherever it is.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

from aikit.http.context import CallContext
from aikit.http.sources import source_of
from aikit.jsonl import chat_line, check
from aikit.jsonl import checker as input_check
from aikit.types.errors import CancelledError, OpenAIError
from aikit.validation import check_file
from aikit.validation.limits import limits_for

_GOOD = json.dumps(chat_line("Hi", model="m")).encode() + b"\n"
_BAD = _GOOD * 2 + b"\n[]\n\xff\n" + _GOOD.replace(b"POST", b"PUT")


def _told(errors: Sequence[OpenAIError]) -> list[tuple[Any, ...]]:
    return [(error.line, error.code, error.param, error.message) for error in errors]


@pytest.mark.parametrize(
    "content", [_GOOD, _BAD, b"", b"\n\n", b"\xef\xbb\xbf" + _GOOD, _GOOD.decode().encode("utf-16")]
)
@pytest.mark.parametrize("provider", ["openai", "local", "compatible"])
def test_the_check_is_that_of_the_upload(tmp_path: Path, content: bytes, provider: str) -> None:
    """
    Path, bytes and streams, also those that can be read once only, get the same verdict as an upload.
    """
    path = tmp_path / "file.jsonl"
    path.write_bytes(content)
    expected = _told(check_file(source_of(path).resolved(), "batch", limits_for(provider)))
    assert bool(expected) == (content != _GOOD)
    for given in (path, str(path), content, io.BytesIO(content)):
        assert _told(check(given, provider=provider)) == expected
    with path.open("rb") as file:
        assert _told(check(file, provider=provider)) == expected


@pytest.mark.parametrize(("content", "codes"), [(_GOOD * 2, ["duplicate_custom_id"]), (b"", ["empty_file"])])
def test_a_pipe_is_read(content: bytes, codes: list[str]) -> None:
    """
    What can be read once only is checked all the same, for it is not to be sent.
    """
    end, start = os.pipe()
    os.write(start, content)
    os.close(start)
    with open(end, "rb") as file:  # noqa: PTH123  a descriptor has no path
        assert [error.code for error in check(file, filename="in.jsonl")] == codes


def test_a_stream_of_unknown_size_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The limit of bytes holds for a pipe too, once it has been read.
    """
    limits = attrs.evolve(limits_for("openai"), batch_max_bytes=len(_GOOD))
    monkeypatch.setattr(input_check, "limits_for", lambda _: limits)
    for content, codes in ((_GOOD, []), (_GOOD + b"\n", ["file_too_large"])):
        end, start = os.pipe()
        os.write(start, content)
        os.close(start)
        with open(end, "rb") as file:  # noqa: PTH123  a descriptor has no path
            assert [error.code for error in check(file, filename="in.jsonl")] == codes


def test_names_are_checked_too(tmp_path: Path) -> None:
    """
    A file that is called otherwise would be refused, unless it is uploaded under a fitting name.
    """
    path = tmp_path / "in.txt"
    path.write_bytes(_GOOD)
    assert [error.code for error in check(path)] == ["invalid_extension"]
    assert check(path, filename="in.jsonl") == ()


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """
    The world's faults are told like those of the lines.
    """
    assert [error.code for error in check(tmp_path / "none.jsonl")] == ["file_not_found"]
    assert [error.code for error in check(tmp_path)] == ["is_a_directory"]


def test_a_check_can_be_watched_and_stopped() -> None:
    """
    Progress is told in the phase checking, and a cancelled check raises.
    """
    seen: list[Any] = []
    assert check(_GOOD, context=CallContext(on_progress=seen.append)) == ()
    assert [(one.phase, one.bytes, one.total) for one in seen] == [("checking", len(_GOOD), len(_GOOD))]
    context = CallContext()
    context.cancel()
    with pytest.raises(CancelledError):
        check(_GOOD, context=context)


def test_wrong_arguments_are_refused_at_once() -> None:
    """
    Unknown providers and files that are none are the caller's fault.
    """
    with pytest.raises(ValueError, match=r"known are azure, compatible, .*local, openai"):
        check(_GOOD, provider="opneai")
    with pytest.raises(TypeError, match="file must be a path, bytes or a binary stream, not int"):
        check(5)  # type: ignore[arg-type]  # that is the test


def test_what_may_be_a_mistake_is_a_warning() -> None:
    """
    A misspelt parameter is no problem: the caller of the check is warned, or finds it in the context that was given.
    """
    line = json.dumps(chat_line("Hi", model="m", temprature=0)).encode()
    with pytest.warns(UserWarning, match="unknown parameter 'temprature'") as warned:
        assert check(line) == ()
    assert [one.filename for one in warned] == [__file__]
    context = CallContext()
    assert check(line, context=context) == ()
    assert len(context.notes) == 1
