"""
Progress of calls about many files.
"""

from __future__ import annotations

from aikit.resources.files.bulk_progress import BulkProgress
from aikit.types.bulk_files import UPLOADED, OpenAIFileItem
from aikit.types.progress import Progress


def test_bytes_never_go_backwards() -> None:
    """
    A file that is sent again begins anew; the bytes of all files stay where they were until it has caught up.
    """
    progress = BulkProgress()
    progress.expect([100, 100])
    progress.begin(0, "a")
    progress.begin(1, "b")
    progress.advance(0, Progress(80, 100, "uploading"))
    assert progress.progress().bytes == 80
    progress.advance(0, Progress(10, 100, "uploading", attempt=2))
    assert progress.progress().bytes == 80
    progress.advance(1, Progress(75, 100, "uploading"))
    assert progress.progress().bytes == 85
    assert [one.attempt for one in progress.progress().under_way] == [2, 1]


def test_files_end_with_their_outcomes_counted() -> None:
    """
    Each file that ends is no longer under way; counts and bytes are those of its item.
    """
    progress = BulkProgress()
    progress.begin(0, "a")
    progress.measure(0, 7)
    assert progress.unfinished() == [(0, "a")]
    progress.end(0, OpenAIFileItem(path="a", status=UPLOADED, bytes=7))
    progress.expect_no_more()
    outcome = progress.outcome()
    assert progress.unfinished() == []
    assert (outcome.counts.uploaded, outcome.counts.uploaded_bytes) == (1, 7)
    assert (outcome.progress.files, outcome.progress.files_total, outcome.progress.bytes) == (1, 1, 7)
