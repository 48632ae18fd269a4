"""
The workflow and the configuration of pre-commit: what they name is what the project has.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

_ROOT: Final = Path(__file__).parents[2]
_WORKFLOW: Final = _ROOT / ".github" / "workflows" / "tests.yml"
_HOOKS: Final = _ROOT / ".pre-commit-config.yaml"

pytestmark = pytest.mark.skipif(not _WORKFLOW.exists(), reason="a source distribution has no workflow")


def _project() -> Any:
    return tomllib.loads((_ROOT / "pyproject.toml").read_text("utf-8"))


def _jobs() -> Any:
    return yaml.safe_load(_WORKFLOW.read_text("utf-8"))["jobs"]


def _commands(job: str) -> list[str]:
    return [step["run"] for step in _jobs()[job]["steps"] if "run" in step]


def test_quick_tests_run_on_every_system_and_python_that_is_promised() -> None:
    """
    The Pythons are those of the classifiers, the systems are three.
    """
    found = [re.fullmatch(r".*Python :: (3\.\d+)", one) for one in _project()["project"]["classifiers"]]
    matrix = _jobs()["quick"]["strategy"]["matrix"]
    assert matrix["python"] == [one[1] for one in found if one]
    assert [system.partition("-")[0] for system in matrix["system"]] == ["ubuntu", "windows", "macos"]


def test_what_is_quick_is_what_the_markers_say() -> None:
    """
    The expression stands in the description of the marker, and is the workflow's.
    """
    told = next(one for one in _project()["tool"]["pytest"]["ini_options"]["markers"] if one.startswith("slow:"))
    quick = re.search(r"-m '([^']+)'", told)
    assert quick is not None
    assert f'python -m pytest -m "{quick[1]}"' in _commands("quick")


def test_checks_are_those_of_every_landing() -> None:
    """
    What pre-commit runs before a commit is checked there, too; the script of the whole suite is there.
    """
    hooks = [hook["entry"].split()[0] for hook in yaml.safe_load(_HOOKS.read_text("utf-8"))["repos"][0]["hooks"]]
    assert hooks == ["ruff", "ruff", "mypy"]
    assert {"ruff check .", "ruff format --check .", "mypy"} <= set(_commands("checks"))
    assert _commands("whole")[-1].endswith(" .ci/run")
    assert (_ROOT / ".ci" / "run").is_file()
