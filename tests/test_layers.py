"""
The rooms of the house: what may import what.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import attrs
import pytest

import aikit
from tests.public import names_of

_ROOT: Final = Path(aikit.__file__).parent

# From the ground up; a room is a folder or a module at the top of the package, and stands for all that is in it.
_ROOMS: Final = (
    ("types",),
    ("http", "storage"),
    ("runtime", "validation", "dispatch"),
    ("providers", "jsonl"),
    ("billing",),
    ("resources",),
    ("client",),
    ("gateway",),
    ("testing", "cli"),
    ("__main__", "_pyinstaller"),
)
_FLOORS: Final = {room: floor for floor, rooms in enumerate(_ROOMS) for room in rooms}

# A library, and the rooms that may import it.
_ONLY_THERE: Final[Mapping[str, tuple[str, ...]]] = {
    "requests": ("http",),
    "urllib3": ("http",),
    "certifi": ("http",),
    "truststore": ("http",),
    "sqlite3": ("storage", "providers", "resources"),
    "genai_prices": ("billing",),
    "azure": ("providers",),
    "google": ("providers",),
    "google_crc32c": ("providers",),
    "keyring": ("providers",),
    "yaml": ("providers",),
    "opentelemetry": ("billing",),
    "click": ("cli",),
    "rich": ("cli",),
    "sqlalchemy": ("gateway",),
    "alembic": ("gateway",),
    "multipart": ("gateway",),
    "orjson": ("gateway",),
    "starlette": ("gateway",),
    "uvicorn": ("gateway",),
}


@attrs.frozen
class _Import:
    """
    One import statement's target, by whom, and whether only type checkers see it.
    """

    importer: str
    imported: str
    is_type_only: bool = False


def _modules() -> dict[str, Path]:
    """
    Return every module of the package by its name without ``aikit.``; the package itself is ``""``.
    """
    found = {}
    for path in _ROOT.rglob("*.py"):
        parts = path.relative_to(_ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


_MODULES: Final = _modules()


def _imports_of(name: str, source: str) -> Iterator[_Import]:
    """
    Walk over all imports of a module, those inside functions and those by name too.
    """
    tree = ast.parse(source)
    type_only = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        for imported in _targets(node):
            yield _Import(name, imported, node in type_only)


def _targets(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        module = node.module or ""
        inner = [f"{module}.{alias.name}" for alias in node.names]
        return [
            module,
            *(name for name in inner if name.removeprefix("aikit.") in _MODULES),
        ]  # with a package
    if isinstance(node, ast.Call) and ast.unparse(node.func) in {"import_module", "importlib.import_module"}:
        return [str(argument.value) for argument in node.args if isinstance(argument, ast.Constant)]
    return []


@cache
def _imports() -> list[_Import]:
    return [found for name, path in _MODULES.items() for found in _imports_of(name, path.read_text("utf-8"))]


def _own() -> list[_Import]:
    return [
        attrs.evolve(found, imported=found.imported.removeprefix("aikit").removeprefix("."))
        for found in _imports()
        if found.imported.split(".")[0] == "aikit"
    ]


def _floor(module: str) -> int:
    return _FLOORS[module.split(".", maxsplit=1)[0]]


@pytest.mark.parametrize("module", sorted(set(_MODULES) - {""}))
def test_every_module_has_a_room(module: str) -> None:
    """
    A new entry at the top of the package is given a floor above, or goes into a folder that has one.
    """
    assert module.split(".", maxsplit=1)[0] in _FLOORS


def test_every_room_is_in_use() -> None:
    """
    No floor has a room that is gone.
    """
    assert set(_FLOORS) - {module.split(".")[0] for module in _MODULES} == set()


def test_imports_point_down() -> None:
    """
    No module imports from a higher floor, not even inside a function or for its types.
    """
    assert [found for found in _own() if found.importer and found.imported and _is_upward(found)] == []


def _is_upward(found: _Import) -> bool:
    return _floor(found.imported) > _floor(found.importer)


def test_from_the_package_itself_comes_its_version_only() -> None:
    """
    The package's front, which imports everything on demand, is nobody's foundation.
    """
    names = {
        (name, alias.name)
        for name, path in _MODULES.items()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom)
        and node.module == "aikit"
        and name.split(".")[0] not in ("testing", "cli", "__main__")
        for alias in node.names
        if name and alias.name not in _MODULES
    }
    assert {name for _, name in names} <= {"__version__"}


def test_imports_have_no_cycles() -> None:
    """
    Within a floor too, modules can be read in an order in which each builds on those before; types count.
    """
    edges: dict[str, set[str]] = {name: set() for name in _MODULES}
    for found in _own():
        if found.importer and found.imported:
            edges[found.importer].add(found.imported)
    while leaves := [name for name, imported in edges.items() if not imported - {name}]:
        for leaf in leaves:
            del edges[leaf]
        for imported in edges.values():
            imported.difference_update(leaves)
    assert edges == {}


@pytest.mark.parametrize(("library", "rooms"), _ONLY_THERE.items())
def test_a_library_is_imported_in_its_rooms_only(library: str, rooms: tuple[str, ...]) -> None:
    """
    Each room that may import a library does, and no other.
    """
    importers = {found.importer.split(".")[0] for found in _imports() if found.imported.split(".")[0] == library}
    assert importers == set(rooms)


def test_the_scanner_sees_what_is_hidden() -> None:
    """
    Imports inside functions, by name, and for types are found, and told apart.
    """
    source = """
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from aikit.client import OpenAIClient
def late():
    import requests.adapters
    from aikit.types import errors
    return importlib.import_module("aikit.cli")
"""
    assert set(_imports_of("x", source)) == {
        _Import("x", "typing"),
        _Import("x", "aikit.client", True),  # noqa: FBT003  a field
        _Import("x", "requests.adapters"),
        _Import("x", "aikit.types"),
        _Import("x", "aikit.types.errors"),
        _Import("x", "aikit.cli"),
    }


def _loaded_by(program: str) -> set[str]:
    printed = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys\nprint(*sys.modules, sep='\\n')"],
        check=True,
        capture_output=True,
        text=True,
        cwd=_ROOT.parent,
    ).stdout
    return set(printed.split())


def test_importing_the_package_loads_none_of_its_modules() -> None:
    """
    ``import aikit`` costs next to nothing: each name is loaded when it is asked for.
    """
    assert {name for name in _loaded_by("import aikit") if name.startswith(("aikit.", "attr", "requests"))} == set()


@pytest.mark.parametrize(
    "arguments",
    [
        "'sk-test'",
        "'sk-test', base_url='http://127.0.0.1:1/v1'",
        "provider='local'",
        "'k', provider='azure', base_url='https://res.openai.azure.com'",
    ],
)
def test_making_a_client_loads_no_network_and_no_database(arguments: str) -> None:
    """
    What a call needs is loaded by the first call, not by making the client.
    """
    loaded = _loaded_by(f"import aikit\naikit.OpenAIClient({arguments})")
    network = {"requests", "urllib3", "ssl", "http.client", "certifi", "azure", "msal"}
    assert loaded & (network | {"sqlite3", "aikit.validation"}) == set()


def test_making_a_client_loads_no_more_than_its_arguments_need() -> None:
    """
    A client of no named provider reads no provider file, asks no keyring, logs nothing, and has no results yet.
    """
    loaded = _loaded_by("import aikit\naikit.OpenAIClient('sk-test')")
    later = {"providers.config.providers", "providers.config.kept_keys", "runtime.result", "types.errors", "types.wire"}
    assert loaded & ({f"aikit.{name}" for name in later} | {"logging", "traceback", "datetime"}) == set()


def test_every_public_name_is_there() -> None:
    """
    Each name in ``__all__`` can be had, is listed by ``dir``, and an unknown one is an AttributeError.
    """
    assert [name for name in names_of(aikit) if getattr(aikit, name, None) is None] == []
    assert set(names_of(aikit)) <= set(dir(aikit))
    with pytest.raises(AttributeError, match="no attribute 'OpenAICient'"):
        aikit.OpenAICient  # type: ignore[attr-defined]  # noqa: B018  asking for it is the test
