"""
A client's bandwidth: kept by all calls together, smooth, and no hindrance to cancelling.
"""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit import OpenAIClient, Progress, jsonl
from aikit.http.bandwidth import DOWN, UP, Bandwidth
from aikit.http.context import CallContext
from aikit.types.errors import CancelledError
from tests.scripted_server import FILE, Exchange, answer, rendered, serving
from tests.stopwatch import Stopwatch

_LINE = json.dumps(jsonl.chat_line("x" * 100_000, model="m", custom_id="1")).encode() + b"\n"


@attrs.define
class Clock:
    """
    Time that passes only while somebody sleeps.
    """

    now: float = 100.0

    def __call__(self) -> float:
        """
        Tell the time.
        """
        return self.now

    def sleep(self, seconds: float) -> None:
        """
        Let time pass.
        """
        self.now += seconds


def limited(rate: float) -> tuple[Bandwidth, Clock]:
    """
    Return a bandwidth on a clock of its own.
    """
    clock = Clock()
    return Bandwidth(rate, clock=clock, sleep=clock.sleep), clock


@given(st.lists(st.integers(1, 20_000), min_size=1, max_size=60), st.floats(1_024, 1e6))
def test_no_more_than_so_many_bytes_in_any_time(sizes: list[int], rate: float) -> None:
    """
    What has moved since the beginning is at most what the time allows, a tenth of a second and one portion more.
    """
    bandwidth, clock = limited(rate)
    moved = 0
    for size in sizes:
        bandwidth.wait(UP, size, lambda: None)
        assert moved <= rate * (clock.now - 100.0 + 0.1) + 1e-6
        moved += size
    assert clock.now - 100.0 <= moved / rate


def test_nothing_is_saved_up_while_nothing_moves() -> None:
    """
    After a long rest there is no burst.
    """
    bandwidth, clock = limited(10_000)
    bandwidth.wait(UP, 1_000, lambda: None)
    clock.now += 60
    for _ in range(10):
        bandwidth.wait(UP, 1_000, lambda: None)
    assert clock.now - 160.0 == pytest.approx(0.8, abs=0.01)


def test_up_and_down_do_not_share() -> None:
    """
    A line carries both ways at once.
    """
    bandwidth, clock = limited(1_024)
    bandwidth.wait(UP, 10_000, lambda: None)
    bandwidth.wait(DOWN, 10_000, lambda: None)
    assert clock.now == 100.0


def test_waiting_ends_when_the_call_is_cancelled() -> None:
    """
    However slow the line, who cancels does not wait for it.
    """
    bandwidth, _ = limited(1_024)
    context = CallContext(bandwidth=bandwidth)
    context.throttle(UP, 1_000_000)
    context.cancel()
    with pytest.raises(CancelledError):
        context.throttle(UP, 1)


@pytest.mark.parametrize("rate", [1_024, 100_000, 1e9])
def test_what_moves_at_once_is_a_twentieth_of_a_second(rate: float) -> None:
    """
    Portions are small where the line is slow.
    """
    assert Bandwidth(rate).block_size(262_144) == min(262_144, max(64, int(rate / 20)))


@pytest.mark.parametrize(("value", "kind"), [("1", TypeError), (True, TypeError), (1_023, ValueError), (0, ValueError)])
def test_what_is_no_bandwidth_is_refused(value: Any, kind: type[Exception]) -> None:
    """
    A mistake is told by the constructor.
    """
    with pytest.raises(kind, match="bandwidth must be"):
        OpenAIClient("k", bandwidth=value)


def test_calls_side_by_side_share_it_evenly_in_time() -> None:
    """
    Two uploads of 100 KB at 200 KB/s together take a second, and no tenth of it has more than a quarter.
    """
    # a server that had no processor for a moment reads at once what came meanwhile: once of three times it had one
    assert any(_most_in_a_tenth() <= 60_000 for _ in range(3))


def _most_in_a_tenth() -> int:
    arrived: list[tuple[float, int]] = []
    lock = threading.Lock()

    def counted(exchange: Exchange) -> None:
        missing = int(exchange.request_head()[2]["content-length"]) - len(exchange.rest)
        while missing > 0:
            chunk = exchange.sock.recv(65_536)
            missing -= len(chunk)
            with lock:
                arrived.append((time.monotonic(), len(chunk)))
        exchange.sock.sendall(rendered(200, FILE))

    counted.reads_no_body = True  # type: ignore[attr-defined]  # read by ScriptedServer
    with serving(counted) as server, OpenAIClient("k", base_url=server.url, bandwidth=200_000) as client:
        watch = Stopwatch()
        options: dict[str, Any] = {"filename": "a.bin", "background": True}
        results = [client.files.create(bytes(100_000), "user_data", **options) for _ in range(2)]
        assert all(result.wait(20) and result.success for result in results)
        assert watch.stop() <= 1.6
        assert watch.wall_s >= 0.8
    return max(sum(size for when, size in arrived if at <= when < at + 0.1) for at, _ in arrived)


@pytest.mark.parametrize("is_saved", [False, True])
def test_downloads_are_held_back_too(is_saved: bool, tmp_path: Path) -> None:  # noqa: FBT001  a parameter of pytest
    """
    100 KB at 200 KB/s take half a second, to disk and into memory, and nothing is lost.
    """
    content = bytes(range(256)) * 400
    with serving(answer(200, content)) as server:
        client = OpenAIClient("k", base_url=server.url, bandwidth=200_000)
        watch = Stopwatch()
        if is_saved:
            client.files.download("file-1", tmp_path / "a").throw()
            assert (tmp_path / "a").read_bytes() == content
        else:
            assert client.files.content("file-1").throw().content == content
        assert watch.stop() <= 1.2
        assert watch.wall_s >= 0.35
        client.close()


@pytest.mark.parametrize("is_saved", [True, False])
def test_the_embedded_provider_keeps_it_down_too(tmp_path: Path, *, is_saved: bool) -> None:
    """
    Content from this very machine comes no faster either, to disk or to memory, and a small one does not come at once.
    """
    with OpenAIClient(provider="local") as client:
        file = client.files.create(_LINE, "batch", {"filename": "a.jsonl"}).throw().file
    assert file is not None
    with OpenAIClient(provider="local", bandwidth=200_000) as client:
        watch = Stopwatch()
        if is_saved:
            client.files.download(file.id, tmp_path / "a.jsonl").throw()
            content = (tmp_path / "a.jsonl").read_bytes()
        else:
            content = client.files.content(file.id).throw().content
        assert watch.stop() <= 1.2
        assert watch.wall_s >= 0.3
    assert content == _LINE


def test_content_in_memory_ends_when_its_time_is_over() -> None:
    """
    A deadline counts also where nothing but this machine's own disk is read.
    """
    with OpenAIClient(provider="local") as client:
        file = client.files.create(_LINE, "batch", {"filename": "a.jsonl"}).throw().file
    assert file is not None
    with OpenAIClient(provider="local", bandwidth=50_000) as client:
        result = client.files.content(file.id, {"deadline": 0.2})
    assert [error.code for error in result.errors] == ["deadline_exceeded"]
    assert result.content == b""


@pytest.mark.parametrize("provider", ["openai", "local"])
def test_pausing_stops_the_bytes_and_resuming_lets_them_go_on(provider: str) -> None:
    """
    While a call is paused its progress stands still; after that it ends well.
    """
    seen: list[Progress] = []
    options: dict[str, Any] = {"filename": "a.bin", "background": True, "on_progress": seen.append}
    with serving(answer(200, FILE)) as server:
        where: Any = {"base_url": server.url} if provider == "openai" else {"provider": "local"}
        with OpenAIClient("k", bandwidth=400_000, **where) as client:
            result = client.files.create(bytes(300_000), "user_data", **options)
            time.sleep(0.25)
            assert result.pause()
            time.sleep(0.2)
            before = len(seen)
            time.sleep(0.3)
            assert (len(seen), result.terminated) == (before, False)
            assert result.resume()
            assert result.wait(20)
    assert result.errors == ()
    assert seen[-1].bytes == 300_000
    assert (result.pause(), result.resume()) == (False, False)


def test_pausing_stops_content_on_its_way_into_memory() -> None:
    """
    Also without a bandwidth: a call that is paused does not end behind the back of whoever paused it.
    """
    is_paused = threading.Event()

    def halting(exchange: Exchange) -> None:
        head, _, rest = rendered(200, bytes(1_000_000)).partition(b"\r\n\r\n")
        exchange.sock.sendall(head + b"\r\n\r\n")
        assert is_paused.wait(20)
        exchange.sock.sendall(rest)

    with serving(halting) as server, OpenAIClient("k", base_url=server.url) as client:
        result = client.files.content("file-1", {"background": True})
        assert result.pause()
        is_paused.set()
        assert not result.wait(0.5)
        assert result.resume()
        assert result.wait(20)
    assert result.content == bytes(1_000_000)


def test_a_paused_call_can_be_cancelled() -> None:
    """
    Cancelling does not wait for anybody to resume.
    """
    with serving(answer(200, FILE)) as server, OpenAIClient("k", base_url=server.url, bandwidth=100_000) as client:
        result = client.files.create(bytes(300_000), "user_data", {"filename": "a.bin", "background": True})
        time.sleep(0.2)
        result.pause()
        time.sleep(0.1)
        result.cancel()
        assert result.wait(20)
        assert result.errors[0].code == "cancelled"


def test_closing_lets_what_is_paused_go_on() -> None:
    """
    Whoever waits for all calls to end does not wait for somebody to resume one.
    """
    with serving(answer(200, FILE)) as server:
        client = OpenAIClient("k", base_url=server.url, bandwidth=400_000)
        result = client.files.create(bytes(100_000), "user_data", {"filename": "a.bin", "background": True})
        assert result.pause()
        closing = threading.Thread(target=client.close, daemon=True)
        closing.start()
        closing.join(5)
        assert not closing.is_alive()
    assert result.success
