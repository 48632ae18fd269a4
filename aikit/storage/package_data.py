"""
Data files of this package, wherever it is: in a folder, a zip file, or a frozen program.
"""

from __future__ import annotations

import json
from typing import Any


def read_data(package: str, name: str) -> dict[str, Any]:
    """
    Return the JSON object in the file *name* of *package*, for example ``"aikit.validation"``.
    """
    # A data file whose name does not end in .json needs a word in aikit/_pyinstaller, too.
    from importlib.resources import files  # noqa: PLC0415  takes 10 ms, and making a client reads no data

    data: dict[str, Any] = json.loads(files(package).joinpath(name).read_text(encoding="utf-8"))
    return data
