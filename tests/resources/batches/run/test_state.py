"""
How far a run has come: its key, and what is kept of it.
"""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.client import OpenAIClient
from aikit.resources.batches.run.state import Attempt, Part, RunOrder, RunState

ORDER = RunOrder(provider="openai https://x/v1", input="/a/in.jsonl", sha256="0" * 64, size_bytes=7)

_texts = st.text(max_size=20)
_attempts = st.builds(
    Attempt, intent=_texts, batch_id=st.none() | _texts, status=st.none() | _texts, file_id=st.none() | _texts
)
_parts = st.builds(
    Part,
    number=st.integers(1, 9),
    path=_texts,
    endpoint=_texts,
    lines=st.integers(0),
    file_id=st.none() | _texts,
    attempts=st.lists(_attempts, max_size=3).map(tuple),
    counts=st.dictionaries(_texts, st.integers(0), max_size=3),
)
_orders = st.builds(
    RunOrder,
    provider=_texts,
    input=_texts,
    sha256=_texts,
    size_bytes=st.integers(0),
    metadata=st.dictionaries(_texts, _texts, max_size=3),
    output_expires_after=st.none() | st.fixed_dictionaries({"seconds": st.integers()}),
)
_states = st.builds(
    RunState,
    order=_orders,
    created_at=st.floats(0, 1e10),
    parts=st.lists(_parts, max_size=3).map(tuple),
    ended_at=st.none() | st.floats(0, 1e10),
    results=st.lists(_texts, max_size=2).map(tuple),
)


@given(_states)
def test_what_is_kept_is_read_back(state: RunState) -> None:
    """
    Through JSON and back a state is what it was.
    """
    assert RunState.from_json(json.loads(json.dumps(state.to_json()))) == state


def test_what_an_older_aikit_kept_of_a_batch_is_read() -> None:
    """
    It did not note the file of what is sent again.
    """
    part = Part(number=1, path="/a", endpoint="/v1/x", lines=1, attempts=(Attempt(intent="x", batch_id="b"),))
    state = RunState(order=ORDER, created_at=1.0, parts=(part,))
    data = json.loads(json.dumps(state.to_json()))
    del data["parts"][0]["attempts"][0]["file_id"]
    assert RunState.from_json(data) == state


@pytest.mark.parametrize("data", [None, [], {}, {"version": 2}, {"version": 1, "key": "", "order": {}, "parts": []}])
def test_what_is_no_state_is_refused(data: Any) -> None:
    """
    Nonsense, and what a newer aikit wrote, is a ValueError.
    """
    with pytest.raises(ValueError, match="it is"):
        RunState.from_json(data)


@pytest.mark.parametrize(
    "change",
    [
        {"created_at": None},
        {"ended_at": "soon"},
        {"results": [None]},
        {"marks": []},
        {"marks": None},
        {"order": {"provider": "p", "input": "i", "sha256": "0", "size_bytes": 1, "metadata": None}},
        {"order": {"provider": "p", "input": 5, "sha256": "0", "size_bytes": 1}},
        {"parts": [{"number": 1, "path": "p", "endpoint": "e", "lines": 0.5, "attempts": []}]},
        {"parts": [{"number": 1, "path": "p", "endpoint": "e", "lines": 1, "attempts": [{"intent": None}]}]},
        {"parts": [{"number": 1, "path": "p", "endpoint": "e", "lines": 1, "attempts": [], "counts": {"ok": "1"}}]},
    ],
    ids=str,
)
def test_fields_of_another_type_are_refused(change: dict[str, Any]) -> None:
    """
    They would go wrong later, where nothing tells why.
    """
    data = RunState(order=ORDER, created_at=1.5, parts=()).to_json()
    with pytest.raises(ValueError, match="it is not what a run keeps"):
        RunState.from_json(data | change)


@pytest.mark.parametrize(
    "change",
    [
        {"provider": "local"},
        {"sha256": "1" * 64},
        {"metadata": {"a": "b"}},
        {"output_expires_after": {"seconds": 3600}},
    ],
)
def test_the_key_is_of_provider_content_and_options(change: dict[str, Any]) -> None:
    """
    What changes the answers or their price changes the key; where the file lies does not.
    """
    assert attrs.evolve(ORDER, **change).key != ORDER.key
    assert attrs.evolve(ORDER, input="/b/other.jsonl").key == ORDER.key


def test_whom_a_run_asks_is_told_without_the_key() -> None:
    """
    Address and home are part of it, the key is not.
    """
    with OpenAIClient("sk-secret", base_url="http://127.0.0.1:1/v1") as client:
        assert client.provider.identity == "openai http://127.0.0.1:1/v1"
    with OpenAIClient("sk-secret", provider="local", home="/h", base_url="http://127.0.0.1:1/v1") as client:
        told = client.provider.identity
    assert "/h" in told
    assert "127.0.0.1:1" in told
    assert "secret" not in told


def test_a_part_knows_what_is_left_of_it() -> None:
    """
    Nothing while it is under way; what was refused, or is not ok, when it is over.
    """
    part = Part(number=1, path="p", endpoint="e", lines=2)
    assert not part.is_submitted
    under_way = part.intending("i").with_last(batch_id="b")
    assert (under_way.is_submitted, under_way.is_ended, under_way.has_undone) == (True, False, False)
    assert under_way.with_last(status="failed").has_undone
    assert under_way.with_last(status="failed").is_refused
    assert not under_way.with_last(status="failed", is_begun=True).is_refused
    done = under_way.with_last(status="completed")
    assert not attrs.evolve(done, counts={"ok": 2, "failed": 0}).has_undone
    assert attrs.evolve(done, counts={"ok": 1, "missing": 1}).has_undone
    assert not done.intending("j").is_submitted
