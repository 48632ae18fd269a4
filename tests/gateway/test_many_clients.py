"""
Tests of many clients at once: they die in mid upload, say nothing, or come slowly.
"""

from __future__ import annotations

import json
import signal
import socket
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from tests.gateway.incoming.sending import BOUNDARY, batch_line, field, file, form
from tests.gateway.raw_http import PATIENCE_S, Door, answer_on, statuses, wait_for

resource = pytest.importorskip("resource", reason="of POSIX systems")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="what a process holds is read from /proc"),
]
_GET = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
_TYPE = f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n".encode()


@attrs.frozen
class Receiver:
    """
    The program, its address and its spool.
    """

    process: subprocess.Popen[str]
    door: Door
    folder: Path

    def held(self) -> dict[str, int]:
        """
        Return what it holds.
        """
        found: dict[str, int] = json.loads(self.door.exchange(_GET).partition(b"\r\n\r\n")[2])
        return found


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    """
    Start the program, and end it.
    """
    with _started(tmp_path) as process:
        assert process.stdout is not None
        yield Receiver(process, Door(int(process.stdout.readline().rpartition(":")[2])), tmp_path)
        process.kill()


def _started(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.gateway.receiving_server", str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _post(body: bytes, size: int | None = None) -> bytes:
    length = f"Content-Length: {len(body) if size is None else size}\r\n".encode()
    return b"POST / HTTP/1.1\r\nHost: x\r\n" + _TYPE + length + b"\r\n" + body


def _body(lines: int) -> bytes:
    content = b"\n".join(map(batch_line, range(lines)))
    return form(field("purpose", "batch"), file(content))


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_a_thousand_clients_that_die_in_mid_upload_leave_nothing(receiver: Receiver) -> None:
    """
    No thread, descriptor or file of theirs stays, however they die and wherever they were; memory does not grow.
    """
    body = _body(3_000)
    before = receiver.held()
    sizes = []
    for _ in range(2):
        for number in range(500):
            connection = receiver.door.connect()
            connection.sendall(_post(body[: len(body) * (number % 100) // 100], len(body)))
            if number % 2:
                _reset(connection)
            else:
                connection.close()
        wait_for(lambda: _is_left(receiver.held(), before))
        sizes.append(receiver.held()["kib"])
    assert receiver.held()["threads"] <= before["threads"] + 4
    assert sizes[1] < sizes[0] + 40_000


def _is_left(held: dict[str, int], before: dict[str, int]) -> bool:
    return held["files"] == 0 and held["descriptors"] <= before["descriptors"] + 1


def test_slow_uploads_hold_no_threads_and_little_memory_and_delay_nobody(receiver: Receiver) -> None:
    """
    Two hundred that have sent a part wait as sockets; other requests are answered beside them.
    """
    body = _body(2_000)
    before = receiver.held()
    connections = [receiver.door.connect() for _ in range(200)]
    for connection in connections:
        connection.sendall(_post(body[: len(body) // 2], len(body)))
    times = []
    for _ in range(50):
        begun = time.perf_counter()
        receiver.held()
        times.append(time.perf_counter() - begun)
    during = receiver.held()
    assert during["threads"] <= before["threads"] + 4
    assert during["kib"] < before["kib"] + 200 * 1_000
    assert statistics.median(times) < 1
    for connection in connections:
        connection.sendall(body[len(body) // 2 :])
    for connection in connections:
        assert json.loads(answer_on(connection).partition(b"\r\n\r\n")[2]) == {
            "bytes": len(b"\n".join(map(batch_line, range(2_000)))),
            "lines": 2_000,
        }
        connection.close()


def test_what_a_killed_process_left_is_removed_by_the_next(receiver: Receiver) -> None:
    """
    The spool of a process that lives is left alone.
    """
    body = _body(5_000)
    with receiver.door.connect() as connection:
        connection.sendall(_post(body[:-10], len(body)))
        wait_for(lambda: receiver.held()["files"] == 1)
        with _started(receiver.folder) as another:
            assert another.stdout is not None
            another.stdout.readline()
            assert receiver.held()["files"] == 1
            another.send_signal(signal.SIGTERM)
        receiver.process.kill()
        receiver.process.wait()
    assert len(list(receiver.folder.iterdir())) == 1
    with _started(receiver.folder) as another:
        assert another.stdout is not None
        another.stdout.readline()
        (mine,) = receiver.folder.iterdir()
        assert [path.name for path in mine.iterdir()] == [".lock"]
        another.send_signal(signal.SIGTERM)
    assert list(receiver.folder.iterdir()) == []


def test_one_line_as_long_as_allowed_takes_its_memory_once(receiver: Receiver) -> None:
    """
    While it comes it is on disk, also when many come at once; one of them is read at a time.
    """
    line = batch_line(1)[:-2] + b', "x": "' + b"y" * 8_000_000 + b'"}}'
    body = form(field("purpose", "batch"), file(line))
    connections = [receiver.door.connect() for _ in range(20)]
    for connection in connections:
        connection.sendall(_post(body[:-100], len(body)))
    assert receiver.held()["kib"] < 300_000
    for connection in connections:
        connection.sendall(body[-100:])
        assert statuses(answer_on(connection)) == [200]
        connection.close()


@pytest.mark.long
def test_ten_thousand_half_open_connections_delay_nobody(receiver: Receiver) -> None:
    """
    As many as this system allows: each is ended after its time, and nothing of them stays.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    connections: list[socket.socket] = []
    try:
        before = receiver.held()
        for number in range(min(10_000, hard - 200)):
            connection = receiver.door.connect()
            connections.append(connection)
            if number % 2:
                connection.sendall(b"GET / HTTP/1.1\r\nHo")
            if number % 1_000 == 0:
                receiver.held()
        begun = time.perf_counter()
        during = receiver.held()
        assert time.perf_counter() - begun < PATIENCE_S / 4
        assert during["threads"] <= before["threads"] + 4
        wait_for(lambda: _is_left(receiver.held(), before))
        assert receiver.held()["kib"] < before["kib"] + 200_000
    finally:
        for connection in connections:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
