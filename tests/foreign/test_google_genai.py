"""
The server that stands for the Gemini API is one to Google's own library too, and both read what the other stored.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import pytest

from aikit import OpenAIClient
from tests.foreign.aimock import CACHE, Missing
from tests.gemini_server import KEY, GeminiServer, serving_gemini

VERSION: Final = "3.6.1"
_PROGRAM: Final = Path(__file__).with_name("google_genai.py")
_BODY: Final = {"model": "gemini-2.5-flash", "messages": [{"role": "user", "content": "hi"}]}
_LINE: Final = json.dumps({"custom_id": "c1", "method": "POST", "url": "/v1/chat/completions", "body": _BODY}) + "\n"

pytestmark = [pytest.mark.foreign, pytest.mark.slow]


def _installed() -> Path:
    """
    Return the folder with Google's library, installed by the first run that needs it.
    """
    folder = CACHE.with_name("pip") / f"google-genai-{VERSION}-{sys.version_info[0]}.{sys.version_info[1]}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix="new-") as new:
            target = Path(new) / "packages"
            pip = [sys.executable, "-m", "pip", "install", "-q", "--target", str(target), f"google-genai=={VERSION}"]
            done = subprocess.run(pip, capture_output=True, text=True, timeout=300, check=False)
            if done.returncode != 0:
                raise Missing(f"pip cannot install google-genai {VERSION}: {done.stderr.strip()[-300:]}")
            if not folder.exists():  # another run may have been quicker
                target.rename(folder)
    return folder


def _seen_by_google(server: GeminiServer, path: Path, file_name: str) -> dict[str, Any]:
    try:
        packages = _installed()
    except (Missing, subprocess.TimeoutExpired) as reason:
        pytest.skip(str(reason))
    environ = {**os.environ, "PYTHONPATH": str(packages), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    command = [sys.executable, "-W", "ignore", str(_PROGRAM), server.url, KEY, str(path), file_name]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def test_what_one_stores_the_other_reads(tmp_path: Path) -> None:
    """
    Files, batches and lists, with names, sizes and types; Google's library checks every field that it is answered.
    """
    path = tmp_path / "in.jsonl"
    path.write_text(_LINE)
    with serving_gemini() as server, OpenAIClient(KEY, provider="gemini", base_url=server.url) as client:
        ours = client.files.create(path, "batch", {"throw": True}).file
        assert ours is not None
        our_batch = client.batches.create(ours.id, "/v1/chat/completions", {"throw": True}).batch
        assert our_batch is not None
        seen = _seen_by_google(server, path, f"files/{ours.id.removeprefix('file-')}")
        assert seen["found"] == ["in.jsonl [aikit:batch gemini-2.5-flash]", len(_LINE), "application/jsonl"]
        assert json.loads(seen["output"])["custom_id"] == "c1"
        assert {name for name, _ in seen["batches"]} == {"batches/b0x", seen["batch"]}
        theirs = client.files.retrieve(seen["made"], {"throw": True}).file
        assert theirs is not None
        assert (theirs.filename, theirs.bytes, theirs.purpose) == ("theirs", len(_LINE), "batch")
        batch = client.batches.retrieve(seen["batch"], {"throw": True}).batch
        assert batch is not None
        assert (batch.status, batch.metadata, batch.input_file_id) == (
            "completed",
            {"display_name": "their job"},
            theirs.id,
        )
        assert (client.files.content(batch.output_file_id or "").content or b"").decode() == seen["output"]
        files = {f"files/{file.id.removeprefix('file-')}" for file in client.files.list({"throw": True}).files}
        assert files >= set(seen["files"])
