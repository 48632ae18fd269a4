"""
No temporary folder that can be written: said so, with what to set, wherever one is needed.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest

from aikit import OpenAIClient, OpenAIError
from aikit.cli import main
from aikit.storage.spill import Spool
from aikit.storage.temporary import temporary_folder, temporary_root


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Take all temporary folders away, as a container that is read-only does.
    """
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/nowhere/at/all"])


def test_a_folder_is_its_owners_only_and_goes_away() -> None:
    """
    Its name says whose it is.
    """
    with temporary_folder() as name:
        folder = Path(name)
        assert folder.parent == temporary_root()
        assert folder.name.startswith("aikit-")
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()


@pytest.mark.usefixtures("nowhere")
def test_lists_of_results_say_what_to_set() -> None:
    """
    What does not fit into memory has no place.
    """
    spool = Spool()
    for number in range(10):
        spool.put(number, "x" * 100_000)
    with pytest.raises(OpenAIError, match="set TMPDIR") as caught:
        spool.put(10, "x" * 100_000)
    assert caught.value.code == "storage_unavailable"


def test_results_of_a_batch_say_what_to_set(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """
    The call ends with an error of its own, and is done again when there is a folder.
    """
    line = {"custom_id": "1", "method": "POST", "url": "/v1/embeddings", "body": {"model": "m", "input": "x"}}
    with OpenAIClient(provider="local", home=tmp_path / "home") as client:
        file = client.files.create(json.dumps(line).encode(), "batch", {"filename": "a.jsonl", "throw": True}).file
        assert file is not None
        batch = client.batches.create(file.id, "/v1/embeddings", {"throw": True}).batch
        assert batch is not None
        assert client.batches.wait(batch.id, {"deadline": 30, "poll_interval": 0.1}).success
        assert client.batches.results(batch.id).success
        request.getfixturevalue("nowhere")
        (error,) = client.batches.results(batch.id).errors
    assert error.code == "storage_unavailable"
    assert "set TMPDIR" in error.message


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("command", [["files", "content", "file-1"], ["demo"]])
def test_commands_say_what_to_set(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    A sentence and exit code 1.
    """
    home = [] if command == ["demo"] else ["--home", str(tmp_path / "home")]
    assert main([*command, *home]) == 1
    assert "set TMPDIR" in capsys.readouterr().err
