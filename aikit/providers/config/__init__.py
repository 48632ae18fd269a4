"""
The configuration of providers: arguments of a client, the environment, and the provider file.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from aikit.http.headers import redacted
from aikit.providers.addresses import QUOTES, usable_url
from aikit.providers.config.file import FILE_NAME, ProviderFile, own_file, working_file
from aikit.providers.kinds import KINDS, LOCAL, OPENAI, require_kind
from aikit.types.interruptions import suppress

log: Final = logging.getLogger("aikit")

MAX_CONCURRENCY: Final = 1_000
_KEYS: Final = {"kind": "kind", "baseURL": "base_url", "apiKey": "api_key", "type": "kind"}
_KEYS_TOO: Final = {name: name for name in ("organization", "project", "home", "concurrency")}
_NO_KEYS: Final = (
    (
        re.compile(r"(authorization\s*:\s*)?(bearer|basic)(\s|$)", re.IGNORECASE),
        "begins with Bearer; give the key alone",
    ),
    (re.compile(r"(export\s+)?\w*(key|token)\s*=", re.IGNORECASE), "begins with a variable's name; give the key alone"),
    (re.compile(r"(\$\{?\w*(KEY|TOKEN)\}?|%\w*(KEY|TOKEN)%)$"), "is a variable's name; give its value instead"),
)
_told: Final[set[str]] = set()


def _shown_url(url: str | None) -> str:
    return repr(url and redacted(url))


def _stripped(value: str | None) -> str | None:
    return value.strip() if isinstance(value, str) else value


def _url(value: str | None) -> str | None:
    return usable_url(value, with_query=True)


def _has_query_if_it_may(settings: Any, _: attrs.Attribute[Any], value: str | None) -> None:
    if settings.kind not in KINDS or not KINDS[settings.kind].takes_query:
        usable_url(value)


def _is_usable(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{field.name} must be a string, not {type(value).__name__}")
    if value and (value[0] in QUOTES or value[-1] in QUOTES):
        raise ValueError(f"{field.name} has quotes around it; give it without them")
    if value and not (value.isascii() and value.isprintable()):
        raise ValueError(f"{field.name} has characters that no HTTP header can carry; copy it again, whole and alone")


def _is_key(instance: Any, field: attrs.Attribute[Any], value: Any) -> None:
    _is_usable(instance, field, value)
    for pattern, problem in _NO_KEYS:
        if value and pattern.match(value):
            raise ValueError(f"{field.name} {problem}")


def _is_count(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    if value is None:
        return
    if type(value) is not int:  # so no bool
        raise TypeError(f"{field.name} must be a whole number, not {type(value).__name__}")
    if not 1 <= value <= MAX_CONCURRENCY:
        raise ValueError(f"{field.name} must be from 1 to {MAX_CONCURRENCY:,}, not {value:,}")


@attrs.frozen(kw_only=True)
class ProviderSettings:
    """
    How to reach a provider.

    Attributes:
        kind: ``"openai"`` (and whatever speaks its format), or another of `KINDS`.

        base_url: ``None`` takes the kind's own. For the embedded provider, where the lines of its batches are answered,
            with *api_key* and *custom_headers*; ``None``: by the built-in model.

        home: Folder of the embedded provider.

        concurrency: Lines of its batches that are answered at once.

        token: Returns a bearer token, for kinds that take one instead of a key; asked again when it is refused.

        options: What only its kind has, by the names of `Kind.options`; there may be secrets among them.
    """

    kind: str = "openai"
    api_key: str | None = attrs.field(default=None, repr=False, converter=_stripped, validator=_is_key)
    base_url: str | None = attrs.field(default=None, repr=_shown_url, converter=_url, validator=_has_query_if_it_may)
    organization: str | None = attrs.field(default=None, converter=_stripped, validator=_is_usable)
    project: str | None = attrs.field(default=None, converter=_stripped, validator=_is_usable)
    custom_headers: Mapping[str, str] | None = attrs.field(default=None, repr=False)
    home: Path | None = None
    concurrency: int | None = attrs.field(default=None, validator=_is_count)
    token: Callable[[], str] | None = attrs.field(default=None, repr=False)
    options: Mapping[str, str] = attrs.field(factory=dict, repr=False)

    @property
    def is_embedded(self) -> bool:
        """Whether they are of the embedded provider."""
        return self.kind == LOCAL

    def __reduce__(self) -> Any:
        raise TypeError("settings of a provider cannot be pickled, they may hold a key; load them again there")

    def or_environment(self, environ: Mapping[str, str] = os.environ) -> ProviderSettings:
        """
        Return these settings, with those not given from the environment variables of their kind.

        Raises:
            ValueError: A variable has what cannot be used; the message names it.
        """
        settings = self
        for name, variables in KINDS[self.kind].variables.items():
            if self.setting(name) is None:
                settings = settings.or_variable(name, variables, environ)
        return settings

    def setting(self, name: str) -> Any:
        """
        Return the setting called *name*, or the option; ``None`` if it is not given.
        """
        return getattr(self, name) if hasattr(self, name) else self.options.get(name)

    @property
    def missing(self) -> str | None:
        """A setting without which its kind is of no use, and which is not given; ``None`` if all are there."""
        required = KINDS[self.kind].required if self.kind in KINDS else ()
        return next((name for name in required if not self.setting(name)), None)

    def require_usable(self) -> None:
        """
        Check that there is such a kind of provider, and that it has what it needs.

        Raises:
            ValueError: There is none, or something is missing; the message names the variable to set.
        """
        require_kind(self.kind)
        name = self.missing
        if name is not None:
            variables = " or ".join(KINDS[self.kind].variables.get(name, ()))
            raise ValueError(f"provider {self.kind!r} has no {name}: set {variables}, or give it with the provider")

    def or_variable(self, name: str, variables: Iterable[str], environ: Mapping[str, str]) -> ProviderSettings:
        """
        Return these settings with *name* from the first of *variables* that is set.
        """
        for variable in variables:
            value = environ.get(variable, "").strip()
            if value:
                try:
                    return self.with_setting(name, value)
                except ValueError as error:
                    raise ValueError(f"{variable}: {error}") from None
        return self

    def with_setting(self, name: str, value: Any) -> ProviderSettings:
        """
        Return these settings with another *value* of one of them.
        """
        if hasattr(self, name):
            return attrs.evolve(self, **{name: value})
        return attrs.evolve(self, options={**self.options, name: value})


@attrs.frozen
class Providers:
    """
    The configured providers, read once: built in, of the user's provider file, and of one in the working folder.

    What is built in and what the user's file names win; the file of the working folder, which may be anybody's, only
    adds names, and that one of them is used is told once in the log.

    Attributes:
        path: The user's file; ``None`` when there is none.

        written: Name → what that file says of it, read when it is asked for: one bad entry hides none of the others.

        models: Alias → ``{"provider", "model"}``.

        found: The file of the working folder, with what it adds.

        problem: Why a file could not be used; it says what to do.

        unheeded: Names of which the file of the working folder says something in vain.
    """

    # providers: NAME → baseURL, apiKey, organization, project; models: ALIAS → provider, model; as in 4D AIKit:
    # https://developer.4d.com/docs/aikit/openaiproviders (read 2026-11-21). "kind", "home" and
    # "concurrency" are ours.

    path: Path | None = None
    written: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    models: Mapping[str, Mapping[str, str]] = attrs.field(factory=dict)
    _environ: Mapping[str, str] = attrs.field(default=os.environ, repr=False)
    found: ProviderFile = attrs.field(factory=ProviderFile)
    problem: str | None = None
    unheeded: tuple[str, ...] = ()

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
        problem = "; ".join(filter(None, (own.problem, found.problem))) or None
        models = {**found.models, **own.models}
        return cls(own.path, own.entries, models, environ, attrs.evolve(found, entries=added), problem, unheeded)

    def get(self, name: str) -> ProviderSettings:
        """
        Return the settings of the provider called *name*.

        Raises:
            ValueError: There is no such provider, or its entry in the file cannot be used.
        """
        if name in self.written:
            settings = _settings(self.path, name, self.written[name])
            is_bare = name in KINDS and settings.api_key is None
            return settings.or_environment(self._environ) if is_bare else settings
        if name in KINDS:
            return ProviderSettings(kind=name).or_environment(self._environ)
        if name in self.found.entries:
            _tell_once(
                f"provider {name!r} is that of {self.found.path} in the working folder {_working_folder()}; if it is "
                "yours, name that file in AIKIT_PROVIDERS, or put it into the home of aikit"
            )
            settings = _settings(self.found.path, name, self.found.entries[name])
            return attrs.evolve(settings, api_key=settings.api_key or "")  # no identity signs for what may be anybody's
        raise ValueError(f"provider {name!r} is not one of {', '.join(self.list())}{self._where()}")

    def origin(self, name: str) -> Path | None:
        """
        Return the file that says something of the provider called *name*, ``None`` for one that needs none.
        """
        return self.path if name in self.written else self.found.path if name in self.found.entries else None

    def is_configured(self, name: str) -> bool:
        """
        Return whether the provider called *name* is in a file, or needs nothing that the environment has not.
        """
        try:
            return self.origin(name) is not None or self.get(name).missing is None
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
        return tuple(dict.fromkeys((*KINDS, *self.written, *self.found.entries)))

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
            for variable, key in self._set(kind.variables.get("api_key", ())):
                yield variable, key, address
        for name, entry in self.written.items():
            held = entry.get("apiKey") if isinstance(entry, dict) else None
            if isinstance(held, str) and held.strip():
                kind = KINDS.get(str(entry.get("kind") or entry.get("type") or name), KINDS[OPENAI])
                yield f"provider {name!r}", held.strip(), str(entry.get("baseURL") or kind.base_url).strip().rstrip("/")

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


def _require_own_kind(path: Path | None, name: str, keys: Iterable[str], kind: str) -> None:
    if name not in KINDS:
        return
    allowed = ("kind", *KINDS[name].own_keys)
    wrong = sorted(set(keys) - {*allowed, "type"}) or (["another kind"] if kind != name else [])
    if wrong:
        raise ValueError(
            f"{path}: provider {name!r} is built in and may have only {', '.join(allowed)}, with kind {name!r}; "
            f"it has {', '.join(wrong)}: choose another name for it"
        )


def _settings(path: Path | None, name: str, entry: Any) -> ProviderSettings:
    if not isinstance(entry, dict) or not all(
        isinstance(value, str | None) for key, value in entry.items() if key != "concurrency"
    ):
        raise ValueError(f"{path}: provider {name!r} must be an object of strings, and concurrency a whole number")
    given = {key: value for key, value in entry.items() if value is not None}
    kind = given.get("kind", given.get("type", name if name in KINDS else OPENAI))
    options = KINDS[kind].options if kind in KINDS else ()
    known = {**_KEYS, **_KEYS_TOO, **{key: key for key in options}}
    unknown = sorted(set(entry) - set(known))
    if unknown:
        raise ValueError(f"{path}: provider {name!r} has unknown keys {', '.join(unknown)}; known: {', '.join(known)}")
    _require_own_kind(path, name, given, kind)
    values = {known[key]: value for key, value in given.items() if key not in options} | {"kind": kind}
    if "home" in values:
        with suppress(RuntimeError):  # a user that there is not: a folder like any other name
            values["home"] = Path(values["home"]).expanduser()
    try:
        return ProviderSettings(**values, options={key: given[key] for key in options if key in given})
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: provider {name!r}: {error}") from None
