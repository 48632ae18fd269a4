"""
The life of batches, from their creation to their files.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from aikit.http.context import CallContext
from aikit.providers.local.batches.answerer import Answer, Task
from aikit.providers.local.clock import SpedUpClock
from aikit.providers.local.store.files import Store
from aikit.providers.local.store.schema import MIGRATIONS
from aikit.providers.local.transport import LocalTransport
from aikit.storage.database import Database
from tests.providers.local.answerers import Gate, answers_of
from tests.providers.local.conftest import API, Clock
from tests.providers.local.embedded_batches import ENDPOINT, ended, input_of, require_tidy, require_whole, rows, until

DAY = 86_400


@pytest.fixture
def api(served: Callable[..., API]) -> API:
    """Make a transport whose lines are answered at once."""
    return served(Gate(free=1_000_000))


def test_a_batch_is_described_as_openai_does(api: API, sped: SpedUpClock) -> None:
    """A new batch is validating, expires in a day, and has null where nothing is yet."""
    file_id = api.stored_id(input_of(1))
    batch = api.batch(file_id, metadata={"a": "b"})
    now = int(sped.now())
    assert batch["id"].startswith("batch_")
    assert len(batch["id"]) == len("batch_") + 32
    assert {name: batch[name] for name in ("object", "endpoint", "input_file_id", "completion_window", "status")} == {
        "object": "batch",
        "endpoint": ENDPOINT,
        "input_file_id": file_id,
        "completion_window": "24h",
        "status": "validating",
    }
    assert (batch["created_at"], batch["expires_at"], batch["metadata"]) == (now, now + DAY, {"a": "b"})
    assert batch["request_counts"] == {"total": 0, "completed": 0, "failed": 0}
    for name in (
        "errors",
        "output_file_id",
        "error_file_id",
        "in_progress_at",
        "completed_at",
        "cancelled_at",
        "model",
    ):
        assert batch[name] is None


def test_a_batch_completes_with_output_and_error_file(served: Callable[..., API], sped: SpedUpClock) -> None:
    """Answers are in one file, refusals in the other; times, counts, model and usage are told."""
    api = served(Gate(free=100, refuses=lambda task: task.line % 3 == 0))
    batch = ended(api, api.batch(api.stored_id(input_of(7)))["id"])
    assert (batch["status"], batch["model"]) == ("completed", "m")
    assert batch["request_counts"] == {"total": 7, "completed": 5, "failed": 2}
    assert batch["in_progress_at"] == batch["finalizing_at"] == batch["completed_at"] == int(sped.now())
    assert (batch["usage"]["input_tokens"], batch["usage"]["output_tokens"]) == (15, 10)
    output, errors = list(rows(api, batch["output_file_id"])), list(rows(api, batch["error_file_id"]))
    assert {row["custom_id"]: row["response"]["request_id"] for row in output} == {
        f"q{number}": f"r{number + 1}" for number in (0, 1, 3, 4, 6)
    }
    assert {row["custom_id"] for row in errors} == {"q2", "q5"}
    assert [(row["response"]["status_code"], row["error"]) for row in errors] == [(400, None)] * 2
    assert all(row["id"].startswith("batch_req_") for row in output + errors)


def test_blank_lines_are_no_requests(served: Callable[..., API]) -> None:
    """All others are answered, however many blank ones are between them, also after a restart; numbers stay true."""
    api = served(Gate(free=100))
    content = input_of(5).replace(b"\n", b"\n" * 40 + b" \r\n")
    batch = ended(api, api.batch(api.stored_id(content))["id"])
    assert (batch["status"], batch["request_counts"]) == ("completed", {"total": 5, "completed": 5, "failed": 0})
    assert {row["custom_id"] for row in rows(api, batch["output_file_id"])} == {f"q{number}" for number in range(5)}
    batch = ended(api, api.batch(api.stored_id(content + b"{"))["id"])
    assert [error["line"] for error in batch["errors"]["data"]] == [5 * 41 + 1]


def test_files_of_a_batch_are_files(api: API, sped: SpedUpClock) -> None:
    """The output has purpose batch_output, a name, and goes after thirty days or when the batch says."""
    input_id = api.stored_id(input_of(1))
    days = ended(api, api.batch(input_id)["id"])
    expiry = {"anchor": "created_at", "seconds": 3600}
    hour = ended(api, api.batch(input_id, output_expires_after=expiry)["id"])
    files = [api.call("GET", f"/files/{batch['output_file_id']}").json() for batch in (days, hour)]
    assert [file["purpose"] for file in files] == ["batch_output"] * 2
    assert [file["filename"] for file in files] == [f"{batch['id']}_output.jsonl" for batch in (days, hour)]
    assert [file["expires_at"] - file["created_at"] for file in files] == [30 * DAY, 3600]
    sped.advance(3600)
    assert api.content(hour["output_file_id"]).status == 404
    assert api.content(days["output_file_id"]).status == 200


def test_completed_does_not_mean_success(served: Callable[..., API]) -> None:
    """When every line was refused there is no output file."""
    api = served(Gate(free=100, refuses=lambda _: True))
    batch = ended(api, api.batch(api.stored_id(input_of(3)))["id"])
    assert (batch["status"], batch["output_file_id"]) == ("completed", None)
    assert batch["request_counts"] == {"total": 3, "completed": 0, "failed": 3}
    assert len(list(rows(api, batch["error_file_id"]))) == 3


def test_counts_are_told_while_it_runs(served: Callable[..., API]) -> None:
    """Also to others than those who work on it; no line is asked by both."""
    gate = Gate(free=4)
    api = served(gate)
    batch_id = api.batch(api.stored_id(input_of(10)))["id"]
    other = served(gate)
    seen = until(other, batch_id, lambda batch: batch["request_counts"]["completed"] == 4)
    assert (seen["status"], seen["request_counts"]["total"]) == ("in_progress", 10)
    gate.is_open.set()
    assert ended(other, batch_id)["request_counts"] == {"total": 10, "completed": 10, "failed": 0}
    assert sorted(gate.asked) == list(range(1, 11))


def test_a_cancelled_batch_keeps_what_is_done(served: Callable[..., API]) -> None:
    """What was answered is in the output, the rest in the error file with batch_cancelled."""
    api = served(Gate(free=3))
    batch_id = api.batch(api.stored_id(input_of(9)))["id"]
    until(api, batch_id, lambda batch: batch["request_counts"]["completed"] == 3)
    asked = api.call("POST", f"/batches/{batch_id}/cancel").json()
    assert asked["status"] == "cancelling"
    assert asked["cancelling_at"] is not None
    batch = ended(api, batch_id)
    assert (batch["status"], batch["expired_at"], batch["completed_at"]) == ("cancelled", None, None)
    assert batch["request_counts"] == {"total": 9, "completed": 3, "failed": 0}
    errors = list(rows(api, batch["error_file_id"]))
    assert [(row["response"], row["error"]["code"]) for row in errors] == [(None, "batch_cancelled")] * 6
    assert len(list(rows(api, batch["output_file_id"]))) == 3


def test_a_batch_cancelled_at_once_accounts_for_every_line(api: API) -> None:
    """Cancelled before its input was looked at, it still names each line."""
    batch_id = api.batch(api.stored_id(input_of(5_000)))["id"]
    assert api.call("POST", f"/batches/{batch_id}/cancel").json()["status"] in {"cancelling", "cancelled"}
    batch = ended(api, batch_id)
    require_rows = [*rows(api, batch["output_file_id"]), *rows(api, batch["error_file_id"])]
    assert (batch["status"], batch["request_counts"]["total"], len(require_rows)) == ("cancelled", 5_000, 5_000)


def test_cancelling_twice_is_fine_and_cancelling_too_late_is_not(api: API) -> None:
    """As with OpenAI: 200 for what is cancelled already, 409 for what is over."""
    done = ended(api, api.batch(api.stored_id(input_of(1)))["id"])
    failed = ended(api, api.batch("file-missing")["id"])
    for batch in (done, failed):
        refused = api.call("POST", f"/batches/{batch['id']}/cancel")
        assert refused.status == 409
        assert refused.json()["error"] == {
            "message": f"Cannot cancel a batch with status '{batch['status']}'.",
            "type": "invalid_request_error",
            "param": None,
            "code": None,
        }


def test_cancelling_what_is_cancelled_is_allowed(served: Callable[..., API]) -> None:
    """It is described as it is."""
    api = served(Gate())
    batch_id = api.batch(api.stored_id(input_of(1)))["id"]
    api.call("POST", f"/batches/{batch_id}/cancel")
    batch = ended(api, batch_id)
    again = api.call("POST", f"/batches/{batch_id}/cancel")
    assert (again.status, again.json()) == (200, batch)


def test_a_batch_expires_with_what_is_done(served: Callable[..., API], sped: SpedUpClock) -> None:
    """A day after its creation the rest is given up, with batch_expired and OpenAI's words."""
    api = served(Gate(free=2))
    batch_id = api.batch(api.stored_id(input_of(5)))["id"]
    until(api, batch_id, lambda batch: batch["request_counts"]["completed"] == 2)
    sped.advance(DAY)
    batch = ended(api, batch_id)
    assert (batch["status"], batch["expired_at"], batch["finalizing_at"]) == ("expired", batch["expires_at"], None)
    assert batch["request_counts"] == {"total": 5, "completed": 2, "failed": 0}
    errors = list(rows(api, batch["error_file_id"]))
    assert [row["error"] for row in errors] == [
        {
            "code": "batch_expired",
            "message": "This request could not be executed before the completion window expired.",
        }
    ] * 3
    assert api.call("POST", f"/batches/{batch_id}/cancel").status == 409


def test_a_day_passes_quickly_on_a_fast_clock(home: Path) -> None:
    """Without anybody setting it forward, the batch expires by itself."""
    with closing(LocalTransport(home, SpedUpClock(speed=200_000), answers_of(Gate(free=1)))) as transport:
        api = API(transport)
        batch = ended(api, api.batch(api.stored_id(input_of(3)))["id"])
    assert batch["status"] == "expired"
    assert batch["expired_at"] >= batch["expires_at"] == batch["created_at"] + DAY


def test_cancelling_while_the_files_are_written_cancels(api: API, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written so far is dropped and written again: no file is there twice."""
    keep_all, is_cancelled = Store.keep_all, threading.Event()

    def cancelled_first(store: Store, arrivals: Any, **others: Any) -> Any:
        if others["purpose"] == "batch_output" and not is_cancelled.is_set():
            is_cancelled.set()
            assert api.call("POST", f"/batches/{batch_id}/cancel").json()["status"] == "cancelling"
        return keep_all(store, arrivals, **others)

    monkeypatch.setattr(Store, "keep_all", cancelled_first)
    batch_id = api.batch(api.stored_id(input_of(9)))["id"]
    batch = ended(api, batch_id)
    assert (batch["status"], batch["error_file_id"]) == ("cancelled", None)
    assert batch["finalizing_at"] is not None
    require_whole(api, batch, 9)
    assert len(api.call("GET", "/files").json()["data"]) == 2
    require_tidy(home)


def test_small_batches_do_not_wait_for_a_large_one_to_be_looked_at(served: Callable[..., API]) -> None:
    """While the lines of one are answered, others are validated, fail, and are cancelled."""
    gate = Gate()
    api = served(gate)
    large = api.batch(api.stored_id(input_of(50)))["id"]
    until(api, large, lambda _: bool(gate.asked))
    waiting = api.batch(api.stored_id(input_of(2)))["id"]
    assert ended(api, api.batch("file-missing")["id"])["status"] == "failed"
    until(api, waiting, lambda batch: batch["status"] == "in_progress")
    api.call("POST", f"/batches/{waiting}/cancel")
    assert ended(api, waiting)["status"] == "cancelled"
    gate.is_open.set()
    assert ended(api, large)["status"] == "completed"


def test_deleting_the_input_harms_no_batch(served: Callable[..., API], home: Path) -> None:
    """Not while it runs, and not when another process goes on with it later."""
    gate = Gate(free=2)
    api = served(gate)
    input_id = api.stored_id(input_of(6))
    batch_id = api.batch(input_id)["id"]
    assert api.call("DELETE", f"/files/{input_id}").status == 200
    until(api, batch_id, lambda batch: batch["request_counts"]["completed"] == 2)
    api.transport.close()
    assert api.call("GET", f"/files/{input_id}").status == 404
    gate.is_open.set()
    require_whole_rows = ended(served(gate), batch_id)
    assert require_whole_rows["request_counts"] == {"total": 6, "completed": 6, "failed": 0}
    require_tidy(home)


@pytest.mark.parametrize(
    ("path", "status", "codes"), [("", "failed", ["invalid_request"]), ("/cancel", "cancelled", None)]
)
def test_a_batch_whose_requests_are_gone_ends_and_holds_up_no_other(
    served: Callable[..., API], home: Path, path: str, status: str, codes: list[str] | None
) -> None:
    """What was answered is in its output; a folder that is brought back from a copy may have such batches."""
    before = served(Gate(free=2))
    input_id = before.stored_id(input_of(6))
    batch_id = before.batch(input_id)["id"]
    until(before, batch_id, lambda batch: batch["request_counts"]["completed"] == 2)
    before.transport.close()
    before.call("DELETE", f"/files/{input_id}")
    (home / "local" / "batches" / f"{batch_id}.input").unlink()
    api = served(Gate(free=100))
    api.call("POST" if path else "GET", f"/batches/{batch_id}{path}")
    other_id = api.batch(api.stored_id(input_of(3)))["id"]
    batch = ended(api, batch_id)
    assert (batch["status"], batch["request_counts"]) == (status, {"total": 6, "completed": 2, "failed": 0})
    assert len(list(rows(api, batch["output_file_id"]))) == 2
    assert batch["error_file_id"] is None
    assert (batch["errors"] and [error["code"] for error in batch["errors"]["data"]]) == codes
    require_whole(api, ended(api, other_id), 3)
    require_tidy(home)


@pytest.mark.parametrize("rest", [b"", b"no JSON\n"])
@pytest.mark.parametrize(("path", "status"), [("", "failed"), ("/cancel", "cancelled")])
def test_a_batch_whose_requests_are_damaged_ends_and_holds_up_no_other(
    served: Callable[..., API], home: Path, rest: bytes, path: str, status: str
) -> None:
    """A disk that has no hard links and loses power may leave half of them; what was answered is in the output."""
    before = served(Gate(free=2))
    batch_id = before.batch(before.stored_id(input_of(6)))["id"]
    until(before, batch_id, lambda batch: batch["request_counts"]["completed"] == 2)
    before.transport.close()
    held = home / "local" / "batches" / f"{batch_id}.input"
    held.unlink()
    held.write_bytes(input_of(3) + rest)
    api = served(Gate(free=100))
    api.call("POST" if path else "GET", f"/batches/{batch_id}{path}")
    other_id = api.batch(api.stored_id(input_of(3)))["id"]
    batch = ended(api, batch_id)
    assert batch["status"] == status
    assert batch["request_counts"]["completed"] == len(list(rows(api, batch["output_file_id"])))
    assert bool(batch["errors"]) == (status == "failed")
    require_whole(api, ended(api, other_id), 3)
    require_tidy(home)


def test_requests_that_are_gone_are_taken_from_the_file(served: Callable[..., API], home: Path) -> None:
    """As long as nobody has deleted that."""
    before = served(Gate(free=2))
    batch_id = before.batch(before.stored_id(input_of(6)))["id"]
    until(before, batch_id, lambda batch: batch["request_counts"]["completed"] == 2)
    before.transport.close()
    (home / "local" / "batches" / f"{batch_id}.input").unlink()
    api = served(Gate(free=100))
    batch = ended(api, batch_id)
    assert batch["request_counts"] == {"total": 6, "completed": 6, "failed": 0}
    require_whole(api, batch, 6)
    require_tidy(home)


@pytest.mark.parametrize(
    ("tokens", "counted"), [(10**15, 3 * 10**15), (2**63 - 1, 0), (10**4_000, 0)], ids=["most", "more", "far more"]
)
def test_a_server_may_count_any_number_of_tokens(served: Callable[..., API], tokens: int, counted: int) -> None:
    """What no answer can have is not counted, and SQLite holds the rest; no batch stays open for that."""

    class Boaster:
        def answer(self, task: Task, context: CallContext) -> Answer:  # noqa: ARG002  it is quick
            usage = {"prompt_tokens": tokens, "completion_tokens": 1}
            return Answer(status_code=200, body=json.dumps({"usage": usage}).encode())

    api = served(Boaster())
    batch = ended(api, api.batch(api.stored_id(input_of(3)))["id"])
    assert (batch["status"], batch["request_counts"]["completed"]) == ("completed", 3)
    assert (batch["usage"]["input_tokens"], batch["usage"]["output_tokens"]) == (counted, 3)


def test_lists_are_pages_newest_first(api: API) -> None:
    """Twenty by default; the next page follows the last id of the one before."""
    ids = [api.batch("file-missing")["id"] for _ in range(23)][::-1]
    page = api.call("GET", "/batches").json()
    rest = api.call("GET", f"/batches?after={page['last_id']}&limit=100").json()
    assert [batch["id"] for batch in page["data"] + rest["data"]] == ids
    assert (page["has_more"], rest["has_more"]) == (True, False)
    assert (page["first_id"], page["last_id"], len(page["data"])) == (ids[0], ids[19], 20)
    assert api.call("GET", f"/batches?after={ids[-1]}").json() == {"object": "list", "data": [], "has_more": False}


def test_the_built_in_model_takes_any_model_name(home: Path) -> None:
    """With nothing configured, lines are answered whatever model they name."""
    api = API(LocalTransport(home))
    batch = ended(api, api.batch(api.stored_id(input_of(20)))["id"])
    assert (batch["status"], batch["request_counts"]["completed"]) == ("completed", 20)
    require_whole(api, batch, 20)
    api.transport.close()
    require_tidy(home)


def test_a_store_from_before_there_were_batches_has_some(home: Path) -> None:
    """What an earlier version wrote is brought to this one's schema."""
    (home / "local").mkdir(parents=True)
    older = Database(home / "local" / "files.db", MIGRATIONS[:1])
    older.migrate()
    older.close()
    with closing(LocalTransport(home)) as transport:
        api = API(transport)
        batch = ended(api, api.batch(api.stored_id(input_of(2)))["id"])
        assert (batch["status"], batch["request_counts"]["completed"]) == ("completed", 2)
        require_whole(api, batch, 2)


def test_no_moment_lies_before_an_earlier_one(home: Path) -> None:
    """Whoever subtracts them gets no negative seconds, also where the clock was set back meanwhile."""
    clock, gate = Clock(), Gate()
    api = API(LocalTransport(Store(home, clock), answers=answers_of(gate)))
    batch_id = api.batch(api.stored_id(input_of(1)))["id"]
    until(api, batch_id, lambda batch: batch["status"] == "in_progress")
    clock.seconds -= 3600
    gate.is_open.set()
    batch = ended(api, batch_id)
    api.transport.close()
    assert batch["created_at"] <= batch["in_progress_at"] <= batch["finalizing_at"] <= batch["completed_at"]
