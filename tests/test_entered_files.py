"""
How much of the package one call enters: a limit on how far a reader has to jump to follow it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.scripted_server import FILE, answer, serving

_MOST_FILES = 22
_MOST_CHANGES = 75

_PROGRAM = """
import os, sys, threading
import aikit

root, entered = os.path.dirname(aikit.__file__) + os.sep, []
main = threading.get_ident()

def note(frame, event, _):
    if event == "call" and threading.get_ident() == main and frame.f_code.co_filename.startswith(root):
        entered.append(frame.f_code.co_filename[len(root):])

with aikit.OpenAIClient("k", base_url=sys.argv[1], home=sys.argv[2]) as client:
    def create():
        return client.files.create(b'{"a": 1}', "user_data", {"filename": "a.jsonl"})
    create().throw()  # imports what a call needs
    sys.setprofile(note)
    result = create()
    sys.setprofile(None)
    result.throw()
print(len(set(entered)), sum(a != b for a, b in zip(entered, entered[1:])), *sorted(set(entered)))
"""


def test_one_upload_enters_few_files(tmp_path: Path) -> None:
    """
    Whoever follows ``files.create`` of one line from the client to the socket and back opens few files, and seldom.
    """
    with serving(answer(200, FILE)) as server:
        ran = subprocess.run(
            [sys.executable, "-c", _PROGRAM, server.url, str(tmp_path)],
            check=True,
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[1],
        )
    files, changes, *names = ran.stdout.split()
    assert int(files) <= _MOST_FILES, names
    assert int(changes) <= _MOST_CHANGES, names
