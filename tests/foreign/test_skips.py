"""
The rule that a complete run skips no foreign program, tried on runs of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
CONFTEST = Path(__file__).parents[1] / "conftest.py"
SKIPPED_IN = {
    "the test": """\
@pytest.mark.foreign
def test_it():
    pytest.skip("no such program")
""",
    "a fixture": """\
@pytest.fixture
def program():
    pytest.skip("no such program")

@pytest.mark.foreign
def test_it(program):
    pass
""",
}
OTHERS = """\
def test_other():
    pytest.skip("another reason")

@pytest.mark.foreign
@pytest.mark.xfail(strict=True)
def test_expected():
    raise AssertionError
"""


def run(folder: Path, tests: str, *, is_complete: bool) -> subprocess.CompletedProcess[str]:
    """Run *tests* in *folder* with the conftest of this suite."""
    (folder / "conftest.py").write_text(CONFTEST.read_text("utf-8"), "utf-8")
    (folder / "test_it.py").write_text(f"import pytest\n\n{tests}", "utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = foreign\naddopts = -p no:cacheprovider -rs\n", "utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "AIKIT_"))}
    environment |= {"AIKIT_REQUIRE_FOREIGN": "1"} if is_complete else {}
    command = [sys.executable, "-m", "pytest"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("tests", SKIPPED_IN.values(), ids=SKIPPED_IN)
def test_a_complete_run_fails_where_a_foreign_program_is_missing(tmp_path: Path, tests: str) -> None:
    """A skip is a failure that tells its reason."""
    done = run(tmp_path, tests, is_complete=True)

    assert done.returncode == 1
    assert "it was skipped: " in done.stdout
    assert "no such program" in done.stdout


@pytest.mark.parametrize("tests", SKIPPED_IN.values(), ids=SKIPPED_IN)
def test_any_other_run_skips_and_tells_why(tmp_path: Path, tests: str) -> None:
    """Without the variable a missing program is no failure."""
    done = run(tmp_path, tests, is_complete=False)

    assert done.returncode == 0
    assert "no such program" in done.stdout


def test_other_skips_are_fine_in_a_complete_run(tmp_path: Path) -> None:
    """Only foreign programs are demanded, and an expected failure is no skip."""
    done = run(tmp_path, OTHERS, is_complete=True)

    assert done.returncode == 0
    assert "1 skipped, 1 xfailed" in done.stdout
