"""
How far a call has come, as a fraction.
"""

from __future__ import annotations

import pytest

from aikit.types.progress import Progress


@pytest.mark.parametrize(("done", "total", "fraction"), [(1, 4, 0.25), (0, 0, 1.0), (5, None, None), (4, 4, 1.0)])
def test_fraction_of_progress(done: int, total: int | None, fraction: float | None) -> None:
    """
    An empty file is done at once; an unknown total has no fraction.
    """
    assert Progress(done, total, "uploading").fraction == fraction
