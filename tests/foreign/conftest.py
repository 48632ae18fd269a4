"""
The foreign server, a client of it, and the three manners of making a call.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

import pytest

from aikit import OpenAIClient
from tests.foreign.aimock import Aimock, Missing, running

Manner: TypeAlias = Callable[..., Any]
"""Makes a call with arguments and options, and returns its result when the call is over."""

PATIENCE_S: Final = 60.0


@pytest.fixture(scope="session")
def _aimock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aimock]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")  # a proxy of the machine has no business on the loopback
        patch.setenv("no_proxy", "127.0.0.1")
        try:
            with running(tmp_path_factory.mktemp("aimock")) as server:
                yield server
        except Missing as reason:
            pytest.skip(str(reason))


@pytest.fixture
def aimock(_aimock: Aimock) -> Aimock:
    """Give the server, empty."""
    _aimock.reset()
    return _aimock


@pytest.fixture
def client(aimock: Aimock) -> Iterator[OpenAIClient]:
    """Make a client of the server."""
    with OpenAIClient("sk-of-a-test", base_url=aimock.base_url) as client:
        yield client


@pytest.fixture(params=["synchronous", "with callbacks", "awaited"])
def manner(request: pytest.FixtureRequest) -> Manner:
    """Make the call in each of the three manners."""
    manners = {"synchronous": _synchronously, "with callbacks": _with_callbacks, "awaited": _awaited}
    return manners[request.param]


def noise(size_bytes: int, seed: int = 0) -> bytes:
    """Return bytes without any pattern, the same for the same seed."""
    return random.Random(seed).randbytes(size_bytes)  # noqa: S311  content, no secret


def sha256(content: bytes) -> str:
    """Return the hash of *content* in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _synchronously(call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    result = call(*arguments, options)
    assert result.terminated
    return result


def _with_callbacks(call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    heard: list[tuple[str, Any]] = []
    names = ("on_response", "on_error", "on_terminate")
    callbacks = {name: lambda result, name=name: heard.append((name, result)) for name in names}
    result = call(*arguments, options | callbacks)
    assert result.wait(PATIENCE_S)
    first = "on_response" if result.success else "on_error"
    assert [(name, heard_of is result) for name, heard_of in heard] == [(first, True), ("on_terminate", True)]
    return result


def _awaited(call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    async def run() -> Any:
        return await asyncio.wait_for(call(*arguments, options | {"background": True}), PATIENCE_S)

    return asyncio.run(run())
