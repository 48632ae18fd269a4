"""
The package as it is handed on: what pyproject.toml says is there, is there.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

import aikit
from tests.public import names_of

_ROOT: Final = Path(aikit.__file__).parents[1]
_BROUGHT_BY: Final = {
    "azure": "azure-identity",
    "google": "google-auth",
    "truststore": "truststore",
    "genai_prices": "genai-prices",
    "opentelemetry": "opentelemetry-api",
    "toktok": "toktok-rs",
    "google_crc32c": "google-crc32c",
    "yaml": "pyyaml",
}
_NOT_OURS_TO_BRING: Final = {"PySide6", "PyQt6", "wx", "PyInstaller"}  # of programs with such a window, or so frozen


def _project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((_ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return project


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=!\[ ]", text, maxsplit=1)[0] for text in requirements}


def _imported() -> Iterator[str]:
    """
    Walk over the top names of all that the package imports, and of what it imports by name.
    """
    for path in (_ROOT / "aikit").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield (node.module or "").split(".")[0]


def test_what_is_imported_is_declared() -> None:
    """
    Each library that the code imports is a dependency or an extra: none comes by way of another one.
    """
    project = _project()
    extras = project["optional-dependencies"]
    declared = _names(project["dependencies"]) | _names([text for texts in extras.values() for text in texts])
    foreign = set(_imported()) - set(sys.stdlib_module_names) - {"aikit"} - _NOT_OURS_TO_BRING
    assert {_BROUGHT_BY.get(name, name) for name in foreign} - declared == set()
    assert {"attrs", "certifi", "requests", "urllib3"} == _names(project["dependencies"])


def test_every_dependency_says_how_old_it_may_be() -> None:
    """
    The lowest version that is allowed is one that can be tried.
    """
    assert [text for text in _project()["dependencies"] if not re.fullmatch(r"[\w-]+>=[\d.]+", text)] == []


def test_the_gateway_comes_with_the_list_of_prices() -> None:
    """
    Who installs its extra alone has costs, and budgets that refuse, for models whose prices no configuration tells.
    """
    assert "aikit-client[cli,prices,yaml]" in _project()["optional-dependencies"]["gateway"]


def test_the_extra_of_all_is_all_of_them() -> None:
    """
    Every extra that is not for making aikit itself is in ``all``.
    """
    project = _project()
    extras = project["optional-dependencies"]
    wanted = ",".join(sorted(set(extras) - {"all", "test", "dev"}))
    assert extras["all"] == [f"{project['name']}[{wanted}]"]


def _texts() -> list[Path]:
    folders = [path for name in ("aikit", "examples") for path in (_ROOT / name).rglob("*")]
    return [path for path in folders if path.suffix in {".py", ".md", ".json"}] + [_ROOT / "README.md"]


_RECOMMENDS_ANOTHER: Final = re.compile(
    r"(?<![\w.])aikit\[\w+(?:,\w+)*\](?! *=)|pip install[^\n]*[ '\"]aikit(?![-\w/.])", re.IGNORECASE
)


def test_no_text_recommends_the_other_aikit() -> None:
    """
    The distribution is called otherwise than the package: ``aikit`` on the public index is another project.
    """
    for text in (
        "pip install aikit",
        "pip install -U 'aikit[cli]'",
        "install aikit[prices]",
        "the extra aikit[cli,otel]",
    ):
        assert _RECOMMENDS_ANOTHER.search(text)
    for text in ("pip install aikit-client", "pip install 'aikit-client[cli]'", "aikit files create", "aikit/http"):
        assert not _RECOMMENDS_ANOTHER.search(text)
    assert [path for path in _texts() if _RECOMMENDS_ANOTHER.search(path.read_text("utf-8"))] == []


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
    assert own == set(names_of(aikit))
    assert {"__version__", "__doc__", "__all__"} <= set(dir(aikit))


_AT_THE_TOP: Final = {"aikit", "examples", "tests", "README.md", "pyproject.toml"}


def test_nothing_else_lies_at_the_top() -> None:
    """
    A file that was made while trying is in no commit (take it out of the one that has it, for it stays in history).
    """
    if not (_ROOT / ".git").exists():
        pytest.skip("no clone")
    command = ["git", "-C", str(_ROOT), "-c", "safe.directory=*", "ls-files", "-z"]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")
    assert {name.split("/")[0] for name in names if name and not name.startswith(".")} == _AT_THE_TOP
