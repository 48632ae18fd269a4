"""
The gateway and the SDKs that people have: each takes every call, in a process of its own.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from aikit.testing import embedded_provider
from tests.foreign import aimock
from tests.foreign.libraries import said_by

pytestmark = [pytest.mark.foreign, pytest.mark.slow]

_ROOT: Final = Path(__file__).parents[2]
KEY: Final = "sk-1234"
OPENAI: Final = "openai==3.54.0"
LITELLM: Final = "litellm==1.110.2"
OPENAI_FOR_NODE: Final = "7.59.0"
_MOST_KB: Final = 150 * 1024
_COUNTS: Final = {"total": 3, "completed": 3, "failed": 0}


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Serve the embedded provider; give its address without ``/v1``."""
    with embedded_provider(tmp_path / "home") as provider:
        yield provider.serve(key=KEY).removesuffix("/v1")


def _found(program: str, *arguments: str) -> Any:
    return json.loads(said_by(OPENAI, program, *arguments))


@pytest.mark.parametrize("path", ["", "/v1", "/azure/v1"])
def test_openais_library_takes_every_call(address: str, path: str) -> None:
    """
    Files, uploads and batches, lists in pages, streams, errors, and all of it awaited.
    """
    found = _found("gateway_openai.py", address + path, KEY)
    assert found["files"] == {"deleted": True, "lasts": 3600}
    assert found["paging"] == {"newest": True, "oldest": True, "left": 0}
    assert found["uploads"] == {"done": "completed", "cancelled": "cancelled", "chunked": "completed"}
    assert found["batches"] == {
        "status": "completed",
        "counts": _COUNTS,
        "rows": ["r-0", "r-1", "r-2"],
        "listed": True,
        "stopped": True,
        "output": "batch_output",
    }
    assert found["async"] == {"sizes": [1, 2, 3, 4, 5, 6, 7, 8], "listed": True}
    assert {name: told[:2] for name, told in found["errors"].items()} == {
        "unknown file": ["NotFoundError", 404],
        "unknown batch": ["NotFoundError", 404],
        "wrong key": ["AuthenticationError", 401],
        "bad lines": ["BadRequestError", 400],
        "no purpose": ["BadRequestError", 400],
        "bad limit": ["BadRequestError", 400],
    }


def test_openais_library_for_azure_takes_its_calls(address: str) -> None:
    """
    With ``api-key`` and ``api-version``, and in the newer surface.
    """
    assert _found("gateway_azure.py", address, KEY) == [["completed", "a", True], ["completed", "a", True]]


@pytest.mark.long
def test_six_hundred_megabytes_take_little_memory(tmp_path: Path) -> None:
    """
    They go up in parts and come back the same, through a gateway in a process of its own.
    """
    command = [sys.executable, "-m", "aikit", "gateway", "--port", "0", "--home", str(tmp_path / "home"), "-q"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=_ROOT) as gateway:
        assert gateway.stdout is not None
        try:
            url = gateway.stdout.readline().strip()
            found = json.loads(said_by(OPENAI, "gateway_large.py", f"{url}/v1", KEY, str(tmp_path), timeout_s=600))
            status = Path(f"/proc/{gateway.pid}/status").read_text()
        finally:
            gateway.terminate()
    assert found == [600 * 999_991, True]
    peak = re.search(r"VmHWM:\s*(\d+)", status)
    assert peak is not None
    assert int(peak[1]) < _MOST_KB


@pytest.mark.parametrize("path", ["", "/v1"])
def test_openais_library_for_node_takes_every_call(address: str, path: str, tmp_path: Path) -> None:
    """
    Files, uploads and batches, lists in pages, streams and errors.
    """
    found = _found_in_node("gateway_openai.mjs", tmp_path, address + path, KEY)
    assert (found["files"], found["paging"], found["uploads"]) == (True, True, ["completed", "cancelled"])
    assert found["batches"] == {
        "status": "completed",
        "counts": _COUNTS,
        "rows": ["r-0", "r-1", "r-2"],
        "listed": True,
        "stopped": True,
    }
    assert found["errors"] == {
        "unknown file": ["NotFoundError", 404],
        "unknown batch": ["NotFoundError", 404],
        "wrong key": ["AuthenticationError", 401],
        "bad lines": ["BadRequestError", 400],
    }


@pytest.mark.long  # to install it takes minutes
@pytest.mark.parametrize("path", ["", "/v1"])
def test_litellms_sdk_takes_its_calls(address: str, path: str) -> None:
    """
    With ``api_base``, and each of them awaited.
    """
    found = json.loads(said_by(LITELLM, "gateway_litellm.py", address + path, KEY).splitlines()[-1])
    assert found == {
        "plain": ["completed", 3, True, True, True],
        "awaited": ["completed", 3, True],
        "unknown": ["NotFoundError", 404],
    }


def _found_in_node(program: str, folder: Path, *arguments: str) -> Any:
    """
    Run a program where the library is found: beside its folder of modules.
    """
    try:
        node, modules = aimock.node(), aimock.installed("openai", OPENAI_FOR_NODE)
    except aimock.Missing as reason:
        pytest.skip(str(reason))
    (folder / "node_modules").symlink_to(modules)
    copy = folder / program
    copy.write_bytes(Path(__file__).with_name(program).read_bytes())
    command = [node, str(copy), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_the_example_of_a_test_passes() -> None:
    """
    Its four tests, of a program on OpenAI's library.
    """
    assert "4 passed" in said_by(OPENAI, "run_tests.py", str(_ROOT / "examples" / "test_served.py"))
