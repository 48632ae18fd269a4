"""
Batches of a run that find no room among what is enqueued.
"""

from __future__ import annotations

import pytest

from aikit.resources.batches.run.state import Attempt, Part, RunOrder, RunState
from aikit.resources.batches.run.steps import _is_for_later
from aikit.types.errors import OpenAIError

_ORDER = RunOrder(provider="openai https://x/v1", input="/a/in.jsonl", sha256="0" * 64, size_bytes=7)
_PARTS = tuple(Part(number=number, path="p", endpoint="/v1/chat/completions", lines=1) for number in (1, 2))
_BUSY = RunState(
    order=_ORDER,
    created_at=0.0,
    parts=(_PARTS[0].intending("one").with_last(batch_id="batch_1"), _PARTS[1].intending("two")),
)


@pytest.mark.parametrize(("is_ambiguous", "is_later"), [(False, True), (True, False)])
def test_only_what_was_surely_refused_is_left_for_later(is_ambiguous: bool, is_later: bool) -> None:  # noqa: FBT001
    """
    A batch that may exist all the same is not asked for again under another intent while others go on.
    """
    full = OpenAIError(message="full", code="token_limit_exceeded", status=400, is_ambiguous=is_ambiguous)
    assert _BUSY.parts[1].attempts == (Attempt(intent="two"),)
    assert _is_for_later([full], _BUSY) is is_later
