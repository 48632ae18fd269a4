"""
Waiting for a batch: with growing pauses, through all trouble that may pass, to whatever end.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit import OpenAIBatchProgress, OpenAIBatchResult, OpenAIClient, OpenAIParameters
from aikit.http.context import CallContext
from aikit.http.flow import Flow, Pause
from aikit.http.headers import Headers
from aikit.http.messages import Request, Response
from aikit.providers.local.ends import tell_end
from aikit.providers.local.provider import LocalProvider
from aikit.providers.openai import OpenAIProvider
from aikit.resources.batches.parameters import OpenAIBatchWaitParameters
from aikit.resources.batches.wait import wait_until_ended, with_bounded_timeout
from aikit.types.batches import OpenAIBatch
from aikit.types.errors import ExchangeError, OpenAIError, Rejected
from tests.resources.batches.run.test_plan import lines
from tests.resources.batches.test_batches import said
from tests.scripted_server import Step, answer, cut, reset, serving, silent

_PROVIDER = OpenAIProvider(base_url="https://api.example/v1")
_WIRE: dict[str, Any] = {
    "id": "batch_1",
    "endpoint": "/v1/embeddings",
    "input_file_id": "file-1",
    "completion_window": "24h",
    "status": "in_progress",
    "created_at": 1,
    "request_counts": {"total": 1, "completed": 0, "failed": 1},
}
_QUICK: dict[str, Any] = {"poll_interval": 0.01}


def _counts(total: int, completed: int, failed: int = 0) -> dict[str, Any]:
    return {"request_counts": {"total": total, "completed": completed, "failed": failed}}


def _flow(context: CallContext | None = None, **options: Any) -> Flow[Any]:
    return wait_until_ended(_PROVIDER, "batch_1", OpenAIBatchWaitParameters(**options), context or CallContext())


def _answer(step: Any, status: int = 200, value: Any = None, **headers: str) -> Response:
    assert isinstance(step, Request)
    fields = Headers({name.replace("_", "-"): text for name, text in headers.items()})
    return Response(status=status, headers=fields, body=json.dumps(value or _WIRE).encode(), request=step)


def _seconds(step: Any) -> float:
    assert isinstance(step, Pause)
    return step.seconds


def _told(flow: Flow[Any], step: Any, spent_s: float = 0.0) -> Any:
    """
    After trouble the flow wants to know how late it is.
    """
    assert step == Pause(0.0)
    return flow.send(spent_s)


def test_pauses_grow_to_ten_times_the_interval() -> None:
    """
    From half a second on, each pause is half as long again as the one before, until it is ten times the interval.
    """
    flow, spent_s = _flow(poll_interval=4.0), 0.0
    step, pauses = next(flow), []
    for _ in range(15):
        pauses.append(_seconds(flow.send(_answer(step))))
        spent_s += pauses[-1]
        step = flow.send(spent_s)
    assert pauses[:6] == pytest.approx([0.5, 0.75, 1.125, 1.6875, 2.53125, 3.796875])
    assert pauses[6:] == [4.0, 6.0, 9.0, 13.5, 20.25, 30.375, 40.0, 40.0, 40.0]


def test_it_is_asked_once_more_when_time_is_over() -> None:
    """
    The last pause ends at the deadline; then the batch is told as it is, with an error that says how to wait longer.
    """
    flow = _flow(poll_interval=10.0, max_wait=15.0)
    step = flow.send(_answer(next(flow)))
    assert _seconds(step) == 0.5
    step = flow.send(_answer(flow.send(14.75)))
    assert _seconds(step) == 0.25
    with pytest.raises(Rejected) as caught:
        flow.send(_answer(flow.send(15.0)))
    (error,) = caught.value.errors
    assert (error.code, "max_wait" in error.message, "in_progress" in error.message) == ("timeout", True, True)
    assert caught.value.value == OpenAIBatch.from_wire(_WIRE)


@pytest.mark.parametrize(
    "trouble",
    [
        ExchangeError(message="broke"),
        ExchangeError(message="x", code="timeout", is_ambiguous=False),
        408,
        409,
        429,
        500,
        503,
    ],
)
def test_trouble_that_may_pass_is_waited_out(trouble: ExchangeError | int) -> None:
    """
    When the network is down or the provider is overloaded, it is asked again: soon at first, then as seldom as ever.
    """
    flow = _flow(poll_interval=1.0)
    step: Any = next(flow)
    for pause_s in (0.5, 0.75, 1.0, 1.5):
        failed = flow.throw(trouble) if isinstance(trouble, ExchangeError) else flow.send(_answer(step, trouble))
        assert _seconds(_told(flow, failed)) == pause_s
        step = flow.send(pause_s)
    with pytest.raises(StopIteration) as stop:
        flow.send(_answer(step, 200, _WIRE | {"status": "completed"}))
    assert stop.value.value.status == "completed"


def test_pause_that_is_asked_for_is_kept() -> None:
    """
    A provider that wants to be left alone for minutes is left alone, but not beyond the deadline.
    """
    flow = _flow(poll_interval=1.0, max_wait=1000)
    step = flow.send(_answer(next(flow), 429, retry_after="600"))
    assert _seconds(_told(flow, step)) == 600.0
    step = flow.send(_answer(flow.send(600.0), 429, retry_after="600"))
    assert _seconds(_told(flow, step, 600.0)) == 400.0


def test_new_trouble_is_asked_about_as_soon_as_the_first() -> None:
    """
    An answer in between ends the trouble: what comes after it begins with a short pause again.
    """
    flow = _flow(poll_interval=60.0)
    step, pauses = next(flow), []
    for status in (503, 503, 200, 503):
        after = flow.send(_answer(step, status))
        after = after if status == 200 else _told(flow, after)
        pauses.append(_seconds(after))
        step = flow.send(0.0)
    assert pauses == [0.5, 0.75, 1.125, 0.5]


def test_trouble_to_the_end_is_told() -> None:
    """
    When the time is over and the provider could not be asked, the last trouble is told too.
    """
    flow, broke = _flow(max_wait=0.3), ExchangeError(message="broke", code="connection_error")
    next(flow)
    assert _seconds(_told(flow, flow.throw(broke))) == 0.3
    flow.send(0.3)
    step = flow.throw(broke)
    with pytest.raises(Rejected) as caught:
        _told(flow, step, 0.3)
    assert [error.code for error in caught.value.errors] == ["timeout", "connection_error"]
    assert caught.value.value is None


def test_trouble_that_took_all_the_time_is_not_asked_for_again() -> None:
    """
    A silence as long as the deadline ends the wait: how late it is, is known before the next pause.
    """
    flow = _flow(max_wait=60.0)
    next(flow)
    step = flow.throw(ExchangeError(message="silence", code="timeout"))
    with pytest.raises(Rejected, match="after 61 s"):
        _told(flow, step, 61.0)


@pytest.mark.parametrize("mode", ["inline", "pool"])
@pytest.mark.parametrize(
    "steps",
    [
        (answer(429, b"", {"Retry-After": "100"}),),
        (answer(503, b"", {"Retry-After": "100"}),),
        (silent(),),
        (said(status="in_progress"), silent()),
    ],
)
def test_no_provider_holds_up_the_deadline(monkeypatch: pytest.MonkeyPatch, steps: tuple[Step, ...], mode: str) -> None:
    """
    One that wants to be left alone, or says nothing, is given up when the time is over, whatever the client's patience.
    """
    monkeypatch.setattr("aikit.resources.batches.wait._SHORTEST_TIMEOUT_S", 0.1)
    options: dict[str, Any] = {"poll_interval": 0.1, "max_wait": 0.3, "background": mode == "pool"}
    with serving(*steps) as server, OpenAIClient("k", base_url=server.url) as client:
        result = client.batches.wait("batch_1", **options)
        assert result.wait(20)
    assert result.errors[0].code == "timeout"


@pytest.mark.parametrize(
    ("timeout", "max_wait", "patience_s"), [(None, 60, 60), (2.0, 60, 2), (None, 0.1, 5), (None, 3600, 600)]
)
def test_one_answer_is_not_waited_for_longer_than_all(
    timeout: float | None, max_wait: float, patience_s: float
) -> None:
    """
    The time-out of each question is the caller's or the client's, but no longer than the whole wait, or five seconds.
    """
    asking = with_bounded_timeout(
        OpenAIBatchWaitParameters(timeout=timeout, max_wait=max_wait), OpenAIParameters(timeout=600.0)
    )
    assert (asking.timeout, asking.max_retries, asking.max_wait) == (patience_s, 0, max_wait)


@pytest.mark.parametrize("status", [400, 401, 403])
def test_refusal_ends_the_wait_with_what_was_known(status: int) -> None:
    """
    A key that is withdrawn meanwhile is no trouble that passes.
    """
    flow = _flow()
    flow.send(_answer(next(flow)))
    with pytest.raises(Rejected) as caught:
        flow.send(_answer(flow.send(1.0), status))
    assert [error.status for error in caught.value.errors] == [status]
    assert caught.value.value == OpenAIBatch.from_wire(_WIRE)


@pytest.mark.parametrize(
    ("nonsense", "code"),
    [(["back soon"], "invalid_response"), ({"error": {"message": "busy", "code": "oops"}}, "oops")],
)
def test_nonsense_is_waited_out_where_the_batch_was_known(nonsense: Any, code: str) -> None:
    """
    A page of something else, or a refusal that calls itself a success, is a wrong address at first, trouble later.
    """
    flow = _flow()
    with pytest.raises(Rejected) as caught:
        flow.send(_answer(next(flow), 200, nonsense))
    assert [error.code for error in caught.value.errors] == [code]
    flow = _flow()
    flow.send(_answer(next(flow)))
    assert isinstance(flow.send(_answer(flow.send(1.0), 200, nonsense)), Pause)


def test_errors_that_are_none_of_the_network_end_the_wait() -> None:
    """
    A certificate that is not trusted will not be tomorrow either.
    """
    flow = _flow()
    next(flow)
    with pytest.raises(Rejected) as caught:
        flow.throw(OpenAIError(message="x", code="tls_error"))
    assert [error.code for error in caught.value.errors] == ["tls_error"]


_BAD_LINES = {
    "data": [
        {"code": "duplicate_custom_id", "message": "twice", "param": "custom_id", "line": 3},
        {"code": "invalid_json_line", "message": "no JSON", "param": None, "line": 9},
    ]
}


@pytest.mark.parametrize(
    ("fields", "codes", "message"),
    [
        ({"status": "completed", **_counts(2, 0, 2)}, [], ""),
        (
            {"status": "failed", **_counts(0, 0)},
            ["batch_failed"],
            "batch batch_1 failed: the provider does not say why",
        ),
        (
            {
                "status": "failed",
                "output_file_id": "f",
                "errors": [{"code": "access_denied", "message": "No.", "line": 3}],
                **_counts(2, 1),
            },
            ["batch_failed", "access_denied"],
            "batch batch_1 failed with 1 of 2 requests done: No; their answers are in file f",
        ),
        (
            {"status": "failed", "errors": _BAD_LINES, **_counts(0, 0)},
            ["batch_failed", "duplicate_custom_id", "invalid_json_line"],
            "batch batch_1 failed: twice",
        ),
        (
            {"status": "expired", "output_file_id": "file-9", **_counts(5, 2, 1)},
            ["batch_expired"],
            "batch batch_1 expired with 3 of 5 requests done; their answers are in file file-9",
        ),
        (
            {"status": "cancelled", **_counts(5, 0)},
            ["batch_cancelled"],
            "batch batch_1 was cancelled with 0 of 5 requests done",
        ),
    ],
)
def test_every_end_is_told_with_the_batch(fields: dict[str, Any], codes: list[str], message: str) -> None:
    """
    Only a completed batch is a success; each other end has a code, and bad lines follow with theirs.
    """
    heard: list[tuple[str, OpenAIBatchResult]] = []
    with serving(said(**fields)) as server, OpenAIClient("k", base_url=server.url) as client:
        result = client.batches.wait(
            "batch_1",
            on_error=lambda result: heard.append(("on_error", result)),
            on_terminate=lambda result: heard.append(("on_terminate", result)),
        )
        assert result.wait(10)
    assert [error.code for error in result.errors] == codes
    assert "".join(error.message for error in result.errors[:1]) == message
    assert [error.line for error in result.errors[1:]] == [3, 9][: len(codes) - 1 if codes else 0]
    assert result.batch is not None
    assert result.batch.status == fields["status"]
    assert heard == ([("on_error", result)] if codes else []) + [("on_terminate", result)]


@pytest.mark.parametrize("mode", ["inline", "pool"])
def test_wait_survives_a_bad_day(mode: str) -> None:
    """
    Through cut connections, resets, overload and maintenance it comes to the end, with callbacks just as without.
    """
    steps = (
        reset(),
        answer(503, b"busy"),
        said(status="validating"),
        cut(),
        answer(200, b"<html>maintenance"),
        answer(429, b"", {"retry-after-ms": "5"}),
        said(status="in_progress"),
        answer(502, b"<html>"),
        said(status="completed"),
    )
    with serving(*steps) as server, OpenAIClient("k", base_url=server.url, max_retries=0) as client:
        result = client.batches.wait("batch_1", **{**_QUICK, "background": mode == "pool"})
        assert result.wait(10)
    assert result.success
    assert len(server.received) == len(steps)


def test_wait_can_be_cancelled() -> None:
    """
    A call that is parked until the next question ends at once when it is told to.
    """
    with serving(said(status="in_progress")) as server, OpenAIClient("k", base_url=server.url) as client:
        result = client.batches.wait("batch_1", {"background": True})
        assert not result.wait(0.2)
        assert result.cancel()
        assert result.wait(20)
    assert [error.code for error in result.errors] == ["cancelled"]


def test_progress_is_that_of_the_requests() -> None:
    """
    What is new is reported: status, and how many requests are through.
    """
    steps = [
        said(status="validating", **_counts(0, 0)),
        said(status="in_progress", **_counts(4, 0)),
        said(status="in_progress", **_counts(4, 0)),
        said(status="in_progress", **_counts(4, 2, 1)),
        said(status="completed", output_file_id="file-9", **_counts(4, 3, 1)),
    ]
    seen: list[OpenAIBatchProgress] = []
    with serving(*steps) as server, OpenAIClient("k", base_url=server.url) as client:
        client.batches.wait("batch_1", {"poll_interval": 0.12, "on_progress": seen.append}).throw()
    assert [(report.phase, report.done, report.total) for report in seen] == [
        ("validating", 0, None),
        ("in_progress", 0, 4),
        ("in_progress", 3, 4),
        ("completed", 4, 4),
    ]


@attrs.define
class _Clock:
    now: float = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1), st.sampled_from(["failed", "completed"]))
def test_progress_never_goes_backwards(counts: list[tuple[int, int]], end: str) -> None:
    """
    Whatever a provider counts, reports do not decrease, none is repeated, and the last is about the end.
    """
    seen: list[OpenAIBatchProgress] = []
    flow = _flow(CallContext(on_progress=seen.append, clock=_Clock()))
    step = next(flow)
    for completed, failed in counts:
        flow.send(_answer(step, 200, _WIRE | _counts(9, completed, failed)))
        step = flow.send(0.0)
    with pytest.raises((StopIteration, Rejected)):
        flow.send(_answer(step, 200, _WIRE | {"status": end}))
    done = [report.done for report in seen]
    assert done == sorted(done)
    assert len({(report.phase, report.done, report.total) for report in seen}) == len(seen)
    assert seen[-1].phase == end


def test_the_end_that_is_told_in_this_process_ends_the_pause() -> None:
    """
    A batch of the embedded provider is looked at again when it ends, and no oftener than others before.
    """
    provider = LocalProvider()
    flow = wait_until_ended(provider, "batch_1", OpenAIBatchWaitParameters(poll_interval=10.0), CallContext())
    pause: Any = flow.send(_answer(next(flow)))
    assert (pause.seconds, pause.until.is_set) == (0.5, False)
    tell_end("batch_2")
    assert not pause.until.is_set
    tell_end("batch_1")
    assert pause.until.is_set
    again: Any = flow.send(_answer(flow.send(0.1)))
    assert again == Pause(0.75)  # were it not over all the same, nothing would tell
    flow.close()
    tell_end("batch_1")


@pytest.mark.parametrize("options", [{}, {"background": True}], ids=["here", "background"])
def test_a_batch_of_the_embedded_provider_is_waited_for_no_longer_than_it_takes(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    """
    However long the interval is; several calls may wait for one batch.
    """
    with OpenAIClient(provider="local", home=tmp_path) as client:
        path = tmp_path / "in.jsonl"
        path.write_bytes(lines(*[{}] * 20))
        file = client.files.create(path, "batch").unwrap()
        batch = client.batches.create(file.id, "/v1/chat/completions").unwrap()
        other = client.batches.wait(batch.id, poll_interval=1_000.0, background=True)
        result = client.batches.wait(batch.id, poll_interval=1_000.0, **options)
        assert result.wait(20)
        assert result.success
        assert other.wait(20)
        assert other.success
