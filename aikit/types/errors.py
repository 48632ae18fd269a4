"""
What can go wrong, as values.

    Exception
    ├── OpenAIError          one problem: raised inside, listed in ``result.errors`` outside
    │   ├── ExchangeError    the network failed before a whole answer came
    │   └── CancelledError   the caller asked to stop
    └── Rejected             several problems found before sending, or with a value that came all the same
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, Protocol

import attrs

from aikit.types.json_form import Jsonable

UNEXPECTED: Final = "unexpected_error"
"""Code of errors that aikit does not know; their cause is kept."""


_LONGEST: Final = 4_000
_SHOWN_END: Final = 1_000
"""What to do stands at the end."""


def _bounded(message: str) -> str:
    """
    Return *message*, of a very long one begin and end: servers, files and names may have put anything into it.
    """
    if len(message) <= _LONGEST:
        return message
    return f"{message[: _LONGEST - _SHOWN_END - 3]} … {message[-_SHOWN_END:]}"


class Answer(Protocol):
    """
    The answer that an error is about.

    Attributes:
        status: HTTP status.

        status_text: What stands beside the status in the first line of the answer, or is usual there.

        headers: Found in any spelling.

        body: As it came, without secrets.
    """

    @property
    def status(self) -> int: ...  # noqa: D102  told above
    @property
    def status_text(self) -> str: ...  # noqa: D102  told above
    @property
    def headers(self) -> Mapping[str, str]: ...  # noqa: D102  told above
    @property
    def body(self) -> bytes: ...  # noqa: D102  told above

    def json(self) -> Any:
        """Decode the body."""
        ...


def phrase_of(status: int) -> str:
    """
    Return the usual words for an HTTP *status*, ``"Not Found"``; empty if there are none.
    """
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


@attrs.frozen(kw_only=True, slots=False, str=False)
class OpenAIError(Exception, Jsonable):
    """
    One problem of a call: an exception that is also a value.

    Attributes:
        message: What was wrong, what is allowed, what to do; at most 4,000 characters.

        code: Stable name of the kind of problem, the provider's or aikit's own; ``None`` if the provider gave none.

        type: The provider's class of error, for example ``"invalid_request_error"``.

        param: The parameter at fault.

        status: HTTP status; ``None`` when no answer came.

        line: 1-based line of a JSONL file.

        request_id: What the provider calls this request; worth quoting to its support.

        headers: The answer's headers.

        body: The answer's decoded JSON, or its text.

        response: The answer; its request is without body and secrets. ``None`` when no answer came.

        is_ambiguous: True when the provider may have acted on the request all the same: an answer was lost, broken or
            no refusal, also that to an earlier attempt.
    """

    # https://developers.openai.com/api/docs/guides/error-codes (read 2026-11-21)

    message: str = attrs.field(converter=_bounded)
    code: str | None = None
    type: str | None = None
    param: str | None = None
    status: int | None = None
    line: int | None = None
    request_id: str | None = None
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    body: Any = attrs.field(default=None, repr=False)
    response: Answer | None = attrs.field(default=None, repr=False)
    is_ambiguous: bool = attrs.field(default=False, repr=False)

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}" if self.line is not None else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        values = {field.name: getattr(self, field.name) for field in attrs.fields(type(self))}
        return _rebuild, (type(self), values)

    def to_dict(self) -> dict[str, Any]:
        """
        Return it as the API's own error object, with line, status and request id where they are known.
        """
        known = ("line", "status", "request_id")
        own: dict[str, Any] = {name: value for name in known if (value := getattr(self, name)) is not None}
        own |= {"is_ambiguous": True} if self.is_ambiguous else {}
        return {"message": self.message, "type": self.type, "param": self.param, "code": self.code} | own

    @property
    def status_text(self) -> str | None:
        """The words beside the status, ``"Not Found"``; ``None`` when no answer came."""
        if self.response is not None:
            return self.response.status_text
        return None if self.status is None else phrase_of(self.status)

    @property
    def is_bad_request_error(self) -> bool:
        """True for status 400."""
        return self.status == 400

    @property
    def is_authentication_error(self) -> bool:
        """True for status 401."""
        return self.status == 401

    @property
    def is_permission_denied_error(self) -> bool:
        """True for status 403."""
        return self.status == 403

    @property
    def is_not_found_error(self) -> bool:
        """True for status 404."""
        return self.status == 404

    @property
    def is_conflict_error(self) -> bool:
        """True for status 409."""
        return self.status == 409

    @property
    def is_unprocessable_entity_error(self) -> bool:
        """True for status 422."""
        return self.status == 422

    @property
    def is_rate_limit_error(self) -> bool:
        """True for status 429."""
        return self.status == 429

    @property
    def is_internal_server_error(self) -> bool:
        """True for status 500 and above."""
        return self.status is not None and self.status >= 500


@attrs.frozen(kw_only=True, slots=False, str=False)
class ExchangeError(OpenAIError):
    """
    The network failed before a whole answer came; it is ambiguous if something was sent.
    """

    is_ambiguous: bool = True


@attrs.frozen(kw_only=True, slots=False, str=False)
class CancelledError(OpenAIError):
    """
    The caller asked to stop, or the call has had all its time (code ``"deadline_exceeded"``).

    Attributes:
        keeps: Whether what has arrived stays at the provider, for the same call to go on with.
    """

    message: str = attrs.field(default="the call was cancelled before it was complete", converter=_bounded)
    code: str | None = "cancelled"
    keeps: bool = False


class Rejected(Exception):  # noqa: N818  it carries errors, it is not one
    """
    Several problems at once, or problems beside a value that came all the same.
    """

    def __init__(self, errors: Sequence[OpenAIError], value: Any = None) -> None:
        super().__init__("; ".join(str(error) for error in errors))
        self.errors: tuple[OpenAIError, ...] = tuple(errors)
        self.value = value


def strip(error: BaseException) -> None:
    """
    Take from *error* what its making left on it: frames and foreign errors, which hold bodies, files and the key.
    """
    error.__traceback__ = error.__context__ = None
    if getattr(error, "code", None) == UNEXPECTED and error.__cause__ is not None:
        strip(error.__cause__)
    else:
        error.__cause__ = None


def _rebuild(cls: type[OpenAIError], values: dict[str, Any]) -> OpenAIError:
    return cls(**values)
