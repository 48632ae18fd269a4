"""
Tests of the check of lines that come: that it finds what the check of a file on disk finds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aikit.gateway.incoming.line_check import FileRules, LineCheck
from aikit.gateway.incoming.spool import Spool
from aikit.http.sources import source_of
from aikit.validation import check_file
from aikit.validation.limits import limits_for

_GOOD = {"custom_id": "a", "method": "POST", "url": "/v1/embeddings", "body": {"model": "m", "input": "x"}}
_LINE = json.dumps(_GOOD).encode()


@contextmanager
def _spool(folder: Path) -> Iterator[Spool]:
    spool = Spool.open(folder)
    try:
        yield spool
    finally:
        spool.close()


def _found(content: bytes, folder: Path) -> list[tuple[str | None, int | None, str]]:
    with _spool(folder) as spool:
        check = LineCheck(FileRules(), spool)
        check.feed(content)
        check.finish()
        check.close()
        return [(error.code, error.line, error.message) for error in check.problems.shown()]


def _of_file(content: bytes) -> list[tuple[str | None, int | None, str]]:
    problems = check_file(source_of(content, filename="a.jsonl"), "batch", limits_for("compatible"))
    return [(error.code, error.line, error.message) for error in problems]


@pytest.mark.parametrize(
    "odd",
    [
        b"{",
        b"[1]",
        b"NaN",
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b'{"a": 01}',
        b'{"a": [1,]}',
        b'{"a": "\x01"}',
        b'{"a": "\xff"}',
        b'{"a": "\\ud800"}',
        b"{} {}",
        b"[" * 5_000,
        b'{"a": ' + b"9" * 5_000 + b"}",
        b"\xef\xbb\xbf{}",
        _LINE.replace(b'"a"', b'"a", "custom_id": "b"'),
        b"  " + _LINE.replace(b'"a"', b'"b"') + b"\t ",
    ],
)
def test_odd_lines_are_told_alike(odd: bytes, tmp_path: Path) -> None:
    """What is wrong with a line is said in the words in which a file on disk is refused."""
    content = _LINE + b"\n" + odd + b"\n" + _LINE.replace(b'"a"', b'"c"') + b"\n"
    assert _found(content, tmp_path) == _of_file(content)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(value=st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=8))
def test_any_value_is_taken_alike(value: object, tmp_path: Path) -> None:
    """Whatever a line holds, it is good here as on disk, or refused in the same words."""
    body = json.dumps({"model": "m", "input": "x", "more": value}).encode()
    content = _LINE.replace(b'{"model": "m", "input": "x"}', body) + b"\n"
    assert _found(content, tmp_path) == _of_file(content)
