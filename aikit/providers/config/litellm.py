"""
LiteLLM's ``config.yaml``, with the files that it includes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from aikit.providers.config.litellm_entries import LiteLLM, of_files_settings, of_model_list
from aikit.providers.config.yaml_nodes import MAX_BYTES, Mapped, read_yaml
from aikit.storage import is_file, shown

# https://docs.litellm.ai/docs/proxy/config_settings and /docs/files_endpoints (1.109, read 2026-11-30)

_SECTIONS: Final = frozenset(
    (
        *("model_list", "files_settings", "include", "environment_variables", "general_settings", "litellm_settings"),
        *("router_settings", "finetune_settings", "callback_settings", "guardrails", "credential_list", "mcp_servers"),
        *("vector_store_registry", "assistant_settings", "prompts", "search_tools"),
    )
)
_MOST_FILES: Final = 20
_MOST_REPEATED: Final = 10


def read_litellm(path: Path, environ: Mapping[str, str]) -> LiteLLM:
    """
    Return what the configuration at *path* says, and the files that it includes.

    Raises:
        ValueError: It, or what it includes, cannot be understood.
        OSError: It cannot be read.
    """
    repeated: list[str] = []
    config = _whole(path, repeated)
    found = LiteLLM(environ, config, warnings=repeated[:_MOST_REPEATED])
    variables = config.get("environment_variables")
    for name, value in variables.items() if isinstance(variables, Mapped) else ():
        held = found.resolved(value)
        found.variables |= {} if held is None else {name: str(held)}
    for entry in _list(found, "credential_list"):
        if isinstance(entry.get("credential_values"), Mapped):
            found.credentials[str(entry.get("credential_name"))] = entry["credential_values"]
    for key in config:
        if key not in _SECTIONS:
            found.warn(config.places[key], f"unknown key {shown(key)!r}, which is ignored")
    found.entries += [of_files_settings(found, entry) for entry in _list(found, "files_settings")]
    found.entries += [of_model_list(found, entry) for entry in _list(found, "model_list")]
    return found


def _whole(path: Path, repeated: list[str]) -> Mapped:
    """
    Return the configuration with what it includes: lists become longer, other keys are replaced.
    """
    config = _mapping(path, repeated)
    waiting, seen = _included(path, config), {path.resolve()}
    while waiting:
        place, file = waiting.pop(0)
        if file.resolve() in seen or len(seen) >= _MOST_FILES:
            raise ValueError(f"{place}: {shown(file)} is included already, or is one of too many; remove it")
        if not is_file(file):
            raise ValueError(f"{place}: {shown(file)} cannot be included: it is not a file; correct its path")
        seen.add(file.resolve())
        try:
            more = _mapping(file, repeated)
        except OSError as error:
            raise ValueError(f"{place}: {shown(file)} cannot be included: {error.strerror}; correct its path") from None
        waiting += _included(file, more)
        for key, value in more.items():
            is_longer = isinstance(value, list) and isinstance(config.get(key), list)
            config[key] = [*config[key], *value] if is_longer else value
            config.places[key] = more.places[key]
    return config


def _mapping(path: Path, repeated: list[str]) -> Mapped:
    with path.open("rb") as file:
        found = read_yaml(path, file.read(MAX_BYTES + 1), repeated)
    if not isinstance(found, Mapped):
        raise ValueError(  # noqa: TRY004  a wrong file, not a wrong argument
            f"{path} must hold a mapping with model_list or files_settings, as LiteLLM's config.yaml"
        )
    return found


def _included(path: Path, config: Mapped) -> list[tuple[str, Path]]:
    names = config.pop("include", None) or []
    place = config.places.get("include", str(path))
    if not isinstance(names, list) or not all(isinstance(name, str) and "\0" not in name for name in names):
        raise ValueError(f"{place}: include must be a list of paths")
    return [(place, path.parent / name) for name in names]


def _list(found: LiteLLM, key: str) -> list[Mapped]:
    entries = found.config.get(key) or []
    if isinstance(entries, list) and all(isinstance(entry, Mapped) for entry in entries):
        return entries
    found.problems.append(f"{found.config.places[key]}: {key} must be a list of mappings")
    return []
