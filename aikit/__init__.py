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
    from aikit.client import OpenAIClient as OpenAIClient
    from aikit.http.checked_file import CheckedFile as CheckedFile
    from aikit.providers.config.providers import Providers as Providers
    from aikit.resources.batches.parameters import OpenAIBatchListParameters as OpenAIBatchListParameters
    from aikit.resources.batches.parameters import OpenAIBatchParameters as OpenAIBatchParameters
    from aikit.resources.batches.parameters import OpenAIBatchPricesParameters as OpenAIBatchPricesParameters
    from aikit.resources.batches.parameters import OpenAIBatchResubmitParameters as OpenAIBatchResubmitParameters
    from aikit.resources.batches.parameters import OpenAIBatchRowsParameters as OpenAIBatchRowsParameters
    from aikit.resources.batches.parameters import OpenAIBatchWaitParameters as OpenAIBatchWaitParameters
    from aikit.resources.batches.results import OpenAIBatchCostResult as OpenAIBatchCostResult
    from aikit.resources.batches.results import OpenAIBatchEstimateResult as OpenAIBatchEstimateResult
    from aikit.resources.batches.results import OpenAIBatchListResult as OpenAIBatchListResult
    from aikit.resources.batches.results import OpenAIBatchResult as OpenAIBatchResult
    from aikit.resources.batches.results import OpenAIBatchRowsResult as OpenAIBatchRowsResult
    from aikit.resources.batches.run.parameters import OpenAIBatchRunParameters as OpenAIBatchRunParameters
    from aikit.resources.batches.run.results import OpenAIBatchRunResult as OpenAIBatchRunResult
    from aikit.resources.files.parameters import OpenAIFileDownloadParameters as OpenAIFileDownloadParameters
    from aikit.resources.files.parameters import OpenAIFileListParameters as OpenAIFileListParameters
    from aikit.resources.files.parameters import OpenAIFileManyParameters as OpenAIFileManyParameters
    from aikit.resources.files.parameters import OpenAIFileParameters as OpenAIFileParameters
    from aikit.resources.files.parameters import OpenAIFilePruneParameters as OpenAIFilePruneParameters
    from aikit.resources.files.parameters import OpenAIFileStreamParameters as OpenAIFileStreamParameters
    from aikit.resources.files.parameters import OpenAIFileUsageParameters as OpenAIFileUsageParameters
    from aikit.resources.files.parameters import OpenAIFileWaitParameters as OpenAIFileWaitParameters
    from aikit.resources.files.results import OpenAIFileContentResult as OpenAIFileContentResult
    from aikit.resources.files.results import OpenAIFileDeletedResult as OpenAIFileDeletedResult
    from aikit.resources.files.results import OpenAIFileDownloadResult as OpenAIFileDownloadResult
    from aikit.resources.files.results import OpenAIFileListResult as OpenAIFileListResult
    from aikit.resources.files.results import OpenAIFileManyResult as OpenAIFileManyResult
    from aikit.resources.files.results import OpenAIFilePruneResult as OpenAIFilePruneResult
    from aikit.resources.files.results import OpenAIFileResult as OpenAIFileResult
    from aikit.resources.files.results import OpenAIFileUsageResult as OpenAIFileUsageResult
    from aikit.resources.files.stream import OpenAIFileStreamResult as OpenAIFileStreamResult
    from aikit.resources.uploads.parameters import OpenAIUploadCompleteParameters as OpenAIUploadCompleteParameters
    from aikit.resources.uploads.parameters import OpenAIUploadParameters as OpenAIUploadParameters
    from aikit.resources.uploads.results import OpenAIUploadPartResult as OpenAIUploadPartResult
    from aikit.resources.uploads.results import OpenAIUploadResult as OpenAIUploadResult
    from aikit.runtime.parameters import OpenAIParameters as OpenAIParameters
    from aikit.runtime.result import OpenAIResult as OpenAIResult
    from aikit.types.batch_rows import OpenAIBatchProblem as OpenAIBatchProblem
    from aikit.types.batch_rows import OpenAIBatchRow as OpenAIBatchRow
    from aikit.types.batch_runs import OpenAIBatchRun as OpenAIBatchRun
    from aikit.types.batch_runs import OpenAIBatchRunProgress as OpenAIBatchRunProgress
    from aikit.types.batches import OpenAIBatch as OpenAIBatch
    from aikit.types.batches import OpenAIBatchError as OpenAIBatchError
    from aikit.types.batches import OpenAIBatchProgress as OpenAIBatchProgress
    from aikit.types.batches import OpenAIBatchRequestCounts as OpenAIBatchRequestCounts
    from aikit.types.bulk_files import OpenAIFileHousekeepingProgress as OpenAIFileHousekeepingProgress
    from aikit.types.bulk_files import OpenAIFileItem as OpenAIFileItem
    from aikit.types.bulk_files import OpenAIFileManyCounts as OpenAIFileManyCounts
    from aikit.types.bulk_files import OpenAIFileManyProgress as OpenAIFileManyProgress
    from aikit.types.bulk_files import OpenAIFilePruneCounts as OpenAIFilePruneCounts
    from aikit.types.bulk_files import OpenAIFilePruneItem as OpenAIFilePruneItem
    from aikit.types.bulk_files import OpenAIFileTotals as OpenAIFileTotals
    from aikit.types.bulk_files import OpenAIFileUnderWay as OpenAIFileUnderWay
    from aikit.types.bulk_files import OpenAIFileUsage as OpenAIFileUsage
    from aikit.types.costs import OpenAIBatchCost as OpenAIBatchCost
    from aikit.types.costs import OpenAIBatchEstimate as OpenAIBatchEstimate
    from aikit.types.costs import OpenAIModelCost as OpenAIModelCost
    from aikit.types.costs import OpenAIModelEstimate as OpenAIModelEstimate
    from aikit.types.errors import CancelledError as CancelledError
    from aikit.types.errors import ExchangeError as ExchangeError
    from aikit.types.errors import OpenAIError as OpenAIError
    from aikit.types.events import OpenAIBatchEvent as OpenAIBatchEvent
    from aikit.types.files import OpenAIFile as OpenAIFile
    from aikit.types.files import OpenAIFileDeleted as OpenAIFileDeleted
    from aikit.types.json_form import to_json as to_json
    from aikit.types.progress import Progress as Progress
    from aikit.types.rate_limit import RateLimit as RateLimit
    from aikit.types.uploads import OpenAIUpload as OpenAIUpload
    from aikit.types.uploads import OpenAIUploadPart as OpenAIUploadPart

__version__ = "0.1.0"

_HOMES: Final = {
    "aikit.types.costs": ("OpenAIBatchCost", "OpenAIBatchEstimate", "OpenAIModelCost", "OpenAIModelEstimate"),
    "aikit.types.events": ("OpenAIBatchEvent",),
    "aikit.types.batches": ("OpenAIBatch", "OpenAIBatchError", "OpenAIBatchProgress", "OpenAIBatchRequestCounts"),
    "aikit.resources.batches.parameters": (
        "OpenAIBatchListParameters",
        "OpenAIBatchParameters",
        "OpenAIBatchPricesParameters",
        "OpenAIBatchResubmitParameters",
        "OpenAIBatchRowsParameters",
        "OpenAIBatchWaitParameters",
    ),
    "aikit.resources.batches.results": (
        "OpenAIBatchCostResult",
        "OpenAIBatchEstimateResult",
        "OpenAIBatchListResult",
        "OpenAIBatchResult",
        "OpenAIBatchRowsResult",
    ),
    "aikit.resources.batches.run.parameters": ("OpenAIBatchRunParameters",),
    "aikit.resources.batches.run.results": ("OpenAIBatchRunResult",),
    "aikit.types.batch_runs": ("OpenAIBatchRun", "OpenAIBatchRunProgress"),
    "aikit.types.batch_rows": ("OpenAIBatchProblem", "OpenAIBatchRow"),
    "aikit.client": ("OpenAIClient",),
    "aikit.http.checked_file": ("CheckedFile",),
    "aikit.types.errors": ("CancelledError", "ExchangeError", "OpenAIError"),
    "aikit.types.bulk_files": (
        "OpenAIFileHousekeepingProgress",
        "OpenAIFilePruneCounts",
        "OpenAIFilePruneItem",
        "OpenAIFileTotals",
        "OpenAIFileUsage",
        "OpenAIFileItem",
        "OpenAIFileManyCounts",
        "OpenAIFileManyProgress",
        "OpenAIFileUnderWay",
    ),
    "aikit.types.files": ("OpenAIFile", "OpenAIFileDeleted"),
    "aikit.types.json_form": ("to_json",),
    "aikit.types.progress": ("Progress",),
    "aikit.resources.files.parameters": (
        "OpenAIFileDownloadParameters",
        "OpenAIFileListParameters",
        "OpenAIFileManyParameters",
        "OpenAIFileParameters",
        "OpenAIFileStreamParameters",
        "OpenAIFilePruneParameters",
        "OpenAIFileUsageParameters",
        "OpenAIFileWaitParameters",
    ),
    "aikit.runtime.parameters": ("OpenAIParameters",),
    "aikit.providers.config.providers": ("Providers",),
    "aikit.types.rate_limit": ("RateLimit",),
    "aikit.resources.files.results": (
        "OpenAIFileContentResult",
        "OpenAIFileDeletedResult",
        "OpenAIFileDownloadResult",
        "OpenAIFileListResult",
        "OpenAIFileManyResult",
        "OpenAIFilePruneResult",
        "OpenAIFileResult",
        "OpenAIFileUsageResult",
    ),
    "aikit.resources.files.stream": ("OpenAIFileStreamResult",),
    "aikit.runtime.result": ("OpenAIResult",),
    "aikit.types.uploads": ("OpenAIUpload", "OpenAIUploadPart"),
    "aikit.resources.uploads.parameters": ("OpenAIUploadCompleteParameters", "OpenAIUploadParameters"),
    "aikit.resources.uploads.results": ("OpenAIUploadPartResult", "OpenAIUploadResult"),
}
_HOME_OF: Final = {name: home for home, names in _HOMES.items() for name in names}

_MODULES: Final = ("dispatch", "jsonl")

if not TYPE_CHECKING:  # which knows the names from above, and would let any other pass then
    __all__ = [*_HOME_OF, *_MODULES]  # noqa: PLE0604  the public names, each loaded when it is asked for

    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            return import_module(f"aikit.{name}")
        if name in _HOME_OF:
            from aikit.types.loading import load  # noqa: PLC0415  the package alone loads none of its modules

            value = getattr(load(_HOME_OF[name]), name)
            globals()[name] = value
            return value
        raise AttributeError(f"module 'aikit' has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*__all__, *(name for name in globals() if name.startswith("__") and name.endswith("__"))})
