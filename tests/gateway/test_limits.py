"""
What a key may do in a minute, with a clock of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aikit.gateway.limits import Limits, Window, own_or
from aikit.gateway.values import Principal
from aikit.types.errors import OpenAIError


@attrs.define
class Clock:
    """
    A clock that stands until it is set.
    """

    now: float = 1000.0

    def __call__(self) -> float:
        """
        Return what it shows.
        """
        return self.now


@pytest.fixture
def clock() -> Clock:
    """
    A clock that stands.
    """
    return Clock()


@pytest.fixture
def limits(clock: Clock) -> Limits:
    """
    Limits that go by that clock.
    """
    return Limits(clock)


def key(**values: Any) -> Principal:
    """
    Return the bearer of a key.
    """
    return Principal(token="a" * 64, **values)


def refused(call: Callable[[], Any]) -> OpenAIError:
    """
    Return the error of *call*, after a look at what every refusal has.
    """
    with pytest.raises(OpenAIError) as caught:
        call()
    error = caught.value
    assert (error.status, error.type, error.code) == (429, "rate_limit_error", "rate_limit_exceeded")
    assert error.headers["retry-after"].isdecimal()
    assert 1 <= int(error.headers["retry-after"]) <= 60  # OpenAI's SDKs heed no longer one
    return error


def made_by(limits: Limits, token: str | None = "a" * 64) -> int:
    """
    Return how many requests of a key are counted in this minute.
    """
    return limits._counts[token].requests.used(limits.clock()) if token in limits._counts else 0


def once(limits: Limits, principal: Principal) -> None:
    """
    Make one request that ends at once.
    """
    with limits.request(principal):
        pass


def test_requests_of_a_minute_are_counted_and_come_back(limits: Limits, clock: Clock) -> None:
    """
    A key with two requests a minute gets its third when the first is a minute old, as the refusal says.
    """
    once(limits, key(rpm_limit=2))
    clock.now += 30
    once(limits, key(rpm_limit=2))
    error = refused(lambda: once(limits, key(rpm_limit=2)))
    assert "2 requests a minute (rpm)" in error.message
    clock.now += int(error.headers["retry-after"])
    once(limits, key(rpm_limit=2))
    refused(lambda: once(limits, key(rpm_limit=2)))


def test_refused_requests_do_not_count(limits: Limits, clock: Clock) -> None:
    """
    A storm of refused requests does not keep a key out longer.
    """
    once(limits, key(rpm_limit=1))
    for _ in range(100):
        refused(lambda: once(limits, key(rpm_limit=1)))
    assert made_by(limits) == 1
    clock.now += 61
    once(limits, key(rpm_limit=1))
    assert made_by(limits) == 1


def test_keys_do_not_share_limits(limits: Limits) -> None:
    """
    What one key used up, another has.
    """
    once(limits, key(rpm_limit=1))
    once(limits, attrs.evolve(key(rpm_limit=1), token="b" * 64))
    assert made_by(limits) == made_by(limits, "b" * 64) == 1


def test_a_limit_of_zero_lets_nothing_through(limits: Limits) -> None:
    """
    Zero is a limit, and none is no limit.
    """
    refused(lambda: once(limits, key(rpm_limit=0)))
    refused(lambda: once(limits, key(metadata={"max_parallel_requests": 0})))
    assert made_by(limits) == 0
    for _ in range(1000):
        once(limits, key())
    assert made_by(limits) == 1000


def test_the_master_key_is_not_limited(limits: Limits) -> None:
    """
    No limit counts for the master key, whatever the settings say.
    """
    admin = Principal(rpm_limit=0, tpm_limit=0)
    once(limits, admin)
    limits.batch(admin, requests=10**9, tokens=10**12)()
    limits.download(admin, 0, "file-a")
    assert made_by(limits, None) == 0


def test_a_limit_that_is_lowered_counts_what_was_used_before(limits: Limits) -> None:
    """
    An update of a key counts at its next request.
    """
    for _ in range(5):
        once(limits, key(rpm_limit=10))
    refused(lambda: once(limits, key(rpm_limit=5)))
    once(limits, key(rpm_limit=6))
    assert made_by(limits) == 6


def test_requests_in_flight_are_bounded(limits: Limits) -> None:
    """
    A key has as many requests at a time as it may, and one more when one has ended, also by an error.
    """
    principal = key(metadata={"max_parallel_requests": 2})

    def fail() -> None:
        with limits.request(principal):
            error = refused(lambda: once(limits, principal))
            assert "2 requests at a time" in error.message
            raise KeyError

    with limits.request(principal):
        with pytest.raises(KeyError):
            fail()
        once(limits, principal)


@pytest.mark.parametrize("value", [True, -1, "3", 2.0, None, [1]])
def test_limits_of_metadata_that_are_none_do_not_count(limits: Limits, value: Any) -> None:
    """
    Metadata is anybody's; what is no whole number there is no limit.
    """
    principal = key(metadata={"max_parallel_requests": value, "max_file_downloads_per_minute": value})
    once(limits, principal)
    limits.download(principal, None, "file-a")
    assert made_by(limits) == 1


def test_a_batch_counts_its_lines(limits: Limits, clock: Clock) -> None:
    """
    Lines are refused that do not fit into the minute any more, with the number of them and of what is left.
    """
    principal = key(rpm_limit=10)
    limits.batch(principal, requests=7, tokens=0)
    error = refused(lambda: limits.batch(principal, requests=4, tokens=0))
    assert "batch rate limit exceeded" in error.message
    assert all(part in error.message for part in ("4 requests", "10 requests a minute (rpm)", "3 are left"))
    assert "x-should-retry" not in error.headers
    limits.batch(principal, requests=3, tokens=0)
    clock.now += 61
    limits.batch(principal, requests=10, tokens=0)


def test_a_batch_that_never_fits_is_not_to_be_tried_again(limits: Limits) -> None:
    """
    SDKs try a 429 again by themselves, which is in vain where the batch has more lines than a minute.
    """
    error = refused(lambda: limits.batch(key(rpm_limit=10), requests=11, tokens=0))
    assert error.headers["x-should-retry"] == "false"
    assert "never fits" in error.message


def test_a_batch_counts_its_tokens(limits: Limits) -> None:
    """
    Tokens a minute bound what the lines of batches send; nothing is counted of a batch that is refused.
    """
    principal = key(rpm_limit=100, tpm_limit=1000)
    error = refused(lambda: limits.batch(principal, requests=60, tokens=1001))
    assert "1001 tokens" in error.message
    assert "1000 tokens a minute (tpm)" in error.message
    limits.batch(principal, requests=100, tokens=1000)


def test_what_a_batch_counted_is_given_back(limits: Limits, clock: Clock) -> None:
    """
    A batch that the provider refused costs nothing; given back late it does not make room twice.
    """
    principal = key(rpm_limit=10)
    give_back = limits.batch(principal, requests=10, tokens=5)
    clock.now += 30
    give_back()
    give_back()
    give_back_late = limits.batch(principal, requests=10, tokens=5)
    clock.now += 100
    give_back_late()
    limits.batch(principal, requests=10, tokens=5)
    error = refused(lambda: limits.batch(principal, requests=1, tokens=5))
    assert "0 are left" in error.message


def test_lines_of_batches_and_requests_are_counted_apart(limits: Limits) -> None:
    """
    Uploading a file and creating a batch of it takes no lines away.
    """
    principal = key(rpm_limit=3)
    once(limits, principal)
    once(limits, principal)
    limits.batch(principal, requests=3, tokens=0)
    assert "requests" in refused(lambda: limits.batch(principal, requests=1, tokens=0)).message
    once(limits, principal)
    refused(lambda: once(limits, principal))


def test_downloads_of_a_minute_are_bounded(limits: Limits, clock: Clock) -> None:
    """
    The key's own limit wins over that of the settings.
    """
    limits.download(key(), 1, "file-a")
    error = refused(lambda: limits.download(key(), 1, "file-a"))
    assert error.message == (
        "Download limit reached for file file-a: max_file_downloads_per_minute is 1 for this key "
        "(set in general_settings). Retry in 60 seconds."
    )
    limits.download(key(), 1, "file-b")
    limits.download(key(metadata={"max_file_downloads_per_minute": 2}), 1, "file-a")
    refused(lambda: limits.download(key(metadata={"max_file_downloads_per_minute": 2}), 1, "file-a"))
    clock.now += 61
    limits.download(key(), 1, "file-a")


def test_files_that_are_downloaded_are_not_remembered_without_bound(limits: Limits) -> None:
    """
    A key that asks for ever more files has its newest counted.
    """
    for number in range(1_500):
        limits.download(key(), 1, f"file-{number}")
    refused(lambda: limits.download(key(), 1, "file-1499"))
    assert len(limits._counts["a" * 64].downloads) <= 1_000


def test_a_limit_is_that_of_the_key_or_of_the_settings() -> None:
    """
    The key's own wins; without either there is none. Where it is set is told.
    """
    name = "max_batch_file_uploads_per_day"
    assert own_or(key(), name, None) == (None, "in general_settings")
    assert own_or(key(), name, 5) == (5, "in general_settings")
    assert own_or(key(metadata={name: 7}), name, 5) == (7, "in this key's metadata")


def test_threads_never_get_more_than_the_limit(limits: Limits) -> None:
    """
    Eight threads that ask at once share one limit.
    """
    passed = []

    def ask() -> None:
        for _ in range(50):
            try:
                limits.batch(key(rpm_limit=100), requests=1, tokens=0)
                passed.append(1)
            except OpenAIError:
                pass

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == 100


def test_idle_keys_are_forgotten(limits: Limits, clock: Clock) -> None:
    """
    A key that made no request for a while takes no memory; one in the middle of a request is kept.
    """
    with limits.request(key()):
        for number in range(1000):
            once(limits, attrs.evolve(key(), token=f"{number}"))
        clock.now += 1000
        once(limits, attrs.evolve(key(), token="last"))
        assert set(limits._counts) == {"a" * 64, "last"}
    with pytest.raises(OpenAIError), limits.request(key(rpm_limit=0)):
        pass


@given(st.lists(st.tuples(st.floats(0, 20), st.integers(1, 5)), max_size=60), st.integers(1, 10))
@example([(1.02, 2), (3.0, 1)], 2)  # 1.02 + 60 is more than 4.02 + 57
def test_no_minute_has_more_than_the_limit(steps: list[tuple[float, int]], limit: int) -> None:
    """
    However requests are spread, no sixty seconds have more than the limit, and a wait is enough and not too long.
    """
    window, now, taken = Window(), 0.0, list[tuple[float, int]]()
    for pause, amount in steps:
        now += pause
        if window.used(now) + amount <= limit:
            window.add(now, amount)
            taken.append((now, amount))
        elif amount <= limit:
            wait_s = window.wait_s(now, amount, limit)
            assert 1 <= wait_s <= 60
            now += wait_s
            assert window.used(now) + amount <= limit
        assert sum(counted for when, counted in taken if when > now - 59.999) <= limit
