"""
Exit codes of several answers.
"""

from __future__ import annotations

import pytest

from aikit.cli.output import Exit, worst


@pytest.mark.parametrize(
    ("exits", "expected"),
    [
        ([], Exit.DONE),
        ([Exit.DONE, Exit.USAGE], Exit.USAGE),
        ([Exit.USAGE, Exit.PROBLEMS], Exit.PROBLEMS),
        ([Exit.PROBLEMS, Exit.REFUSED], Exit.REFUSED),
        ([Exit.REFUSED, Exit.INTERRUPTED], Exit.INTERRUPTED),
    ],
)
def test_the_worst_exit_code_counts(exits: list[Exit], expected: Exit) -> None:
    """
    Interrupted before refused, before problems, before wrong usage.
    """
    assert worst(exits) == worst(exits[::-1]) == expected
