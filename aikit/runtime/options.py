"""
Keywords of any call, for type checkers and editors; `aikit.runtime.parameters` says what each means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypedDict, TypeVar

ResultT = TypeVar("ResultT")
ProgressT = TypeVar("ProgressT")


class CallOptions(TypedDict, Generic[ResultT, ProgressT], total=False):
    """
    Options of a call whose callbacks get a *ResultT*, and *on_progress* a *ProgressT*.
    """

    on_response: Callable[[ResultT], object] | None
    on_error: Callable[[ResultT], object] | None
    on_terminate: Callable[[ResultT], object] | None
    on_progress: Callable[[ProgressT], object] | None
    background: bool
    timeout: float | None
    deadline: float | None
    max_retries: int | None
    extra_headers: Mapping[str, str] | None
    http_agent: Any
    throw: bool
    provider: str | None
