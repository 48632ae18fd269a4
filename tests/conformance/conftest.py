"""
The checker, the recorder, and clients of both kinds of provider.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aikit import OpenAIClient
from tests.conformance.checker import Checker
from tests.conformance.document import FALSE_ALARMS, STRICTER, amended
from tests.conformance.embedded import Embedded
from tests.conformance.recorder import Recorder, recording


@pytest.fixture(scope="session")
def checker() -> Checker:
    """Read the document, set right."""
    return Checker(amended((*FALSE_ALARMS, *STRICTER)))


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """Run a server that writes down what reaches it."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with recording() as recorder:
        yield recorder


@pytest.fixture
def client(recorder: Recorder) -> Iterator[OpenAIClient]:
    """Make a client of that server."""
    address = f"{recorder.address}/v1"
    with OpenAIClient("sk-of-a-test", base_url=address, organization="org-1", project="proj-1") as client:
        yield client


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Embedded]:
    """Open a store in a new folder."""
    embedded = Embedded(tmp_path / "home")
    yield embedded
    embedded.transport.close()
