"""
A foreign server: installed once, started on a free port of the loopback, asked what reached it, and ended.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import attrs
import requests

from tests.made_once import made_once

VERSION: Final = "1.43.0"
PACKAGE: Final = "@copilotkit/aimock"
NODE_VERSION: Final = "22.23.3"
OLDEST_NODE: Final = (20, 15)
CACHE: Final = Path(__file__).parents[2] / ".cache" / "npm"
FILE_MAX_BYTES: Final = 10 * 1024 * 1024
BODY_MAX_BYTES: Final = 2 * (6 * FILE_MAX_BYTES + 64 * 1024)
"""More than this it does not even read to its end."""

_READY: Final = re.compile(r"listen(?:ing|s) on (http://127\.0\.0\.1:\d+)")
_START_S: Final = 120.0
_END_S: Final = 10.0


class Missing(Exception):  # noqa: N818  a reason to skip, not a fault
    """
    A program that the foreign server needs is not here and cannot be had.
    """


@attrs.frozen
class Aimock:
    """
    The running server.

    Attributes:
        address: Scheme, host and port.
    """

    address: str

    @property
    def base_url(self) -> str:
        """What a client takes as its base URL."""
        return f"{self.address}/v1"

    def journal(self, service: str = "files") -> list[dict[str, Any]]:
        """Return what reached an API since the last reset, first one first, as the server recorded it."""
        answer = requests.get(f"{self.address}/__aimock/journal", params={"service": service}, timeout=10)
        answer.raise_for_status()
        entries: list[dict[str, Any]] = answer.json()
        return entries

    def uploads(self) -> list[dict[str, Any]]:
        """Return what it understood of the uploads it took: filename, purpose, bytes, sha256."""
        return [entry["body"] for entry in self.journal() if entry["method"] == "POST" and _status(entry) == 200]

    def statuses(self) -> list[int]:
        """Return the statuses it answered with."""
        return [_status(entry) for entry in self.journal()]

    def reset(self) -> None:
        """Forget files and journal."""
        requests.post(f"{self.address}/__aimock/reset", timeout=10).raise_for_status()


@contextmanager
def running(folder: Path) -> Iterator[Aimock]:
    """
    Run the server, with its configuration and what it prints in *folder*.

    Raises:
        Missing: node or npm is not here, or the package cannot be installed.
    """
    program, modules = node(), installed(PACKAGE, VERSION, "--ignore-scripts")
    config = folder / "aimock.json"
    fixtures = modules / PACKAGE / "fixtures" / "example-greeting.json"
    config.write_text(json.dumps({"llm": {"fixtures": str(fixtures)}}), "utf-8")
    command = [program, str(modules / ".bin" / "aimock"), "-c", str(config), "-p", "0"]
    with started(command, folder / "aimock.txt") as address:
        yield Aimock(address)


@contextmanager
def started(command: list[str], said: Path, environ: Mapping[str, str] | None = None) -> Iterator[str]:
    """
    Run a server that tells where it listens, and return that address; what it prints goes to *said*.
    """
    with said.open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, env=environ and {**os.environ, **environ}
        )
        with process:
            try:
                yield _address(process, said)
            finally:
                _end(process)


def _address(process: subprocess.Popen[bytes], said: Path) -> str:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        found = _READY.search(said.read_text("utf-8", "replace"))
        if found is not None:
            return found[1]
        time.sleep(0.05)
    raise RuntimeError(f"the server did not start: {said.read_text('utf-8', 'replace')[-2000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()


def node(oldest: tuple[int, int] = OLDEST_NODE) -> str:
    """
    Return a node that is not older than *oldest*: the machine's, or else one that npm installs.
    """
    path = _program("node")
    version = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    found = tuple(map(int, re.findall(r"\d+", version)[:2]))
    return path if found >= oldest else str(installed("node", NODE_VERSION) / ".bin" / "node")


def installed(package: str, version: str, *options: str) -> Path:
    """
    Return the folder of modules with *package*, installed by the first run that needs it.
    """
    folder = CACHE / f"{package.rsplit('/', 1)[-1]}-{version}"
    command = ("install", "--no-audit", "--no-fund", *options, "--prefix")
    made_once(folder, lambda prefix: _install([_program("npm"), *command, str(prefix)], package, version))
    return folder / "node_modules"


def _install(command: list[str], package: str, version: str) -> None:
    try:
        done = subprocess.run(
            [*command, f"{package}@{version}"], cwd=CACHE, capture_output=True, text=True, timeout=900, check=False
        )
    except subprocess.TimeoutExpired:
        raise Missing(f"npm did not install {package} within fifteen minutes") from None
    if done.returncode != 0:
        raise Missing(f"npm cannot install {package}@{version}: {done.stderr.strip()[-300:]}")


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise Missing(f"{name} is not installed")
    return path


def _status(entry: dict[str, Any]) -> int:
    status: int = entry["response"]["status"]
    return status
