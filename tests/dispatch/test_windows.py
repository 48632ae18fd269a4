"""
Clients that are closed with windows, which go when the test says so.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aikit import OpenAIClient, dispatch
from tests.dispatch.test_tk_loop import HandRoot
from tests.scripted_server import ScriptedServer, serving, silent


@pytest.fixture
def silent_server() -> Iterator[ScriptedServer]:
    """Run a server that never answers."""
    with serving(silent()) as server:
        yield server


@pytest.fixture
def client(silent_server: ScriptedServer, tmp_path: Path) -> Iterator[OpenAIClient]:
    """Make a client of a server that never answers."""
    client = OpenAIClient("k", base_url=silent_server.url, home=tmp_path)
    yield client
    client.close(cancel=True)


def is_closed(client: OpenAIClient) -> bool:
    """Tell whether the client takes no more calls."""
    try:
        return not client.files.list({"deadline": 0.1}).errors
    except RuntimeError:
        return True


def test_calls_are_cancelled_without_callbacks_when_the_window_goes(client: OpenAIClient) -> None:
    """What is under way ends as cancelled, and its callback, which would touch the window, is not called."""
    root, called = HandRoot(), list[Any]()
    client.close_with(root)
    result = client.files.list({"on_terminate": called.append})
    root.destroy()

    assert result.wait(10)
    assert [error.code for error in result.errors] == ["cancelled"]
    for _ in range(50):
        root.pass_a_millisecond()
    assert called == []
    with pytest.raises(RuntimeError, match="the client is closed"):
        client.files.list()


def test_callbacks_run_in_the_main_loop_of_the_window(tmp_path: Path) -> None:
    """A client that was given no dispatcher has that of its window from then on."""
    root, called = HandRoot(), list[Any]()
    client = OpenAIClient(provider="local", home=tmp_path)
    client.close_with(root)
    result = client.files.list({"on_terminate": called.append})

    assert result.wait(10)
    assert called == []
    for _ in range(50):
        root.pass_a_millisecond()
    assert called == [result]
    root.destroy()


def test_last_of_several_windows_counts(client: OpenAIClient) -> None:
    """As long as one of them is open the client takes calls; what one of them tells twice counts once."""
    roots = [HandRoot(), HandRoot()]
    for root in roots:
        client.close_with(root)
    roots[0].destroy()
    roots[0].destroy()
    assert not is_closed(client)
    roots[1].destroy()
    assert is_closed(client)


def test_dispatcher_that_was_given_is_kept_and_goes_on_for_others(tmp_path: Path) -> None:
    """A client that is closed with its window takes no callbacks from another one with the same dispatcher."""
    root, called = HandRoot(), list[Any]()
    shared = dispatch.pumped()
    with (
        OpenAIClient(provider="local", home=tmp_path, dispatcher=shared) as other,
        OpenAIClient(provider="local", home=tmp_path, dispatcher=shared) as own,
    ):
        own.close_with(root)
        mine = own.files.list({"on_terminate": called.append})
        theirs = other.files.list({"on_terminate": called.append})
        assert all(result.wait(10) for result in (mine, theirs))
        root.destroy()
        shared.pump()

        assert called == [theirs]


def test_block_of_a_client_with_a_window_cancels_at_its_end(silent_server: ScriptedServer, tmp_path: Path) -> None:
    """The main loop was left inside of it: nothing is waited for."""
    with OpenAIClient("k", base_url=silent_server.url, home=tmp_path) as client:
        client.close_with(HandRoot())
        result = client.files.list({"background": True})
    assert [error.code for error in result.errors] == ["cancelled"]


def test_class_of_windows_is_no_window(client: OpenAIClient) -> None:
    """Who forgets the parentheses is told what is one."""
    with pytest.raises(TypeError, match=r"close_with\(\) needs a tkinter.Tk or Toplevel, .* not type"):
        client.close_with(HandRoot)
    assert not is_closed(client)


def test_window_that_is_gone_already_is_refused(client: OpenAIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is one that the call tells of, and not Tcl's; the client goes on."""
    monkeypatch.setitem(sys.modules, "_tkinter", SimpleNamespace(TclError=LookupError))

    class GoneRoot(HandRoot):
        def bind(self, *_: Any, **__: Any) -> None:
            raise LookupError("application has been destroyed")

    with pytest.raises(RuntimeError, match="the window is destroyed already"):
        client.close_with(GoneRoot())
    assert not is_closed(client)


def test_what_is_no_window_is_refused(client: OpenAIClient) -> None:
    """The message says what is one, and the client goes on."""
    with pytest.raises(TypeError, match=r"close_with\(\) needs a tkinter.Tk or Toplevel, .* not str"):
        client.close_with("window")
    assert not is_closed(client)
    client.close()
    with pytest.raises(RuntimeError, match="the client is closed"):
        client.close_with(HandRoot())
