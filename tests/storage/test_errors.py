"""
What is said of a store that cannot be used.
"""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from aikit.storage.errors import StoreError, telling_faults


@pytest.mark.parametrize(
    ("reason", "advice"), [(errno.EMFILE, "raise the limit of open files"), (errno.EACCES, "the folder's permissions")]
)
def test_the_reason_decides_what_to_do(tmp_path: Path, reason: int, advice: str) -> None:
    """
    Too many open files are no fault of the folder.
    """
    with pytest.raises(StoreError, match=advice) as caught, telling_faults(tmp_path):
        raise OSError(reason, "no")
    assert caught.value.code == "storage_unavailable"
