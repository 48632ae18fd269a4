"""
States of batches and of the jobs that they are.
"""

from __future__ import annotations

from typing import Any, Final

CHAT: Final = "/v1/chat/completions"
EMBEDDINGS: Final = "/v1/embeddings"
"""Endpoints of the lines of batches."""

WINDOW: Final = "24h"

ENDS: Final = {
    "completed": "completed_at",
    "failed": "failed_at",
    "cancelled": "cancelled_at",
    "expired": "expired_at",
}
"""Status of a batch that is over → field with its time."""

_STATUSES: Final = {
    "UNSPECIFIED": "validating",
    "QUEUED": "validating",
    "PENDING": "validating",
    "RUNNING": "in_progress",
    "PAUSED": "in_progress",
    "UPDATING": "in_progress",
    "SUCCEEDED": "completed",
    "PARTIALLY_SUCCEEDED": "completed",
    "FAILED": "failed",
    "CANCELLING": "cancelling",
    "CANCELLED": "cancelled",
    "EXPIRED": "expired",
}


def status_of(state: Any) -> str:
    """
    Return the status for a state, ``"JOB_STATE_RUNNING"``; one that is not known is not over.
    """
    told = str(state or "UNSPECIFIED").rpartition("_STATE_")[2]
    return _STATUSES.get(told, told.lower())
