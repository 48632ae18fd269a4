"""
The gateway and curl: the calls of LiteLLM's documentation of files and batches, and how it is told a provider there.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from aikit.testing import embedded_provider
from tests.gateway.gateways import lines

pytestmark = [pytest.mark.foreign, pytest.mark.slow]

KEY: Final = "sk-1234"
Curl = Callable[..., Any]
# https://docs.litellm.ai/docs/proxy/litellm_managed_files and /docs/batches (read 2026-11-30)


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Serve the embedded provider; give its address without ``/v1``."""
    with embedded_provider(tmp_path / "home") as provider:
        yield provider.serve(key=KEY).removesuffix("/v1")


@pytest.fixture(params=["", "/v1", "/openai/v1", "/azure/v1"])
def curl(request: pytest.FixtureRequest, address: str, tmp_path: Path) -> Curl:
    """Call curl in a folder with files, at each spelling of the address; give the answer."""
    program = shutil.which("curl")
    if program is None:
        pytest.skip("curl is not installed")
    (tmp_path / "mydata.jsonl").write_bytes(lines("gpt-4o-mini", "gpt-4o-mini"))
    (tmp_path / "bad.jsonl").write_text('{"custom_id": 1}\nno\n')

    def run(path: str, *arguments: str, is_json: bool = True) -> Any:
        command = [program, "-sS", "--noproxy", "*", address + request.param + path, *arguments]
        command += ["-H", f"Authorization: Bearer {KEY}"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
        return json.loads(done.stdout) if is_json else done.stdout

    return run


_JSON: Final = ("-H", "Content-Type: application/json")
_CHOICES: Final = {
    "nothing": (),
    "a field of the form": ("-F", "custom_llm_provider=azure"),
    "a header": ("-H", "custom-llm-provider: vertex_ai"),
}


@pytest.mark.parametrize("choice", _CHOICES)
def test_a_file_goes_up_is_looked_at_and_deleted(curl: Curl, choice: str) -> None:
    """
    However the provider is told; afterwards the id is enough.
    """
    file = curl("/files", "-F", "purpose=batch", "-F", "file=@mydata.jsonl", *_CHOICES[choice])
    assert (file["object"], file["purpose"], file["filename"]) == ("file", "batch", "mydata.jsonl")
    assert curl(f"/files/{file['id']}")["id"] == file["id"]
    assert [each["id"] for each in curl("/files")["data"]] == [file["id"]]
    assert [each["id"] for each in curl("/files?provider=openai&purpose=batch")["data"]] == [file["id"]]
    assert curl(f"/files/{file['id']}/content", is_json=False) == lines("gpt-4o-mini", "gpt-4o-mini").decode()
    assert curl(f"/files/{file['id']}", "-X", "DELETE") == {"id": file["id"], "object": "file", "deleted": True}
    assert "No such File object" in curl(f"/files/{file['id']}")["error"]["message"]


def test_a_batch_runs(curl: Curl) -> None:
    """
    It is created, looked at until it is over, listed, and its answers come.
    """
    file = curl("/files", "-F", "purpose=batch", "-F", "file=@mydata.jsonl")
    order = {"input_file_id": file["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    batch = curl("/batches", *_JSON, "-d", json.dumps(order))
    assert (batch["object"], batch["input_file_id"]) == ("batch", file["id"])
    for _ in range(300):
        batch = curl(f"/batches/{batch['id']}", *_JSON)
        if batch["status"] == "completed":
            break
        time.sleep(0.1)
    assert batch["request_counts"] == {"total": 2, "completed": 2, "failed": 0}
    assert [each["id"] for each in curl("/batches?limit=2", *_JSON)["data"]] == [batch["id"]]
    assert curl(f"/files/{batch['output_file_id']}/content", is_json=False).count("\n") == 2
    assert "Cannot cancel" in curl(f"/batches/{batch['id']}/cancel", "-X", "POST")["error"]["message"]


def test_all_that_is_wrong_with_a_file_is_told_at_once(curl: Curl) -> None:
    """
    With the lines, in one answer, before anything goes to a provider.
    """
    error = curl("/files", "-F", "purpose=batch", "-F", "file=@bad.jsonl")["error"]
    assert len(error["errors"]) > 1
    assert {1, 2} <= {each.get("line") for each in error["errors"]}
    assert curl("/files")["data"] == []


def test_models_and_health_are_told(curl: Curl) -> None:
    """
    What their tests wait for first.
    """
    assert curl("/models")["object"] == "list"
