"""
The package as it is handed on: what pyproject.toml says is there, is there.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Final

import aikit

_ROOT: Final = Path(aikit.__file__).parents[1]


def _project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((_ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return project


def test_licence_that_is_named_is_there() -> None:
    """
    Whoever gets the package gets the text of its licence, and who granted it.
    """
    project = _project()
    texts = [(_ROOT / name).read_text("utf-8") for name in project["license-files"]]
    assert (project["license"], len(texts)) == ("MIT", 1)
    assert texts[0].startswith("MIT License\n\nCopyright (c) 2026 the aikit contributors\n")


def test_dir_shows_what_is_public() -> None:
    """
    Completion offers the public names and what every module has, not what the package is made with.
    """
    own = {name for name in dir(aikit) if not (name.startswith("__") and name.endswith("__"))}
    assert own == set(aikit.__all__)
    assert {"__version__", "__doc__", "__all__"} <= set(dir(aikit))
