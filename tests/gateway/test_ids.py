"""
Ids of the gateway.
"""

from __future__ import annotations

import re

from aikit.gateway.ids import new_id


def test_ids_are_of_letters_and_digits_and_never_the_same() -> None:
    """
    Each has its prefix and 24 characters.
    """
    ids = {new_id("batch_") for _ in range(1_000)}
    assert len(ids) == 1_000
    assert all(re.fullmatch("batch_[A-Za-z0-9]{24}", each) for each in ids)
