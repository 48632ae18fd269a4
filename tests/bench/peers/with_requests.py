"""
What is measured of plain requests, as most scripts use it: ``with_requests.py COMMAND URL ...``.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import requests


def upload(url: str, path: str, size: str) -> None:
    """
    Send a file from disk.
    """
    with Path(path).open("rb") as file:
        answer = requests.post(f"{url}/files", data={"purpose": "user_data"}, files={"file": file}, timeout=600)
    assert answer.json()["bytes"] == int(size)


def retrieve(url: str, count: str) -> None:
    """
    Ask for a file again and again, on one connection.
    """
    session = requests.Session()
    session.headers["Authorization"] = "Bearer k"
    for _ in range(int(count)):
        assert session.get(f"{url}/files/file-one", timeout=600).json()["id"]


COMMANDS: Final[dict[str, Callable[..., None]]] = {"upload": upload, "retrieve": retrieve}

if __name__ == "__main__":
    COMMANDS[sys.argv[1]](*sys.argv[2:])
