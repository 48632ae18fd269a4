"""
A foreign blob storage: its account, a signature for it, and the containers of a test.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import attrs
import requests

from tests.foreign.aimock import installed, node, started

VERSION: Final = "3.37.0"
OLDEST_NODE: Final = (22, 0)
_ACCOUNT: Final = "tests"
_KEY: Final = bytes(64)
_SAS_VERSION: Final = "2023-11-03"


@attrs.frozen
class Azurite:
    """
    The running storage, and its one account.

    Attributes:
        address: Scheme, host and port.
    """

    address: str

    @property
    def url(self) -> str:
        """Address of the account."""
        return f"{self.address}/{_ACCOUNT}"

    def sas(self, permissions: str = "r") -> str:
        """
        Return a signature that allows *permissions* on all blobs for an hour.
        """
        # the string to sign: https://learn.microsoft.com/rest/api/storageservices/create-account-sas (read 2026-11-30)
        expiry = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        fields = (_ACCOUNT, permissions, "b", "sco", "", expiry, "", "https,http", _SAS_VERSION, "", "")
        digest = hmac.digest(_KEY, "\n".join(fields).encode(), hashlib.sha256)
        signature = base64.b64encode(digest).decode()
        return urlencode(
            {"sv": _SAS_VERSION, "ss": "b", "srt": "sco", "sp": permissions, "se": expiry, "spr": "https,http"}
            | {"sig": signature}
        )

    def make_container(self, name: str) -> None:
        """Make a container."""
        requests.put(f"{self.url}/{name}?restype=container&{self.sas('rwdlac')}", timeout=10).raise_for_status()

    def put(self, url: str, content: bytes) -> None:
        """Store a blob, as the identity of a resource would."""
        headers = {"x-ms-blob-type": "BlockBlob"}
        requests.put(f"{url}?{self.sas('rwc')}", data=content, headers=headers, timeout=60).raise_for_status()

    def get(self, url: str) -> bytes:
        """Return a blob, likewise."""
        answer = requests.get(f"{url}?{self.sas()}", timeout=60)
        answer.raise_for_status()
        return answer.content


@contextmanager
def azurite_here(folder: Path) -> Iterator[Azurite]:
    """
    Run the storage, with what it prints in *folder*.

    Raises:
        Missing: node or npm is not here, or the package cannot be installed.
    """
    program, modules = node(OLDEST_NODE), installed("azurite", VERSION, "--ignore-scripts")
    quiet = ("--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--silent")
    command = [program, str(modules / ".bin" / "azurite-blob"), "--blobHost", "127.0.0.1", "--blobPort", "0", *quiet]
    accounts = {"AZURITE_ACCOUNTS": f"{_ACCOUNT}:{base64.b64encode(_KEY).decode()}"}
    with started(command, folder / "azurite.txt", accounts) as address:
        yield Azurite(address)
