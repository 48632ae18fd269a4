"""
The ends of messages.
"""

from __future__ import annotations

import pytest

from aikit.types.suggestions import continued


@pytest.mark.parametrize(
    ("message", "whole"),
    [
        ("No such file.", "No such file; pass another"),
        ("no such file", "no such file; pass another"),
        ("is the server running?", "is the server running? pass another"),
        ("Stop! ", "Stop! pass another"),
        ("and so on...", "and so on... pass another"),
    ],
)
def test_a_message_goes_on_as_a_sentence(message: str, whole: str) -> None:
    """
    No full stop stands before a semicolon, and no semicolon behind a question; without more it stays as it is.
    """
    assert continued(message, "pass another") == whole
    assert continued(message, "") == message
