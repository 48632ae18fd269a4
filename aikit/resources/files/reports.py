"""
Reports of how far many files have come.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    from aikit.http.context import CallContext

_GAP_S: Final = 0.11  # at most ten reports a second


@attrs.define(eq=False)
class Reports:
    """
    The reports of one call, whose threads all have something to tell.
    """

    _told_at: float = attrs.field(default=float("-inf"), init=False)
    _telling: Any = attrs.field(factory=threading.Lock, init=False)

    def tell(self, context: CallContext | None, progress: Callable[[], Any], *, is_last: bool = False) -> None:
        """
        Tell *context* what *progress* returns, unless nobody listens or it is too early after the last time.

        Raises:
            CancelledError: It is time to stop.
        """
        if context is None or context.on_progress is None:
            return
        if not is_last and context.clock() - self._told_at < _GAP_S:
            return
        if self._telling.acquire(blocking=is_last):  # one at a time, so that no later report overtakes
            try:
                self._told_at = context.clock()
                context.tell(progress(), is_last=True)
            finally:
                self._telling.release()
