"""
Flows side by side of a call that runs in the calling thread.
"""

from __future__ import annotations

import threading
from typing import Final

from aikit.http.flow import Gather
from aikit.runtime.scheduler import Scheduler
from aikit.runtime.task import Task
from aikit.runtime.task_group import TaskGroup
from aikit.types.errors import CancelledError
from aikit.types.interruptions import LONGEST_WAIT_S

_GRACE_S: Final = 0.5  # after Ctrl-C, for flows side by side to notice


def gather_beside(task: Task, step: Gather) -> None:
    """
    Run the flows of *step* on threads beside this one, as many as it asks for, while this one waits for them.
    """
    # This thread only waits. If it ran flows too, Ctrl-C and what signal handlers raise would end up in one of them.
    # The others are daemons: one that is stuck where nothing reaches it, in the caller's own iterable or on a disk that
    # hangs, holds up neither the caller nor the interpreter's end.
    beside, is_over = Scheduler(max(step.most_threads or step.at_a_time, 1), is_awaited=False), threading.Event()
    group = TaskGroup(task, beside, is_over.set)
    task.adopt(group)
    try:
        group.start(step)
        while not is_over.wait(LONGEST_WAIT_S):
            pass
    except BaseException:
        task.stop(CancelledError(keeps=True))
        is_over.wait(_GRACE_S)
        raise
    finally:
        beside.dismiss()
