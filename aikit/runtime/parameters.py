"""
What a caller may ask of a call, checked once, when it is said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, MutableMapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, TypeVar, cast

import attrs

from aikit.http.headers import MutableHeaders
from aikit.runtime.callback_checks import Callback, require_callback
from aikit.types.suggestions import did_you_mean

_MAX_SECONDS: Final = 1e9  # thirty years: more is no wait, and more than the clocks of some systems can hold
_MIN_EXPIRY_S: Final = 3600
_MAX_EXPIRY_S: Final = 2_592_000
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FRAMING: Final = frozenset(("content-length", "transfer-encoding"))
_PACKAGE: Final = f"{__name__.partition('.')[0]}."
_NO_OPTIONS: Final[Mapping[str, Any]] = {}
_ELSEWHERE: Final[Mapping[object, str]] = {"formula": "on_terminate"}
"""What others call an option, where that does not resemble ours."""

P = TypeVar("P", bound="OpenAIParameters")


def by(check: Callable[[str, Any], None]) -> Callable[[Any, attrs.Attribute[Any], Any], None]:
    """
    Return *check* of a name and a value as attrs calls validators; it is not asked about what was not given.
    """

    def validate(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
        if value is not field.default and not is_unfilled(value):
            check(field.name, value)

    return validate


def _is_positive(name: str, value: Any) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number of seconds, not {type(value).__name__}")
    if not 0 < value <= _MAX_SECONDS:
        raise ValueError(f"{name} must be more than 0 and at most {_MAX_SECONDS:,.0f} seconds, not {value!r}")


def is_duration(name: str, value: Any) -> None:
    """
    Check seconds that a call may take.
    """
    if value is None:
        raise TypeError(f"{name} must be a number of seconds, not None; leave it out for the default")
    _is_positive(name, value)


def _is_agent(name: str, value: Any) -> None:
    if isinstance(value, type):
        raise TypeError(f"{name} must be an adapter, not the class {value.__name__}; write {value.__name__}()")
    if value is not None and not callable(getattr(value, "send", None)):
        raise TypeError(f"{name} must be a requests adapter, something with send(), not {type(value).__name__}")


def is_count(name: str, value: Any) -> None:
    """
    Check a whole number from 0.
    """
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number, not {type(value).__name__}")
    if value < 0:
        raise ValueError(f"{name} must be 0 or more, not {value}")


def within(least: int, most: int) -> Callable[[str, Any], None]:
    """
    Return a check of a whole number from *least* to *most*.
    """

    def check(name: str, value: Any) -> None:
        is_count(name, value)
        if value is not None and not least <= value <= most:
            raise ValueError(f"{name} must be {least:,} to {most:,}, not {value}")

    return check


def is_expiry(name: str, value: Any) -> None:
    """
    Check ``{"anchor": "created_at", "seconds": 3600…2592000}``.
    """
    # https://developers.openai.com/api/reference/resources/files/methods/create (read 2026-11-21)
    if isinstance(value, Unfilled) and not value:
        return
    shape = f'{{"anchor": "created_at", "seconds": {_MIN_EXPIRY_S} to {_MAX_EXPIRY_S}}}'
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a mapping {shape}, not {type(value).__name__}")
    if set(value) != {"anchor", "seconds"}:
        raise ValueError(f"{name} must have just anchor and seconds: {shape}, not {dict(value)!r}")
    if value["anchor"] != "created_at":
        raise ValueError(f'{name} anchor must be "created_at", not {value["anchor"]!r}')
    seconds = value["seconds"]
    if isinstance(seconds, bool) or not isinstance(seconds, int):
        raise TypeError(f"{name} seconds must be a whole number, not {seconds!r}")
    if not _MIN_EXPIRY_S <= seconds <= _MAX_EXPIRY_S:
        raise ValueError(
            f"{name} seconds must be {_MIN_EXPIRY_S:,} (an hour) to {_MAX_EXPIRY_S:,} (30 days), not {seconds:,}"
        )


def is_flag(name: str, value: Any) -> None:
    """
    Check a truth value.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {value!r}")


def require_text(name: str, value: Any) -> None:
    """
    Check a string that is not empty and can be sent.

    Raises:
        TypeError: It is no string.
        ValueError: It is empty, or nothing can carry it.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, not {type(value).__name__}")
    if not value:
        raise ValueError(f"{name} must not be empty")
    if any("\ud800" <= char <= "\udfff" for char in value):
        raise ValueError(f"{name} {value!r} has a lone surrogate, which nothing can carry")


def is_text(name: str, value: Any) -> None:
    """
    Check an option that is a string, or left out.
    """
    if value == "":
        raise ValueError(f"{name} must not be empty; leave it out instead")
    if value is not None:
        require_text(name, value)


def are_headers(name: str, value: Any) -> None:
    """
    Check header fields: strings that stay on their line.
    """
    if value is None:
        return
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a mapping of strings, not {type(value).__name__}")
    for header, text in value.items():
        if not isinstance(header, str) or not isinstance(text, str):
            raise TypeError(f"{name} must map strings to strings; {header!r} does not")
        # RFC 9110 sections 5.1 and 5.5
        if not _TOKEN.fullmatch(header) or header.lower() in _FRAMING:
            raise ValueError(f"{name} has a field {header!r}, which is no name, or is not the caller's to set")
        if any(char > "\xff" or (char < " " and char != "\t") or char == "\x7f" for char in text):
            raise ValueError(
                f"{name} has a field {header!r} whose value no header can carry: allowed is Latin-1, one line"
            )


class Unfilled(dict[str, Any]):
    """
    The mapping that an option reads as while it is not given: filled, it is given; empty, it is not.
    """

    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f'an option that is a mapping is filled by key: ["{name}"] = …')


def is_unfilled(value: object) -> bool:
    """
    Return whether *value* is such a mapping, and empty.
    """
    return isinstance(value, Unfilled) and not value


def filled(value: Mapping[str, Any] | None) -> dict[str, Any]:
    """
    Return a copy of a mapping and of the mappings and lists in it, which stays as it was checked.
    """
    if value is None or is_unfilled(value):
        return Unfilled()
    return cast("dict[str, Any]", _copied(value))


def _plain(value: Any) -> Any:
    """
    Return *value*; a string of another class, which may be written otherwise, as one of `str`: members of enumerations.
    """
    return str.__str__(value) if isinstance(value, str) else value


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_plain(key): _copied(one) for key, one in dict(value).items()}
    return [_copied(one) for one in value] if isinstance(value, list) else _plain(value)


def _headers(value: Mapping[str, str] | None) -> MutableMapping[str, str]:
    """
    Return a copy that stays as it was checked.
    """
    are_headers("extra_headers", value)
    return MutableHeaders(value)


@attrs.define(kw_only=True, on_setattr=attrs.setters.NO_OP)
class OpenAIParameters:
    """
    Options of any call. A callback, or *background*, makes the call return at once.

    They can be made empty and filled by assignment, ``parameters.extra_headers["X-Trace"] = "7"`` included. What is
    assigned is checked by the call that uses it, which takes a copy: later changes change no running call.

    Attributes:
        on_response: Called with the result when the call succeeded.

        on_error: Called with the result when it did not.

        on_terminate: Called with the result in any case, after the other.

        on_progress: Called with a `Progress`, by ``batches.wait`` with an `OpenAIBatchProgress`, by ``batches.run``
            with an `OpenAIBatchRunProgress`, by ``files.create_many`` with an `OpenAIFileManyProgress`, by
            ``files.usage`` and ``files.prune`` with an `OpenAIFileHousekeepingProgress`, at most ten times a second.

        background: ``True`` returns at once also without a callback; *on_progress* alone does not.

        timeout: Seconds without a byte after which an attempt fails; ``None`` takes the client's.

        deadline: Seconds after which the whole call, with all its attempts and pauses, is stopped (code
            ``"deadline_exceeded"``); ``None`` gives it as long as it takes.

        max_retries: Tries after the first; ``None`` takes the client's.

        extra_headers: Win over the client's custom headers, which win over built-in ones.

        http_agent: A ``requests`` adapter for this call.

        throw: ``True`` raises the first error instead of only listing it; not for calls that return at once.

        provider: Name of a configured provider to ask instead of the client's.
    """

    if TYPE_CHECKING:
        _is_common: ClassVar[Any]  # what `CallbacksOf` overrides is no `CommonParameters` any more

    on_response: Callback | None = attrs.field(default=None, validator=by(require_callback))
    on_error: Callback | None = attrs.field(default=None, validator=by(require_callback))
    on_terminate: Callback | None = attrs.field(default=None, validator=by(require_callback))
    on_progress: Callback | None = attrs.field(default=None, validator=by(require_callback))
    background: bool = attrs.field(default=False, validator=by(is_flag))
    timeout: float | None = attrs.field(default=None, validator=by(_is_positive))
    deadline: float | None = attrs.field(default=None, validator=by(_is_positive))
    max_retries: int | None = attrs.field(default=None, validator=by(is_count))
    extra_headers: MutableMapping[str, str] = attrs.field(default=None, converter=_headers, repr=False)
    http_agent: Any = attrs.field(default=None, validator=by(_is_agent))
    throw: bool = attrs.field(default=False, validator=by(is_flag))
    provider: str | None = attrs.field(default=None, validator=by(is_text))

    @property
    def is_background(self) -> bool:
        """Whether the call returns before it has terminated."""
        return self.background or any((self.on_response, self.on_error, self.on_terminate))

    @classmethod
    def _hint_for(cls, name: str) -> str:  # noqa: ARG003  for those that know more
        """
        Return the end of a message about an unknown option, where another than the nearest is meant; else empty.
        """
        return ""

    if not TYPE_CHECKING:  # which would take any name then

        def __new__(cls, *_: object, **options: object) -> Self:  # noqa: D102  what attrs makes says the rest
            known = _names(cls)
            for name in options:
                if name not in known:
                    raise TypeError(_unknown(cls, name))
            return object.__new__(cls)

        def __setattr__(self, name: str, value: object) -> None:
            try:
                object.__setattr__(self, name, value)
            except AttributeError:
                raise AttributeError(_unknown(type(self), name)) from None

        def __getattr__(self, name: str) -> Any:
            raise AttributeError(name if name.startswith("__") else _unknown(type(self), name))

    @classmethod
    def of(cls, value: Any, options: Mapping[str, Any] = _NO_OPTIONS) -> Self:
        """
        Return a checked copy of *value* as parameters of this class; *options* win over it.

        Args:
            value: ``None``, plain parameters or those of a call of the same kind, or a mapping with the same keys. Of a
                caller's class counts what it inherits.

            options: Keywords of the call.

        Raises:
            TypeError: It is something else, or has an unknown key.
            ValueError: A value is out of its bounds. Either names all that is wrong, one a line.
        """
        if value is None:
            return _checked(cls, options) if options else cast("Self", _defaults(cls))
        if isinstance(value, Mapping):
            return _checked(cls, {**value, **options})
        if isinstance(value, type):
            raise TypeError(f"parameters must be an object, not the class {value.__name__}; write {value.__name__}()")
        own = _of_library(type(value)) if isinstance(value, OpenAIParameters) else None
        if own is None or _kind(own) not in (OpenAIParameters, _kind(cls)):
            raise TypeError(f"parameters must be {cls.__name__} or a mapping, not {type(value).__name__}")
        given = _given(value, own)
        for name in sorted(given.keys() - _names(cls)):  # of another call: it would be ignored
            raise TypeError(_unknown(cls, name))
        return _checked(cls, {**given, **options})


def _defaults_of(cls: type[OpenAIParameters]) -> OpenAIParameters:
    return cls()


def _names_of(cls: type[OpenAIParameters]) -> tuple[str, ...]:
    return tuple(field.name for field in attrs.fields(cls))


# mypy takes the classes for unhashable, since what is made of them is
_defaults: Final[Callable[[type[OpenAIParameters]], OpenAIParameters]] = cast("Any", lru_cache(_defaults_of))
_names: Final[Callable[[type[OpenAIParameters]], tuple[str, ...]]] = cast("Any", lru_cache(_names_of))


def _of_library(cls: type[OpenAIParameters]) -> type[OpenAIParameters]:
    """
    Return *cls*, or the class of this package that a caller's is made from.
    """
    return next(one for one in cls.__mro__ if one.__module__.startswith(_PACKAGE))


def _kind(cls: type[OpenAIParameters]) -> type[OpenAIParameters]:
    """
    Return the class right below `OpenAIParameters` that *cls* is made from: calls of one kind have most options alike.
    """
    above = [one for one in cls.__mro__ if issubclass(one, OpenAIParameters)]
    return above[-2] if above[1:] else cls


def _given(parameters: OpenAIParameters, cls: type[OpenAIParameters]) -> dict[str, Any]:
    """
    Return the options that *cls* has by name, those that were given.
    """
    defaults = ((name, getattr(_defaults(cls), name)) for name in _names(cls))
    given = ((name, getattr(parameters, name, default), default) for name, default in defaults)  # or it was deleted
    return {name: one for name, one, default in given if one is not default and not one == {} == default}


def _checked(cls: type[P], given: Mapping[Any, Any]) -> P:
    given = {name: _plain(value) for name, value in given.items()}
    try:
        return cls(**given)
    except (TypeError, ValueError) as first:
        names = dict.fromkeys((*(name for name in _names(cls) if name in given), *given))
        problems = [problem for name in names if (problem := _problem(cls, name, given[name]))]
        if not problems:  # of one of them by itself
            raise
        kind = TypeError if any(isinstance(problem, TypeError) for problem in problems) else ValueError
        raise kind("\n".join(map(str, problems))) from first


def _problem(cls: type[OpenAIParameters], name: Any, value: Any) -> Exception | None:
    """
    Return what is wrong with one option, taken by itself.
    """
    if name not in _names(cls):
        return TypeError(_unknown(cls, name))
    try:
        cls(**{name: value})
    except (TypeError, ValueError) as problem:
        return problem
    return None


def _unknown(cls: type[OpenAIParameters], name: object) -> str:
    known = _names(cls)
    hint = cls._hint_for(str(name)) or did_you_mean(_ELSEWHERE.get(name, str(name)), known)
    return f"{cls.__name__} has no option {name!r}; there are {', '.join(known)}{hint}"
