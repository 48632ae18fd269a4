"""
The pager of a terminal: long texts stop there until a key is pressed, as those of git do.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Final

_NOT_FOUND: Final = 127
_SETTINGS: Final = {"LESS": "FRX", "LV": "-c", "LESSCHARSET": "utf-8"}
"""Where they are not set: end at once if all fits, take our styles, leave the text on the screen."""


def pager_of_terminal() -> str:
    """
    Return the command line of the pager: PAGER, or else ``less`` where there is one; empty for none.
    """
    if os.environ.get("TERM") == "dumb" or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return ""
    pager = os.environ.get("PAGER", "less" if shutil.which("less") else "").strip()
    return "" if pager == "cat" else pager


def takes_styles(pager: str) -> bool:
    """
    Return whether *pager* shows our styles, and not their escapes.
    """
    return "less" in pager and "r" in os.environ.get("LESS", _SETTINGS["LESS"]).lower()


def is_paged(text: str, pager: str) -> bool:
    """
    Show *text* in *pager*, if there is one and *text* is longer than the terminal; return whether it was.
    """
    sys.stdout.flush()
    if not pager or text.count("\n") < shutil.get_terminal_size().lines - 1:
        return False
    process = subprocess.Popen(  # noqa: S602  PAGER is a command line, for git and man likewise
        pager,
        shell=True,
        stdin=subprocess.PIPE,
        env=_SETTINGS | os.environ,
        encoding=sys.stdout.encoding,
        errors="backslashreplace",
    )
    go_on: Callable[[], object] = partial(process.communicate, f"{text}\n")  # which takes a pager that ends early
    while process.returncode is None:
        try:
            go_on()
        except KeyboardInterrupt:  # meant for the pager: it ends, or goes on
            go_on = process.wait
    return process.returncode != _NOT_FOUND
