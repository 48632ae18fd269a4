"""
All providers that are configured, by name: built in, of the provider file, and of one in the working folder.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from aikit.http.headers import is_secret
from aikit.providers.addresses import origin
from aikit.providers.config.entries import Configured, read_entry
from aikit.providers.config.file import FILE_NAME, ProviderFile, own_file, working_file
from aikit.providers.config.kept_keys import kept_key
from aikit.providers.config.logins import is_signed, logins_in
from aikit.providers.config.settings import ProviderSettings
from aikit.providers.kinds import KINDS, OPENAI

log: Final = logging.getLogger("aikit")

_told: Final[set[str]] = set()


@attrs.frozen
class Providers:
    """
    The configured providers, read once: built in, of the user's provider file, and of one in the working folder.

    What is built in and what the user's file names win; the file of the working folder, which may be anybody's, only
    adds names, and that one of them is used is told once in the log.

    Attributes:
        own: The user's file; its entries are read when they are asked for: one bad entry hides none of the others.

        found: The file of the working folder, with what it adds.

        unheeded: Names of which the file of the working folder says something in vain.
    """

    # providers: NAME → baseURL, apiKey, organization, project; models: ALIAS → provider, model; as in 4D AIKit:
    # https://developer.4d.com/docs/aikit/openaiproviders (read 2026-11-21). "kind", "home" and
    # "concurrency" are ours.

    own: ProviderFile = attrs.field(factory=ProviderFile)
    _environ: Mapping[str, str] = attrs.field(default=os.environ, repr=False)
    found: ProviderFile = attrs.field(factory=ProviderFile)
    unheeded: tuple[str, ...] = ()
    _home: Path | None = None

    def __reduce__(self) -> Any:
        raise TypeError("configured providers cannot be pickled, they may hold keys; load them again there")

    @classmethod
    def load(cls, environ: Mapping[str, str] = os.environ, *, home: Path | None = None) -> Providers:
        """
        Read the file of ``AIKIT_PROVIDERS``, or else ``AIProviders.json`` in the home and that in the working folder.

        Args:
            environ: The environment.

            home: Stands for the user's home, which is then not looked at.

        Raises:
            ValueError: The user's file is not what it should be.
        """
        own = own_file(environ, home)
        is_named = bool(environ.get("AIKIT_PROVIDERS", "").strip())
        found = ProviderFile() if is_named else working_file(own)
        known = {*KINDS, *own.entries}
        unheeded = tuple(name for name in found.entries if name in known)
        if unheeded:
            _tell_once(
                f"what {found.path} in the working folder {_working_folder()} says of {', '.join(unheeded)} is not "
                "heeded: these are built in or the user's own; to have it heeded, name that file in AIKIT_PROVIDERS"
            )
        added = {name: entry for name, entry in found.entries.items() if name not in known}
        for warning in (*own.warnings, *found.warnings):
            _tell_once(warning)
        environ = {**environ, **own.variables} if own.variables else environ
        return cls(own, environ, attrs.evolve(found, entries=added), unheeded, home)

    @property
    def path(self) -> Path | None:
        """The user's file; ``None`` when there is none."""
        return self.own.path

    @property
    def models(self) -> Mapping[str, Mapping[str, str]]:
        """Alias → ``{"provider", "model"}``."""
        return {**self.found.models, **self.own.models}

    @property
    def problem(self) -> str | None:
        """Why a file could not be used, and what to do; ``None`` if all could."""
        return "; ".join(filter(None, (self.own.problem, self.found.problem))) or None

    def get(self, name: str, given: Mapping[str, Any] | None = None) -> ProviderSettings:
        """
        Return the settings of the provider called *name*; what of its entry is not heeded is told once in the log.

        Args:
            name: Of the provider.

            given: Settings that count instead of those configured.

        Raises:
            ValueError: There is no such provider, or its entry in the file cannot be used.
        """
        if name in self.found.entries:
            _tell_once(
                f"provider {name!r} is that of {self.found.path} in the working folder {_working_folder()}; if it is "
                "yours, name that file in AIKIT_PROVIDERS, or put it into the home of aikit"
            )
        configured = self.look_up(name, given)
        for warning in configured.warnings:
            _tell_once(warning)
        return configured.settings

    def look_up(self, name: str, given: Mapping[str, Any] | None = None) -> Configured:
        """
        Return the settings of the provider called *name*, with the place that each is from; see `get`.

        Raises:
            ValueError: There is no such provider, or its entry in the file, or its key in the keyring, cannot be used.
        """
        found = self.without_keyring(name)
        found = attrs.evolve(found, settings=attrs.evolve(found.settings, **(given or {})))
        if name in self.own.entries and found.settings.missing == "base_url" and is_signed(found.settings):
            place = self.own.place("providers", name)
            raise ValueError(f"{place}: provider {name!r} has a key and no baseURL; add it there, for no other counts")
        file, missing = self.own if name in self.own.entries else self.found, found.settings.missing
        if missing is not None and name in file.entries and name not in KINDS:
            what = "baseURL" if missing == "base_url" else missing
            raise ValueError(f"{file.place('providers', name)}: provider {name!r} has no {what}; add it there")
        known = {} if is_signed(found.settings) else logins_in(self._environ, self._home)
        key = kept_key(name, found.settings, known)
        if key is not None:
            return attrs.evolve(
                found,
                settings=attrs.evolve(found.settings, api_key=key),
                sources={**found.sources, "api_key": "keyring"},
            )
        if name in known:
            unused = f"the key of provider {name!r} in the keyring is for {known[name]}; aikit providers login {name}"
            return attrs.evolve(found, warnings=(*found.warnings, unused))
        return found

    def without_keyring(self, name: str) -> Configured:
        """
        Return what files and environment say of the provider called *name*; see `look_up`.
        """
        if name in self.own.entries:
            entry = read_entry(self.own, name)
            is_bare = not is_signed(entry.settings) and (
                name in KINDS or (self.own.is_litellm and entry.settings.base_url is None)
            )
            return entry.or_environment(self._environ) if is_bare and not self._is_elsewhere(entry.settings) else entry
        if name in KINDS:
            return Configured(ProviderSettings(kind=name)).or_environment(self._environ)
        if name in self.found.entries:
            entry = read_entry(self.found, name)
            keyed = attrs.evolve(entry.settings, api_key=entry.settings.api_key or "")
            return attrs.evolve(entry, settings=keyed)  # no identity signs for what may be anybody's
        raise ValueError(f"provider {name!r} is not one of {', '.join(self.list())}{self._where()}")

    def origin(self, name: str) -> Path | None:
        """
        Return the file that says something of the provider called *name*, ``None`` for one that needs none.
        """
        return self.path if name in self.own.entries else self.found.path if name in self.found.entries else None

    def is_configured(self, name: str) -> bool:
        """
        Return whether the provider called *name* is in a file, or needs nothing that the environment has not.
        """
        try:
            return self.origin(name) is not None or self.without_keyring(name).settings.missing is None
        except ValueError:  # of a variable: something is said, though it is wrong
            return True

    def require_own_key(self, name: str, settings: ProviderSettings) -> None:
        """
        Check that a provider which only the working folder names gets no key of another address.

        Raises:
            ValueError: *settings* give it one that the environment or the user's file holds for another.
        """
        if name not in self.found.entries:
            return
        given = [settings.api_key or "", *(settings.custom_headers or {}).values()]
        for holder, key, address in self._held_keys():
            if address != (settings.base_url or KINDS[settings.kind].base_url) and any(key in text for text in given):
                raise ValueError(
                    f"provider {name!r} is that of {self.found.path} in the working folder, and the key given to it is "
                    f"that of {holder}, for another address; if the provider is yours, name its file in AIKIT_PROVIDERS"
                )

    def list(self) -> tuple[str, ...]:
        """
        Return the names of all providers; that of each kind, such as ``"openai"`` and ``"local"``, is always there.
        """
        return tuple(dict.fromkeys((*KINDS, *self.own.entries, *self.found.entries)))

    def model_aliases(self) -> tuple[str, ...]:
        """
        Return the aliases of all models.
        """
        return tuple(self.models)

    def _held_keys(self) -> Iterator[tuple[str, str, str]]:
        """
        Yield who holds a key, the key, and the address it is for.
        """
        for kind in KINDS.values():
            elsewhere = "" if kind.required else kind.base_url
            address = next(self._set(kind.variables.get("base_url", ())), ("", elsewhere))[1].rstrip("/")
            for setting in filter(is_secret, kind.variables):
                for variable, key in self._set(kind.variables[setting]):
                    yield variable, key, address
        for name, entry in self.own.entries.items():
            held = [entry[key] for key in entry if is_secret(key)] if isinstance(entry, dict) else ()
            for key in (one.strip() for one in held if isinstance(one, str) and one.strip()):
                kind = KINDS.get(str(entry.get("kind") or entry.get("type") or name), KINDS[OPENAI])
                yield f"provider {name!r}", key, str(entry.get("baseURL") or kind.base_url).strip().rstrip("/")

    def _is_elsewhere(self, settings: ProviderSettings) -> bool:
        """
        Return whether what the environment says of a kind is for another address than that of *settings*.
        """
        named = next(self._set(KINDS[settings.kind].variables.get("base_url", ())), None)
        if named is None or settings.base_url is None:
            return False
        try:
            return origin(named[1]) != origin(settings.base_url)
        except ValueError:  # it is no address
            return True

    def _set(self, variables: Iterable[str]) -> Iterator[tuple[str, str]]:
        held = ((name, self._environ.get(name, "").strip()) for name in variables)
        return ((name, value) for name, value in held if value)

    def _where(self) -> str:
        paths = [str(path) for path in (self.path, self.found.path) if path is not None]
        if not paths and self.problem is None:
            return f" and there is no {FILE_NAME}; set AIKIT_PROVIDERS to its path"
        where = f" in {' and '.join(paths)}" if paths else ""
        return where if self.problem is None else f"{where}; {self.problem}"


def _working_folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109  a text for the log
    except OSError:
        return "that is gone"


def _tell_once(message: str) -> None:
    if message not in _told:
        _told.add(message)
        log.warning("%s", message)
