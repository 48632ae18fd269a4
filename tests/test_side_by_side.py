"""
What tests in several processes share, and what one of them has for itself.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="there is no flock on Windows")]

_ROOT: Final = Path(__file__).parents[1]
_CONFTEST: Final = """
from pathlib import Path
import tests.conftest
from tests.conftest import *
from tests.side_by_side import Room

tests.conftest._ROOM = Room(Path(__file__), Path(__file__).with_name("test_b.py"))  # the other is taken for this test
"""
_TEST: Final = """
import os, time
from pathlib import Path
import pytest

{mark}
@pytest.mark.parametrize("number", range(4))
def test_of_time(number):
    log = Path(__file__).with_name("log")
    for event in ("begins", "ends"):
        with log.open("a") as file:
            file.write(f"{kind} {{event}}\\n")
        time.sleep(0.05)
"""


def test_one_that_runs_alone_has_no_other_beside_it(tmp_path: Path) -> None:
    """
    Nothing begins or ends between its begin and its end.
    """
    pytest.importorskip("xdist", reason="pytest-xdist is not installed")
    for name, mark, kind in (("a_alone", "@pytest.mark.alone", "alone"), ("b", "", "b"), ("c", "", "c")):
        (tmp_path / f"test_{name}.py").write_text(_TEST.format(mark=mark, kind=kind), "utf-8")
    (tmp_path / "conftest.py").write_text(_CONFTEST, "utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-c", str(_ROOT / "pyproject.toml"), "-n", "3"]
    subprocess.run([*command, str(tmp_path)], cwd=_ROOT, check=True, capture_output=True, timeout=120)
    log = (tmp_path / "log").read_text("utf-8").splitlines()
    alone = [number for number, line in enumerate(log) if line == "alone begins"]
    assert [log[number + 1] for number in alone] == ["alone ends"] * 4
