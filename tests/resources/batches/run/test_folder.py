"""
Where runs are kept.
"""

from __future__ import annotations

import errno
from pathlib import Path

import attrs
import pytest

from aikit.resources.batches.run.folder import RunFolder
from aikit.resources.batches.run.state import Part, RunState
from aikit.storage.errors import StoreError
from aikit.types.errors import OpenAIError
from tests.resources.batches.run.test_state import ORDER

STATE = RunState(order=ORDER, created_at=1.5, parts=(Part(number=1, path="p", endpoint="e", lines=1),))


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """
    A folder of runs that is there.
    """
    folder = RunFolder.of(tmp_path)
    folder.path.mkdir()
    return folder


def test_a_run_is_kept_and_loaded(folder: RunFolder) -> None:
    """
    The last state counts, and nothing else is left in the folder.
    """
    assert folder.load(ORDER.key) is None
    folder.save(STATE)
    folder.save(STATE.with_results("/r").with_results("/q").with_results("/r"))
    assert folder.load(ORDER.key) == attrs.evolve(STATE, results=("/r", "/q"))
    assert [path.name for path in folder.path.iterdir()] == [f"{ORDER.key}.json"]
    assert folder.results() == {"/r", "/q"}


def test_a_state_that_cannot_be_read_is_named(folder: RunFolder) -> None:
    """
    What was paid for is not forgotten silently.
    """
    (folder.path / f"{ORDER.key}.json").write_text('{"version": 1}')
    with pytest.raises(OpenAIError, match=f"{ORDER.key}.json cannot be read") as caught:
        folder.load(ORDER.key)
    assert caught.value.code == "run_damaged"
    assert folder.results() == set()


def test_one_at_a_time_holds_a_run(folder: RunFolder) -> None:
    """
    A second one is refused while the first is at it, and let in afterwards.
    """
    with folder.lock("k"), pytest.raises(OpenAIError, match="another process"), folder.lock("k"):
        pass
    with folder.lock("k"), folder.lock("other"):
        pass
    assert list(folder.path.iterdir()) == []


def test_a_home_that_cannot_be_one_is_told(tmp_path: Path) -> None:
    """
    Where nothing can be kept, nothing is begun.
    """
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be used"), RunFolder.of(tmp_path / "file").lock("k"):
        pass


def test_other_runs_at_the_same_provider_are_found(folder: RunFolder) -> None:
    """
    Another key, whatever the path: the oldest first; those at other providers are not told.
    """
    folder.save(STATE)
    changed = attrs.evolve(ORDER, sha256="1" * 64)
    folder.save(attrs.evolve(STATE, order=attrs.evolve(changed, metadata={"a": "b"}), created_at=0.5))
    folder.save(attrs.evolve(STATE, order=attrs.evolve(ORDER, sha256="2" * 64, provider="another")))
    found = folder.others(changed)
    assert [state.created_at for state in found] == [0.5, 1.5]


def test_a_state_that_cannot_be_written_leaves_the_one_before(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    On a full disk nothing is lost, nothing is left over, and the error says what to do.
    """
    folder.save(STATE)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match="no space left"):
        folder.save(STATE.with_results("/r"))
    assert folder.load(ORDER.key) == STATE
    assert [path.name for path in folder.path.iterdir()] == [f"{ORDER.key}.json"]


@pytest.mark.parametrize("is_far", [False, True])
def test_parts_are_lent_and_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_far: bool) -> None:
    """
    They have a second name, or a copy where disks differ; what a stopped split left is not taken along.
    """
    folder = RunFolder.of(tmp_path)
    (folder.parts_of("k") / ".begun").mkdir(parents=True)
    (folder.parts_of("k") / "a.jsonl").write_bytes(b"{}")
    if is_far:
        monkeypatch.setattr("os.link", _cross_device)
    folder.lend_parts("k", tmp_path / "own")
    assert (folder.parts_of("k") / "a.jsonl").exists()
    folder.forget_parts("k")
    assert [(path.name, path.read_bytes()) for path in (tmp_path / "own").iterdir()] == [("a.jsonl", b"{}")]


def _cross_device(*_: object) -> None:
    raise OSError(errno.EXDEV, "Invalid cross-device link")
