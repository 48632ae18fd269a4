"""
The input of a run: checked as a whole, and split where one batch cannot take it.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from aikit.http.sources import source_of
from aikit.resources.batches.run.folder import RunFolder
from aikit.resources.batches.run.plan import fingerprint, first_url, load_or_rebuild, plan
from aikit.resources.batches.run.state import Part, RunOrder, RunState
from aikit.types.errors import OpenAIError, Rejected
from aikit.validation.limits import limits_for

LIMITS = limits_for("openai")


def lines(*changes: dict[str, Any]) -> bytes:
    """
    Return a line for each of *changes*.
    """
    made = []
    for number, change in enumerate(changes):
        body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]} | change.pop("body", {})
        line = {"custom_id": f"r-{number}", "method": "POST", "url": "/v1/chat/completions"}
        made.append(json.dumps(line | change | {"body": body}).encode() + b"\n")
    return b"".join(made)


def planned(tmp_path: Path, content: bytes, **bounds: Any) -> tuple[Part, ...]:
    """
    Plan a run of *content*.
    """
    path = tmp_path / "in.jsonl"
    path.write_bytes(content)
    return plan(path, attrs.evolve(LIMITS, **bounds), tmp_path / "parts", lambda _: None)


def test_what_one_batch_takes_is_one_part(tmp_path: Path) -> None:
    """
    Nothing is copied.
    """
    (part,) = planned(tmp_path, lines({}, {}))
    assert part == Part(number=1, path=str(tmp_path / "in.jsonl"), endpoint="/v1/chat/completions", lines=2)
    assert not (tmp_path / "parts").exists()


@pytest.mark.parametrize("bound", ["batch_max_lines", "batch_max_bytes"])
def test_what_just_fits_is_one_part(tmp_path: Path, bound: str) -> None:
    """
    A bound is the most that a batch may have, not the least that is too much.
    """
    content = lines({}, {}, {})
    most = {"batch_max_lines": 3, "batch_max_bytes": len(content)}[bound]
    (part,) = planned(tmp_path, content, **{bound: most})
    assert (part.lines, part.path) == (3, str(tmp_path / "in.jsonl"))
    assert len(planned(tmp_path, content, **{bound: most - 1})) == 2


@pytest.mark.parametrize(
    ("changes", "bounds", "sizes"),
    [
        ([{}, {"body": {"model": "n"}}, {}], {}, [2, 1]),
        ([{}, {"url": "/v1/responses", "body": {"input": "hi"}}, {}], {}, [2, 1]),
        ([{}] * 5, {"batch_max_lines": 2}, [2, 2, 1]),
        ([{}] * 5, {"batch_max_bytes": 400}, [2, 2, 1]),
    ],
)
def test_what_one_batch_cannot_take_is_split(
    tmp_path: Path, changes: list[dict[str, Any]], bounds: dict[str, int], sizes: list[int]
) -> None:
    """
    Several models, several urls, too many lines or bytes: each part is a batch, and no line is lost.
    """
    content = lines(*(dict(change) for change in changes))
    parts = planned(tmp_path, content, **bounds)
    assert [part.lines for part in parts] == sizes
    together = b"".join(Path(part.path).read_bytes() for part in parts)
    assert sorted(together.splitlines()) == sorted(content.splitlines())


def test_problems_are_told_with_the_lines_of_the_input(tmp_path: Path) -> None:
    """
    What splitting would mend is no problem; everything else is, wherever it would go.
    """
    content = lines({}, {"body": {"model": "n"}}, {"custom_id": "r-0", "body": {"model": "n"}}, {"method": "GET"})
    with pytest.raises(Rejected) as caught:
        planned(tmp_path, content)
    told = [(error.line, error.code) for error in caught.value.errors]
    assert told == [(3, "duplicate_custom_id"), (4, "invalid_value")]


@pytest.mark.parametrize(
    ("content", "code"), [(b"", "empty_file"), (b"\n\n", "empty_file"), (b"x\n", "invalid_json_line")]
)
def test_what_is_no_input_is_refused(tmp_path: Path, content: bytes, code: str) -> None:
    """
    Empty files and nonsense never get as far as a plan.
    """
    with pytest.raises(Rejected) as caught:
        planned(tmp_path, content)
    assert code in [error.code for error in caught.value.errors]


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """
    What cannot be read is a problem with a code.
    """
    with pytest.raises(Rejected) as caught:
        fingerprint(tmp_path / "none.jsonl", lambda _: None)
    assert caught.value.errors[0].code == "file_not_found"


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    """
    Content and time of change are what a file is known by.
    """
    path = tmp_path / "in.jsonl"
    path.write_bytes(lines({}))
    seen: list[int] = []
    mark = fingerprint(path, seen.append)
    mark.require(path)
    assert seen == [path.stat().st_size]
    path.write_bytes(lines({}, {}))
    with pytest.raises(OpenAIError, match="was changed"):
        mark.require(path)
    path.unlink()
    with pytest.raises(OpenAIError, match="does not exist"):
        mark.require(path)


@pytest.mark.parametrize("is_uploaded", [False, True])
def test_parts_that_are_split_otherwise_by_now_are_not_taken_for_those_of_the_run(
    tmp_path: Path, *, is_uploaded: bool
) -> None:
    """
    A provider that takes more lines than it did: none is left under a name of the run, however often it is called.
    """
    path, folder = tmp_path / "in.jsonl", RunFolder.of(tmp_path)
    path.write_bytes(lines({}, {}, {}))
    order = RunOrder(provider="p", input="", sha256="", size_bytes=1)
    parts = plan(path, attrs.evolve(LIMITS, batch_max_lines=2), folder.parts_of(order.key), lambda _: None)
    known = RunState(order=order, created_at=0, parts=parts)
    if is_uploaded:
        known = attrs.evolve(known, parts=tuple(attrs.evolve(part, file_id="f") for part in parts))
    folder.save(known)
    Path(parts[1].path).unlink()
    provider: Any = SimpleNamespace(limits=LIMITS)
    for _ in range(2):
        if is_uploaded:
            assert load_or_rebuild(provider, order, path, folder, lambda _: None) == known
        else:
            with pytest.raises(OpenAIError, match="splitting gives others now"):
                load_or_rebuild(provider, order, path, folder, lambda _: None)
        assert not list(folder.parts_of(order.key).glob("*"))


@pytest.mark.parametrize(("content", "url"), [(b'{"url": "/v1/x"}\n{}', "/v1/x"), (b"[]", None), (b"\xff", None)])
def test_the_first_line_says_what_it_asks(content: bytes, url: str | None) -> None:
    """
    Where it does not, nobody guesses.
    """
    assert first_url(source_of(content, filename="in.jsonl").resolved()) == url
