"""
Servers that deny access to the client: told from refusals of single requests, and told as one error of the batch.
"""

from __future__ import annotations

import json
from typing import Any, Final

import attrs

from aikit.providers.local.batches.answerer import Answer
from aikit.types.errors import OpenAIError

_ENOUGH: Final = 4
_OWN_DENIALS: Final = 2
_PAUSES: Final = 3
_PAUSES_AFTER_ANSWERS: Final = 10


@attrs.frozen(slots=False)
class AccessDenied(Exception):  # noqa: N818  a state, not a fault of this program
    """
    The server denies access for good, so that no request of the batch can be answered.

    Attributes:
        answer: What it answers.
    """

    answer: Answer


@attrs.define
class AccessDenials:
    """
    Denials (401, 403 and the like) in a row, of different requests and with no other answer between them. Pure.

    A request that is denied while others are answered gets the denial as its own answer, after a few attempts. A server
    that denies whatever is asked is one that is not there: it is probed with growing pauses, and given up after some
    seconds, or after minutes if it has answered before.

    Attributes:
        was_answered: Whether the server has answered any request.

        pauses: Pauses so far in this row.
    """

    was_answered: bool = False
    pauses: int = 0
    _in_a_row: int = 0

    @property
    def are_final(self) -> bool:
        """Whether enough pauses have passed."""
        return self.pauses >= (_PAUSES_AFTER_ANSWERS if self.was_answered else _PAUSES)

    def add(self, *, is_first: bool) -> bool:
        """
        Note that a request was denied; return whether all are, as far as is known.

        Args:
            is_first: Whether it was its first attempt: one that was denied beside answers of others proves nothing.
        """
        self._in_a_row += is_first
        return not self.was_answered or self._in_a_row >= _ENOUGH

    def end(self) -> None:
        """
        Note that a request was answered.
        """
        self.was_answered, self.pauses, self._in_a_row = True, 0, 0


def is_own_denial(failures: int) -> bool:
    """
    Return whether a request that others are answered beside has been denied often enough.
    """
    return failures >= _OWN_DENIALS


def access_error(upstream: str | None, denied: AccessDenied) -> OpenAIError:
    """
    Return the error of a batch whose server, *upstream*, denies access.
    """
    details = _details(denied.answer.body)
    status, said = denied.answer.status_code, details.get("message")
    told = f"The server {upstream} answers every request with status {status}{f': {said}' if said else ''}"
    mend = "Correct the API key, the account or the base_url, then create the batch again."
    message = f"{told}{'' if told.endswith('?') else '.'} {mend}"
    return OpenAIError(message=message, code="access_denied")


def _details(body: bytes) -> dict[str, Any]:
    try:
        details = json.loads(body)["error"]
    except (ValueError, LookupError, TypeError):
        return {}
    return details if isinstance(details, dict) else {}
