"""
What a caller gets of a call about batches.
"""

from __future__ import annotations

from aikit.batch_objects import OpenAIBatch
from aikit.results import OpenAIListResult, OpenAIResult


class OpenAIBatchResult(OpenAIResult[OpenAIBatch]):
    """
    The result of ``batches.create``, ``batches.retrieve``, ``batches.cancel`` and ``batches.wait``.
    """

    __slots__ = ()

    @property
    def batch(self) -> OpenAIBatch | None:
        """The batch; ``None`` while running, and after errors unless they are about how the batch ended."""
        return self._outcome.value  # type: ignore[no-any-return]  # the flow's type


class OpenAIBatchListResult(OpenAIListResult[OpenAIBatch]):
    """
    The result of ``batches.list``.
    """

    __slots__ = ()

    @property
    def batches(self) -> tuple[OpenAIBatch, ...]:
        """The batches, newest first; empty while running, and after errors those that came before."""
        return self._page.items
