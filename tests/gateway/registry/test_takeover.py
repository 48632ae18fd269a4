"""
Taking over LiteLLM's keys and what they spent, from its database and from dumps of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from aikit.gateway.registry.keys import hash_of
from aikit.gateway.registry.registry import Registry
from aikit.gateway.registry.takeover import Taken, take_keys, take_spend
from aikit.gateway.registry.takeover_sources import litellm_database, rows_of_dump
from tests.gateway.postgres import Postgres

# As LiteLLM 1.110's schema.prisma makes them, but for columns that are not looked at.
_TABLES: Final = """
CREATE TABLE "LiteLLM_VerificationToken" (
    token TEXT PRIMARY KEY, key_name TEXT, key_alias TEXT, spend DOUBLE PRECISION NOT NULL DEFAULT 0,
    expires TIMESTAMP(3), models TEXT[], aliases JSONB NOT NULL DEFAULT '{}', user_id TEXT, team_id TEXT,
    max_parallel_requests INTEGER, metadata JSONB NOT NULL DEFAULT '{}', blocked BOOLEAN, tpm_limit BIGINT,
    rpm_limit BIGINT, max_budget DOUBLE PRECISION, budget_duration TEXT, budget_reset_at TIMESTAMP(3),
    allowed_routes TEXT[] DEFAULT ARRAY[]::TEXT[], budget_id TEXT, created_at TIMESTAMP(3) DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE "LiteLLM_BudgetTable" (
    budget_id TEXT PRIMARY KEY, max_budget DOUBLE PRECISION, tpm_limit BIGINT, rpm_limit BIGINT, budget_duration TEXT
);
CREATE TABLE "LiteLLM_TeamTable" (team_id TEXT PRIMARY KEY, models TEXT[], blocked BOOLEAN NOT NULL DEFAULT false);
CREATE TABLE "LiteLLM_SpendLogs" (
    request_id TEXT PRIMARY KEY, api_key TEXT NOT NULL DEFAULT '', spend DOUBLE PRECISION NOT NULL DEFAULT 0,
    prompt_tokens INTEGER NOT NULL DEFAULT 0, completion_tokens INTEGER NOT NULL DEFAULT 0, model TEXT NOT NULL,
    "endTime" TIMESTAMP(3) NOT NULL
);
INSERT INTO "LiteLLM_BudgetTable" VALUES ('b1', 7.5, NULL, 9, '30d');
INSERT INTO "LiteLLM_TeamTable" VALUES ('t1', ARRAY['m1', 'm 2'], false), ('t2', ARRAY[]::TEXT[], true);
"""
_KEYS: Final[tuple[dict[str, Any], ...]] = (
    {
        "token": hash_of("sk-full"),
        "key_name": "sk-...full",
        "key_alias": 'the "full", one',
        "spend": 0.1,
        "expires": "2099-01-02 03:04:05",
        "models": ["gpt-5-mini", 'a,"b"\\c'],
        "user_id": "u1",
        "metadata": {"tags": ["x"], "ü": 1},
        "tpm_limit": 5_000_000_000,
        "rpm_limit": 10,
        "max_budget": 2.5,
        "budget_duration": "30d",
        "budget_reset_at": "2099-02-01 00:00:00",
    },
    {"token": hash_of("sk-plain")},
    {"token": hash_of("sk-blocked"), "blocked": True, "max_parallel_requests": 3},
    {"token": hash_of("sk-budget"), "budget_id": "b1"},
    {"token": hash_of("sk-team"), "team_id": "t1"},
    {"token": hash_of("sk-of-team"), "team_id": "t1", "models": ["all-team-models"]},
    {"token": hash_of("sk-blocked-team"), "team_id": "t2"},
    {"token": hash_of("sk-all"), "models": ["all-proxy-models"], "allowed_routes": ["llm_api_routes"]},
    {"token": hash_of("sk-session"), "team_id": "litellm-dashboard", "key_alias": "session"},
    {"token": hash_of("sk-info"), "allowed_routes": ["info_routes"], "key_alias": "info"},
    {"token": "unhashed", "key_alias": "odd"},
    {"token": hash_of("sk-yearly"), "budget_duration": "1y", "key_alias": "yearly"},
)


def _values(row: dict[str, Any]) -> str:
    def written(value: Any) -> str:
        if isinstance(value, list):
            return f"ARRAY[{', '.join(map(written, value))}]::TEXT[]"
        text = json.dumps(value) if isinstance(value, dict | bool) else str(value)
        return "'" + text.replace("'", "''") + "'"

    return f"({', '.join(row)}) VALUES ({', '.join(map(written, row.values()))})"


@pytest.fixture
def litellm(postgres: Postgres) -> Iterator[str]:
    """Return the address of a database as LiteLLM leaves it, as LiteLLM writes that."""
    with postgres.lent_database() as url:
        postgres.ask(url, _statements())
        yield f"{url}&schema=public&connection_limit=5"


def _statements() -> str:
    keys = [f'INSERT INTO "LiteLLM_VerificationToken" {_values(row)}' for row in _KEYS]
    logs = [(hash_of("sk-full"), 0.1, "m1"), (hash_of("sk-full"), 0.2, "m1"), ("litellm_proxy_master_key", 1, "m2")]
    spent = [
        f"('{number}', '{token}', {cost}, 10, 5, '{model}', '2026-11-0{number + 1} 00:00:00')"
        for number, (token, cost, model) in enumerate(logs)
    ]
    return "; ".join([_TABLES, *keys, f'INSERT INTO "LiteLLM_SpendLogs" VALUES {", ".join(spent)}'])  # noqa: S608  our own


def _check(registry: Registry, taken: Taken) -> None:
    assert (taken.added, taken.known) == (8, 0)
    assert taken.left == [
        "session: it is a session of LiteLLM's pages",
        "info: it opens neither files nor batches, but info_routes",
        "odd: its token is no SHA-256",
        'yearly: a period is written as "30s", "60m", "24h", "30d", "1w" or "1mo", not \'1y\'',
    ]
    full = registry.keys.by_key("sk-full")
    assert full is not None
    assert (full.alias, full.key_name, full.user_id, full.models) == (
        'the "full", one',
        "sk-...full",
        "u1",
        ("gpt-5-mini", 'a,"b"\\c'),
    )
    assert (full.spend, full.max_budget, full.rpm_limit, full.tpm_limit) == (
        Decimal("0.1"),
        Decimal("2.5"),
        10,
        5_000_000_000,
    )
    assert full.expires_at == datetime(2099, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()
    assert full.budget_reset_at == datetime(2099, 2, 1, tzinfo=UTC).timestamp()
    assert full.metadata == {"tags": ["x"], "ü": 1}
    assert {name: _of(registry, name)[0] for name in ("sk-plain", "sk-blocked", "sk-all")} == {
        "sk-plain": (),
        "sk-blocked": (),
        "sk-all": (),
    }
    assert _of(registry, "sk-blocked")[1]
    blocked = registry.keys.by_key("sk-blocked")
    assert blocked is not None
    assert blocked.metadata == {"max_parallel_requests": 3}
    assert registry.keys.by_key("sk-session") is None


def _of(registry: Registry, name: str) -> tuple[tuple[str, ...], bool, Decimal | None]:
    row = registry.keys.by_key(name)
    assert row is not None
    return row.models, row.blocked, row.max_budget


@pytest.mark.foreign
def test_keys_come_from_the_database(registry: Registry, litellm: str) -> None:
    """Keys go on working, with the budgets and models that other tables give them; a second time changes nothing."""
    with litellm_database(litellm) as source:
        taken = take_keys(registry, source.keys())
    _check(registry, taken)
    assert taken.notes == []
    assert _of(registry, "sk-budget") == ((), False, Decimal("7.5"))
    assert _of(registry, "sk-team") == _of(registry, "sk-of-team") == (("m1", "m 2"), False, None)
    assert _of(registry, "sk-blocked-team") == ((), True, None)
    with litellm_database(litellm) as source:
        again = take_keys(registry, source.keys())
    assert (again.added, again.known) == (0, 8)


@pytest.mark.foreign
@pytest.mark.parametrize("kind", ["csv", "json", "jsonl"])
def test_keys_come_from_a_dump(registry: Registry, litellm: str, postgres: Postgres, tmp_path: Path, kind: str) -> None:
    """What PostgreSQL writes as CSV or JSON gives the same keys, but for what other tables would tell."""
    query = {
        "csv": 'COPY (TABLE "LiteLLM_VerificationToken") TO STDOUT WITH (FORMAT csv, HEADER)',
        "json": 'SELECT json_agg(t) FROM "LiteLLM_VerificationToken" t',
        "jsonl": 'SELECT row_to_json(t) FROM "LiteLLM_VerificationToken" t',
    }[kind]
    dump = tmp_path / "dump"
    dump.write_text(postgres.ask(litellm, query), "utf-8")
    taken = take_keys(registry, rows_of_dump(dump))
    _check(registry, taken)
    assert sorted(note.partition(": ")[2] for note in taken.notes) == [
        "it may use its team's models, which are not told here; so it may use none until it is updated",
        "its budget is in LiteLLM's table of budgets, which is not here; it has none",
    ]
    assert _of(registry, "sk-of-team")[0] == ("all-team-models",)


@pytest.mark.foreign
def test_what_was_spent_is_summed(registry: Registry, litellm: str) -> None:
    """Sums by key and model show in logs and totals, once; no key is charged again."""
    with litellm_database(litellm) as source:
        take_keys(registry, source.keys())
        assert take_spend(registry, source.spend()) == 2
        assert take_spend(registry, source.spend()) == 0
    assert {total.name: total.cost for total in registry.spend.totals("key")} == {
        hash_of("sk-full"): Decimal("0.3"),
        None: 1,
    }
    [row] = registry.spend.logs(token=hash_of("sk-full"))
    assert (row.requests, row.prompt_tokens, row.completion_tokens) == (2, 20, 10)
    assert row.booked_at == datetime(2026, 11, 2, tzinfo=UTC).timestamp()
    full = registry.keys.by_key("sk-full")
    assert full is not None
    assert full.spend == Decimal("0.1")


def test_a_trial_stores_nothing(registry: Registry) -> None:
    """It tells what would come, and what would be left out."""
    taken = take_keys(registry, _KEYS, is_trial=True)
    assert (taken.added, len(taken.left)) == (8, 4)
    assert registry.keys.page().rows == ()


def test_an_alias_that_is_taken_is_left_out(registry: Registry) -> None:
    """Of two keys with one alias, the second has none, and both work."""
    rows = [{"token": hash_of(name), "key_alias": "same"} for name in ("sk-1", "sk-2")]
    assert take_keys(registry, rows).notes == ["same: another key has its alias, so it has none"]
    second = registry.keys.by_key("sk-2")
    assert second is not None
    assert second.alias is None


@pytest.mark.parametrize(
    "row",
    [
        {"max_budget": "much"},
        {"max_budget": "NaN"},
        {"spend": 1e300},
        {"expires": "soon"},
        {"expires": "9999-99-99"},
        {"models": "[1"},
        {"models": 5},
        {"metadata": "[]"},
        {"key_alias": "\0"},
        {"rpm_limit": 2**70},
        {"user_id": 5},
        {"metadata": "[" * 100_000},
    ],
)
def test_a_row_that_cannot_be_read_is_left_out(registry: Registry, row: dict[str, Any]) -> None:
    """It hinders no other, and the reason is told."""
    taken = take_keys(registry, [{"token": hash_of("sk-odd"), **row}, {"token": hash_of("sk-good")}])
    assert (taken.added, len(taken.left)) == (1, 1)
    assert registry.keys.by_key("sk-good") is not None
    assert registry.keys.by_key("sk-odd") is None


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "[1]", "{", '{"a": 1}\nx'])
def test_a_file_that_is_no_dump_is_refused(tmp_path: Path, content: str) -> None:
    """It says so instead of taking nothing over."""
    dump = tmp_path / "dump"
    dump.write_text(content)
    with pytest.raises(ValueError, match=r".+"):
        list(rows_of_dump(dump))


@pytest.mark.foreign
def test_a_database_that_is_not_litellms_is_refused(postgres: Postgres) -> None:
    """So is one that cannot be read, and one of another kind; no password is told."""
    for url, words in (
        (postgres.database(), "no table LiteLLM_VerificationToken"),
        ("postgresql://u:hush-hush@127.0.0.1:1/x", "cannot be read"),
        ("sqlite:///x", "postgresql://USER"),
    ):
        with pytest.raises(ValueError, match=words) as caught, litellm_database(url):
            pass
        assert "hush-hush" not in str(caught.value)
