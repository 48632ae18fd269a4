"""
The programs that freeze others, in an environment of their own, kept in a cache folder between runs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
import zipapp
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
CACHE: Final = ROOT / ".cache" / "frozen"
PACKAGES: Final = ("pyinstaller", "cx_Freeze", "hatchling", "attrs", "certifi", "requests", "urllib3", "click", "rich")
_LONGEST_S: Final = 600


class Missing(Exception):  # noqa: N818  a reason to skip, not a fault
    """
    A program is not here and cannot be had.
    """


@cache
def environment() -> Path:
    """
    Return an environment with the freezers and with aikit's wheel, made of the working tree as it is now.

    Raises:
        Missing: It cannot be made.
    """
    path = CACHE / f"python-{sys.version_info.major}.{sys.version_info.minor}"
    complete = path / "complete"
    if not complete.exists() or complete.read_text() != "\n".join(PACKAGES):
        venv.create(path, clear=True, with_pip=True)
        _pip_install(path, *PACKAGES)
        complete.write_text("\n".join(PACKAGES))
    _pip_install(path, "--force-reinstall", "--no-deps", "--no-build-isolation", str(ROOT))
    shutil.rmtree(path / "build", ignore_errors=True)
    return path


def one_file(program: Path, folder: Path) -> Path:
    """
    Freeze *program* with PyInstaller into one file.
    """
    return _pyinstaller(program, folder, "--onefile") / program.stem


def one_folder(program: Path, folder: Path) -> Path:
    """
    Freeze *program* with PyInstaller into a folder.
    """
    return _pyinstaller(program, folder, "--onedir") / program.stem / program.stem


def cx_freeze(program: Path, folder: Path) -> Path:
    """
    Freeze *program* with cx_Freeze.
    """
    _run(environment() / "bin" / "cxfreeze", "--script", program, "--target-dir", folder / "cx", within=folder)
    return folder / "cx" / program.stem


def zip_file(program: Path, folder: Path) -> Path:
    """
    Put *program*, aikit and what it needs into a zip file that Python runs.
    """
    source = folder / "zip"
    packages = [str(ROOT), "--no-build-isolation"]
    _run(environment() / "bin" / "python", "-m", "pip", "install", "-q", "--target", source, *packages, within=folder)
    source.joinpath("__main__.py").write_text(program.read_text("utf-8"), "utf-8")
    archive = folder / f"{program.stem}.pyz"
    zipapp.create_archive(source, archive, interpreter=sys.executable)
    return archive


def modules_in(program: Path) -> set[str]:
    """
    Return the top names of all that PyInstaller put into a one-file program.
    """
    viewer = environment() / "bin" / "pyi-archive_viewer"
    listed = _run(viewer, "--list", "--recursive", "--brief", program, within=program.parent)
    return {line.strip().strip("'").split("/")[0].split(".")[0] for line in listed.splitlines()}


def _pyinstaller(program: Path, folder: Path, kind: str) -> Path:
    build = environment() / "build"  # what it found out about a program holds for each kind
    places = ("--distpath", folder / "dist", "--workpath", build, "--specpath", build)
    _run(environment() / "bin" / "pyinstaller", kind, "--log-level=WARN", *places, program, within=folder)
    return folder / "dist"


def _pip_install(path: Path, *what: str) -> None:
    command = [str(path / "bin" / "python"), "-m", "pip", "install", "--quiet", *what]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LONGEST_S, check=False)
    except subprocess.TimeoutExpired:
        raise Missing(f"pip did not install {what[-1]} within ten minutes") from None
    if done.returncode != 0:
        raise Missing(f"pip cannot install {what[-1]}: {done.stderr.strip()[-300:]}")


def _run(*command: str | Path, within: Path) -> str:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        command, cwd=within, env=plain, capture_output=True, text=True, timeout=_LONGEST_S, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout
