"""
Provider files: where they are looked for, and what they say before a provider is asked for.
"""

from __future__ import annotations

import json
import re
import stat
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeGuard

import attrs

from aikit.storage import NoHomeError, exists, home_folder, shown

if TYPE_CHECKING:
    from aikit.providers.config.litellm_entries import LiteLLM, LiteLLMEntry

FILE_NAME: Final = "AIProviders.json"
_LITELLM: Final = "config.yaml"
_YAML: Final = frozenset((".yaml", ".yml"))
_TOP: Final = ("providers", "models")
_DEPTH: Final = 3
_MOST_WARNINGS: Final = 10
_SPACE: Final = re.compile(r"[ \t\n\r]*")
_MEND: Final = "set AIKIT_HOME to a folder, or AIKIT_PROVIDERS to a file, that can be read"


@attrs.frozen
class ProviderFile:
    """
    What a provider file says; without a *path* there is none.

    Attributes:
        entries: Name → what is said of a provider; of LiteLLM's, a text says why it cannot be used.

        models: Alias → ``{"provider", "model"}``.

        problem: Why it could not be looked at, or used.

        is_broken: Whether it is not what it should be.

        places: Keys, from the outermost → file and line that have them.

        warnings: What of it is not heeded.

        is_litellm: Whether it is LiteLLM's, whose entries take keys of the environment.

        variables: What it adds to the environment.
    """

    path: Path | None = None
    entries: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    models: Mapping[str, Mapping[str, str]] = attrs.field(factory=dict)
    problem: str | None = None
    is_broken: bool = False
    places: Mapping[tuple[str, ...], str] = attrs.field(factory=dict, repr=False)
    warnings: tuple[str, ...] = ()
    is_litellm: bool = False
    variables: Mapping[str, str] = attrs.field(factory=dict, repr=False)

    def place(self, *keys: str) -> str:
        """
        Return file and line of what stands under *keys*, as editors take them.
        """
        nearest = (self.places[keys[:end]] for end in range(len(keys), 0, -1) if keys[:end] in self.places)
        return next(nearest, str(self.path))


def own_file(environ: Mapping[str, str], home: Path | None) -> ProviderFile:
    """
    Return the file of the user: that of ``AIKIT_PROVIDERS``, else that of the home, which may be LiteLLM's.

    Args:
        environ: The environment.

        home: Given instead of the user's home, which is then not looked at; ``AIKIT_HOME`` comes after it.

    Raises:
        ValueError: The file is not what it should be.
    """
    named = environ.get("AIKIT_PROVIDERS", "").strip()
    try:
        if named:
            return _named(Path(named).expanduser(), environ)
        if home is None:
            return _at_home(home_folder(environ), environ)
        found = _at_home(home, environ)
        if found.path is None and environ.get("AIKIT_HOME", "").strip():
            return _at_home(home_folder(environ), environ)
    except NoHomeError as error:
        return ProviderFile(problem=str(error))
    except RuntimeError:
        return ProviderFile(problem=f"AIKIT_PROVIDERS names {shown(named)}, and there is no such user; {_MEND}")
    return found


def working_file(own: ProviderFile) -> ProviderFile:
    """
    Return the file in the working folder, unless it is the user's *own*; one that cannot be used is told as a problem.
    """
    path = Path(FILE_NAME)
    try:
        if own.path is not None and exists(path) and path.samefile(own.path):
            return ProviderFile()
        return file_at(path)
    except OSError as error:
        return ProviderFile(problem=str(error))
    except ValueError as error:
        return ProviderFile(problem=str(error), is_broken=True)


def file_at(path: Path, environ: Mapping[str, str] | None = None) -> ProviderFile:
    """
    Read the file at *path*, if there is one and it can be looked at; LiteLLM's may name variables of *environ*.

    Raises:
        ValueError: It is not what it should be.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return ProviderFile()
        if path.suffix.lower() in _YAML:
            return _of_litellm(path, environ or {})
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return ProviderFile()
    except OSError as error:
        return ProviderFile(problem=f"{shown(path)} cannot be looked at: {error.strerror}; {_MEND}")
    return _parsed(path, content)


def _of_litellm(path: Path, environ: Mapping[str, str]) -> ProviderFile:
    from aikit.providers.config.litellm import read_litellm  # noqa: PLC0415  few have one, and all make clients

    read = read_litellm(path, environ)
    if read.problems:
        raise ValueError(read.problems[0])
    return file_of(path, read, read.by_name())


def file_of(path: Path, read: LiteLLM, chosen: Mapping[str, LiteLLMEntry]) -> ProviderFile:
    """
    Return the provider file that has *chosen*, by these names, of *read*, the configuration at *path*.
    """
    places: dict[tuple[str, ...], str] = {}
    for name, entry in chosen.items():
        places["providers", name] = entry.place
        places |= {("providers", name, key): place for key, place in entry.places.items()}
    return ProviderFile(
        path,
        {name: entry.settings for name, entry in chosen.items()},
        {name: {"provider": name, "model": entry.model} for name, entry in chosen.items() if entry.is_model},
        places=places,
        warnings=tuple(read.warnings),
        is_litellm=True,
        variables=read.variables,
    )


def _at_home(home: Path, environ: Mapping[str, str]) -> ProviderFile:
    """
    Return the first file that is there, or what is wrong with it.
    """
    found = file_at(home / FILE_NAME)
    return found if found.path is not None or found.problem else file_at(home / _LITELLM, environ)


def _named(path: Path, environ: Mapping[str, str]) -> ProviderFile:
    found = file_at(path, environ)
    if found.path is None and found.problem is None:
        raise ValueError(f"AIKIT_PROVIDERS names {shown(path)}, which is not a file")
    return found


def _parsed(path: Path, content: bytes) -> ProviderFile:
    try:
        text = content.decode("utf-8-sig")  # editors on Windows begin files with a mark
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read as JSON: {error}") from error
    entries = data.get("providers", {}) if isinstance(data, dict) else None
    models = data.get("models", {}) if isinstance(data, dict) else None
    if not isinstance(entries, dict) or not _are_models(models):
        shape = '{"providers": {NAME: {…}}, "models": {ALIAS: {"provider": …, "model": …}}}'
        raise ValueError(f"{path} must hold {shape}")
    places = {keys: f"{path}:{line}" for keys, line in _lines(text, _after_space(text, 0))}
    file = ProviderFile(path, entries, models, places=places)
    unknown = [key for key in data if key not in _TOP][:_MOST_WARNINGS]
    said = [f"{file.place(key)}: {shown(key)!r} is neither of {', '.join(_TOP)}, and is ignored" for key in unknown]
    return attrs.evolve(file, warnings=tuple(said))


def _lines(text: str, start: int) -> Iterator[tuple[tuple[str, ...], int]]:
    """
    Yield the keys within the object that begins at *start*, three deep, each with its line.
    """
    ends = [found.start() for found in re.finditer("\n", text)]
    return ((keys, bisect_right(ends, at) + 1) for keys, at in _keys(text, start, ()))


def _keys(text: str, at: int, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], int]]:
    decode = json.JSONDecoder().raw_decode
    while text[at := _after_space(text, at + 1)] == '"':
        key, end = decode(text, at)
        yield (*above, key), at
        value = _after_space(text, _after_space(text, end) + 1)
        if text[value] == "{" and len(above) + 1 < _DEPTH:
            yield from _keys(text, value, (*above, key))
        at = _after_space(text, decode(text, value)[1])
        if text[at] == "}":
            return


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _are_models(models: Any) -> TypeGuard[dict[str, dict[str, str]]]:
    return isinstance(models, dict) and all(
        isinstance(model, dict) and all(isinstance(value, str) for value in model.values()) for model in models.values()
    )
