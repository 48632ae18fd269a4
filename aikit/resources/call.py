"""
How a call is made: an operation becomes a flow, the flow runs here or on the pool, and its end becomes a result.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs

from aikit.http.context import CallContext
from aikit.http.flow import Flow
from aikit.http.messages import Request, Response
from aikit.http.redirects import follow_redirects
from aikit.http.retry import RetryPolicy, intercept, with_retries
from aikit.runtime.parameters import OpenAIParameters
from aikit.runtime.result import OpenAIResult, Outcome
from aikit.runtime.task import Task
from aikit.types.errors import CancelledError

if TYPE_CHECKING:
    from aikit.providers import Provider
    from aikit.resources.session import Session

R = TypeVar("R", bound=OpenAIResult[Any])
log: Final = logging.getLogger("aikit")
_ASIDE_S: Final = 20.0  # without a byte; the answer that the caller waits for is there already

Operation = Callable[["Provider", CallContext], Flow[Any]]
"""Makes the flow of one call."""


def start(
    session: Session, result: R, operation: Operation, parameters: OpenAIParameters, *, is_long: bool = False
) -> R:
    """
    Run *operation* as *parameters* ask: here and now, or on the pool.

    Args:
        session: That of the client whose call it is.

        result: Gets its end.

        operation: Makes its flow.

        parameters: Options of this call.

        is_long: Whether it moves contents; calls that do not need not wait for it.

    Returns:
        *result*, terminated unless the call runs in the background.

    Raises:
        RuntimeError: The client is closed.
        OpenAIError: *parameters* ask to throw, and the call failed.
    """
    call = _call(session, result, operation, parameters)
    call.is_long = is_long
    if parameters.is_background:
        result._handle = call  # noqa: SLF001  results and calls are one mechanism
        _begin_deadline(call, parameters)
        session.scheduler.submit(call)
        return result
    end_deadline = _begin_deadline(call, parameters)
    try:
        session.run_here(call)
    finally:
        end_deadline()
    return result.throw() if parameters.throw else result


def retry_policy(defaults: OpenAIParameters, parameters: OpenAIParameters) -> RetryPolicy:
    """
    Return how often a call with *parameters* tries again, and after which pauses.
    """
    max_retries = defaults.max_retries if parameters.max_retries is None else parameters.max_retries
    return RetryPolicy(max_retries=max_retries or 0)


def _call(session: Session, result: OpenAIResult[Any], operation: Operation, parameters: OpenAIParameters) -> Task:
    connection = session.connection_for(parameters)
    context = CallContext(on_progress=_progress(session, parameters.on_progress), bandwidth=session.bandwidth)
    flow = intercept(operation(connection.provider, context), partial(_carried_out, session.defaults, parameters))
    deliver = partial(_deliver, session, result, parameters)
    return Task(flow, connection.transport, context, partial(result._settle, deliver))  # noqa: SLF001  likewise


def _begin_deadline(call: Task, parameters: OpenAIParameters) -> Callable[[], None]:
    """
    Let the call's time run, if it has an end; return what lets go of it, which its end does too.
    """
    if parameters.deadline is None:
        return lambda: None
    from aikit.runtime.timers import Deadline  # noqa: PLC0415  most calls have all the time there is

    message = f"the call was not over after {parameters.deadline:g} s; raise deadline to give it longer"
    why = CancelledError(message=message, code="deadline_exceeded", keeps=True)
    deadline, finish = Deadline(parameters.deadline, partial(call.cancel, why)), call.finish

    def finish_in_time(outcome: Outcome) -> None:
        deadline.end()
        finish(outcome)

    call.finish = finish_in_time
    deadline.begin()
    return deadline.end


def _carried_out(defaults: OpenAIParameters, parameters: OpenAIParameters, request: Request) -> Flow[Response]:
    timeout_s = parameters.timeout or defaults.timeout or request.timeout_s
    headers = request.headers.merged(parameters.extra_headers) if parameters.extra_headers else request.headers
    if request.is_best_effort:
        return follow_redirects(attrs.evolve(request, timeout_s=min(timeout_s, _ASIDE_S), headers=headers))
    if request.is_cleanup:
        timeout_s = min(timeout_s, _ASIDE_S)
    if timeout_s != request.timeout_s or headers is not request.headers:
        request = attrs.evolve(request, timeout_s=timeout_s, headers=headers)
    return with_retries(request, retry_policy(defaults, parameters))


def _deliver(session: Session, result: OpenAIResult[Any], parameters: OpenAIParameters) -> None:
    first = parameters.on_response if result.success else parameters.on_error
    callbacks = [callback for callback in (first, parameters.on_terminate) if callback is not None]
    if callbacks:
        session.dispatcher.deliver(partial(_run, callbacks, result))


def _progress(session: Session, on_progress: Callable[[Any], object] | None) -> Callable[[Any], None] | None:
    if on_progress is None:
        return None
    from aikit.dispatch import Newest  # noqa: PLC0415  only those who watch need it

    return Newest(session.dispatcher, partial(_run, [on_progress])).tell


def _run(callbacks: list[Callable[[Any], object]], value: Any) -> None:
    """
    Call each with *value*; one that raises is logged and changes nothing else.

    In the main thread a wish to end the program (Ctrl-C, ``sys.exit``) is kept until all have run.
    """
    wish: BaseException | None = None
    for callback in callbacks:
        try:
            callback(value)
        except Exception:
            log.exception("callback %r raised", callback)
        except BaseException as error:
            if threading.current_thread() is threading.main_thread():
                wish = wish or error
            else:
                log.exception("callback %r asked a thread of the pool to end", callback)
    if wish is not None:
        raise wish
