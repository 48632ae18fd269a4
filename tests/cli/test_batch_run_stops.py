"""
``aikit batch run`` stopped at every moment, by Ctrl-C and by ``kill -9``: it goes on where it was, and pays once.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.cli.batch_service import MOMENTS, Service, serving_batches
from tests.cli.conftest import batch_lines
from tests.cli.processes import PROGRAM, SHORT_LOOKS, Terminal, run
from tests.scripted_server import answer, serving
from tests.stopwatch import Stopwatch

pytestmark = pytest.mark.slow

_ANSWER: Final = {
    "object": "chat.completion",
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}
ARGV: Final = ("batch", "run", "good.jsonl", "--poll-interval", "0.02")


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """
    A server that the environment names.
    """
    with serving_batches() as service:
        monkeypatch.setenv("AIKIT_PROVIDER", "openai")
        monkeypatch.setenv("OPENAI_BASE_URL", service.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        yield service


def started() -> subprocess.Popen[bytes]:
    """
    Start the run.
    """
    return subprocess.Popen([*SHORT_LOOKS, *ARGV], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def statuses() -> list[str]:
    """
    Return what became of each line.
    """
    return [json.loads(line)["status"] for line in Path("good.results.jsonl").read_bytes().splitlines()]


def settled(service: Service) -> None:
    """
    Let the server act on what it was held at, as one does whose client has died meanwhile.
    """
    service.go_on.set()
    deadline = time.monotonic() + 20
    while service.is_held and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL], ids=["interrupt", "kill"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_whenever_it_is_stopped_there_is_one_batch(
    good: Path, service: Service, moment: str, sign: signal.Signals
) -> None:
    """
    Stopped while it uploads, creates, waits or fetches, and called again, it ends with one batch and every line.
    """
    assert good.exists()
    service.hold_at = moment
    process = started()
    assert service.reached.wait(20)
    watch = Stopwatch()
    process.send_signal(sign)
    _, err = process.communicate(timeout=20)
    assert watch.stop() < 2
    if sign == signal.SIGINT:
        assert process.returncode == 130
        assert "to resume: aikit batch run good.jsonl" in err.decode()
        assert "Traceback" not in err.decode()
    settled(service)
    ran = run(*ARGV, program=SHORT_LOOKS)
    assert ran.returncode == 0, ran.stderr
    assert len(service.batches) == 1
    assert statuses() == ["ok"] * 5


@pytest.mark.parametrize("fields", [{"unlisted_s": 1.2}, {"keeps_metadata": False}], ids=["late", "forgetful"])
def test_killed_while_it_creates_there_is_one_batch_however_it_is_listed(
    good: Path, service: Service, fields: dict[str, Any]
) -> None:
    """
    The next call looks until the batch would be listed, by its intent, or else by its input, before it asks again.
    """
    assert good.exists()
    for name, value in fields.items():
        setattr(service, name, value)
    service.hold_at = "after creation"
    process = started()
    assert service.reached.wait(20)
    process.kill()
    process.communicate(timeout=20)
    service.go_on.set()
    ran = run(*ARGV, program=SHORT_LOOKS)
    assert ran.returncode == 0, ran.stderr
    assert len(service.batches) == 1
    assert statuses() == ["ok"] * 5


def test_stopped_between_estimate_and_agreement_nothing_is_there(good: Path, service: Service) -> None:
    """
    On a terminal an unknown price is asked about; who says no, or presses Ctrl-C, has sent nothing.
    """
    good.write_bytes(good.read_bytes().replace(b'"m"', b'"gpt-4o-mini"'))
    for code in (1, 130):
        terminal = Terminal.start(*ARGV)
        terminal.wait_for("Run it? [y/N]")
        if code == 1:
            terminal.type("n\n")
        else:
            time.sleep(0.3)  # the question is there a moment before the program listens
            terminal.process.send_signal(signal.SIGINT)
        assert terminal.end() == code
        assert "no request was sent" in terminal.text
        assert "to resume" not in terminal.text
        assert service.asked == []
    terminal = Terminal.start(*ARGV)
    terminal.wait_for("Run it? [y/N]")
    terminal.type("y\n")
    assert terminal.end() == 0
    assert "5 requests: 5 ok" in terminal.text
    assert "results  good.results.jsonl" in terminal.text
    assert max(map(len, terminal.text.split("Run it?")[-1].splitlines())) <= 200


def test_a_second_process_says_that_the_first_is_at_it(good: Path, service: Service) -> None:
    """
    While one waits, another of the same input leaves at once, and creates nothing.
    """
    assert good.exists()
    service.hold_at = "waiting"
    first = started()
    assert service.reached.wait(20)
    second = run(*ARGV)
    assert second.returncode == 1
    assert b"another process works on this run" in second.stderr
    service.go_on.set()
    first.communicate(timeout=20)
    assert (first.returncode, len(service.batches)) == (0, 1)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_killed_at_any_moment_the_embedded_provider_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    ``kill -9`` again and again while lines are answered: in the end there is one batch, and one row for each line.
    """
    monkeypatch.setenv("AIKIT_PROVIDER", "local")
    (tmp_path / "good.jsonl").write_bytes(batch_lines(3_000))
    moments = random.Random(3)  # noqa: S311  moments of a test, the same each time
    for _ in range(4):
        process = started()
        time.sleep(0.35 + moments.random() * 0.6)
        process.kill()
        process.communicate(timeout=20)
    ran = run(*ARGV)
    assert ran.returncode == 0, ran.stderr
    rows = [json.loads(line) for line in Path("good.results.jsonl").read_bytes().splitlines()]
    assert [row["custom_id"] for row in rows] == [f"r-{number}" for number in range(3_000)]
    assert {row["status"] for row in rows} == {"ok"}
    assert len(run("batches", "list", "-q").stdout.split()) == 1


def test_waiting_is_stopped_without_harm(good: Path, service: Service) -> None:
    """
    Ctrl-C while ``batches wait`` waits says how to go on, and cancels nothing.
    """
    service.looks = 10_000
    batch_id = run("batches", "create", good.name, "-q").stdout.decode().strip()
    process = subprocess.Popen([*PROGRAM, "batches", "wait", batch_id], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 20
    while ("GET", f"/v1/batches/{batch_id}") not in service.asked and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert f"to continue waiting: aikit batches wait {batch_id}" in err.decode()
    assert service.batches[batch_id]["status"] == "in_progress"


@pytest.mark.parametrize("seed", range(3))
def test_however_often_it_is_killed_each_part_has_one_batch(tmp_path: Path, service: Service, seed: int) -> None:
    """
    ``kill -9`` at random moments of a run of several batches: none is there twice, and every line has its row.
    """
    lines = batch_lines(12).splitlines(keepends=True)
    mixed = [line.replace(b'"m"', b'"m%d"' % (number % 4)) for number, line in enumerate(lines)]
    (tmp_path / "good.jsonl").write_bytes(b"".join(mixed))
    service.looks = 3
    moments = random.Random(seed)  # noqa: S311  moments of a test, the same each time
    for _ in range(5):
        service.reached.clear()
        service.go_on.clear()
        service.hold_at, service.passing = moments.choice(MOMENTS), moments.randrange(4)
        process = started()
        while process.poll() is None and not service.reached.wait(0.02):
            pass
        process.kill()
        process.communicate(timeout=20)
        settled(service)
    service.hold_at = ""
    ran = run(*ARGV, program=SHORT_LOOKS)
    assert ran.returncode == 0, ran.stderr
    assert len(service.batches) == 4
    assert statuses() == ["ok"] * 12


def test_ctrl_c_repeats_no_request_to_the_server_that_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where a server answers the lines of the embedded provider's batch, it is asked for each of them once.
    """
    monkeypatch.setenv("AIKIT_PROVIDER", "local")
    (tmp_path / "good.jsonl").write_bytes(batch_lines(150))
    with serving(answer(200, json.dumps(_ANSWER).encode(), after_s=0.02)) as server:
        argv = (*ARGV, "--base-url", server.url, "--api-key", "sk-x", "--concurrency", "4")
        process = subprocess.Popen([*PROGRAM, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 20
        while len(server.received) < 40 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
        assert process.returncode == 130
        assert "sk-x" not in err.decode()
        assert 40 <= len(server.received) < 150
        ran = run(*argv)
        assert ran.returncode == 0, ran.stderr
        assert statuses() == ["ok"] * 150
        assert len(server.received) == 150


def test_an_input_that_changes_while_it_is_sent_is_not_made_a_batch(good: Path, service: Service) -> None:
    """
    What was uploaded may be neither the one nor the other: nothing is created, and the next call is a new run.
    """
    service.hold_at = "upload"
    process = started()
    assert service.reached.wait(20)
    good.write_bytes(batch_lines(7))
    service.go_on.set()
    _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "changed" in err.decode()
    assert service.batches == {}
    assert run(*ARGV).returncode == 0
    assert statuses() == ["ok"] * 7


def test_batches_fit_eighty_columns(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    On a terminal the list is a table with whole ids, one batch is a card, and costs are a table.
    """
    monkeypatch.setenv("AIKIT_PROVIDER", "local")
    run("batch", "run", good.name, "-q")
    batch_id = run("batches", "list", "-q").stdout.decode().strip()
    listed = Terminal.start("batches", "list")
    assert listed.end() == 0
    title, row, note = listed.text.splitlines()
    assert "not shown: ENDPOINT" in note
    assert title.split() == ["ID", "STATUS", "DONE", "CREATED"]
    assert row.startswith(f"{batch_id}  completed   5/5")
    assert max(len(title), len(row)) <= 80
    card = Terminal.start("batches", "retrieve", batch_id)
    assert card.end() == 0
    fields = dict(line.split(None, 1) for line in card.text.splitlines())
    assert (fields["id"], fields["request_counts"]) == (batch_id, "5: 5 completed, 0 failed")
    cost = Terminal.start("batches", "cost", batch_id)
    assert cost.end() == 0
    assert cost.text.splitlines()[1].split()[:2] == ["m", "5"]
    assert "$0.00" in cost.text


@pytest.mark.slow
def test_a_server_of_ones_own_is_not_asked_about(good: Path, service: Service) -> None:
    """
    A model that nobody sells, on a server in this machine, costs nothing that a list could say: the run begins.
    """
    assert good.exists()
    terminal = Terminal.start(*ARGV)
    assert terminal.end() == 0
    assert "a server of your own, without prices" in " ".join(terminal.text.split())
    assert "[y/N]" not in terminal.text
    assert "note:" not in terminal.text
    assert len(service.batches) == 1


def test_a_quiet_question_says_what_it_is_about(good: Path, service: Service) -> None:
    """
    With -q the estimate is part of the question, for nobody agrees to what was not said.
    """
    good.write_bytes(good.read_bytes().replace(b'"m"', b'"gpt-4o-mini"'))
    terminal = Terminal.start(*ARGV, "-q")
    terminal.wait_for("Run it? [y/N]")
    assert "cost unknown" in " ".join(terminal.text.split())
    terminal.type("n\n")
    assert terminal.end() == 1
    assert service.asked == []
