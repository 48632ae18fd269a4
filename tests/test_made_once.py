"""
Folders that several processes want at once.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.made_once import made_once

_ROOT: Final = Path(__file__).parents[1]
_MAKER: Final = """
import os, sys, time
from pathlib import Path
from tests.made_once import made_once

def make(folder):
    folder.mkdir()
    time.sleep(0.3)
    (folder / "maker").write_text(str(os.getpid()))

print((made_once(Path(sys.argv[1]), make) / "maker").read_text())
"""


def test_one_of_several_processes_makes_a_folder(tmp_path: Path) -> None:
    """
    The others wait for that one, and nothing else is left beside the folder.
    """
    command = [sys.executable, "-c", _MAKER, str(tmp_path / "cache" / "made")]
    makers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=_ROOT) for _ in range(3)]
    assert len({maker.communicate(timeout=60)[0] for maker in makers} - {""}) == 1
    assert [maker.returncode for maker in makers] == [0, 0, 0]
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["made"]


def test_a_folder_that_was_not_made_is_tried_again(tmp_path: Path) -> None:
    """
    What a maker left that failed is no folder that was made.
    """

    def make_half(folder: Path) -> None:
        (folder / "half").mkdir(parents=True)
        raise LookupError

    with pytest.raises(LookupError):
        made_once(tmp_path / "made", make_half)
    assert list(tmp_path.iterdir()) == []
    assert made_once(tmp_path / "made", Path.mkdir).is_dir()
