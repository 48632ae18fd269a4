"""
What signal handlers raise is told from all other errors, whatever its class, and whatever became of it.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from unittest.mock import Mock

import pytest

from aikit.types.interruptions import interruption_in, let_through, suppress

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="this system has no such signals")


class _Called:
    def __call__(self, signum: int, frame: Any) -> None:
        """Raise, without the frame at hand."""
        del signum, frame
        raise TimeoutError("of its own")

    def method(self, _: int, __: Any) -> None:
        """Raise deep inside."""
        _raise()


def _raise() -> None:
    raise TimeoutError("of its own")


def _plain(_: int, __: Any) -> None:
    raise TimeoutError("of its own")


def _forgetful(signum: int, frame: Any) -> None:
    del signum, frame
    raise TimeoutError("of its own")


def _removes_itself(*_: Any) -> None:
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    raise TimeoutError("of its own")


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    before = signal.getsignal(signal.SIGUSR1)
    yield
    signal.signal(signal.SIGUSR1, before)


def _interrupted(handler: Callable[..., Any] = _plain) -> None:
    signal.signal(signal.SIGUSR1, handler)
    os.kill(os.getpid(), signal.SIGUSR1)
    for _ in range(1000):
        pass


@pytest.mark.parametrize(
    "handler",
    [
        _plain,
        _forgetful,
        _removes_itself,
        _Called(),
        _Called().method,
        partial(_forgetful),
        lambda *_: _raise(),
        Mock(side_effect=TimeoutError("of its own")),
    ],
)
def test_handlers_of_every_kind_are_known(handler: Callable[..., Any]) -> None:
    """A function, a method, an object, a partial: what each raises is an interruption, also when it was wrapped."""
    with pytest.raises(TimeoutError) as direct:
        _interrupted(handler)
    assert interruption_in(direct.value) is direct.value

    def wrapping() -> None:
        try:
            _interrupted(handler)
        except OSError:
            raise ConnectionError("broke") from None

    with pytest.raises(ConnectionError) as wrapped:
        wrapping()
    found = interruption_in(wrapped.value)
    assert isinstance(found, TimeoutError)
    assert found.args == ("of its own",)


def test_it_goes_through_unchanged() -> None:
    """The very exception is raised, with what it was raised from, and nothing that came of it."""

    def meanwhile() -> None:
        try:
            _interrupted()
        except OSError as error:
            error.__cause__ = LookupError("before")
            raise ConnectionError("broke") from error

    def call() -> None:
        try:
            meanwhile()
        except ConnectionError as error:
            let_through(error)

    with pytest.raises(TimeoutError) as caught:
        call()
    assert isinstance(caught.value.__cause__, LookupError)
    assert caught.value.__context__ is None


def test_other_errors_are_none() -> None:
    """An error that no handler raised is let be, with a handler installed, and in functions that get a frame."""
    signal.signal(signal.SIGUSR1, _plain)
    with pytest.raises(TimeoutError) as caught:
        _raise()
    assert interruption_in(caught.value) is None
    let_through(caught.value)


def test_what_the_program_handles_already_is_its_own_affair() -> None:
    """A failure amid the handling of an earlier time limit is a failure, and no second time limit."""

    def fails() -> None:
        raise ConnectionError("broke")

    def call() -> tuple[BaseException | None, BaseException | None]:
        try:
            fails()
        except ConnectionError as error:
            return error.__context__, interruption_in(error)
        return None, None

    found: tuple[BaseException | None, ...] = ()
    try:
        _interrupted()
    except TimeoutError as error:
        found = (error, *call())
    handled, context, interruption = found
    assert context is handled
    assert interruption is None


def test_suppress_lets_it_through() -> None:
    """Errors of the listed classes are suppressed, unless a signal handler raised them."""
    with suppress(OSError):
        raise FileNotFoundError
    with pytest.raises(TimeoutError), suppress(OSError):
        _interrupted()
    with pytest.raises(LookupError), suppress(OSError):
        raise LookupError


def test_other_threads_have_none() -> None:
    """Signal handlers run in the main thread only, so no other one asks."""
    found: list[BaseException | None] = []

    def ask() -> None:
        try:
            frame = None
            _plain(0, frame)
        except TimeoutError as error:
            found.append(interruption_in(error))

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert found == [None]
