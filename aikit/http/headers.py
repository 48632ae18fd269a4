"""
Header fields, and what of them and of addresses must not be shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from functools import cached_property
from typing import Any, Final
from urllib.parse import unquote

from aikit import __version__

USER_AGENT: Final = f"aikit/{__version__}"
"""What requests say that they come from."""

_MIN_SECRET: Final = 6
"""Shorter values of secret fields, such as the ``none`` that some local servers want, are words like others."""
_COOKIE_VALUE: Final = re.compile(r"=([^;]+)")

# x-ratelimit-remaining-tokens counts tokens, it is none
_SECRET: Final = re.compile(
    r"(?!x-ratelimit-)(?!idempotency-key$)"
    r".*(?:auth|key$|api[-_]?key|token|secret|cookie|credential|passw|signature|upload-(?:control-)?url|uploadid)",
    re.IGNORECASE,
)
_USERINFO: Final = re.compile(r"(?<=://)[^/?#]*@")
# no delimiter within a name, so that each character is looked at from one start only
_SECRET_QUERY: Final = re.compile(
    r"([?&;][^=&;?]*(?:auth|key|token|secret|sig|signature|credential|password|pwd|code|upload_id|session(?:_id)?)=)([^&;#\s]*)",
    re.IGNORECASE,
)
_SECRET_VALUE: Final = re.compile(r"\s*(?:(?:bearer|basic)\s|sk-)", re.IGNORECASE)


def is_secret(header_name: str, value: str = "") -> bool:
    """
    Tell whether a header of this name carries a secret, or looks as if it did.
    """
    return _SECRET.match(header_name) is not None or _SECRET_VALUE.match(value) is not None


def redacted(url: str) -> str:
    """
    Return *url* without user, password, and secrets in its query.
    """
    return _SECRET_QUERY.sub(r"\1***", _USERINFO.sub("***@", url))


def hidden(text: str, secrets: Iterable[str]) -> str:
    """
    Return *text* with each of the *secrets* replaced by ``***``.
    """
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def secrets_in(url: str) -> set[str]:
    """
    Return the secrets in the query of *url*, as they are there and as they are meant; tokens of pages are none.
    """
    values = {one[2] for one in _SECRET_QUERY.finditer(url) if not one[1].lower().endswith("pagetoken=")}
    return {one for value in values for one in (value, unquote(value)) if len(one) >= _MIN_SECRET}


def _exact(value: str) -> str:
    """
    Return *value* as one of `str`: members of enumerations are strings, too, and would be sent as their names.
    """
    return value if type(value) is str or not isinstance(value, str) else str.__str__(value)


class Headers(Mapping[str, str]):
    """
    Header fields: immutable, found in any spelling, and discreet: secrets are left out of ``repr`` and pickles.
    """

    __slots__ = ("__dict__", "_fields")

    def __init__(self, fields: Mapping[str, str] | None = None) -> None:
        self._fields = {name.lower(): (name, _exact(value)) for name, value in (fields or {}).items()}

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower()][1]

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._fields.values())

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        shown = {name: "***" if is_secret(name, value) else value for name, value in self.items()}
        return f"Headers({shown!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Headers, (dict(self.without_secrets()),)

    def merged(self, *others: Mapping[str, str] | None) -> Headers:
        """
        Return these with those of *others*, the later winning.
        """
        new = Headers()
        new._fields = dict(self._fields)
        for other in others:
            for name, value in (other or {}).items():
                new._fields[name.lower()] = (name, _exact(value))
        return new

    def without_secrets(self) -> Headers:
        """
        Return those fields that may be shown to another origin.
        """
        shown = {name: value for name, value in self.items() if not is_secret(name, value)}
        return Headers({name: value for name, value in shown.items() if self.hide_in(value) == value})

    def to_dict(self) -> dict[str, str]:
        """
        Return those that `without_secrets` returns.
        """
        return dict(self.without_secrets())

    def only(self, names: frozenset[str]) -> Headers:
        """
        Return those fields whose names, in lower case, are among *names*.
        """
        return Headers({name: value for name, value in self.items() if name.lower() in names})

    def hide_in(self, text: str) -> str:
        """
        Return *text* with every secret of these fields replaced by ``***``.
        """
        return hidden(text, self.secrets)

    @cached_property
    def secrets(self) -> list[str]:
        """What must not be shown, as it is and as JSON spells it, the longest first."""
        values = [value for name, value in self.items() if is_secret(name, value)]
        plain = {part for value in values for part in (value, value.split(" ", 1)[-1], *_COOKIE_VALUE.findall(value))}
        known = {part.strip() for part in plain if len(part.strip()) >= _MIN_SECRET}
        return sorted(known | {json.dumps(part)[1:-1] for part in known}, key=len, reverse=True)


class MutableHeaders(Headers, MutableMapping[str, str]):
    """
    Header fields that their owner still fills, as discreet as the others.
    """

    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> None:
        if name != "_fields":
            raise AttributeError(f'header fields are set by key: ["{name}"] = …')
        object.__setattr__(self, name, value)

    def __setitem__(self, name: str, value: str) -> None:
        self._fields[str(name).lower()] = (name, value)
        self.__dict__.clear()

    def __delitem__(self, name: str) -> None:
        del self._fields[name.lower()]
        self.__dict__.clear()

    def __reduce__(self) -> tuple[Any, ...]:
        return MutableHeaders, (dict(self.without_secrets()),)
