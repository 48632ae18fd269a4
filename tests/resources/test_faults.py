"""
Files in parts over a network on which everything goes wrong: whole, once, and nothing is left open.
"""

from __future__ import annotations

import collections
import logging
import os
import random
from pathlib import Path
from typing import Final

import attrs
import pytest

from aikit import OpenAIClient
from aikit.validation.limits import limits_for
from tests.fault_proxy import faulty
from tests.upload_server import UploadServer, upload_server

PART: Final = 20_000
LIMITS: Final = attrs.evolve(
    limits_for("openai"), file_max_bytes=30_000, upload_part_max_bytes=PART, upload_max_bytes=2_000_000
)
_RUNS: Final = int(os.environ.get("AIKIT_FAULT_RUNS", "40"))


@pytest.fixture(autouse=True)
def small_and_quick(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """
    What is large is small here, and nobody waits long.
    """
    monkeypatch.setattr("aikit.providers.openai.limits_for", lambda _: LIMITS)
    monkeypatch.setattr("aikit.http.retry.RetryPolicy._backoff", lambda *_: 0.001)
    monkeypatch.setattr("aikit.resources.files.resume._LOOKS_AFTER_S", (0.0, 0.01))
    caplog.set_level(logging.ERROR, "urllib3")  # undone after each test


def stored(server: UploadServer, name: str) -> list[bytes]:
    """
    Return the contents of all files of that name.
    """
    return [server.files[file["id"]] for file in server.listed if file["filename"] == name]


def test_whatever_goes_wrong_a_file_arrives_whole_and_once(tmp_path: Path) -> None:
    """
    Each call stores the file once or says why not, and over a sound network the same call then does.

    In the end no upload is open but those that were announced and never named, so that nothing was sent to them.
    """
    came_to: collections.Counter[str] = collections.Counter()
    with upload_server() as server:
        for seed in range(_RUNS):
            chance = (0.1, 0.3, 0.5)[seed % 3]
            came_to[_run(server, tmp_path / f"{seed}.bin", seed, chance)] += 1
    assert came_to["at once"] + came_to["later"] == _RUNS
    assert came_to["at once"] >= _RUNS // 4
    assert came_to["later"] >= 1


def _run(server: UploadServer, path: Path, seed: int, chance: float) -> str:
    dice = random.Random(seed)  # noqa: S311  the same file for the same seed
    content = dice.randbytes(dice.randint(30_001, 130_000))
    path.write_bytes(content)
    with faulty(server.url, seed=seed, chance=chance, stall_s=0.3) as proxy:
        with OpenAIClient("k", base_url=proxy.url, timeout=0.2) as client:
            result = client.files.create(path, "user_data")
        assert stored(server, path.name) in ([], [content])
        proxy.chance, is_at_once = 0.0, result.success
        if not result.success:
            assert result.errors[0].message
            with OpenAIClient("k", base_url=proxy.url) as client:
                again = client.files.create(path, "user_data")
            assert again.errors == ()
    assert stored(server, path.name) == [content]
    assert server.begun.isdisjoint(server.open_uploads)
    return "at once" if is_at_once else "later"
