"""
Calls in the thread of an event loop: what blocks it is told once.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aikit import OpenAIClient, OpenAIFileListResult


@pytest.fixture
def client(tmp_path: Path) -> Iterator[OpenAIClient]:
    """
    A client of the embedded provider.
    """
    with OpenAIClient(provider="local", home=tmp_path) as made:
        yield made


async def _in_loop(call: Any) -> Any:
    return call()


def _told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "event loop" in record.getMessage()]


def test_a_call_that_blocks_the_loop_is_told_once_for_each_client(
    client: OpenAIClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """
    The warning names what the call gives, and what to write; the call is done all the same.
    """

    def calls() -> bool:
        return client.files.list().success and client.batches.list().success

    assert asyncio.run(_in_loop(calls))
    assert len(_told(caplog)) == 1
    assert "OpenAIFileListResult" in _told(caplog)[0]
    assert "background=True" in _told(caplog)[0]
    assert caplog.records[0].levelno == logging.WARNING
    with OpenAIClient(provider="local", home=tmp_path) as other:
        asyncio.run(_in_loop(other.files.list))
    assert len(_told(caplog)) == 2


def test_calls_that_do_not_block_are_not_told(client: OpenAIClient, caplog: pytest.LogCaptureFixture) -> None:
    """
    In the background, with a callback, in another thread, or without a loop nothing is blocked.
    """

    async def calls() -> None:
        await client.files.list({"background": True})
        await client.files.list({"on_terminate": print})
        await asyncio.to_thread(client.files.list)

    asyncio.run(calls())
    client.files.list()
    assert _told(caplog) == []


@pytest.mark.parametrize("wait", [OpenAIFileListResult.wait, list, len], ids=["wait", "list", "len"])
def test_waiting_for_a_call_in_the_background_blocks_the_loop_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, wait: Callable[[Any], object]
) -> None:
    """
    Who waits for a result, iterates it or counts it in the loop while its call runs is told once to await it.
    """
    gate = threading.Event()

    async def calls(client: OpenAIClient) -> None:
        client.files.list(on_terminate=lambda _: gate.wait(20))  # on the only thread that there is
        result = client.files.list(background=True)
        assert not result.wait(0)
        assert _told(caplog) == []
        threading.Timer(0.2, gate.set).start()
        wait(result)
        wait(result)
        await result

    with OpenAIClient(provider="local", home=tmp_path, max_workers=1) as client:
        asyncio.run(calls(client))
    assert ["await it instead" in message for message in _told(caplog)] == [True]


def test_a_notebook_is_not_told(
    client: OpenAIClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """
    The loop of a notebook is its kernel's, which waits for each cell anyway.
    """
    monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
    asyncio.run(_in_loop(client.files.list))
    assert _told(caplog) == []
