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
    from pkgutil import get_data  # noqa: PLC0415  making a client reads no data

    # importlib.resources would be another way: of two threads that first load it and urllib3, which loads a part of it
    # by itself, each waits for the other, and Python ends one.
    content = get_data(package, name)
    if content is None:
        raise FileNotFoundError(f"the package {package} is loaded in a way that gives no data: {name}")
    data: dict[str, Any] = json.loads(content)
    return data
