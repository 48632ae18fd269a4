"""
Corrections: what is known later is written as one more event, and all events of a batch add up.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.billing.corrections import correction, sum_of
from aikit.billing.hooks import log_event
from aikit.billing.ledger import Ledger
from aikit.billing.ledger_table import MIGRATIONS
from aikit.types.batches import OpenAIBatchRequestCounts
from aikit.types.costs import OpenAIBatchCost, OpenAIModelCost
from aikit.types.events import OpenAIBatchEvent
from aikit.types.usage import Usage

_CROWD = """
import sys
from pathlib import Path
from aikit.billing.ledger import Ledger
from tests.billing.test_corrections import ended, model
ledger = Ledger(Path(sys.argv[1]))
sys.stdin.readline()
print(sum(len(ledger.record(ended(model(cost="3"), batch_id=f"batch_{number}"))) for number in range(50)))
"""


def model(name: str = "m", *, requests: int = 2, tokens: int = 10, cost: str | None = None, **more: Any) -> Any:
    """
    Return what one model cost.
    """
    usage = Usage(input_tokens=tokens, output_tokens=1)
    dollars = None if cost is None else Decimal(cost)
    return OpenAIModelCost(model=name, requests=requests, usage=usage, cost=dollars, **more)


def ended(*models: OpenAIModelCost, completed: int = 2, **more: Any) -> OpenAIBatchEvent:
    """
    Return the end of a batch as it would be booked.
    """
    cost = OpenAIBatchCost(models=models)
    values: dict[str, Any] = {
        "kind": "ended",
        "batch_id": "batch_1",
        "provider": "openai",
        "address": "https://api.openai.com/v1",
        "at": 200,
        "created_at": 100,
        "booked_at": 300,
        "status": "completed",
        "endpoint": "/v1/chat/completions",
        "input_file_id": "file-1",
        "request_counts": OpenAIBatchRequestCounts(2, completed, 0),
        "usage": cost.usage,
        "cost": cost.total,
        "is_lower_bound": cost.is_lower_bound,
        "models": models,
    }
    return OpenAIBatchEvent(**values | more)


def _summed(ledger: Ledger) -> Any:
    """
    Return what a program that knows SQL only makes of it.
    """
    with closing(sqlite3.connect(ledger.path)) as other:
        rows = other.execute(
            "SELECT input_tokens, output_tokens, completed, cost, is_lower_bound FROM events"
        ).fetchall()
    asked, answered, completed = (sum(row[place] for row in rows) for place in range(3))
    return asked, answered, completed, sum(Decimal(row[3] or 0) for row in rows), bool(rows[-1][4])


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (ended(model()), ended(model(cost="3"))),
        (ended(model(), model("n", cost="1")), ended(model(cost="3"), model("n", cost="1"))),
        (ended(model(), model("n")), ended(model(cost="3"), model("n"))),
        (ended(completed=0), ended(model(cost="3"))),
        (ended(model("", cost="2")), ended(model("m", tokens=20, cost="3"))),
        (ended(model(cost="2", is_lower_bound=True)), ended(model(cost="3"))),
        (ended(model(cost="2", is_lower_bound=True)), ended(model(cost="2"))),
        (ended(model(cost="1"), is_lower_bound=True), ended(model(requests=3, tokens=30, cost="2"))),
        (ended(model(cost="2")), ended(model(tokens=30, cost="3", is_lower_bound=True))),
        (ended(model()), ended(model(cost="0"))),
    ],
)
def test_more_is_written_as_a_correction(tmp_path: Path, first: OpenAIBatchEvent, then: OpenAIBatchEvent) -> None:
    """
    Prices, files and answers that were not there; the first event stays, and both add up, also for other programs.
    """
    ledger = Ledger(tmp_path)
    assert ledger.record(first) == (first,)
    then = attrs.evolve(then, booked_at=900)
    (more,) = ledger.record(then)
    assert (more.kind, more.at) == ("corrected", 900)
    assert list(ledger.events()) == [first, more]
    whole = sum_of(ledger.events())
    assert whole == attrs.evolve(then, models=tuple(sorted(then.models, key=lambda model: -model.requests)))
    assert then.usage is not None
    tokens = (then.usage.input_tokens, then.usage.output_tokens, then.request_counts.completed)
    assert _summed(ledger) == (*tokens, then.cost or 0, then.is_lower_bound)
    assert ledger.record(then) == ()


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (ended(model(cost="3")), ended(model(cost="4"))),
        (ended(model(cost="3")), ended(model())),
        (ended(model(cost="3")), ended(model(tokens=5, cost="2"))),
        (ended(model(cost="3", is_lower_bound=True)), ended(model(tokens=5, cost="9"))),
        (ended(model(cost="3"), model("n")), ended(model(), model("n", cost="1"))),
        (ended(model(cost="3", is_lower_bound=True)), ended(model(cost="4", is_lower_bound=True))),
        (ended(model()), ended(model())),
        (ended(model(cost="3")), ended(model(cost="3"), status="expired")),
    ],
)
def test_what_tells_no_more_changes_nothing(tmp_path: Path, first: OpenAIBatchEvent, then: OpenAIBatchEvent) -> None:
    """
    Prices that changed, prices and files that are gone: what is booked was right at its time.
    """
    ledger = Ledger(tmp_path)
    ledger.record(first)
    assert ledger.record(then) == ()
    assert list(ledger.events()) == [first]


_MODELS = st.lists(
    st.builds(
        model,
        st.sampled_from("abc"),
        requests=st.integers(1, 5),
        tokens=st.integers(1, 50),
        cost=st.none() | st.integers(0, 50).map(str),
    ),
    max_size=3,
    unique_by=lambda found: found.model,
)


@given(st.lists(_MODELS, min_size=1, max_size=5))
def test_events_add_up_whatever_is_found(found: list[list[OpenAIModelCost]]) -> None:
    """
    Tokens never become fewer, what is complete stays so, and each correction makes the sum what was found.
    """
    booked: list[OpenAIBatchEvent] = []
    ledger = _InMemory(booked)
    for models in found:
        before, then = sum_of(booked), ended(*models)
        written = ledger.record(then)
        after = sum_of(booked)
        assert after is not None
        if written:
            assert (after.usage, after.cost, after.is_lower_bound) == (then.usage, then.cost, then.is_lower_bound)
            assert {one.model: one for one in after.models} == {one.model: one for one in models}
        else:
            assert after == before


class _InMemory:
    """
    A ledger's rule without its file.
    """

    def __init__(self, booked: list[OpenAIBatchEvent]) -> None:
        self._booked = booked

    def record(self, event: OpenAIBatchEvent) -> bool:
        """Book *event*, or what it has more."""
        before = sum_of(self._booked)
        found = event if before is None else correction(before, event)
        if found is not None:
            self._booked.append(found)
        return found is not None


def test_of_many_processes_one_corrects_each_batch(tmp_path: Path) -> None:
    """
    Four at the same time write fifty corrections, fifty in all.
    """
    ledger = Ledger(tmp_path)
    ledger.record(*(ended(model(), batch_id=f"batch_{number}") for number in range(50)))
    command = [sys.executable, "-c", _CROWD, str(tmp_path)]
    crowd = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path.cwd())
        for _ in range(4)
    ]
    for process in crowd:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert sum(int(process.communicate(timeout=60)[0]) for process in crowd) == 50
    assert _summed(ledger)[3] == 150
    assert len(list(ledger.events(kind="corrected"))) == 50


def test_an_older_ledger_is_read_and_corrected(tmp_path: Path) -> None:
    """
    Its events keep their order and their numbers, and programs that read its table find it where it was.
    """
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as old:
        for statement in MIGRATIONS[0]:
            old.execute(statement)
        old.execute("PRAGMA user_version = 1")
        values = (
            "'openai', 200, 100, 300, 'completed', '/v1/x', 'file-1', NULL, 2, 0, 0, 0, 0, 0, 0, '0', 0, '[]', '{}'"
        )
        for number, address in ((7, "https://api.openai.com/v1"), (9, "http://127.0.0.1/v1")):
            old.execute(f"INSERT INTO events VALUES ({number}, 'ended', '{address}', 'batch_1', {values})")  # noqa: S608
    ledger = Ledger(tmp_path)
    assert [event.cost for event in ledger.events()] == [Decimal(0), Decimal(0)]
    assert [event.kind for event in ledger.record(ended(model(cost="3")))] == ["corrected"]
    assert ledger.record(ended(model(cost="3"), address="http://localhost/v1"))[0].kind == "corrected"
    assert _summed(ledger)[3] == 6
    with closing(sqlite3.connect(ledger.path)) as other:
        assert [seq for (seq,) in other.execute("SELECT seq FROM events ORDER BY seq")] == [7, 9, 10, 11]


def test_a_correction_is_one_line_of_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """
    It says that it is one, and what is more.
    """
    ledger = Ledger(tmp_path)
    ledger.record(ended(model(tokens=5)))
    (event,) = ledger.record(ended(model(cost="3")))
    with caplog.at_level("INFO", "aikit.batches"):
        log_event(event)
    assert caplog.messages == [
        "batch batch_1 corrected: what was booked lacked prices or files: +5 input and +0 output tokens, $3 more"
    ]
