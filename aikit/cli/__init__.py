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
from pathlib import Path

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run the command line with *argv*, by default the program's own arguments, and return its exit code.
    """
    _open_what_is_closed()
    try:
        return _run(argv)
    except KeyboardInterrupt:  # pressed before a command began
        return 130


def _open_what_is_closed() -> None:
    """
    Give the streams that were closed for this program nothing to read, and nowhere to write.
    """
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115  for the whole program


def _run(argv: Sequence[str] | None) -> int:
    try:
        import click  # noqa: F401, PLC0415  an extra: its absence is told, not raised
        import rich  # noqa: F401, PLC0415  likewise
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in {"click", "rich"}:
            raise
        sys.stderr.write(
            f"error: the command line needs {error.name}; install it with: pip install 'aikit-client[cli]'\n"
        )
        return 2
    from aikit.cli.app import run  # noqa: PLC0415  needs what was just looked for

    return run(sys.argv[1:] if argv is None else argv)
