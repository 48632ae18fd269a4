"""
What a task needs of what runs it.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from aikit.types.errors import CancelledError

TaskT_contra = TypeVar("TaskT_contra", contravariant=True)


class Driver(Protocol[TaskT_contra]):
    """
    As much of a scheduler as a task and its group need.
    """

    def enqueue(self, task: TaskT_contra, /) -> None:
        """Have *task* run by a thread, as soon as there is one."""
        ...

    def cancel(self, task: TaskT_contra, why: CancelledError | None = None, /) -> None:
        """Ask *task* to stop, also while it is parked."""
        ...

    def pause(self, task: TaskT_contra, /, *, is_on: bool) -> None:
        """Let no bytes of *task* move, or let them move again."""
        ...

    def wake(self, task: TaskT_contra, /) -> None:
        """Have *task* run, if it is parked."""
        ...

    def run_if_idle(self, task: TaskT_contra, until: float | None, /) -> bool:
        """In a worker thread, run *task* here if no other thread does; return whether this is a worker thread."""
        ...

    def is_driving(self, task: TaskT_contra, /) -> bool:
        """Return whether this thread is running *task*, or a flow that it waits for."""
        ...


class Group(Protocol):
    """
    As much of a task group as the task that waits for it needs.

    Attributes:
        results: What each flow returned, in their order.

        error: What the first that failed raised.
    """

    results: list[Any]
    error: BaseException | None

    def cancel(self) -> None:
        """Ask the flows under way to stop."""
        ...
