"""
One entry of a provider file, read: the settings, the place of each, and what of it was not understood.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from aikit.providers.config.file import ProviderFile
from aikit.providers.config.settings import ProviderSettings
from aikit.providers.kinds import KINDS, OPENAI, require_kind
from aikit.storage import shown
from aikit.types.interruptions import suppress

_KEYS: Final = {"kind": "kind", "type": "kind", "baseURL": "base_url", "apiKey": "api_key"}
_KEYS_TOO: Final = {name: name for name in ("organization", "project", "home", "concurrency")}
_STRINGS: Final = "must be an object of strings, and concurrency a whole number"
_ADDRESSES: Final = frozenset(("baseurl", "base", "apibase", "apiurl", "url", "endpoint", "address", "host"))
_MOST_WARNINGS: Final = 10


@attrs.frozen
class Configured:
    """
    What is configured for one provider.

    Attributes:
        sources: Setting → where it is from: the line of a file, or an environment variable.

        warnings: What of its entry is not heeded.
    """

    settings: ProviderSettings
    sources: Mapping[str, str] = attrs.field(factory=dict)
    warnings: tuple[str, ...] = ()

    def or_environment(self, environ: Mapping[str, str]) -> Configured:
        """
        Return the same, with settings that are not given from the environment variables of their kind.

        Raises:
            ValueError: A variable has what cannot be used; the message names it.
        """
        variables = self.settings.variables_in(environ)
        return Configured(self.settings.or_environment(environ), {**self.sources, **variables}, self.warnings)


def read_entry(file: ProviderFile, name: str) -> Configured:
    """
    Return what the entry *name* of *file* says; keys that are not known are told as warnings.

    Raises:
        ValueError: A value of it cannot be used, or an address stands under another key than ``baseURL``, so that the
            key would go elsewhere; the message names file, line and mend.
    """
    entry = file.entries[name]
    if file.is_litellm and isinstance(entry, str):
        raise _unusable(file, name, (), f": {entry}")
    if not isinstance(entry, dict):
        raise _unusable(file, name, (), _STRINGS)
    kind = _kind(file, name, entry)
    known = {**_KEYS, **_KEYS_TOO, **{option: option for option in KINDS[kind].options}}
    given = {key: _checked(file, name, key, entry) for key in entry if key in known and entry[key] is not None}
    _require_own_kind(file, name, given, kind)
    settings, sources = ProviderSettings(kind=kind), {}
    for key, value in given.items():
        setting = known[key]
        sources[setting] = file.place("providers", name, key)
        if setting != "kind":
            try:
                settings = settings.with_setting(setting, _folder(value) if setting == "home" else value)
            except (TypeError, ValueError) as error:
                raise _unusable(file, name, (key,), f": {error}") from None
    unknown = [key for key in entry if key not in known]
    for key in unknown:
        if _plain(key) in _ADDRESSES:
            raise _unusable(file, name, (key,), f"has the unknown key {key!r}; its address is baseURL")
    warnings = tuple(_warning(file, name, key, known) for key in unknown[:_MOST_WARNINGS])
    return Configured(settings, sources, warnings)


def _kind(file: ProviderFile, name: str, entry: Mapping[str, Any]) -> str:
    """
    Return the kind that *entry* says, or that its name is one of; otherwise OpenAI's.
    """
    key = next((key for key in ("kind", "type") if entry.get(key) is not None), None)
    if key is None:
        return name if name in KINDS else OPENAI
    kind = str(_checked(file, name, key, entry))
    try:
        require_kind(kind)
    except ValueError as error:
        raise _unusable(file, name, (key,), f": {error}") from None
    return kind


def _checked(file: ProviderFile, name: str, key: str, entry: Mapping[str, Any]) -> Any:
    if key != "concurrency" and not isinstance(entry[key], str):
        raise _unusable(file, name, (key,), f"{_STRINGS}; {key} is neither")
    return entry[key]


def _folder(value: str) -> Path:
    with suppress(RuntimeError):  # a user that there is not: a folder like any other name
        return Path(value).expanduser()
    return Path(value)


def _require_own_kind(file: ProviderFile, name: str, keys: Iterable[str], kind: str) -> None:
    if name not in KINDS:
        return
    allowed = ("kind", *KINDS[name].own_keys)
    wrong = [key for key in keys if key not in {*allowed, "type"}]
    if wrong or kind != name:
        raise _unusable(
            file,
            name,
            tuple(wrong[:1]),
            f"is built in and may have only {', '.join(allowed)}, with kind {name!r}; "
            f"it has {', '.join(wrong) or 'another kind'}: choose another name for it",
        )


def _unusable(file: ProviderFile, name: str, keys: tuple[str, ...], why: str) -> ValueError:
    joint = "" if why.startswith(":") else " "
    return ValueError(f"{file.place('providers', name, *keys)}: provider {name!r}{joint}{why}")


def _warning(file: ProviderFile, name: str, key: str, known: Iterable[str]) -> str:
    hint = next((f"; did you mean {one!r}?" for one in known if _plain(one) == _plain(key)), "")
    place = file.place("providers", name, key)
    return f"{place}: provider {name!r} has the unknown key {shown(key)!r}, which is ignored{hint}"


def _plain(key: str) -> str:
    return key.lower().replace("_", "").replace("-", "")
