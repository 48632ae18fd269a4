"""
Ids: which answers may be about the object that was asked for.
"""

from __future__ import annotations

import pytest

from aikit.types.ids import is_same_id


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("file-1", "file-1"),
        ("file-Abc", "FILE-ABC"),
        ("file-abc", "abc"),
        ("batch_abc", "abc"),
        ("a b", "a%20b"),
        ("gs://bucket/a.jsonl", "gs%253A%252F%252Fbucket%252Fa.jsonl"),
        ("projects/p/locations/l/batchPredictionJobs/123", "123"),
        ("123", "arn:aws:bedrock:us-east-1:1:model-invocation-job/123"),
        ("file-bGl0ZWxsbTpmaWxlLTE7bW9kZWwsYQ", "file-1"),
        ("batch_1", "bGl0ZWxsbV9wcm94eTttb2RlbF9pZDox"),
    ],
)
def test_what_gateways_rewrite_is_the_same(asked: str, told: str) -> None:
    """Case, encoding, prefixes, paths in front, and ids that hold others do not count, in either direction."""
    assert is_same_id(asked, told)
    assert is_same_id(told, asked)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("file-1", "file-2"),
        ("file-1", "file-11"),
        ("file-11", "file-1"),
        ("batch_1", "1batch_1"),
        ("file-1", ""),
        ("a/1", "b/1"),
        ("file-file-1", "file-1x"),
    ],
)
def test_other_ids_are_others(asked: str, told: str) -> None:
    """What only begins or ends alike is another object."""
    assert not is_same_id(asked, told)
    assert not is_same_id(told, asked)
