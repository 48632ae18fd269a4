"""
What a caller may ask of a call, checked once, when it is said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Self, cast

import attrs

from aikit.http.headers import Headers
from aikit.runtime.callback_checks import Callback, require_callback
from aikit.types.suggestions import did_you_mean

if TYPE_CHECKING:
    from aikit.types.batches import OpenAIBatchProgress
    from aikit.types.bulk_files import OpenAIFileHousekeepingProgress, OpenAIFileManyProgress
    from aikit.types.progress import Progress

_MAX_SECONDS: Final = 1e9  # thirty years: more is no wait, and more than the clocks of some systems can hold
MAX_WORKERS: Final = 1_000
_MIN_EXPIRY_S: Final = 3600
_MAX_EXPIRY_S: Final = 2_592_000
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FRAMING: Final = frozenset(("content-length", "transfer-encoding"))


def by(check: Callable[[str, Any], None]) -> Callable[[Any, attrs.Attribute[Any], Any], None]:
    """
    Return *check* of a name and a value as attrs calls validators.
    """
    return lambda _, field, value: check(field.name, value)


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
    if value is None:
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


def require_workers(count: Any) -> None:
    """
    Check how many calls of a client may be under way at once.

    Raises:
        ValueError: *count* is no whole number from 1 to 1,000.
    """
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MAX_WORKERS:
        raise ValueError(f"max_workers must be a whole number from 1 to {MAX_WORKERS:,}, not {count!r}")


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


def _headers(value: Any) -> Headers | None:
    """
    Return a copy that stays as it was checked.
    """
    are_headers("extra_headers", value)
    return None if value is None else Headers(value)


def copied(value: Any) -> Any:
    """
    Return a copy of a mapping, which stays as it was checked.
    """
    return dict(value) if isinstance(value, Mapping) else value


@attrs.frozen(kw_only=True)
class OpenAIParameters:
    """
    Options of any call. A callback, or *background*, makes the call return at once.

    Attributes:
        on_response: Called with the result when the call succeeded.

        on_error: Called with the result when it did not.

        on_terminate: Called with the result in any case, after the other.

        on_progress: Called with a `Progress`, by ``batches.wait`` with an `OpenAIBatchProgress`, by
            ``files.create_many`` with an `OpenAIFileManyProgress`, by ``files.usage`` and ``files.prune`` with an
            `OpenAIFileHousekeepingProgress`, at most ten times a second.

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

    on_response: Callback | None = attrs.field(default=None, validator=attrs.validators.optional(by(require_callback)))
    on_error: Callback | None = attrs.field(default=None, validator=attrs.validators.optional(by(require_callback)))
    on_terminate: Callback | None = attrs.field(default=None, validator=attrs.validators.optional(by(require_callback)))
    on_progress: (
        Callable[[Progress], object]
        | Callable[[OpenAIBatchProgress], object]
        | Callable[[OpenAIFileManyProgress], object]
        | Callable[[OpenAIFileHousekeepingProgress], object]
        | None
    ) = attrs.field(default=None, validator=attrs.validators.optional(by(require_callback)))
    background: bool = attrs.field(default=False, validator=by(is_flag))
    timeout: float | None = attrs.field(default=None, validator=by(_is_positive))
    deadline: float | None = attrs.field(default=None, validator=by(_is_positive))
    max_retries: int | None = attrs.field(default=None, validator=by(is_count))
    extra_headers: Mapping[str, str] | None = attrs.field(default=None, converter=_headers, repr=False)
    http_agent: Any = attrs.field(default=None, validator=by(_is_agent))
    throw: bool = attrs.field(default=False, validator=by(is_flag))
    provider: str | None = attrs.field(default=None, validator=by(is_text))

    @property
    def is_background(self) -> bool:
        """Whether the call returns before it has terminated."""
        return self.background or any((self.on_response, self.on_error, self.on_terminate))

    @classmethod
    def of(cls, value: Any) -> Self:
        """
        Return *value* as parameters of this class.

        Args:
            value: ``None``, parameters of this class or of `OpenAIParameters`, or a mapping with the same keys.

        Raises:
            TypeError: It is something else, or has an unknown key.
            ValueError: A value is out of its bounds.
        """
        if isinstance(value, cls):
            return value
        if value is None:
            return cast("Self", _defaults(cast("Hashable", cls)))
        if type(value) is OpenAIParameters:
            return cls(**{field.name: getattr(value, field.name) for field in attrs.fields(OpenAIParameters)})
        if not isinstance(value, Mapping):
            raise TypeError(f"parameters must be {cls.__name__} or a mapping, not {type(value).__name__}")
        known = [field.name for field in attrs.fields(cls)]
        for key in value:
            if key not in known:
                raise TypeError(_unknown(key, known, cls.__name__))
        return cls(**value)


@lru_cache
def _defaults(cls: Any) -> Any:
    return cls()


def _unknown(key: object, known: list[str], owner: str) -> str:
    return f"{owner} has no option {key!r}; there are {', '.join(known)}{did_you_mean(str(key), known)}"
