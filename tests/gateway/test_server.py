"""
Tests of the server's life: signals, the drain, and what it does at its end.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from aikit.gateway.server import ServerOptions, serving
from tests.gateway.raw_http import PATIENCE_S, Door, Seen, answer_on, rest_of, statuses, wait_for

_PROGRAM = """
import sys
from aikit.gateway.server import ServerOptions, run
from tests.gateway.raw_http import Seen

def say(*words):
    print(*words, flush=True)

delay, timeout = map(float, sys.argv[1:])
options = ServerOptions(
    drain_delay_s=delay,
    drain_timeout_s=timeout,
    on_start=say,
    on_drain=lambda: say("drain"),
    on_reload=lambda: say("reload"),
)
run(Seen(), port=0, options=options)
say("ended")
"""
_LATE = b"GET /late HTTP/1.1\r\nHost: x\r\n\r\n"


@contextmanager
def _running(delay_s: float, timeout_s: float) -> Iterator[tuple[subprocess.Popen[str], Door]]:
    command = [sys.executable, "-c", _PROGRAM, str(delay_s), str(timeout_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, Door(int(process.stdout.readline().rpartition(":")[2]))
        finally:
            process.kill()


def _said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
def test_a_request_under_way_ends_and_new_ones_are_taken_until_the_delay_is_over() -> None:
    """
    After SIGTERM the readiness route is told first; then nothing is accepted, and the exit code is 0.
    """
    with _running(1.0, 20) as (process, door), door.connect() as late, door.connect() as idle:
        late.sendall(_LATE)
        process.send_signal(signal.SIGTERM)
        assert _said(process) == "drain"
        late.sendall(_LATE)
        assert statuses(door.exchange(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")) == [200]
        assert statuses(rest_of(late)) == [200, 200]
        assert rest_of(idle) == b""
        assert _said(process) == "ended"
        assert process.wait(PATIENCE_S) == 0
        with pytest.raises(OSError, match="refused"):
            door.connect()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
@pytest.mark.parametrize("is_asked_twice", [True, False])
def test_a_request_that_does_not_end_is_cut_off(*, is_asked_twice: bool) -> None:
    """
    After the time for it, or at the second signal.
    """
    with _running(0, 300 if is_asked_twice else 1) as (process, door), door.connect() as endless:
        endless.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n")
        process.send_signal(signal.SIGINT)
        assert _said(process) == "drain"
        if is_asked_twice:
            process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there is no such signal")
def test_a_hangup_reads_the_configuration_anew_and_nothing_else() -> None:
    """
    Requests go on as before.
    """
    with _running(0, 5) as (process, door), door.connect() as late:
        late.sendall(_LATE)
        for _ in range(2):
            process.send_signal(signal.SIGHUP)
            assert _said(process) == "reload"
        assert statuses(answer_on(late)) == [200]


def test_a_server_on_a_thread_leaves_no_thread() -> None:
    """
    Leaving the block ends it, and gives its port back.
    """
    before = set(threading.enumerate())
    with serving(Seen()) as address:
        port = int(address.rpartition(":")[2])
        assert statuses(Door(port).exchange(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")) == [200]
    wait_for(lambda: set(threading.enumerate()) <= before)
    with serving(Seen(), port=port, options=ServerOptions()) as again:
        assert again == address


def test_a_port_in_use_is_told() -> None:
    """
    The error is the system's, before anything is served.
    """
    with serving(Seen()) as address, pytest.raises(OSError, match="in use"):
        serving(Seen(), port=int(address.rpartition(":")[2])).__enter__()


def test_a_body_does_not_wait_for_word_of_its_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Connections send at once what they are given: with Nagle's algorithm a small answer takes 40 ms.
    """
    accepted: list[int] = []
    original = socket.socket.accept

    def noted(self: socket.socket) -> Any:
        connection, address = original(self)
        accepted.append(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        return connection, address

    monkeypatch.setattr(socket.socket, "accept", noted)
    with serving(Seen()) as address:
        Door(int(address.rpartition(":")[2])).exchange(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert accepted
    assert all(accepted)
