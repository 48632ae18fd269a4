"""
Limits: what the data says, and that it says where it comes from.
"""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

import attrs
import pytest

import aikit
from aikit.validation.limits import known_limits, limits_for

_DATA = json.loads((Path(aikit.__file__).parent / "validation" / "limits.json").read_text(encoding="utf-8"))
_KINDS = known_limits()


def test_openai_bounds_are_those_of_its_reference() -> None:
    """
    OpenAI's sizes, counts and times are the documented ones.
    """
    limits = limits_for("openai")
    assert limits.purposes == ("assistants", "batch", "evals", "fine-tune", "user_data", "vision")
    assert (limits.file_max_bytes, limits.batch_max_bytes) == (512 * 1024 * 1024, 209_715_200)
    assert (limits.batch_max_lines, limits.embeddings_batch_max_inputs) == (50_000, 50_000)
    assert (limits.expires_min_s, limits.expires_max_s) == (3_600, 2_592_000)
    assert (limits.list_min, limits.list_max) == (1, 10_000)
    assert len(limits.batch_endpoints) == 8
    assert limits.batch_completion_windows == ("24h",)


@pytest.mark.parametrize("purpose", ["assistants", "evals", "fine-tune", "user_data", "vision"])
def test_only_batch_files_have_a_size_limit_of_their_own(purpose: str) -> None:
    """
    A batch file may have 200 MB, every other 512 MB.
    """
    limits = limits_for("openai")
    assert limits.size_limit("batch") == limits.batch_max_bytes
    assert limits.size_limit(purpose) == limits.file_max_bytes


def test_embedded_provider_keeps_the_limits_of_openai() -> None:
    """
    What passes the embedded provider passes OpenAI, but for urls as others write them; on this machine no rate matters.
    """
    openai = limits_for("openai")
    freer: dict[str, Any] = {"creations_per_minute": None, "deletions_per_minute": None, "has_any_batch_url": True}
    assert limits_for("local") == attrs.evolve(openai, **freer)


def test_openai_takes_a_thousand_files_a_minute() -> None:
    """
    The documented rate is there, and other servers have none that is known.
    """
    assert limits_for("openai").creations_per_minute == 1_000
    assert limits_for("compatible").creations_per_minute == sys.maxsize


def test_unknown_servers_refuse_nothing_that_is_unknown() -> None:
    """
    Bounds that nobody knows are unbounded, and other purposes are let through.
    """
    limits = limits_for("compatible")
    assert limits.size_limit("batch") == limits.size_limit("fine-tune") == limits.batch_max_lines == sys.maxsize
    assert limits.has_other_purposes
    assert limits.batch_endpoints == limits.batch_completion_windows == ()


def test_unknown_kind_is_refused_with_the_known_ones() -> None:
    """
    A misspelt kind is the caller's fault and the message lists the right ones.
    """
    with pytest.raises(ValueError, match=r'provider kind "opnai"; known are azure, compatible, .*local, openai'):
        limits_for("opnai")


@pytest.mark.parametrize("kind", _KINDS)
def test_limits_are_read_once(kind: str) -> None:
    """
    The same kind gives the same frozen value.
    """
    assert limits_for(kind) is limits_for(kind)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        limits_for(kind).list_max = 1  # type: ignore[misc]  # that it cannot be set is the point
    assert hash(limits_for(kind)) == hash(limits_for(kind))


@pytest.mark.parametrize("kind", _KINDS)
def test_every_entry_is_dated_and_tells_its_source_or_why_it_has_none(kind: str) -> None:
    """
    A number without a page it was read on is unbounded, or says in a note why it is there.
    """
    entries = {name: entry for name, entry in _DATA[kind].items() if name != "like"}
    assert entries
    for name, entry in entries.items():
        assert date(2026, 11, 21) <= date.fromisoformat(entry["read"]) <= date.today(), name  # noqa: DTZ011  no instant
        assert entry["source"] or entry["value"] is None or entry["note"], name
