"""
What servers that speak as Google's APIs do have in common.
"""

from __future__ import annotations

from datetime import UTC, datetime

import attrs

Answer = tuple[int, dict[str, str], bytes]
"""Status, headers and body."""


class Hangup(Exception):  # noqa: N818  no fault, an act of the server
    """
    The connection is to be reset without an answer.
    """


@attrs.frozen
class Refusal(Exception):  # noqa: N818  likewise
    """
    An answer in Google's shape of an error.
    """

    status: int
    message: str


def rfc3339(seconds: float) -> str:
    """
    Return a moment in Google's writing, with nanoseconds.
    """
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f789Z")
