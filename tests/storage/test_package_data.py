"""
Data files of the package: read by the first call that needs them, beside other threads that load libraries.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from aikit.storage.package_data import read_data

_PROGRAM = """
import sys

had = "importlib.resources" in sys.modules
from aikit.storage.package_data import read_data

assert read_data("aikit.validation", "limits.json")
print(not had and "importlib.resources" in sys.modules)
"""


def test_reading_loads_nothing_that_a_thread_may_load_with_urllib3_meanwhile() -> None:
    """
    Python ends one of two threads with a deadlock, of which one loads importlib.resources and the other a part of it.
    """
    ran = subprocess.run([sys.executable, "-c", _PROGRAM], check=True, capture_output=True, text=True)
    assert ran.stdout == "False\n"


def test_a_file_that_is_missing_is_told() -> None:
    """
    With its name.
    """
    with pytest.raises(FileNotFoundError, match=r"no\.json"):
        read_data("aikit.validation", "no.json")
