"""
An object client for the Files, Uploads and Batches APIs of AI providers, with one provider embedded.

    client = OpenAIClient(provider="local")
    result = client.files.create("train.jsonl", "fine-tune")
    result.success, result.errors, result.file
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from aikit import dispatch as dispatch
    from aikit import jsonl as jsonl
    from aikit.batch_costs import OpenAIBatchCost as OpenAIBatchCost
    from aikit.batch_costs import OpenAIBatchEstimate as OpenAIBatchEstimate
    from aikit.batch_costs import OpenAIModelCost as OpenAIModelCost
    from aikit.batch_costs import OpenAIModelEstimate as OpenAIModelEstimate
    from aikit.batch_events import OpenAIBatchEvent as OpenAIBatchEvent
    from aikit.batch_objects import OpenAIBatch as OpenAIBatch
    from aikit.batch_objects import OpenAIBatchError as OpenAIBatchError
    from aikit.batch_objects import OpenAIBatchProgress as OpenAIBatchProgress
    from aikit.batch_objects import OpenAIBatchRequestCounts as OpenAIBatchRequestCounts
    from aikit.batch_parameters import OpenAIBatchListParameters as OpenAIBatchListParameters
    from aikit.batch_parameters import OpenAIBatchParameters as OpenAIBatchParameters
    from aikit.batch_parameters import OpenAIBatchResubmitParameters as OpenAIBatchResubmitParameters
    from aikit.batch_parameters import OpenAIBatchRowsParameters as OpenAIBatchRowsParameters
    from aikit.batch_parameters import OpenAIBatchWaitParameters as OpenAIBatchWaitParameters
    from aikit.batch_results import OpenAIBatchCostResult as OpenAIBatchCostResult
    from aikit.batch_results import OpenAIBatchEstimateResult as OpenAIBatchEstimateResult
    from aikit.batch_results import OpenAIBatchListResult as OpenAIBatchListResult
    from aikit.batch_results import OpenAIBatchResult as OpenAIBatchResult
    from aikit.batch_results import OpenAIBatchRowsResult as OpenAIBatchRowsResult
    from aikit.batch_rows import OpenAIBatchProblem as OpenAIBatchProblem
    from aikit.batch_rows import OpenAIBatchRow as OpenAIBatchRow
    from aikit.client import OpenAIClient as OpenAIClient
    from aikit.errors import CancelledError as CancelledError
    from aikit.errors import ExchangeError as ExchangeError
    from aikit.errors import OpenAIError as OpenAIError
    from aikit.file_parameters import OpenAIFileListParameters as OpenAIFileListParameters
    from aikit.file_parameters import OpenAIFileParameters as OpenAIFileParameters
    from aikit.file_parameters import OpenAIFileWaitParameters as OpenAIFileWaitParameters
    from aikit.file_results import OpenAIFileContentResult as OpenAIFileContentResult
    from aikit.file_results import OpenAIFileDeletedResult as OpenAIFileDeletedResult
    from aikit.file_results import OpenAIFileDownloadResult as OpenAIFileDownloadResult
    from aikit.file_results import OpenAIFileListResult as OpenAIFileListResult
    from aikit.file_results import OpenAIFileResult as OpenAIFileResult
    from aikit.housekeeping_objects import OpenAIFileHousekeepingProgress as OpenAIFileHousekeepingProgress
    from aikit.housekeeping_objects import OpenAIFilePruneCounts as OpenAIFilePruneCounts
    from aikit.housekeeping_objects import OpenAIFilePruneItem as OpenAIFilePruneItem
    from aikit.housekeeping_objects import OpenAIFileTotals as OpenAIFileTotals
    from aikit.housekeeping_objects import OpenAIFileUsage as OpenAIFileUsage
    from aikit.many_objects import OpenAIFileItem as OpenAIFileItem
    from aikit.many_objects import OpenAIFileManyCounts as OpenAIFileManyCounts
    from aikit.many_objects import OpenAIFileManyProgress as OpenAIFileManyProgress
    from aikit.many_objects import OpenAIFileUnderWay as OpenAIFileUnderWay
    from aikit.many_parameters import OpenAIFileManyParameters as OpenAIFileManyParameters
    from aikit.many_parameters import OpenAIFilePruneParameters as OpenAIFilePruneParameters
    from aikit.many_parameters import OpenAIFileUsageParameters as OpenAIFileUsageParameters
    from aikit.many_results import OpenAIFileManyResult as OpenAIFileManyResult
    from aikit.many_results import OpenAIFilePruneResult as OpenAIFilePruneResult
    from aikit.many_results import OpenAIFileUsageResult as OpenAIFileUsageResult
    from aikit.objects import OpenAIFile as OpenAIFile
    from aikit.objects import OpenAIFileDeleted as OpenAIFileDeleted
    from aikit.objects import Progress as Progress
    from aikit.parameters import OpenAIParameters as OpenAIParameters
    from aikit.providers.configured import Providers as Providers
    from aikit.rate_limit import RateLimit as RateLimit
    from aikit.results import OpenAIResult as OpenAIResult
    from aikit.upload_objects import OpenAIUpload as OpenAIUpload
    from aikit.upload_objects import OpenAIUploadPart as OpenAIUploadPart
    from aikit.upload_parameters import OpenAIUploadCompleteParameters as OpenAIUploadCompleteParameters
    from aikit.upload_parameters import OpenAIUploadParameters as OpenAIUploadParameters
    from aikit.upload_results import OpenAIUploadPartResult as OpenAIUploadPartResult
    from aikit.upload_results import OpenAIUploadResult as OpenAIUploadResult

__version__ = "0.1.0"

_HOMES: Final = {
    "aikit.batch_costs": ("OpenAIBatchCost", "OpenAIBatchEstimate", "OpenAIModelCost", "OpenAIModelEstimate"),
    "aikit.batch_events": ("OpenAIBatchEvent",),
    "aikit.batch_objects": ("OpenAIBatch", "OpenAIBatchError", "OpenAIBatchProgress", "OpenAIBatchRequestCounts"),
    "aikit.batch_parameters": (
        "OpenAIBatchListParameters",
        "OpenAIBatchParameters",
        "OpenAIBatchResubmitParameters",
        "OpenAIBatchRowsParameters",
        "OpenAIBatchWaitParameters",
    ),
    "aikit.batch_results": (
        "OpenAIBatchCostResult",
        "OpenAIBatchEstimateResult",
        "OpenAIBatchListResult",
        "OpenAIBatchResult",
        "OpenAIBatchRowsResult",
    ),
    "aikit.batch_rows": ("OpenAIBatchProblem", "OpenAIBatchRow"),
    "aikit.client": ("OpenAIClient",),
    "aikit.errors": ("CancelledError", "ExchangeError", "OpenAIError"),
    "aikit.housekeeping_objects": (
        "OpenAIFileHousekeepingProgress",
        "OpenAIFilePruneCounts",
        "OpenAIFilePruneItem",
        "OpenAIFileTotals",
        "OpenAIFileUsage",
    ),
    "aikit.many_objects": (
        "OpenAIFileItem",
        "OpenAIFileManyCounts",
        "OpenAIFileManyProgress",
        "OpenAIFileUnderWay",
    ),
    "aikit.many_parameters": (
        "OpenAIFileManyParameters",
        "OpenAIFilePruneParameters",
        "OpenAIFileUsageParameters",
    ),
    "aikit.many_results": ("OpenAIFileManyResult", "OpenAIFilePruneResult", "OpenAIFileUsageResult"),
    "aikit.objects": ("OpenAIFile", "OpenAIFileDeleted", "Progress"),
    "aikit.file_parameters": ("OpenAIFileListParameters", "OpenAIFileParameters", "OpenAIFileWaitParameters"),
    "aikit.parameters": ("OpenAIParameters",),
    "aikit.providers.configured": ("Providers",),
    "aikit.rate_limit": ("RateLimit",),
    "aikit.file_results": (
        "OpenAIFileContentResult",
        "OpenAIFileDeletedResult",
        "OpenAIFileDownloadResult",
        "OpenAIFileListResult",
        "OpenAIFileResult",
    ),
    "aikit.results": ("OpenAIResult",),
    "aikit.upload_objects": ("OpenAIUpload", "OpenAIUploadPart"),
    "aikit.upload_parameters": ("OpenAIUploadCompleteParameters", "OpenAIUploadParameters"),
    "aikit.upload_results": ("OpenAIUploadPartResult", "OpenAIUploadResult"),
}
_HOME_OF: Final = {name: home for home, names in _HOMES.items() for name in names}

_MODULES: Final = ("dispatch", "jsonl")

__all__ = [*_HOME_OF, *_MODULES]  # noqa: PLE0604  the public names, each loaded when it is asked for


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"aikit.{name}")
    if name in _HOME_OF:
        value = getattr(import_module(_HOME_OF[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'aikit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__") and name.endswith("__"))})
