"""
An environment for each peer, kept in a cache folder between runs.
"""

from __future__ import annotations

import compileall
import importlib.metadata
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import Final

PACKAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "aikit": ("attrs", "certifi", "requests", "urllib3", "pyinstaller"),
    "vertex": ("attrs", "certifi", "requests", "urllib3", "google-auth", "google-crc32c"),
    "openai": ("openai", "pyinstaller"),
    "requests": ("requests",),
    "litellm": ("litellm",),
    "google": ("google-cloud-storage",),
    "qt": ("PySide6-Essentials!=6.12.0",),
    "gateway": (
        *("alembic", "attrs", "certifi", "click", "httptools", "multipart", "orjson", "pyyaml", "requests", "rich"),
        *("sqlalchemy", "starlette", "urllib3", "uvicorn"),
    ),
    "proxy": ("litellm[proxy]",),
}


def prepare(cache: Path, package: Path, *, fresh: bool) -> dict[str, str]:
    """
    Return the interpreter of each environment, made now where it is missing.

    Args:
        cache: Where the environments are kept.

        package: The working tree's ``aikit`` folder; a copy of it is installed, so that a change made meanwhile cannot
            mix two states.

        fresh: Make all of them anew, with the newest packages.
    """
    for name, packages in PACKAGES.items():
        if fresh or not _is_made(cache / name, packages):
            print(f"preparing the environment of {name} ...", file=sys.stderr)
            _make(cache / name, packages)
    for name in ("aikit", "vertex", "gateway"):
        installed = _site_packages(cache / name) / package.name
        shutil.rmtree(installed, ignore_errors=True)
        shutil.copytree(package, installed, ignore=shutil.ignore_patterns("__pycache__"))
        compileall.compile_dir(installed, quiet=2)
    return {name: str(cache / name / "bin" / "python") for name in PACKAGES}


def modules_of(python: str) -> Path:
    """
    Return the folder of an environment's modules, for a program of another one.
    """
    return _site_packages(Path(python).parents[1])


def versions(cache: Path) -> list[str]:
    """
    Return what is compared, as ``name version``.
    """
    found = [f"Python {sys.version.split()[0]}"]
    for name, packages in PACKAGES.items():
        for package in (re.split(r"!=|\[", text)[0] for text in packages):
            known = importlib.metadata.distributions(name=package, path=[str(_site_packages(cache / name))])
            found += [f"{package} {distribution.version}" for distribution in known]
    curl = subprocess.run([curl_path(), "--version"], capture_output=True, text=True, check=True)
    return [*dict.fromkeys(found), " ".join(curl.stdout.split()[:2])]


def curl_path() -> str:
    """
    Return where the system's curl is.
    """
    path = shutil.which("curl")
    if path is None:
        sys.exit("curl is not installed; the bench compares with it")
    return path


def _make(path: Path, packages: tuple[str, ...]) -> None:
    venv.create(path, clear=True, with_pip=True)
    python = path / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-qq", "--upgrade", *packages], check=True)
    (path / "complete").write_text("\n".join(packages))


def _is_made(path: Path, packages: tuple[str, ...]) -> bool:
    """
    Tell whether the environment there has just what is wanted now.
    """
    complete = path / "complete"
    return complete.exists() and complete.read_text() == "\n".join(packages)


def _site_packages(path: Path) -> Path:
    return next(path.glob("lib/python*/site-packages"))
