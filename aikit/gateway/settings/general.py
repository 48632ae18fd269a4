"""
``general_settings`` and what counts of ``litellm_settings``, with all that is wrong with them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import attrs

from aikit.gateway.settings.database_url import sqlalchemy_url
from aikit.providers.config.litellm_entries import LiteLLM
from aikit.providers.config.yaml_nodes import Mapped
from aikit.storage import shown

# https://docs.litellm.ai/docs/proxy/config_settings (1.109, read 2026-11-30)

_DANGEROUS: Final = "dangerously_permit_weak_or_unset_master_key"
_DATABASE: Final = "gateway.db"
_MEBI: Final = 1024 * 1024
_MOST: Final = 10**12
_YES: Final = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


@attrs.frozen(kw_only=True)
class General:
    """
    What these sections and the environment say.

    Attributes:
        values: Name of a field of `GatewaySettings` → its value.

        warnings: What is not heeded, with file and line.

        problems: What cannot be used, likewise.
    """

    values: Mapping[str, Any] = attrs.field(repr=False)
    warnings: tuple[str, ...]
    problems: tuple[str, ...]


def read_general(found: LiteLLM, home: Path, *, is_configured: bool) -> General:
    """
    Return what *found* says in general.

    Args:
        found: The configuration.

        home: Folder of the database, unless another is named.

        is_configured: Whether there is a configuration; without one, no database of the environment is touched.
    """
    reading = _Reading(found)
    for section in ("general_settings", "litellm_settings"):
        reading.read(section)
    for section in _UNUSED:
        if found.config.get(section):
            reading.warnings.append(f"{found.config.places[section]}: {section} is not used by this gateway")
    environ = {**found.environ, **found.variables}
    values = reading.values
    values["master_key"] = values.get("master_key") or environ.get("LITELLM_MASTER_KEY", "").strip() or None
    values.setdefault("may_be_open", _YES.get(environ.get(f"LITELLM_{_DANGEROUS.upper()}", "").strip().lower(), False))
    reading.take_database(environ, home, is_configured=is_configured)
    return General(values=values, warnings=tuple(reading.warnings), problems=tuple(reading.problems))


@attrs.define
class _Reading:
    """
    These sections on their way from values of YAML to those of the gateway.
    """

    found: LiteLLM
    values: dict[str, Any] = attrs.field(factory=dict, repr=False)
    warnings: list[str] = attrs.field(factory=list)
    problems: list[str] = attrs.field(factory=list)

    def read(self, section: str) -> None:
        """
        Read all keys of *section*.
        """
        given = self.found.config.get(section) or Mapped()
        if not isinstance(given, Mapped):
            self.problems.append(f"{self.found.config.places[section]}: {section} must be a mapping")
            return
        for key, value in given.items():
            self.read_key(f"{section}.{key}", given.places[key], value)

    def read_key(self, key: str, place: str, value: Any) -> None:
        """
        Read the *value* of *key*; ``null`` says nothing.
        """
        if key not in _READERS:
            self.warnings.append(f"{place}: {shown(key)} is not used by this gateway")
            return
        unset = self.found.unset(value)
        if unset is not None:
            self.problems.append(f"{place}: {key} {unset}")
            return
        name, read = _READERS[key]
        try:
            if value is not None:
                self.values[name] = read(self.found.resolved(value))
        except ValueError as error:
            self.problems.append(f"{place}: {key} {error}")

    def take_database(self, environ: Mapping[str, str], home: Path, *, is_configured: bool) -> None:
        """
        Take the database of the environment if none is named, and otherwise a file in *home*.
        """
        named = environ.get("DATABASE_URL", "").strip()
        if named and "database_url" not in self.values and is_configured:
            try:
                self.values["database_url"] = sqlalchemy_url(named)
            except ValueError as error:
                self.problems.append(f"DATABASE_URL {error}")
        elif named and not is_configured:
            self.warnings.append("DATABASE_URL is not used without a configuration; name it there as database_url")
        self.values.setdefault("database_url", f"sqlite:///{(home / _DATABASE).absolute().as_posix()}")


def told(value: Any) -> str:
    """
    Return *value* for a message: a number as it is, and a text, which may be a secret in the wrong line, as a text.
    """
    if isinstance(value, int | float):
        return str(value) if abs(value) < _MOST else "such a number"
    return "text" if isinstance(value, str) else "a list or mapping"


def _text(value: Any) -> str:
    if isinstance(value, bool | list | Mapped):
        raise ValueError("must be text")  # noqa: TRY004  a wrong file, not a wrong argument
    return str(value).strip()


def _flag(value: Any) -> bool:
    known = _YES.get(str(value).strip().lower())
    if known is None:
        raise ValueError(f"must be true or false, not {told(value)}")
    return known


def _number(words: str, factor: int, value: Any) -> int:
    try:
        number = float(value) if not isinstance(value, bool) else math.nan
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    is_whole = factor > 1 or number.is_integer()
    if not 0 < number <= _MOST or not is_whole:
        raise ValueError(f"must be {words}, not {told(value)}; leave it out for no limit")
    return max(1, int(number * factor))


def _texts(value: Any) -> tuple[str, ...]:
    listed = [one.strip() for one in value.split(",")] if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise ValueError("must be a list of texts")
    return tuple(listed)


def _extensions(value: Any) -> tuple[str, ...]:
    return tuple(f".{one.strip().lower().lstrip('.')}" for one in _texts(value))


def _database(value: Any) -> str:
    return sqlalchemy_url(_text(value))


def _seconds(value: Any) -> float:
    return _number("a number of seconds above 0, such as 600", 1000, value) / 1000


def _tries(value: Any) -> int:
    return 0 if value == 0 and not isinstance(value, bool) else _count(value)


_megabytes: Final = partial(_number, "a number of MB above 0, such as 512", _MEBI)
_count: Final = partial(_number, "a whole number from 1", 1)
_GENERAL: Final[Mapping[str, tuple[str, Callable[[Any], Any]]]] = {
    "master_key": ("master_key", _text),
    "database_url": ("database_url", _database),
    "max_file_size_mb": ("max_file_size_bytes", _megabytes),
    "max_request_size_mb": ("max_request_size_bytes", _megabytes),
    "max_batch_file_size_mb": ("max_batch_file_size_bytes", _megabytes),
    "max_batch_file_records": ("max_batch_file_records", _count),
    "max_batch_file_uploads_per_day": ("max_batch_file_uploads_per_day", _count),
    "max_file_downloads_per_minute": ("max_file_downloads_per_minute", _count),
    "allowed_file_extensions": ("allowed_file_extensions", _extensions),
    "blocked_file_extensions": ("blocked_file_extensions", _extensions),
    "cors_origins": ("cors_origins", _texts),
    _DANGEROUS: ("may_be_open", _flag),
}
_READERS: Final[Mapping[str, tuple[str, Callable[[Any], Any]]]] = {
    **{f"general_settings.{key}": reader for key, reader in _GENERAL.items()},
    "litellm_settings.request_timeout": ("timeout_s", _seconds),
    "litellm_settings.num_retries": ("max_retries", _tries),
}
_UNUSED: Final = (
    *("router_settings", "finetune_settings", "callback_settings", "guardrails", "mcp_servers"),
    *("vector_store_registry", "assistant_settings", "prompts", "search_tools"),
)
