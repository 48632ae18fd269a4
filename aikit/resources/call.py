"""
How a call is made: an operation becomes a flow, a task runs the flow, and its outcome becomes a result.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs

from aikit.http.context import CallContext
from aikit.http.flow import Flow
from aikit.http.messages import Request, Response
from aikit.http.redirects import follow_redirects
from aikit.http.retry import RetryPolicy, intercept, with_retries
from aikit.http.sources import Source, release
from aikit.http.streams import StreamSource
from aikit.runtime.call_state import CallState, Outcome
from aikit.runtime.callback_checks import Callback, require_plain
from aikit.runtime.callbacks import CallbackQueue, run_callbacks
from aikit.runtime.parameters import OpenAIParameters
from aikit.runtime.result import OpenAIResult
from aikit.runtime.task import Task
from aikit.runtime.timers import Deadline
from aikit.types.errors import CancelledError

if TYPE_CHECKING:
    from aikit.providers import Provider
    from aikit.resources.session import Session


R = TypeVar("R", bound=OpenAIResult[Any])
_CALLBACKS: Final = ("on_response", "on_error", "on_terminate", "on_progress")
_SHORT_S: Final = 20.0  # without a byte, for requests whose answer the caller does not wait for
log: Final = logging.getLogger("aikit")
_NOT_IN_BACKGROUND: Final = (
    "a call that gives an %s blocks the event loop of its thread until it is over; await it, with background=True "
    "among its options, or give it a callback such as on_terminate (said once for each client)"
)
_WAITED_FOR: Final = "waiting for an %s blocks this thread's event loop; await it instead (said once for each client)"

Operation = Callable[["Provider", CallContext], Flow[Any]]
"""Makes the flow of one call."""


def start(
    session: Session,
    make_result: Callable[[CallState], R],
    operation: Operation,
    parameters: OpenAIParameters,
    *,
    is_long: bool = False,
    source: Source | str | None = None,
    on_task: Callable[[Task], object] | None = None,
) -> R:
    """
    Run *operation* as *parameters* ask: here and now, or in the background.

    Args:
        session: That of the client whose call it is.

        make_result: Given the state of the call, makes the result that shows it.

        operation: Makes the flow of the call.

        parameters: Options of this call.

        is_long: Whether it moves contents; calls that do not need not wait for it.

        source: Stream or file that the call reads, released when it is over, before its callbacks run.

        on_task: Gets the task before it runs; one that waits for its reader is run on with it.

    Returns:
        The result, terminated unless the call runs in the background.

    Raises:
        RuntimeError: The client is closed.
        TypeError: A callback is an async function, and the client's dispatcher cannot await.
        OpenAIError: *parameters* ask to throw, and the call failed.
    """
    state = CallState()
    result = make_result(state)
    call = _Call(session, parameters, state, result, source)
    try:
        task = call.task(operation, is_long=is_long)
        if parameters.deadline is not None:
            call.begin_deadline(task, parameters.deadline)
        if on_task is not None:
            on_task(task)
        if parameters.is_background:
            state.handle = task
            state.before_wait = partial(_tell_if_waiting_blocks, session)
            session.scheduler.submit(task)
            return result
        if session.notices_loop():
            log.warning(_NOT_IN_BACKGROUND, type(result).__name__)
        session.run_here(task)
    except BaseException:
        call.let_go()
        raise
    return result.throw() if parameters.throw else result


def _tell_if_waiting_blocks(session: Session, result: OpenAIResult[Any]) -> None:
    if session.notices_loop():
        log.warning(_WAITED_FOR, type(result).__name__)


def retry_policy(defaults: OpenAIParameters, parameters: OpenAIParameters) -> RetryPolicy:
    """
    Return how often a call with *parameters* tries again, and after which pauses.
    """
    max_retries = defaults.max_retries if parameters.max_retries is None else parameters.max_retries
    return RetryPolicy(max_retries=max_retries or 0)


@attrs.define(eq=False)
class _Call:
    """
    One call: its flow gets headers, time-outs and retries on the way out, its end becomes a result and callbacks.
    """

    session: Session
    parameters: OpenAIParameters
    state: CallState
    result: OpenAIResult[Any]
    source: Source | str | None = None
    deadline: Deadline | None = None
    queue: CallbackQueue | None = None
    policy: RetryPolicy = attrs.field(init=False)

    @policy.default
    def _policy(self) -> RetryPolicy:
        return retry_policy(self.session.defaults, self.parameters)

    def task(self, operation: Operation, *, is_long: bool) -> Task:
        """
        Return the task that runs *operation*.
        """
        self._begin_queue()
        connection = self.session.connection_for(self.parameters)
        on_progress = None if self.parameters.on_progress is None else self._newest(self.parameters.on_progress)
        context = CallContext(on_progress, bandwidth=self.session.bandwidth)
        flow = intercept(operation(connection.provider, context), self._send)
        return Task(flow, connection.transport, context, self._end, is_long=is_long)

    def begin_deadline(self, task: Task, seconds: float) -> None:
        """
        Let the time of the call run.
        """
        message = f"the call was not over after {seconds:g} s; raise deadline to give it longer"
        why = CancelledError(message=message, code="deadline_exceeded", keeps=True)
        self.deadline = Deadline(seconds, partial(task.cancel, why))
        if not self.deadline.begin():
            task.context.expire_at(self.deadline.due, why)

    def _send(self, request: Request) -> Flow[Response]:
        parameters, defaults = self.parameters, self.session.defaults
        timeout_s = parameters.timeout or defaults.timeout or request.timeout_s
        headers = request.headers.merged(parameters.extra_headers) if parameters.extra_headers else request.headers
        if request.is_best_effort or request.is_cleanup:
            timeout_s = min(timeout_s, request.timeout_s, _SHORT_S)
        if timeout_s != request.timeout_s or headers is not request.headers:
            request = attrs.evolve(request, timeout_s=timeout_s, headers=headers)
        if request.is_best_effort:
            return follow_redirects(request)
        return with_retries(request, self.policy)

    def let_go(self) -> None:
        """
        Release what the call holds.
        """
        if self.deadline is not None:
            self.deadline.end()
        if isinstance(self.source, StreamSource):
            release(self.source)

    def _end(self, outcome: Outcome) -> None:
        self.let_go()
        first = self.parameters.on_error if outcome.errors else self.parameters.on_response
        callbacks = [callback for callback in (first, self.parameters.on_terminate) if callback is not None]
        self.state.settle(outcome, partial(self._deliver, callbacks) if callbacks else None)

    def _begin_queue(self) -> None:
        given = {name: callback for name in _CALLBACKS if (callback := getattr(self.parameters, name)) is not None}
        self.queue = CallbackQueue.on(self.session.dispatcher) if given else None
        if self.queue is None:
            for name, callback in given.items():
                require_plain(name, callback)

    def _deliver(self, callbacks: list[Callback]) -> None:
        (self.queue or self.session.dispatcher).deliver(partial(run_callbacks, callbacks, self.result, self.queue))

    def _newest(self, on_progress: Callback) -> Callable[[Any], None]:
        tell = partial(run_callbacks, [on_progress], queue=self.queue)
        return self.session.newest_only(tell, self.queue or self.session.dispatcher)
