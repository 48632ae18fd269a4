"""
The command line: arguments in; tables, tab-separated lines or JSON out.

Exit codes: 0 success · 1 the provider, the network or the disk refused something · 2 wrong usage, or the extra is not
installed · 3 the local check found problems, and nothing was sent · 4 some requests of a batch did not succeed ·
130 Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from aikit.cli.signals import heard

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run the command line with *argv*, by default the program's own arguments, and return its exit code.
    """
    _open_closed_streams()
    try:
        with heard():
            return _run(argv)
    except KeyboardInterrupt:  # pressed before a command began
        return 130


def _open_closed_streams() -> None:
    """
    Open the null device for each standard stream that was closed when the program was started.
    """
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115  for the whole program


def _run(argv: Sequence[str] | None) -> int:
    for name in ("click", "rich"):
        if not _is_installed(name):
            sys.stderr.write(
                f"error: the command line needs {name}; install it with: pip install 'aikit-client[cli]'\n"
            )
            return 2
    from aikit.cli.app import run  # noqa: PLC0415  needs click, which is an extra

    return run(sys.argv[1:] if argv is None else argv)


def _is_installed(name: str) -> bool:
    with suppress(ImportError):
        return find_spec(name) is not None
    return False
