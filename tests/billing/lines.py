"""
Lines of the files that batches give back, as tests want them.
"""

from __future__ import annotations

import json
from typing import Any


def usage(asked: int = 10, answered: int = 5, cached: int = 0, thought: int = 0) -> dict[str, Any]:
    """
    Return what Chat Completions tell.
    """
    return {
        "prompt_tokens": asked,
        "completion_tokens": answered,
        "total_tokens": asked + answered,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": thought},
    }


def answer(model: Any = "gpt-4o-mini-2024-07-18", told: Any = None, status: int = 200, **body: Any) -> dict[str, Any]:
    """
    Return the line of one answer.
    """
    body = {"model": model, **({} if told is None else {"usage": told}), **body}
    return {"custom_id": "a", "response": {"status_code": status, "request_id": "r", "body": body}, "error": None}


def never_asked(code: str = "batch_expired") -> dict[str, Any]:
    """
    Return the line of a request that came to nothing.
    """
    return {"custom_id": "a", "response": None, "error": {"code": code, "message": "too late"}}


def file_of(*lines: Any) -> bytes:
    """
    Return the lines as a file; bytes stay as they are.
    """
    return b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines)
