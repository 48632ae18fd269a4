"""
Modules loaded when they are first used: two threads that load a package and a part of it both get it.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from aikit.types import loading

_PROGRAM = """
import sys, threading, time
import aikit

class Slow:
    def find_spec(self, name, path, target=None):
        if name == sys.argv[1]:
            is_looking.set()
            time.sleep(0.2)  # the package is not there yet, and its lock is taken

is_looking = threading.Event()
sys.meta_path.insert(0, Slow())
client = aikit.OpenAIClient("k", base_url="http://127.0.0.1:9/v1")
failed = []

def whole():
    try:
        getattr(client, sys.argv[2])
    except BaseException as error:
        failed.append(error)

def part():
    is_looking.wait(10)
    try:
        getattr(aikit, sys.argv[3])
    except BaseException as error:
        failed.append(error)

threads = [threading.Thread(target=one) for one in (whole, part)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(20)
print(failed, [thread.is_alive() for thread in threads])
"""


class _DeadlockError(RuntimeError):
    """As Python calls its own."""


@pytest.mark.parametrize(
    ("package", "api", "name"),
    [
        ("aikit.resources.files", "files", "OpenAIFileParameters"),
        ("aikit.resources.uploads", "uploads", "OpenAIUploadPartResult"),
        ("aikit.resources.batches", "batches", "OpenAIBatchRowsResult"),
    ],
)
def test_threads_that_first_use_an_api_and_its_parameters_both_get_them(package: str, api: str, name: str) -> None:
    """
    Python 3.13 ends one of them; others did so where more modules are between.
    """
    command = [sys.executable, "-c", _PROGRAM, package, api, name]
    ran = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert ran.stdout == "[] [False, False]\n"


def test_what_python_ends_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Whenever it is over, but not without an end; other errors come out as they are.
    """
    raised: list[Exception] = [_DeadlockError("deadlock detected"), _DeadlockError("deadlock detected")]

    def once_more(name: str) -> str:
        if raised:
            raise raised.pop()
        return name

    monkeypatch.setattr(loading, "import_module", once_more)
    monkeypatch.setattr(loading, "_PAUSE_S", 0.0)
    assert loading.load("a") == "a"
    raised.append(RuntimeError("of the module"))
    with pytest.raises(RuntimeError, match="of the module"):
        loading.load("a")
    assert raised == []
    raised.extend(_DeadlockError(str(number)) for number in range(100))
    with pytest.raises(_DeadlockError):
        loading.load("a")
