"""
What PyInstaller needs to be told of this package; it finds this folder by an entry point of the wheel.
"""

from __future__ import annotations

from pathlib import Path


def hook_dirs() -> list[str]:
    """
    Return the folder of hooks.
    """
    # https://pyinstaller.org/en/stable/hooks.html#providing-pyinstaller-hooks-with-your-package (read 2026-11-30)
    return [str(Path(__file__).parent)]
