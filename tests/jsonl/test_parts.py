"""
Parts of a split input: their names, their folder, and trouble with it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from aikit.jsonl import parts, split
from aikit.jsonl import splitter as splitting
from tests.alone import alone
from tests.jsonl.split_cases import jsonl_of, names_in, refused_split, request_line

resource = pytest.importorskip("resource", reason="of POSIX systems")


def test_parts_of_an_earlier_split_are_not_overwritten(tmp_path: Path) -> None:
    """
    Whoever wants them replaced says so; then those that are too many go too, and other files stay.
    """
    content = jsonl_of(request_line(0), request_line(1), request_line(2))
    (tmp_path / "file.part-1.jsonl").write_text("mine")
    assert len(split(content, tmp_path, max_lines=1)) == 3
    assert refused_split(content, tmp_path) == [(None, "file_exists")]
    assert (tmp_path / "file.part-00003.jsonl").read_bytes() == jsonl_of(request_line(2))
    (part,) = split(content, tmp_path, replace=True)
    assert part.path.read_bytes() == content
    assert names_in(tmp_path) == ["file.part-00001.jsonl", "file.part-1.jsonl"]


def test_a_failed_replacement_leaves_what_was_there(tmp_path: Path) -> None:
    """
    When a part cannot get its name, all earlier ones have theirs again.
    """
    content = jsonl_of(request_line(0), request_line(1))
    split(content, tmp_path, max_lines=1)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    real = parts._move

    def failing(moves: list[tuple[Path, Path]]) -> None:
        real([*moves, (tmp_path / "none", tmp_path / "nowhere")])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "_move", failing)
        assert refused_split(content, tmp_path, replace=True) == [(None, "unwritable_file")]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_input_may_stand_where_the_parts_go(tmp_path: Path) -> None:
    """
    A part that is split again gives parts of its own, and stays.
    """
    (part,) = split(jsonl_of(request_line(0), request_line(1)), tmp_path)
    again = split(part.path, tmp_path, max_lines=1)
    assert [one.path.name for one in again] == [
        "file.part-00001.part-00001.jsonl",
        "file.part-00001.part-00002.jsonl",
    ]
    assert part.path.exists()


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("a.b.JSONL", "a.b"),
        ("in.txt", "in"),
        ("in.v2", "in.v2"),
        ("é" * 120 + ".jsonl", "é" * 100),
        (".jsonl", ".jsonl"),
    ],
)
def test_parts_are_named_after_the_input(tmp_path: Path, name: str, stem: str) -> None:
    """
    An ending that says it is text is taken off; long names are cut, so that the parts' names are none too long.
    """
    (part,) = split(request_line(0), tmp_path, filename=name)
    assert part.path.name == f"{stem}.part-00001.jsonl"


def test_many_models_need_few_descriptors(tmp_path: Path) -> None:
    """
    Hundreds of parts grow at once, and none is held open.
    """
    assert alone(_split_with_few_descriptors, str(tmp_path)) == {"4": 500}


def _split_with_few_descriptors(folder: str) -> Counter[int]:
    parts.WAITING_MAX = 20_000  # type: ignore[misc]  # in a process of its own
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 50  # noqa: PTH208  no files, numbers
    lines = [request_line(number, model=f"m{number % 500}") for number in range(2_000)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 10, hard))
    try:
        return Counter(part.lines for part in split(jsonl_of(*lines), folder))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_far_too_many_parts_are_a_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A model that differs from line to line is no reason to fill a disk with files.
    """
    monkeypatch.setattr(splitting, "_PARTS_MAX", 50)
    lines = [request_line(number, model=f"m{number}") for number in range(60)]
    assert refused_split(jsonl_of(*lines), tmp_path) == [(None, "too_many_parts")]
    assert refused_split(jsonl_of(*(request_line(number) for number in range(60))), tmp_path, max_lines=1) == [
        (None, "too_many_parts")
    ]
    assert names_in(tmp_path) == []


def test_trouble_with_the_disk_is_told(tmp_path: Path) -> None:
    """
    An input that is not there, a folder that is a file: errors like any other.
    """
    assert refused_split(tmp_path / "none.jsonl", tmp_path / "parts") == [(None, "file_not_found")]
    (tmp_path / "file").write_text("mine")
    assert refused_split(request_line(0), tmp_path / "file") == [(None, "unwritable_file")]
    assert refused_split(request_line(0), tmp_path / "file" / "parts") == [(None, "unwritable_file")]
    assert names_in(tmp_path) == ["file"]


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    """
    The error says so; there are neither parts nor their hidden folder.
    """
    program = (
        "import resource, signal, sys\n"
        "from aikit import jsonl\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try:\n"
        "    jsonl.split(sys.stdin.buffer, 'parts')\n"
        "except jsonl.Rejected as rejected:\n"
        "    print([error.code for error in rejected.errors], rejected)\n"
    )
    content = jsonl_of(*(request_line(number, user="x" * 1_000) for number in range(200)))
    printed = subprocess.run(
        [sys.executable, "-c", program],
        input=content,
        check=True,
        capture_output=True,
        cwd=tmp_path,
        env={"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])},
    ).stdout.decode()
    assert printed.startswith("['unwritable_file'] parts cannot be written to: File too large")
    assert names_in(tmp_path) == []
