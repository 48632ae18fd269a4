"""
The gateway and the SDKs that people have: each takes every call, in a process of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from aikit.testing import embedded_provider
from tests.foreign.libraries import said_by

pytestmark = [pytest.mark.foreign, pytest.mark.slow]

_ROOT: Final = Path(__file__).parents[2]
KEY: Final = "sk-1234"
OPENAI: Final = "openai==3.54.0"
_COUNTS: Final = {"total": 3, "completed": 3, "failed": 0}


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Serve the embedded provider; give its address without ``/v1``."""
    with embedded_provider(tmp_path / "home") as provider:
        yield provider.serve(key=KEY).removesuffix("/v1")


def _found(program: str, *arguments: str) -> Any:
    return json.loads(said_by(OPENAI, program, *arguments))


@pytest.mark.parametrize("path", ["", "/v1", "/local/v1"])
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


def test_the_example_of_a_test_passes() -> None:
    """
    Its four tests, of a program on OpenAI's library.
    """
    assert "4 passed" in said_by(OPENAI, "run_tests.py", str(_ROOT / "examples" / "test_served.py"))
