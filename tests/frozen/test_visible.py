"""
What freezers look for, without freezing: every module of the package is found by reading its code.
"""

from __future__ import annotations

from modulefinder import ModuleFinder
from pathlib import Path
from typing import Final

import aikit

_PACKAGE: Final = Path(aikit.__file__).parent
_PROGRAMS: Final = {"aikit.__main__", "aikit.cli.__main__"}
_IMPORTED_BY_USERS: Final = {"aikit.billing.hooks", "aikit.testing", "aikit.providers.local.faults"}
_COMMAND_LINE: Final = ("aikit.cli.", "aikit.gateway.", "aikit.providers.doctor.", "aikit.resources.batches.run.")
_FOR_TESTS: Final = {"aikit._pyinstaller", "aikit.types.error_codes"}
_BY_ITSELF: Final = _PROGRAMS | _IMPORTED_BY_USERS | _FOR_TESTS


def _found_by(program: str, tmp_path: Path) -> set[str]:
    script = tmp_path / "program.py"
    script.write_text(program, "utf-8")
    finder = ModuleFinder(path=[str(_PACKAGE.parent)])
    finder.run_script(str(script))
    return {name for name in finder.modules if name.split(".")[0] == "aikit"}


def _modules() -> set[str]:
    found = set()
    for path in _PACKAGE.rglob("*.py"):
        if "-" not in path.stem:  # a hook of PyInstaller
            parts = path.relative_to(_PACKAGE.parent).with_suffix("").parts
            found.add(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return found


def test_every_module_is_seen_from_a_client(tmp_path: Path) -> None:
    """
    A program that makes a client brings the package along, and not the command line.
    """
    found = _found_by("import aikit\naikit.OpenAIClient('k').files.create('a', 'batch')", tmp_path)
    assert {name for name in _modules() - found - _BY_ITSELF if not f"{name}.".startswith(_COMMAND_LINE)} == set()
    assert {name for name in found if name.startswith("aikit.cli.") or name in _BY_ITSELF} == set()


def test_every_command_is_seen_from_the_command_line(tmp_path: Path) -> None:
    """
    A program that runs the command line brings each command along that is loaded by name.
    """
    found = _found_by("from aikit.cli import main\nmain()", tmp_path)
    assert {name for name in _modules() - found - _BY_ITSELF if not f"{name}.".startswith("aikit.gateway.")} == set()
