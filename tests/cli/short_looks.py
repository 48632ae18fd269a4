"""
The command line that looks a fifth as long for what a server may list late: ``short_looks.py ARGUMENTS``.
"""

from __future__ import annotations

import sys

from aikit.cli import main
from aikit.resources import polling

polling.LOOKS_S = tuple(seconds / 5 for seconds in polling.LOOKS_S)  # type: ignore[misc, assignment]  # a constant of the program

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
