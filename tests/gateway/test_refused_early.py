"""
Keys that are refused before anything of a body is read, and how soon changes of a key count.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from aikit.gateway.app import make_app
from aikit.gateway.limits import refusal
from aikit.gateway.registry.keys import hash_of
from aikit.gateway.registry.rows import KeyRow
from aikit.gateway.state import Gateway
from tests.gateway.asgi import Answer, Asgi
from tests.gateway.batch_house import lines
from tests.gateway.gateways import opened

TENANT: Final = "sk-of-a-tenant-0123456789"
DAY_S: Final = 86_400


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """
    A gateway with the embedded provider.
    """
    with opened(tmp_path) as opened_gateway:
        yield opened_gateway


def add_key(gateway: Gateway, **fields: Any) -> None:
    """
    Let `TENANT` be a key.
    """
    gateway.registry.keys.add(KeyRow(token=hash_of(TENANT), hash=hash_of(TENANT), **fields))


def refused(gateway: Gateway, method: str = "POST", target: str = "/v1/batches") -> tuple[int, str]:
    """
    Return status and code of a request whose body must not be read.
    """
    client = Asgi(make_app(gateway), TENANT)
    answer = client.send(method, target, body=[b"x" * 1000] * 1000)
    assert client.reads == 0
    return answer.status, answer.error["code"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"blocked": True}, (401, "key_blocked")),
        ({"expires_at": 1.0}, (401, "expired_key")),
        ({"max_budget": Decimal(2), "spend": Decimal(2)}, (422, "budget_exceeded")),
        ({"max_budget": Decimal(0)}, (422, "budget_exceeded")),
        ({"rpm_limit": 0}, (429, "rate_limit_exceeded")),
        ({"metadata": {"max_parallel_requests": 0}}, (429, "rate_limit_exceeded")),
    ],
)
def test_a_key_that_may_not_is_refused_before_its_body(
    gateway: Gateway, fields: dict[str, Any], expected: tuple[int, str]
) -> None:
    """
    A megabyte that is sent to a key that may nothing stays where it is.
    """
    add_key(gateway, **fields)
    assert refused(gateway) == expected


def test_a_key_that_is_none_is_refused_before_its_body(gateway: Gateway) -> None:
    """
    So is one that nobody made.
    """
    assert refused(gateway) == (401, "invalid_api_key")


def test_a_key_without_budget_reads_what_it_has(gateway: Gateway) -> None:
    """
    What was paid for stays readable, and a batch that runs can be cancelled.
    """
    add_key(gateway, max_budget=Decimal(1), spend=Decimal(2))
    client = Asgi(make_app(gateway), TENANT)
    assert client.get("/v1/batches").status == 200
    assert client.post("/v1/batches/batch_none/cancel").status == 404
    assert client.post("/v1/batches", {}).error["type"] == "budget_exceeded"


def test_a_new_period_has_its_budget(gateway: Gateway) -> None:
    """
    What was spent in a period that is over does not count, as soon as it is over.
    """
    now = gateway.registry.keys.clock()
    add_key(gateway, max_budget=Decimal(1), spend=Decimal(1), budget_duration="1d", budget_reset_at=now + DAY_S)
    assert refused(gateway) == (422, "budget_exceeded")
    gateway.registry.keys.clock = lambda: now + DAY_S + 1
    gateway.registry.keys.forget()
    answer = Asgi(make_app(gateway), TENANT).post("/v1/batches", {})
    assert answer.status == 400
    assert answer.headers["x-litellm-key-spend"] == "0"


@pytest.mark.parametrize(
    "change",
    [
        lambda keys: keys.remove(hash_of(TENANT)),
        lambda keys: keys.block(hash_of(TENANT)),
        lambda keys: keys.regenerate(hash_of(TENANT), key="sk-another-0123456789"),
        lambda keys: keys.update(hash_of(TENANT), expires_at=1.0),
    ],
)
def test_a_change_by_another_gateway_counts_within_a_second(gateway: Gateway, tmp_path: Path, change: Any) -> None:
    """
    A key that another gateway or the command line takes away is refused when what is kept of it is a second old.
    """

    @attrs.define
    class Clock:
        now: float = 0.0

        def __call__(self) -> float:
            """Return the time."""
            return self.now

    add_key(gateway)
    clock = gateway.registry.keys._cache.clock = Clock()
    client = Asgi(make_app(gateway), TENANT)
    assert client.get("/v1/models").status == 200
    with opened(tmp_path) as other:
        change(other.registry.keys)
    clock.now += 1.0
    assert client.get("/v1/models").status == 401


def test_a_change_here_counts_at_once(gateway: Gateway) -> None:
    """
    Limits that the master key sets count at the next request.
    """
    add_key(gateway)
    admin, client = Asgi(make_app(gateway)), Asgi(make_app(gateway), TENANT)
    assert client.get("/v1/models").status == 200
    assert admin.post("/key/update", {"key": TENANT, "rpm_limit": 1}).status == 200
    assert client.get("/v1/models").error["code"] == "rate_limit_exceeded"
    assert admin.post("/key/update", {"key": TENANT, "rpm_limit": None}).status == 200
    assert client.get("/v1/models").status == 200


def test_a_refusal_tells_nothing_of_keys(gateway: Gateway) -> None:
    """
    A key that is wrong by one character, one of another length and one with odd characters answer alike.
    """
    add_key(gateway)
    app = make_app(gateway)
    keys = (f"{TENANT}x", TENANT[:-1], TENANT.upper(), "x", "sk-\xff\xfe", "a" * 64, hash_of(TENANT), "'; --", "%00")
    answers: list[Answer] = [Asgi(app, key).get("/v1/models") for key in keys]
    assert {(answer.status, answer.body) for answer in answers} == {(401, answers[0].body)}
    assert not any(key.encode("latin-1") in answers[0].body for key in keys if len(key) > 4)


def test_answers_tell_the_limits_of_the_key(gateway: Gateway) -> None:
    """
    Headers have what the key may, also when it may not any more.
    """
    add_key(gateway, max_budget=Decimal(2), spend=Decimal("0.5"), rpm_limit=1, tpm_limit=5_000_000_000)
    client = Asgi(make_app(gateway), TENANT)
    for status in (200, 429):
        answer = client.get("/v1/models")
        assert answer.status == status
        told = {
            name: answer.headers[f"x-litellm-key-{name}"] for name in ("spend", "max-budget", "rpm-limit", "tpm-limit")
        }
        assert told == {"spend": "0.5", "max-budget": "2", "rpm-limit": "1", "tpm-limit": "5000000000"}


def test_a_wait_of_hours_is_not_waited_for() -> None:
    """
    SDKs would sleep for a minute and try in vain.
    """
    assert refusal("much", 61).headers == {"retry-after": "61", "x-should-retry": "false"}
    assert refusal("much", 60).headers == {"retry-after": "60"}


def test_uploads_of_a_day_are_counted_for_all_gateways(tmp_path: Path) -> None:
    """
    Two gateways of one registry let a key upload as many files of batches as it may, and not twice as many.
    """
    config = "general_settings: {max_batch_file_uploads_per_day: 2}"
    fields: list[tuple[str, str | tuple[str, bytes]]] = [("purpose", "batch"), ("file", ("x.jsonl", lines()))]
    with opened(tmp_path, config) as one, opened(tmp_path, config) as other:
        add_key(one)
        one.clock = other.clock = lambda: 1_600_000_000.0  # no midnight comes between
        clients = [Asgi(make_app(gateway), TENANT) for gateway in (one, other)]
        answers = [clients[number % 2].form("/v1/files", fields) for number in range(4)]
        assert [answer.status for answer in answers] == [200, 200, 429, 429]
        assert int(answers[2].headers["retry-after"]) <= DAY_S + 1
        assert "max_batch_file_uploads_per_day" in answers[2].error["message"]
        assert clients[0].form("/v1/files", [("purpose", "assistants"), ("file", ("x.txt", b"x"))]).status == 200
        assert Asgi(make_app(one)).form("/v1/files", fields).status == 200
