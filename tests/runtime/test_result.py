"""
Results: handles while a call runs, answers when it is over.
"""

from __future__ import annotations

import asyncio
import copy
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from aikit.http.headers import Headers
from aikit.http.messages import Request, Response
from aikit.resources.batches.results import OpenAIBatchListResult, OpenAIBatchResult, OpenAIBatchRowsResult
from aikit.resources.files.results import (
    OpenAIFileContentResult,
    OpenAIFileDeletedResult,
    OpenAIFileDownloadResult,
    OpenAIFileListResult,
    OpenAIFileResult,
    Saved,
)
from aikit.runtime.call_state import CallState, Outcome
from aikit.runtime.result import OpenAIListResult, OpenAIResult
from aikit.types.batches import BatchPage, OpenAIBatch
from aikit.types.errors import OpenAIError
from aikit.types.files import FilePage, OpenAIFile, OpenAIFileDeleted
from aikit.types.rate_limit import RateLimit
from tests.interrupting import interrupt_often, needs_signals

_KEY = "sk-proj-0123456789"
_REQUEST = Request(
    method="GET", url="https://api.example/v1/files", headers=Headers({"Authorization": f"Bearer {_KEY}"})
)
_FILE = OpenAIFile("file-1", 3, 1, "a.txt", "user_data")
_BATCH = OpenAIBatch(
    id="batch_1", endpoint="/v1/x", input_file_id="file-1", completion_window="24h", status="failed", created_at=1
)
_ALL: tuple[type[OpenAIResult[Any]], ...] = (
    OpenAIFileResult,
    OpenAIFileDeletedResult,
    OpenAIFileListResult,
    OpenAIFileContentResult,
    OpenAIFileDownloadResult,
    OpenAIBatchResult,
    OpenAIBatchListResult,
    OpenAIBatchRowsResult,
)


def _ended(
    result: OpenAIResult[Any],
    value: Any = None,
    errors: tuple[OpenAIError, ...] = (),
    deliver: Callable[[], None] = lambda: None,
    **answer: Any,
) -> Any:
    response = Response(status=200, request=_REQUEST, **answer) if answer else None
    result._state.settle(Outcome(value=value, errors=errors, request=_REQUEST, response=response), deliver)
    return result


@attrs.define
class _Hold:
    """
    What a running call would be held by.
    """

    cancelled: int = 0
    assisted: int = 0
    is_paused: bool = False

    def cancel(self, *, keep: bool = False) -> None:
        assert not keep
        self.cancelled += 1

    def pause(self, *, is_on: bool) -> None:
        self.is_paused = is_on

    def run_if_idle(self, _: float | None) -> bool:
        self.assisted += 1
        return False

    def is_driven_here(self) -> bool:
        return False


def _running(cls: type[OpenAIResult[Any]] = OpenAIFileResult) -> tuple[Any, _Hold]:
    result, hold = cls(), _Hold()
    result._state.handle = hold
    return result, hold


@pytest.mark.parametrize("cls", _ALL)
def test_every_property_can_be_asked_while_the_call_runs(cls: type[OpenAIResult[Any]]) -> None:
    """
    Before the end, and after errors, nothing is there and nothing raises.
    """
    for result, is_over in ((cls(), False), (_ended(cls(), errors=(OpenAIError(message="x"),)), True)):
        names = [name for name in dir(cls) if isinstance(getattr(cls, name), property) and not name.startswith("_")]
        found = {name: getattr(result, name) for name in names}
        assert (found.pop("success"), found.pop("terminated")) == (False, is_over)
        found = {name: value for name, value in found.items() if name not in {"errors", "request"}}
        empty = RateLimit(limit={}, remaining={}, reset={})
        assert all(not value or value == empty for value in found.values())


def test_answers_are_where_they_are_looked_for() -> None:
    """
    Each result has its value under the name of what was asked for.
    """
    deleted, page = OpenAIFileDeleted("f", deleted=True), FilePage((_FILE,), has_more=True, first_id="a", last_id="b")
    assert _ended(OpenAIFileResult(), _FILE).file == _FILE
    assert _ended(OpenAIFileDeletedResult(), deleted).deleted == deleted
    listed = _ended(OpenAIFileListResult(), page)
    assert (listed.files, listed.first_id, listed.last_id, listed.has_more) == ((_FILE,), "a", "b", True)
    assert _ended(OpenAIBatchResult(), _BATCH).batch == _BATCH
    assert _ended(OpenAIBatchListResult(), BatchPage((_BATCH,), last_id="c")).batches == (_BATCH,)
    content = _ended(OpenAIFileContentResult(), b"gr\xc3\xbc\xff")
    assert (content.content, content.text) == (b"gr\xc3\xbc\xff", "grü\ufffd")
    saved = _ended(OpenAIFileDownloadResult(), Saved(Path("a.txt"), 5))
    assert (saved.path, saved.bytes_written, saved.success, saved.terminated) == (Path("a.txt"), 5, True, True)


def test_throw_raises_the_first_with_notes_of_the_others() -> None:
    """
    All problems are told by the one that is raised, and told once however often it is raised.
    """
    errors = tuple(OpenAIError(message=text, line=line) for line, text in enumerate("abc", 1))
    result = _ended(OpenAIFileResult(), errors=errors)
    for _ in range(2):
        with pytest.raises(OpenAIError) as caught:
            result.throw()
    assert caught.value is errors[0]
    assert caught.value.__notes__ == ["also: line 2: b", "also: line 3: c"]


def test_throw_of_a_success_is_the_result() -> None:
    """
    Without a problem ``throw`` can be chained; a running call has none yet.
    """
    result = _ended(OpenAIFileResult(), _FILE)
    assert result.throw() is result
    running, _ = _running()
    assert running.throw() is running


def test_wait_ends_with_the_call() -> None:
    """
    Waiting has a limit, takes part in the work when it has none, and ends after the callbacks.
    """
    result, hold = _running()
    assert (result.wait(0), result.wait(-1), result.wait(0.01), hold.assisted) == (False, False, False, 3)
    delivered = threading.Event()
    thread = threading.Timer(0.05, lambda: _ended(result, _FILE, deliver=delivered.set))
    thread.start()
    assert (result.wait(), delivered.is_set(), hold.assisted) == (True, True, 4)
    thread.join()
    assert result.wait(0)


def test_result_is_over_inside_its_own_callbacks() -> None:
    """
    A callback may wait for its own result, and sees the answer; another thread still waits.
    """
    result = OpenAIFileResult()
    seen: list[Any] = []

    def deliver() -> None:
        elsewhere = threading.Thread(target=lambda: seen.append(result.wait(0.01)))
        elsewhere.start()
        elsewhere.join()
        seen.extend((result.wait(), result.terminated, result.file))

    _ended(result, _FILE, deliver=deliver)
    assert seen == [False, True, True, _FILE]


@pytest.mark.parametrize("timeout", [float("inf"), 1e12])
def test_wait_takes_any_number_of_seconds(timeout: float) -> None:
    """
    More than a lock can be waited for is as long as it takes.
    """
    result = OpenAIFileResult()
    thread = threading.Timer(0.05, lambda: _ended(result, _FILE))
    thread.start()
    assert result.wait(timeout)
    assert result.file == _FILE


def test_delivery_that_fails_leaves_nobody_waiting() -> None:
    """
    Even if the callbacks cannot be handed over, the call is over.
    """

    def deliver() -> None:
        raise RuntimeError("no thread")

    result = OpenAIFileResult()
    with pytest.raises(RuntimeError, match="no thread"):
        _ended(result, _FILE, deliver=deliver)
    assert result.wait(0)


def test_cancel_tells_whether_there_was_something_to_stop() -> None:
    """
    A running call is asked to stop; one that is over, or ran in the caller's thread, is not.
    """
    result, hold = _running()
    assert (result.cancel(), hold.cancelled) == (True, 1)
    _ended(result, _FILE)
    assert (result.cancel(), OpenAIFileResult().cancel(), hold.cancelled) == (False, False, 1)


def test_await_gives_the_result() -> None:
    """
    A result is awaited by any number of tasks, while it runs and afterwards.
    """

    async def main() -> list[Any]:
        result, _ = _running()
        tasks = [asyncio.ensure_future(result) for _ in range(3)]
        await asyncio.sleep(0)
        thread = threading.Thread(target=lambda: _ended(result, _FILE))
        thread.start()
        seen = [await task for task in tasks]
        thread.join()
        return [*seen, await result, result]

    first, *others = asyncio.run(main())
    assert all(other is first for other in others)
    assert first.file == _FILE


def test_cancelled_await_cancels_the_call() -> None:
    """
    A task that is cancelled, or runs out of time, asks the call to stop; its end afterwards disturbs nobody.
    """

    async def main() -> int:
        result, hold = _running()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(result, 0.01)
        _ended(result, _FILE)
        await asyncio.sleep(0)
        return hold.cancelled

    assert asyncio.run(main()) == 1


def test_call_that_ends_after_its_loop_is_no_problem() -> None:
    """
    The loop that awaited may be closed before the call is over.
    """
    result, _ = _running()

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(result)), 0.01)

    asyncio.run(main())
    _ended(result, _FILE)
    assert result.success


@pytest.mark.parametrize("cls", _ALL)
def test_result_survives_its_pickle(cls: type[OpenAIResult[Any]]) -> None:
    """
    What a result tells is the same elsewhere, without the client it came from and without its key.
    """
    result = _ended(
        cls(),
        errors=(OpenAIError(message="m", code="c"),),
        headers=Headers({"x-ratelimit-limit-tokens": "5"}),
        body=f"you sent {_KEY}".encode(),
    )
    if isinstance(result, OpenAIListResult):
        result._next = lambda _: result
    for carried in (pickle.loads(pickle.dumps(result)), copy.copy(result)):  # noqa: S301  our own
        assert type(carried) is cls
        assert (carried.terminated, carried.wait(0), carried.success) == (True, True, False)
        assert [(error.message, error.code) for error in carried.errors] == [("m", "c")]
        assert carried.rate_limit.limit == {"tokens": 5}
    assert _KEY.encode() not in pickle.dumps(result)
    assert _KEY not in repr(result)


@pytest.mark.parametrize("cls", _ALL)
def test_repr_tells_what_came_of_the_call(cls: type[OpenAIResult[Any]]) -> None:
    """
    Whoever prints a result sees whether it is over and well, and the first of what went wrong.
    """
    name = cls.__name__
    assert repr(cls()) == f"{name}(terminated=False)"
    assert repr(_ended(cls(), None)) == f"{name}(terminated=True, success=True)"
    errors = (OpenAIError(message="m", code="c"), *(OpenAIError(message=str(number)) for number in range(4)))
    wanted = "terminated=True, success=False, errors=['c: m', '0', '1'], more_errors=2"
    assert repr(_ended(cls(), errors=errors)) == f"{name}({wanted})"


def test_running_call_cannot_be_pickled() -> None:
    """
    A handle of something that happens here is of no use elsewhere.
    """
    result, _ = _running()
    with pytest.raises(TypeError, match="wait"):
        pickle.dumps(result)


def test_pages_follow_each_other() -> None:
    """
    ``next_page`` asks with the last id; without a next page, or a client, it says why it cannot.
    """
    second = OpenAIFileListResult()
    asked: list[str | None] = []

    def ask(last_id: str | None) -> OpenAIFileListResult:
        asked.append(last_id)
        return second

    first = _ended(OpenAIFileListResult(), FilePage((_FILE,), has_more=True, last_id="file-1"))
    first._next = ask
    assert (first.next_page(), asked) == (second, ["file-1"])
    with pytest.raises(ValueError, match="after="):
        pickle.loads(pickle.dumps(first)).next_page()  # noqa: S301  our own
    last = _ended(OpenAIFileListResult(), FilePage((_FILE,)))
    last._next = ask
    with pytest.raises(ValueError, match="has_more is false"):
        last.next_page()


def test_rate_limit_is_what_the_headers_say() -> None:
    """
    Counts are numbers, times the provider's own words; what is no count is left out.
    """
    headers = Headers(
        {
            "x-ratelimit-limit-requests": "100",
            "x-ratelimit-remaining-requests": "99",
            "x-ratelimit-reset-requests": "6m0s",
            "x-ratelimit-limit-tokens": "\u00b2",
            "x-ratelimit-remaining-tokens": "9" * 5000,
            "x-ratelimit-reset-tokens": "soon",
        }
    )
    assert _ended(OpenAIFileResult(), headers=headers).rate_limit == RateLimit(
        limit={"requests": 100}, remaining={"requests": 99}, reset={"requests": "6m0s", "tokens": "soon"}
    )


def test_rate_limit_repeats_no_key() -> None:
    """
    A server that repeats the key it was sent, as the time of a reset, does not bring it into the limits.
    """
    key = "sk-proj-0123456789"
    request = attrs.evolve(_REQUEST, headers=Headers({"Authorization": f"Bearer {key}"}))
    response = Response(status=200, request=request, headers=Headers({"x-ratelimit-reset-tokens": key}))
    result: OpenAIFileResult = _ended(OpenAIFileResult())
    result._state.outcome = Outcome(response=response)
    assert result.rate_limit.reset.tokens == "***"


@pytest.mark.parametrize(
    ("body", "usage"),
    [
        (b'{"usage": {"total_tokens": 5}}', {"total_tokens": 5}),
        (b'{"usage": {}}\n{"usage": {}}\n', None),
        (b'["usage"]', None),
        (b'{"id": "usage"}', None),
        (b'a text about "usage"', None),
        (b"", None),
    ],
)
def test_usage_is_that_of_the_answer(body: bytes, usage: Any) -> None:
    """
    Content that merely has the word, such as the lines of a batch's output, has no usage and does not raise.
    """
    assert _ended(OpenAIFileContentResult(), body, body=body).usage == usage


@needs_signals
def test_ctrl_c_while_waiting_leaves_no_lock_held() -> None:
    """
    Whenever it comes, it comes out as what it is, and other threads go on to end calls and to wait for them.
    """
    running, other, ended = CallState(), CallState(), threading.Event()

    def ending() -> None:
        other.settle(Outcome())
        ended.set()

    interrupt_often(lambda: OpenAIResult[Any](running).wait(0))
    threading.Thread(target=ending, daemon=True).start()
    assert ended.wait(20)
    assert OpenAIResult[Any](other).wait(5)
