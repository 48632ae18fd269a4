"""
Keywords of the calls of ``client.batches``, for type checkers and editors; see `aikit.resources.batches.parameters`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Literal, TypedDict

from aikit.resources.batches.results import (
    OpenAIBatchCostResult,
    OpenAIBatchEstimateResult,
    OpenAIBatchListResult,
    OpenAIBatchResult,
    OpenAIBatchRowsResult,
)
from aikit.resources.batches.run.results import OpenAIBatchRunResult
from aikit.runtime.options import CallOptions
from aikit.types.batch_runs import OpenAIBatchRunProgress
from aikit.types.batches import OpenAIBatchProgress
from aikit.types.costs import OpenAIBatchEstimate
from aikit.types.progress import Progress


class BatchRetrieveOptions(CallOptions[OpenAIBatchResult, Progress], total=False):
    """
    Options of ``batches.retrieve``.
    """


class BatchCancelOptions(CallOptions[OpenAIBatchResult, Progress], total=False):
    """
    Options of ``batches.cancel``.
    """


class _OfCreation(TypedDict, total=False):
    completion_window: str
    metadata: Mapping[str, str] | None
    output_expires_after: Mapping[str, Any] | None
    validate: bool
    intent: str | None
    intent_is_new: bool
    max_queue_wait: float | None
    max_cost: Decimal | float | str | None
    max_cost_of: Literal["high", "low"]
    extra_body: Mapping[str, Any] | None


class BatchCreateOptions(CallOptions[OpenAIBatchResult, Progress], _OfCreation, total=False):
    """
    Options of ``batches.create``.
    """


class BatchResubmitOptions(CallOptions[OpenAIBatchResult, Progress], _OfCreation, total=False):
    """
    Options of ``batches.resubmit``.
    """

    input_file: str | os.PathLike[str] | None


class BatchListOptions(CallOptions[OpenAIBatchListResult, Progress], total=False):
    """
    Options of ``batches.list``.
    """

    after: str | None
    limit: int | None
    all_pages: bool


class BatchWaitOptions(CallOptions[OpenAIBatchResult, OpenAIBatchProgress], total=False):
    """
    Options of ``batches.wait``.
    """

    poll_interval: float
    max_wait: float


class BatchRunOptions(CallOptions[OpenAIBatchRunResult, OpenAIBatchRunProgress], total=False):
    """
    Options of ``batches.run``.
    """

    metadata: Mapping[str, str] | None
    output_expires_after: Mapping[str, Any] | None
    confirm: Callable[[OpenAIBatchEstimate], object] | None
    max_cost: Decimal | float | str | None
    max_cost_of: Literal["high", "low"]
    again: bool
    resubmit: bool
    poll_interval: float
    max_wait: float
    prompt: str | None
    system: str | None
    model: str | None
    body: Mapping[str, Any] | None
    encoding: str | None
    delimiter: str | None


class BatchRowsOptions(CallOptions[OpenAIBatchRowsResult, Progress], total=False):
    """
    Options of ``batches.results``.
    """

    input_file: str | os.PathLike[str] | None
    with_lineage: bool


class _OfPrices(TypedDict, total=False):
    prices: Mapping[str, Any] | None


class BatchEstimateOptions(CallOptions[OpenAIBatchEstimateResult, Progress], _OfPrices, total=False):
    """
    Options of ``batches.estimate``.
    """


class BatchCostOptions(CallOptions[OpenAIBatchCostResult, Progress], _OfPrices, total=False):
    """
    Options of ``batches.cost``.
    """


class BatchPricesOptions(_OfPrices, total=False):
    """
    Options of ``batches.prices``, which sends nothing.
    """

    provider: str | None
