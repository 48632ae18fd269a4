"""
No home, or one that cannot be looked at: calls that need none go on, the others say to set AIKIT_HOME.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import pytest

from aikit import OpenAIClient
from aikit.cli import main
from aikit.providers.config.providers import Providers
from aikit.providers.kinds import KINDS
from aikit.storage import NoHomeError, home_folder
from tests.scripted_server import answer, serving

_LONG = "/" + "x" * 5_000
_BATCH = (
    b'{"id": "batch_1", "object": "batch", "endpoint": "/v1/embeddings", "input_file_id": "file-1", "created_at": 1, '
    b'"completion_window": "24h", "status": "validating"}'
)


@pytest.fixture
def homeless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Make the process one of a user whom the system does not know, without HOME.
    """
    if sys.platform == "win32":
        pytest.skip("homes are found in another way there")
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "AIKIT_HOME", "AIKIT_PROVIDERS", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 987_654)


@pytest.mark.usefixtures("homeless")
@pytest.mark.parametrize("blank", [None, "", "   ", "~no-such-user-here/x"])
def test_without_a_home_what_needs_one_says_so(blank: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A ValueError of the constructor, or of the call that names the provider; never a RuntimeError.
    """
    if blank is not None:
        monkeypatch.setenv("AIKIT_HOME", blank)
    with pytest.raises(ValueError, match="set AIKIT_HOME"):
        OpenAIClient(provider="local")
    with pytest.raises(ValueError, match="set AIKIT_HOME"):
        OpenAIClient(provider="work")
    client = OpenAIClient("sk-test")
    with pytest.raises(ValueError, match="set AIKIT_HOME"):
        client.files.list({"provider": "local"})
    with pytest.raises(NoHomeError, match="set AIKIT_HOME"):
        _ = client.home
    with pytest.raises(NoHomeError, match="set AIKIT_HOME"):
        _ = client.ledger


@pytest.mark.usefixtures("homeless")
def test_without_a_home_what_needs_none_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """
    Batches are created though the ledger has no place, which the log says; what is given as home is enough.
    """
    with (
        serving(answer(200, _BATCH), answer(200, _BATCH)) as server,
        caplog.at_level(logging.WARNING, "aikit"),
        OpenAIClient("sk-test", provider="openai", base_url=server.url) as client,
    ):
        assert client.batches.create("file-1", "/v1/embeddings").success
        assert client.batches.retrieve("batch_1").success
    assert "set AIKIT_HOME" in caplog.text
    with OpenAIClient(provider="local", home=tmp_path / "given") as client:
        assert client.files.create(b"hello", "user_data", {"filename": "a.txt"}).success
        assert list(client.ledger.events()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["given"]


@pytest.mark.usefixtures("homeless")
def test_a_run_without_a_home_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    What keeps how far it has come needs a place; the sentence says which.
    """
    (tmp_path / "in.jsonl").write_text("{}\n")
    run = ["batch", "run", "in.jsonl", "-o", "out.jsonl", "--base-url", "http://127.0.0.1:1/v1", "--api-key", "k"]
    assert main(run) == 2
    assert "set AIKIT_HOME" in capsys.readouterr().err


@pytest.mark.parametrize("variable", ["AIKIT_HOME", "AIKIT_PROVIDERS"])
@pytest.mark.parametrize("kind", ["loop", "overlong", "locked", "no user"])
def test_a_place_that_cannot_be_looked_at_is_none_for_what_is_built_in(
    variable: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    For other names it is a ValueError that says what to set, and is not as long as the path.
    """
    place = tmp_path / "place"
    if kind == "loop":
        place.symlink_to(place)
    if kind == "locked":
        if os.geteuid() == 0:
            pytest.skip("root looks everywhere")
        place.mkdir(0o000)
        place = place / "in"
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AIKIT_PROVIDERS", raising=False)
    monkeypatch.setenv("AIKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(variable, {"overlong": _LONG, "no user": "~no-such-user-here/x"}.get(kind, str(place)))
    for _ in range(2):
        assert OpenAIClient("sk-test", provider="openai").provider.kind == "openai"
        with OpenAIClient(provider="local", home=tmp_path / "given") as client:
            assert client.files.list().success
        with pytest.raises(ValueError, match="set AIKIT_HOME") as caught:
            OpenAIClient(provider="work")
        assert len(str(caught.value)) < 1_000
    if variable == "AIKIT_HOME" and kind != "no user":
        (error,) = OpenAIClient(provider="local").files.list().errors
        assert error.code == "storage_unavailable"
        assert "set AIKIT_HOME" in error.message
        assert len(error.message) < 1_000


def test_a_home_that_is_given_stands_for_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Its provider file counts, and HOME is not looked at.
    """
    monkeypatch.chdir(tmp_path)
    for name in ("AIKIT_HOME", "AIKIT_PROVIDERS"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".aikit").mkdir()
    (tmp_path / ".aikit" / "AIProviders.json").write_text("broken")
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "AIProviders.json").write_text('{"providers": {"work": {"apiKey": "sk-work"}}}')
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home_folder() == tmp_path / ".aikit"
    assert Providers.load(home=tmp_path / "given").list() == (*KINDS, "work")
    assert OpenAIClient(provider="work", home=tmp_path / "given").provider.kind == "openai"
