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
from aikit.gateway.values import Deployment
from aikit.http.sources import source_of
from aikit.validation import check_file
from aikit.validation.limits import limits_for
from tests.alone import peak_bytes

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


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60)
@given(value=st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=8))
def test_any_value_is_taken_alike(value: object, tmp_path: Path) -> None:
    """Whatever a line holds, it is good here as on disk, or refused in the same words."""
    body = json.dumps({"model": "m", "input": "x", "more": value}).encode()
    content = _LINE.replace(b'{"model": "m", "input": "x"}', body) + b"\n"
    assert _found(content, tmp_path) == _of_file(content)


@pytest.mark.parametrize("block_bytes", [1, 7, 100_000])
@pytest.mark.parametrize("blanks", [b"\n", b" \t\r\n\n", b"\n" * 300])
def test_blank_lines_pass_and_count(blanks: bytes, block_bytes: int, tmp_path: Path) -> None:
    """
    As with LiteLLM; a line keeps its number where models are renamed, too, and a defect is told by it.
    """
    lines = [_LINE.replace(b'"a"', name) for name in (b'"a"', b'"b"', b'"c"')]
    content = b"\n" + lines[0] + b"\n" + blanks + lines[1] + b"\n" + blanks + lines[2]
    deployment = Deployment(name="d", provider="openai", models={"m": "longer"})
    with _spool(tmp_path) as spool:
        for rest, expected in ((b"\n\n", None), (b"\n\n{", content.count(b"\n") + 3)):
            check = LineCheck(FileRules(deployment=deployment), spool)
            for start in range(0, len(content + rest), block_bytes):
                check.feed((content + rest)[start : start + block_bytes])
            check.finish()
            assert [error.line for error in check.problems.shown()] == ([] if expected is None else [expected])
            assert check.facts.lines == 3
            if expected is None:
                renamed = check.result()
                assert renamed is not None
                sent = renamed.read(0, renamed.size_bytes).split(b"\n")
                assert [at for at, line in enumerate(sent) if line] == [
                    at for at, line in enumerate(content.split(b"\n")) if line.strip()
                ]
                assert sum(line.count(b'"longer"') for line in sent) == 3
                renamed.remove()
            check.close()


def test_a_flood_of_blank_lines_takes_no_memory(tmp_path: Path) -> None:
    """
    The file with other names of models has them as well, and they are written as they come.
    """
    assert peak_bytes(_flood, str(tmp_path)) < 2_000_000


def _flood(folder: str) -> None:
    deployment = Deployment(name="d", provider="openai", models={"m": "longer"})
    with _spool(Path(folder)) as spool:
        check = LineCheck(FileRules(deployment=deployment), spool)
        check.feed(_LINE + b"\n")
        for _ in range(400):
            check.feed(b"\n" * 10_000)
        check.feed(_LINE.replace(b'"a"', b'"b"'))
        check.finish()
        renamed = check.result()
        assert renamed is not None
        assert renamed.size_bytes > 4_000_000
        renamed.remove()
        check.close()
