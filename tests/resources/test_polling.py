"""
Pauses between two questions.
"""

from __future__ import annotations

from itertools import islice

from aikit.resources.polling import growing_pauses


def test_pauses_grow_by_half_up_to_ten_times_the_first() -> None:
    """
    The second pause is half as long again; none is longer than ten intervals.
    """
    assert list(islice(growing_pauses(2), 4)) == [2, 3, 4.5, 6.75]
    assert list(islice(growing_pauses(2), 8, 11)) == [20, 20, 20]
