"""
A PostgreSQL server of Debian's for tests: in a temporary folder, behind a socket there, without a port.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import attrs
import psycopg
import pytest

_USER: Final = "postgres"
_FAST: Final = "-c fsync=off -c full_page_writes=off -c max_connections=300 -c shared_buffers=16MB -c listen_addresses="


@attrs.frozen
class Postgres:
    """
    A server that runs.
    """

    socket: Path
    binaries: Path
    _free: list[str] = attrs.field(factory=list, init=False)

    def database(self) -> str:
        """
        Make an empty database, and return its address.
        """
        name = f"d{uuid.uuid4().hex}"
        _run(self.binaries, "createdb", "--host", str(self.socket), "--username", _USER, name)
        return f"postgresql://{_USER}@/{name}?host={self.socket}"

    def start(self) -> None:
        """
        Start the server, and wait until it answers.
        """
        options = f"{_FAST} -k {self.socket}"
        self._control("-o", options, "-l", str(self.socket / "log"), "-w", "start")

    def stop(self) -> None:
        """
        End the server at once.
        """
        self._control("-m", "immediate", "-w", "stop")

    def _control(self, *arguments: str) -> None:
        _run(self.binaries, "pg_ctl", "-D", str(self.socket / "data"), *arguments, as_owner=True)

    @contextmanager
    def lent_database(self) -> Iterator[str]:
        """
        Lend an empty database for the block, one that was lent before if there is one: to copy one takes long.
        """
        url = self._free.pop() if self._free else self.database()
        yield url
        with psycopg.connect(url, autocommit=True) as connection:
            for schema in ("aikit", "public"):
                connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE".encode())
            connection.execute("CREATE SCHEMA public")
        self._free.append(url)

    def ask(self, url: str, query: str) -> str:
        """
        Return what *query* answers in the database at *url*.
        """
        name = url.partition("@/")[2].partition("?")[0]
        return _run(self.binaries, "psql", "-h", str(self.socket), "-U", _USER, "-At", "-c", query, name)


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """
    Start a server for the block, as the user ``postgres`` where the tests run as root; skip where there is none.
    """
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("no PostgreSQL server: apt-get install postgresql")
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as folder:
        home, binaries = Path(folder), found[-1].parent
        if os.geteuid() == 0:
            shutil.chown(home, _USER)
        data = str(home / "data")
        _run(binaries, "initdb", "-D", data, "-A", "trust", "-U", _USER, "-E", "UTF8", "--no-sync", as_owner=True)
        server = Postgres(home, binaries)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _run(binaries: Path, program: str, *arguments: str, as_owner: bool = False) -> str:
    is_root = os.geteuid() == 0 and as_owner
    command = [*(["runuser", "-u", _USER, "--"] if is_root else []), str(binaries / program), *arguments]
    with tempfile.TemporaryFile("w+") as output:  # a pipe would stay open in the server
        done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, cwd="/", check=False)
        output.seek(0)
        text = output.read()
    assert done.returncode == 0, text
    return text.strip()
