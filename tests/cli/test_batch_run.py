"""
``aikit batch run``, in this process, against a server on a real socket and on the embedded provider.
"""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from aikit.jsonl import chat_line
from aikit.storage.locks import take
from tests.cli.batch_service import Service, serving_batches
from tests.cli.conftest import Here, batch_lines

pytestmark = pytest.mark.slow

QUICK: Final = ("--poll-interval", "0.02")


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


def rows(path: Path) -> list[dict[str, Any]]:
    """
    Return the rows of a file of results.
    """
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def ids(path: Path) -> list[str]:
    """
    Return their custom_ids.
    """
    return [row["custom_id"] for row in rows(path)]


def spoilt(path: Path, *numbers: int) -> None:
    """
    Let the server refuse some of the lines of *path*.
    """
    content = path.read_bytes()
    for number in numbers:
        content = content.replace(b'"r-%d"' % number, b'"bad-%d"' % number)
    path.write_bytes(content)


def test_every_line_is_answered_in_the_order_of_the_input(aikit: Here, good: Path, service: Service) -> None:
    """
    The results stand beside the input, in its order, though the server answers in another; all ok is exit code 0.
    """
    ran = aikit("batch", "run", good, *QUICK)
    assert ran.code == 0
    assert ran.fields == [[str(good.with_suffix(".results.jsonl")), *"550000"]]
    assert ids(good.with_suffix(".results.jsonl")) == [f"r-{number}" for number in range(5)]
    assert [row["status"] for row in rows(good.with_suffix(".results.jsonl"))] == ["ok"] * 5
    assert "estimate: 5 requests to m" in ran.err
    assert "5 requests: 5 ok" in ran.err
    assert len(service.batches) == 1


def test_answers_without_a_file_are_waited_for(aikit: Here, good: Path, service: Service) -> None:
    """
    A batch that is completed before its provider names a file has neither lost its lines nor cost nothing.
    """
    service.silent_looks = 3
    prices = {"models": {"m": {"input": 1, "output": 1}}}
    home = Path(os.environ["AIKIT_HOME"])
    home.mkdir()
    (home / "prices.json").write_text(json.dumps(prices))
    ran = aikit("batch", "run", good, *QUICK)
    assert (ran.code, ran.fields) == (0, [[str(good.with_suffix(".results.jsonl")), *"550000"]])
    assert "cost $0.000075" in ran.err
    assert len(service.batches) == 1


def test_answers_without_a_file_to_the_end_are_an_error(aikit: Here, good: Path, service: Service) -> None:
    """
    Nothing is written, nothing is booked and nothing sent again; called again, it goes on.
    """
    service.silent_looks = 1_000_000
    for _ in range(2):
        ran = aikit("batch", "run", good, "--poll-interval", "0.01", "--max-wait", "1", "--yes", "--resubmit")
        assert ran.code == 1
        assert "names no file with them" in ran.err
    assert not good.with_suffix(".results.jsonl").exists()
    service.silent_looks = 0
    assert aikit("batch", "run", good, *QUICK).code == 0
    assert len(service.batches) == 1


def test_lines_that_are_not_ok_have_an_exit_code_and_a_command(aikit: Here, good: Path, service: Service) -> None:
    """
    Exit code 4; each line is accounted for, with the reasons, and what would send them again is told.
    """
    spoilt(good, 1, 3)
    service.ends = ["completed"]
    ran = aikit("batch", "run", good, *QUICK, "-q")
    assert (ran.code, ran.err) == (4, "")
    told = aikit("batch", "run", good, *QUICK)
    assert "5 requests: 3 ok, 2 failed (2 bad_line)" in told.err
    assert re.search(r"aikit batch run \S*good.jsonl .*--resubmit", told.err)
    assert len(service.batches) == 1


def test_a_finished_run_shows_its_results_again(aikit: Here, good: Path, service: Service) -> None:
    """
    Called again, also with another place for the results or another name of the input, nothing is created.
    """
    aikit("batch", "run", good, *QUICK)
    again = aikit("batch", "run", good, "-o", "other.csv")
    assert again.code == 0
    assert "this run finished" in again.err
    assert Path("other.csv").read_text().splitlines()[1].startswith("1,r-0,ok,200,m,")
    assert aikit("batch", "run", good).code == 0  # the first place is still the run's own
    renamed = good.rename(good.with_name("renamed.jsonl"))
    assert "finished" in aikit("batch", "run", renamed).err
    assert len(service.batches) == 1


def test_results_stay_when_the_provider_has_their_files_no_more(aikit: Here, good: Path, service: Service) -> None:
    """
    A finished run tells what it wrote, with its counts and its exit code; what it did not write it cannot give.
    """
    spoilt(good, 2)
    aikit("batch", "run", good, *QUICK)
    target = good.with_suffix(".results.jsonl")
    whole = target.read_bytes()
    for name in [name for name in service.files if "err" in name]:  # first those, as if they came to nothing
        del service.files[name]
    for _ in range(2):
        again = aikit("batch", "run", good)
        assert (again.code, again.fields) == (4, [[str(target), "5", "4", "1", "0", "0", "0"]])
        assert "the results stay as they were written" in again.err
        assert target.read_bytes() == whole
        service.files.clear()
    other = aikit("batch", "run", good, "-o", "other.csv")
    assert (other.code, Path("other.csv").exists()) == (1, False)
    assert f"this run wrote its results to {target}" in other.err
    target.write_bytes(b"something else")
    assert aikit("batch", "run", good).code == 1
    assert target.read_bytes() == b"something else"


@pytest.mark.parametrize("change", [b"", batch_lines(7)], ids=["removed", "changed"])
def test_an_input_that_changes_while_its_batch_runs_is_not_joined(
    aikit: Here, good: Path, service: Service, monkeypatch: pytest.MonkeyPatch, change: bytes
) -> None:
    """
    In a day somebody has written to it: the lines that were sent are fetched, and have a row each.
    """

    def look(service: Service, batch_id: str) -> dict[str, Any]:
        good.write_bytes(change) if change else good.unlink(missing_ok=True)
        return looked(service, batch_id)

    looked = Service.look
    monkeypatch.setattr(Service, "look", look)
    ran = aikit("batch", "run", good, *QUICK)
    assert (ran.code, ran.fields[0][1:]) == (0, ["5", "5", "0", "0", "0", "0"])
    assert len(service.batches) == 1


def test_the_order_of_several_batches_is_not_guessed(
    aikit: Here, tmp_path: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Where the input was changed that tells the order, the run says so, and ends when it is put back.
    """
    path, line = tmp_path / "mixed.jsonl", batch_lines(2)
    content = line.replace(b'"m"', b'"n"', 1)
    path.write_bytes(content)

    def look(service: Service, batch_id: str) -> dict[str, Any]:
        path.write_bytes(line)
        return looked(service, batch_id)

    looked = Service.look
    monkeypatch.setattr(Service, "look", look)
    ran = aikit("batch", "run", path, *QUICK)
    assert (ran.code, path.with_suffix(".results.jsonl").exists()) == (1, False)
    assert "put back its former content and call again" in ran.err
    monkeypatch.setattr(Service, "look", looked)
    path.write_bytes(content)
    assert aikit("batch", "run", path, *QUICK).code == 0
    assert len(service.batches) == 2


def test_parts_that_are_gone_are_made_again(aikit: Here, tmp_path: Path, home: Path, service: Service) -> None:
    """
    Whoever removed them, or declined to begin anew: a run that was begun goes on.
    """
    (tmp_path / "mixed.jsonl").write_bytes(batch_lines(2).replace(b'"m"', b'"n"', 1))
    service.refusals = 1
    assert aikit("batch", "run", "mixed.jsonl", *QUICK).code == 1
    assert aikit("batch", "run", "mixed.jsonl", "--again", "--max-cost", "1").code == 3
    assert {path.suffix for path in (home / "runs").iterdir()} == {".json", ".marks"}
    assert aikit("batch", "run", "mixed.jsonl", *QUICK).code == 0
    assert service.asked.count(("POST", "/v1/files")) == 2


def test_a_bound_counts_also_for_who_goes_on(aikit: Here, good: Path, service: Service) -> None:
    """
    As long as a batch is not created, what may cost more than the bound is refused.
    """
    service.refusals = 1
    aikit("batch", "run", good, *QUICK)
    ran = aikit("batch", "run", good, *QUICK, "--max-cost", "5")
    assert (ran.code, len(service.batches)) == (3, 0)
    assert "unknown_cost" in ran.err
    assert aikit("batch", "run", good, *QUICK).code == 0


@pytest.mark.parametrize("price", [1000, None])
@pytest.mark.parametrize("models", [("m",), ("m", "n", "o")])
def test_the_answers_are_fetched_once(
    aikit: Here, good: Path, service: Service, home: Path, models: tuple[str, ...], price: int | None
) -> None:
    """
    To book what they cost, to join them and to tell the cost, with a price or without, of each batch and its errors.
    """
    made = [(line, model) for model in models for line in good.read_bytes().splitlines(keepends=True)]
    named = [line.replace(b'"r-', b'"%s-' % (b"bad" if b"r-1" in line else model.encode())) for line, model in made]
    asked = [line.replace(b'"m"', b'"%s"' % model.encode()) for line, (_, model) in zip(named, made, strict=True)]
    good.write_bytes(b"".join(line.replace(b"bad", b"bad%d" % number) for number, line in enumerate(asked)))
    home.mkdir(mode=0o700)
    if price is not None:
        told = {"models": {model: {"input": price, "output": price} for model in models}}
        (home / "prices.json").write_text(json.dumps(told))
    ran = aikit("batch", "run", good, *QUICK, "--json")
    assert ran.json["counts"]["failed"] == len(models)
    assert {one["cost"] for one in ran.json["costs"]} == {price and "0.06"}
    fetched = [path for _, path in service.asked if path.endswith("/content")]
    assert len(fetched) == len(set(fetched)) == 2 * len(models)


def test_answers_that_come_a_little_late_are_waited_for(aikit: Here, good: Path, service: Service) -> None:
    """
    A file that is not whole just after the end of its batch is fetched again, and the run ends as it should.
    """
    fetched = list[str]()

    class Late(dict[str, bytes]):
        def __getitem__(self, name: str) -> bytes:
            whole = super().__getitem__(name)
            fetched.append(name)
            return whole if not name.startswith("file-out") or len(fetched) > 3 else whole[: len(whole) // 2]

    service.files = Late()
    ran = aikit("batch", "run", good, *QUICK)
    assert (ran.code, len(fetched)) == (0, 4), ran.err


def test_a_price_that_was_not_known_then_is_asked_for_anew(
    aikit: Here, good: Path, service: Service, home: Path
) -> None:
    """
    What was booked without the whole cost is counted again, with the prices of today.
    """
    assert "cost unknown, there is no price for m" in aikit("batch", "run", good, *QUICK).err
    (home / "prices.json").write_text(json.dumps({"models": {"m": {"input": 1000, "output": 1000}}}))
    assert "cost $0.075" in aikit("batch", "run", good).err
    assert len(service.batches) == 1


def test_a_bound_counts_for_all_that_is_sent_again(aikit: Here, tmp_path: Path, home: Path, service: Service) -> None:
    """
    Of several batches together, and before anything is kept: who is refused has a finished run as before.
    """
    home.mkdir()
    price = {"input": 1, "output": 1_000_000, "max_output_tokens": 1}  # half a dollar for a line
    (home / "prices.json").write_text(json.dumps({"models": {"m": price, "n": price}}))
    lines = batch_lines(6).splitlines(keepends=True)
    (tmp_path / "mixed.jsonl").write_bytes(b"".join(lines[:3]) + b"".join(lines[3:]).replace(b'"m"', b'"n"'))
    spoilt(tmp_path / "mixed.jsonl", 1, 2, 4, 5)
    assert aikit("batch", "run", "mixed.jsonl", *QUICK, "--max-cost", "6.1").code == 4
    ran = aikit("batch", "run", "mixed.jsonl", *QUICK, "--resubmit", "--max-cost", "1.1")
    assert (ran.code, len(service.batches)) == (3, 2)
    assert "estimate: 4 requests to m, n" in ran.err
    assert "finished" in aikit("batch", "run", "mixed.jsonl", *QUICK).err
    assert len(service.batches) == 2
    assert aikit("batch", "run", "mixed.jsonl", *QUICK, "--resubmit", "--max-cost", "4.1").code == 4
    assert len(service.batches) == 4


def test_what_could_not_be_joined_is_told(aikit: Here, good: Path, service: Service) -> None:
    """
    A file with a line that is no JSON is said to have it.
    """
    aikit("batch", "run", good, *QUICK)
    (output,) = [name for name in service.files if "out" in name]
    service.files[output] += b'{"cut'
    assert "1 problem in the result files, the first: output line 6" in aikit("batch", "run", good).err


def test_again_begins_anew(aikit: Here, good: Path, service: Service) -> None:
    """
    --again creates another batch.
    """
    aikit("batch", "run", good, *QUICK)
    assert aikit("batch", "run", good, *QUICK, "--again").code == 0
    assert len(service.batches) == 2
    service.looks = 1000
    aikit("batch", "run", good, "--again", "--poll-interval", "0.1", "--max-wait", "1")
    service.looks = 1
    ran = aikit("batch", "run", good, *QUICK, "--again")
    assert (ran.code, len(service.batches)) == (0, 4)
    assert "batches of the previous run may still be running: batch_3" in ran.err


def test_a_changed_input_is_a_new_run_and_says_so(aikit: Here, good: Path, service: Service) -> None:
    """
    Other content, and other options, are other runs.
    """
    aikit("batch", "run", good, *QUICK)
    good.write_bytes(batch_lines(6))
    ran = aikit("batch", "run", good, *QUICK)
    assert "the input was changed since the run of" in ran.err
    assert ran.err.index("5 of the 6 requests were sent by the run of") < ran.err.index("estimate: ")
    assert ran.fields[0][1] == "6"
    assert "other options were given" in aikit("batch", "run", good, *QUICK, "--metadata", "a=b").err
    assert len(service.batches) == 3


def test_all_problems_are_told_and_nothing_is_sent(aikit: Here, bad: Path, service: Service) -> None:
    """
    Every bad line is told, and nothing is kept: exit code 3.
    """
    ran = aikit("batch", "run", bad)
    assert (ran.code, ran.out, service.asked) == (3, "", [])
    assert "line 1" in ran.err
    assert "line 2" in ran.err
    assert "file_not_found" in aikit("batch", "run", "missing.jsonl").err


def test_resubmit_sends_only_what_is_not_ok(aikit: Here, good: Path, service: Service) -> None:
    """
    The results of both batches are joined: what was ok stays, what is better now takes its place.
    """
    service.ends = ["expired", "completed"]
    first = aikit("batch", "run", good, *QUICK)
    assert first.fields[0][1:] == ["5", "2", "0", "3", "0", "0"]
    ran = aikit("batch", "run", good, *QUICK, "--resubmit")
    assert ran.code == 0
    assert ran.fields[0][1:] == ["5", "5", "0", "0", "0", "0"]
    assert "created: the lines not ok in batch_1" in ran.err
    found = rows(good.with_suffix(".results.jsonl"))
    assert [row["batch_id"] for row in found] == ["batch_1"] * 2 + ["batch_2"] * 3
    assert ids(good.with_suffix(".results.jsonl")) == [f"r-{number}" for number in range(5)]
    assert "finished" in aikit("batch", "run", good, *QUICK, "--resubmit").err
    assert len(service.batches) == 2


def test_a_batch_that_was_refused_is_tried_again(aikit: Here, good: Path, service: Service) -> None:
    """
    Where the provider refused to begin, nothing was paid: the next call tries again unasked.
    """
    service.ends = ["failed", "completed"]
    assert aikit("batch", "run", good, *QUICK).fields[0][1:] == ["5", "0", "5", "0", "0", "0"]
    ran = aikit("batch", "run", good, *QUICK)
    assert ran.code == 0
    assert "nothing was paid; trying again" in ran.err
    assert ran.fields[0][1:] == ["5", "5", "0", "0", "0", "0"]


def test_a_batch_that_failed_in_the_middle_is_paid_and_not_tried_again_unasked(
    aikit: Here, good: Path, service: Service, home: Path
) -> None:
    """
    What it answered is part of the cost, and what it left undone is sent again when it is asked for, at its estimate.
    """
    home.mkdir(exist_ok=True)
    (home / "prices.json").write_text('{"models": {"m": {"batch": {"input": 1, "output": 1}}}}')
    service.ends = ["broken", "completed"]
    ran = aikit("batch", "run", good, *QUICK)
    assert ran.fields[0][1:] == ["5", "2", "3", "0", "0", "0"]
    assert "\ncost $0.000030;" in ran.err
    assert "finished" in aikit("batch", "run", good, *QUICK).err
    assert len(service.batches) == 1
    ran = aikit("batch", "run", good, *QUICK, "--resubmit")
    assert "estimate: 3 requests" in ran.err
    assert ran.fields[0][1:] == ["5", "5", "0", "0", "0", "0"]
    assert "cost $0.000075 in 2 batches" in ran.err


@pytest.mark.parametrize("is_damaged", [False, True])
def test_what_blocks_a_run_is_told_with_the_option_that_begins_anew(
    aikit: Here, good: Path, service: Service, home: Path, *, is_damaged: bool
) -> None:
    """
    Also behind the words of a provider that knows the batch no more, and they stay as they are.
    """
    aikit("batch", "run", good, *QUICK, "-o", "x.jsonl")
    service.batches.clear()
    Path("x.jsonl").unlink()
    for path in home.glob("runs/*.json") if is_damaged else ():
        path.write_text("{")
    ran = aikit("batch", "run", good, *QUICK, "-o", "x.jsonl")
    assert ran.code == (1 if is_damaged else 3)
    assert "--again starts over, and pays again" in ran.err
    assert "again=True" not in ran.err
    assert ("No such object: batch_1; if the key" in ran.err) == (not is_damaged)
    assert aikit("batch", "run", good, *QUICK, "-o", "x.jsonl", "--again").code == 0


@pytest.mark.parametrize("ago_s", [0, 200])
def test_answers_that_come_after_their_file_are_not_paid_again(
    aikit: Here, good: Path, service: Service, monkeypatch: pytest.MonkeyPatch, ago_s: int
) -> None:
    """
    Just after the end the run waits for them; later they are missing, unless they are there when they are resubmitted.
    """
    monkeypatch.setattr("aikit.resources.batches.run.joining.SETTLED_S", 0.5)
    end, whole = Service._end, list[bytes]()

    def end_early(service: Service, batch: dict[str, Any]) -> None:
        end(service, batch)
        batch["completed_at"] -= ago_s
        whole.append(service.files[batch["output_file_id"]])
        service.files[batch["output_file_id"]] = b""

    monkeypatch.setattr(Service, "_end", end_early)
    ran = aikit("batch", "run", good, *QUICK)
    assert (ran.code, "output_missing" in ran.err) == ((4, False) if ago_s else (1, True))
    service.files["file-out-batch_1"] = whole[0]
    for _ in range(2):
        ran = aikit("batch", "run", good, *QUICK, "--resubmit")
        assert (ran.code, ran.fields[0][1:]) == (0, ["5", "5", "0", "0", "0", "0"])
    assert len(service.batches) == 1


def test_one_batch_too_many_is_told_and_the_older_one_goes_on(
    aikit: Here, good: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Where the younger was over before it could be cancelled, it is paid: the run stops to say so, and is resumed.
    """
    make = Service.create

    def create(service: Service, order: dict[str, Any]) -> dict[str, Any]:
        make(service, order)
        ours = make(service, order)
        ours["status"] = "completed"
        return ours

    monkeypatch.setattr(Service, "create", create)
    ran = aikit("batch", "run", good, *QUICK)
    assert ran.code == 1
    assert "batch_1 stays, and batch_2 is completed, and costs what aikit batches cost tells" in ran.err
    assert aikit("batch", "run", good, *QUICK).fields[0][1:] == ["5", "5", "0", "0", "0", "0"]
    assert len(service.batches) == 2


def test_a_bound_on_the_cost_is_kept(aikit: Here, good: Path, service: Service, tmp_path: Path) -> None:
    """
    What may cost more, or nobody knows what, is refused with exit code 3 before anything is sent.
    """
    unknown = aikit("batch", "run", good, "--max-cost", "5")
    assert (unknown.code, service.asked) == (3, [])
    assert "unknown_cost" in unknown.err
    prices = {"models": {"m": {"input": 1000, "output": 1000, "max_output_tokens": 1000}}}
    (tmp_path / "home").mkdir(exist_ok=True)
    (tmp_path / "home" / "prices.json").write_text(json.dumps(prices))
    dear = aikit("batch", "run", good, "--max-cost", "0.001")
    assert (dear.code, service.asked) == (3, [])
    assert "max_cost_exceeded" in dear.err


def test_the_document_tells_everything(aikit: Here, good: Path, service: Service) -> None:
    """
    --json is one document with counts, batches, costs and where the results are.
    """
    spoilt(good, 4)
    ran = aikit("batch", "run", good, *QUICK, "--json")
    told = ran.json
    assert (ran.code, told["object"], told["requests"]) == (4, "batch.run", 5)
    assert told["counts"] == {"ok": 4, "failed": 1, "expired": 0, "cancelled": 0, "missing": 0}
    assert told["batches"] == list(service.batches)
    assert told["costs"][0]["usage"]["total_tokens"] == 60
    assert (told["cost"], told["is_lower_bound"]) == (None, True)
    assert len(rows(Path(told["results"]))) == 5


def test_results_can_go_to_stdout(aikit: Here, good: Path, service: Service) -> None:
    """
    -o - prints the rows, and the words stay on stderr.
    """
    ran = aikit("batch", "run", good, *QUICK, "-o", "-")
    assert [json.loads(line)["line"] for line in ran.out.splitlines()] == [1, 2, 3, 4, 5]
    assert "5 ok" in ran.err
    assert len(service.batches) == 1


def test_a_file_that_nobody_named_is_not_replaced(aikit: Here, good: Path, service: Service) -> None:
    """
    What stands where the results would go is left alone unless a run wrote it, or -o names it.
    """
    target = good.with_suffix(".results.jsonl")
    target.write_text("mine")
    ran = aikit("batch", "run", good, *QUICK)
    assert (ran.code, service.asked, target.read_text()) == (2, [], "mine")
    assert aikit("batch", "run", good, *QUICK, "-o", target).code == 0
    assert len(rows(target)) == 5


@pytest.mark.parametrize(
    "argv",
    [
        ("good.jsonl", "-o", "missing/x.jsonl"),
        ("good.jsonl", "-o", "good.jsonl"),
        ("good.jsonl", "-o", "-", "--json"),
        ("good.jsonl", "--metadata", "nothing"),
        ("good.jsonl", "--concurrency", "0"),
        ("good.jsonl", "--max-cost", "much"),
        ("good.jsonl", "--max-cost", "nan"),
        (".",),
        (),
    ],
)
def test_wrong_usage_has_exit_code_two(aikit: Here, good: Path, service: Service, argv: tuple[str, ...]) -> None:
    """
    What cannot be meant is told before anything is sent.
    """
    assert good.exists()
    ran = aikit("batch", "run", *argv)
    assert (ran.code, service.asked) == (2, [])


@pytest.mark.parametrize("place", ["pipe", "dangling.jsonl", "loop.csv"])
def test_results_without_a_place_are_told_first(aikit: Here, good: Path, service: Service, place: str) -> None:
    """
    What cannot be written in the end is tried before anything is sent.
    """
    os.mkfifo("pipe")
    Path("dangling.jsonl").symlink_to("nowhere/there.jsonl")
    Path("loop.csv").symlink_to("loop.csv")
    names = sorted(Path().iterdir())
    ran = aikit("batch", "run", good, "-o", place)
    assert (ran.code, service.asked, sorted(Path().iterdir())) == (1, [], names)
    assert place in ran.err


def test_two_at_the_same_run_do_not_meet(aikit: Here, good: Path, service: Service, home: Path) -> None:
    """
    While one is at it, another says so and does nothing.
    """
    aikit("batch", "run", good, *QUICK)
    (kept,) = (home / "runs").glob("*.json")
    lock = take(kept.with_suffix(".lock"))
    assert lock is not None
    with lock:
        ran = aikit("batch", "run", good, *QUICK)
    assert ran.code == 1
    assert "another process works on this run" in ran.err
    assert len(service.batches) == 1


def test_a_state_that_cannot_be_read_is_not_overwritten(aikit: Here, good: Path, service: Service, home: Path) -> None:
    """
    Where what was paid for cannot be known, nothing is created, and the file is named.
    """
    aikit("batch", "run", good, *QUICK)
    (kept,) = (home / "runs").glob("*.json")
    kept.write_text("{")
    ran = aikit("batch", "run", good, *QUICK)
    assert (ran.code, len(service.batches)) == (1, 1)
    assert str(kept) in ran.err
    assert kept.read_text() == "{"


def test_nothing_secret_is_kept(aikit: Here, good: Path, service: Service, home: Path) -> None:
    """
    The key is in none of the files.
    """
    aikit("batch", "run", good, *QUICK)
    assert service.batches
    kept = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert any(b"batch_1" in content for content in kept.values())
    assert [path for path, content in kept.items() if b"sk-test" in content] == []


def test_the_embedded_provider_answers_in_this_process(aikit: Here, good: Path) -> None:
    """
    With provider local and no server anywhere, each line has an answer, free of charge.
    """
    ran = aikit("batch", "run", good, *QUICK)
    assert ran.code == 0
    assert "free of charge" in ran.err
    assert ids(good.with_suffix(".results.jsonl")) == [f"r-{number}" for number in range(5)]
    assert "$0.00" in ran.err


def test_a_misspelt_parameter_is_told_before_anything_is_sent(aikit: Here, tmp_path: Path) -> None:
    """
    The run notes it once and goes on; the embedded provider refuses the lines that have it, as OpenAI does.
    """
    path = tmp_path / "in.jsonl"
    path.write_text(json.dumps(chat_line("Hi", model="m", temprature=0)) + "\n")
    ran = aikit("batch", "run", path, *QUICK)
    assert ran.code == 4
    assert (
        ran.err.count("in.jsonl, line 1: unknown parameter 'temprature' of /v1/chat/completions; did you mean \"") == 1
    )
    (row,) = rows(tmp_path / "in.results.jsonl")
    assert "Unrecognized request argument supplied: temprature" in json.dumps(row)


def test_a_server_that_is_not_there_is_told(aikit: Here, good: Path) -> None:
    """
    A run of the embedded provider that waits for what answers its lines says so, once, and only to who wants words.
    """
    with closing(socket.socket()) as unheard:
        unheard.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unheard.getsockname()[1]}/v1"
        argv = ("batch", "run", good, *QUICK, "--base-url", url, "--provider", "local", "--max-wait", "1")
        ran = aikit(*argv)
        assert (ran.code, ran.err.count("note: no line of the batch can be answered")) == (1, 1)
        assert "no line of the batch" not in aikit(*argv, "-q").err


def test_results_can_be_filtered_and_formatted(aikit: Here, good: Path, service: Service) -> None:
    """
    ``batches results`` prints rows in order, those asked for, as JSON lines or CSV, or saves them.
    """
    spoilt(good, 2)
    aikit("batch", "run", good, *QUICK)
    ran = aikit("batches", "results", "batch_1", "--only", "failed,missing")
    assert ran.code == 4
    assert [json.loads(line)["custom_id"] for line in ran.out.splitlines()] == ["bad-2"]
    assert "5 requests: 4 ok, 1 failed" in ran.err
    assert len(aikit("batches", "results", "batch_1", "--format", "csv").out.splitlines()) == 6
    saved = aikit("batches", "results", "batch_1", "-o", "all.csv")
    assert saved.fields == [["all.csv", "5"]]
    assert aikit("batches", "results", "batch_1", "--only", "good").code == 2
    assert aikit("batches", "results", "batch_1", "--json").code == 2
    assert aikit("batches", "results", "batch_none").code == 1
    assert len(service.batches) == 1


def test_resubmitted_batches_keep_their_lineage(aikit: Here, good: Path, service: Service) -> None:
    """
    ``batches resubmit`` makes a batch of what came to nothing; --with-lineage shows all lines again.
    """
    service.ends = ["expired", "completed"]
    aikit("batch", "run", good, *QUICK)
    made = aikit("batches", "resubmit", "batch_1", "--metadata", "round=2")
    assert made.fields[0][0] == "batch_2"
    assert service.batches["batch_2"]["metadata"].items() >= {("aikit_parent", "batch_1"), ("round", "2")}
    aikit("batches", "wait", "batch_2", *QUICK)
    assert len(aikit("batches", "results", "batch_2").out.splitlines()) == 3
    whole = aikit("batches", "results", "batch_2", "--with-lineage")
    assert (whole.code, len(whole.out.splitlines())) == (0, 5)
    assert aikit("batches", "resubmit", "batch_2").code == 1


def test_cost_is_told_per_model(aikit: Here, good: Path, service: Service, home: Path) -> None:
    """
    Model, requests, tokens and dollars; what has no price has none, never 0.
    """
    aikit("batch", "run", good, *QUICK)
    ran = aikit("batches", "cost", "batch_1")
    assert (ran.code, ran.fields) == (0, [["m", "5", "50", "0", "25", "0", ""]])
    assert "cost unknown, there is no price for m" in ran.err
    prices = {"models": {"m": {"input": 1000, "output": 1000}}}
    (home / "prices.json").write_text(json.dumps(prices))
    assert aikit("batches", "cost", "batch_1", "--json").json["models"][0]["requests"] == 5
    assert aikit("batches", "cost", "batch_1", "-q").out != "\n"
    assert service.batches


def test_what_is_more_than_one_batch_is_split_and_joined_again(aikit: Here, tmp_path: Path, service: Service) -> None:
    """
    Lines of several models become a batch each, and their results stand in the order of the input all the same.
    """
    lines = batch_lines(9).splitlines(keepends=True)
    mixed = [line.replace(b'"m"', b'"m%d"' % (number % 3)) for number, line in enumerate(lines)]
    (tmp_path / "mixed.jsonl").write_bytes(b"".join(mixed))
    spoilt(tmp_path / "mixed.jsonl", 4)
    ran = aikit("batch", "run", "mixed.jsonl", *QUICK)
    assert ran.code == 4
    assert "the input becomes 3 batches" in ran.err
    assert ran.fields[0][1:4] == ["9", "8", "1"]
    found = rows(tmp_path / "mixed.results.jsonl")
    assert [row["line"] for row in found] == list(range(1, 10))
    assert [row["custom_id"] for row in found] == [f"{'bad' if number == 4 else 'r'}-{number}" for number in range(9)]
    assert [row["batch_id"] for row in found] == [f"batch_{number % 3 + 1}" for number in range(9)]
    ran = aikit("batch", "run", "mixed.jsonl", *QUICK, "--resubmit", "--json")
    assert [len(part["attempts"]) for part in ran.json["parts"]] == [1, 2, 1]
    assert len(service.batches) == 4


def test_duplicates_in_different_batches_are_a_problem(aikit: Here, tmp_path: Path, service: Service) -> None:
    """
    A custom_id is unique in the whole input, also where it is split: else nobody could tell the answers apart.
    """
    line = batch_lines(1)
    (tmp_path / "twice.jsonl").write_bytes(line + line.replace(b'"m"', b'"n"'))
    ran = aikit("batch", "run", "twice.jsonl")
    assert (ran.code, service.asked) == (3, [])
    assert "duplicate_custom_id" in ran.err


def test_batches_that_found_no_room_are_tried_again(aikit: Here, tmp_path: Path, service: Service) -> None:
    """
    Refused because too many tokens wait, a batch is created again when another is over, in the same call.
    """
    lines = batch_lines(3).splitlines(keepends=True)
    mixed = [line.replace(b'"m"', b'"m%d"' % number) for number, line in enumerate(lines)]
    (tmp_path / "mixed.jsonl").write_bytes(b"".join(mixed))
    service.ends = ["completed", "crowded", "crowded", "completed", "crowded"]
    ran = aikit("batch", "run", "mixed.jsonl", *QUICK)
    assert ran.code == 0
    assert ran.fields[0][1:3] == ["3", "3"]
    assert ran.err.count("tried again") == 2
    assert len(service.batches) == 6


def test_only_crowds_are_waited_for(aikit: Here, good: Path, service: Service) -> None:
    """
    Where nothing else is over, nobody tries again and again.
    """
    service.ends = ["crowded"] * 10
    assert aikit("batch", "run", good, *QUICK).code == 4
    assert len(service.batches) == 1


def test_what_cannot_be_created_now_is_created_later(aikit: Here, good: Path, service: Service) -> None:
    """
    After a refusal the command to go on is told; the file is not uploaded again.
    """
    service.refusals = 1
    ran = aikit("batch", "run", good, *QUICK)
    assert ran.code == 1
    assert "insufficient_quota" in ran.err
    assert "the progress is saved; to resume: aikit batch run" in ran.err
    again = aikit("batch", "run", good, *QUICK)
    assert "resuming with 0 of 1 batches created" in again.err
    assert (again.code, len(service.batches)) == (0, 1)
    assert service.asked.count(("POST", "/v1/files")) == 1


def test_parts_that_nobody_wanted_are_not_left_behind(
    aikit: Here, tmp_path: Path, home: Path, service: Service
) -> None:
    """
    Where the bound on the cost refuses a run, what was split for it is removed; of a finished one likewise.
    """
    line = batch_lines(2)
    (tmp_path / "mixed.jsonl").write_bytes(line.replace(b'"m"', b'"n"', 1))
    assert aikit("batch", "run", "mixed.jsonl", "--max-cost", "1").code == 3
    assert [path.name for path in (home / "runs").iterdir()] == []
    assert aikit("batch", "run", "mixed.jsonl", *QUICK).code == 0
    assert {path.suffix for path in (home / "runs").iterdir()} == {".json", ".marks"}
    assert len(service.batches) == 2


@pytest.fixture
def reviews(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """
    A table for the embedded provider.
    """
    monkeypatch.setenv("AIKIT_PROVIDER", "local")
    path = tmp_path / "reviews.csv"
    path.write_text("id,review\n1,good\n2,\n3,bad\n")
    return path


_ASKED: Final = ("--prompt", "Say {review}", "--model", "m", *QUICK)


def test_a_table_is_answered_row_by_row(aikit: Here, reviews: Path) -> None:
    """
    The copy with the answers stands beside it; called again, nothing is created anew.
    """
    results = reviews.with_suffix(".results.csv")
    ran = aikit(
        "batch", "run", reviews, *_ASKED, "--system", "Be short.", "--body", "temperature=0", "--body", "user=me"
    )
    assert (ran.code, ran.fields) == (0, [[str(results), *"220000"]])
    assert "1 row is skipped, with nothing under review" in ran.err
    written = results.read_bytes()
    assert [line.rsplit(b",", 3)[0] for line in written.splitlines()] == [
        b"id,review,text,status,error,note",
        b"1,good,Say good,ok,,",
        b"2,,,skipped,,",
        b"3,bad,Say bad,ok,,",
    ]
    results.unlink()
    ran = aikit(
        "batch", "run", reviews, *_ASKED, "--system", "Be short.", "--body", "temperature=0", "--body", "user=me"
    )
    assert (ran.code, results.read_bytes()) == (0, written)
    assert "cost nothing again" in ran.err


def test_a_table_goes_from_standard_input_to_standard_output(aikit: Here, reviews: Path, tmp_path: Path) -> None:
    """
    As CSV, or as JSON lines where those came; so do lines of requests.
    """
    before = sorted(tmp_path.rglob("*.csv"))
    ran = aikit("batch", "run", "-", *_ASKED, stdin=reviews.read_bytes())
    assert ran.code == 0
    assert ran.out.splitlines()[:2] == [
        "id,review,text,status,error,note,input_tokens,output_tokens,cost",
        "1,good,Say good,ok,,,9,2,0",
    ]
    assert "2 requests: 2 ok" in ran.err
    assert sorted(tmp_path.rglob("*.csv")) == before
    ran = aikit("batch", "run", "-", *_ASKED, stdin=b'{"review": "good"}\n')
    assert ran.json["text"] == "Say good"
    ran = aikit("batch", "run", "-", *QUICK, stdin=json.dumps(chat_line("Hi", model="m", custom_id="a")).encode())
    assert ran.json["custom_id"] == "a"
    ran = aikit("batch", "run", "-", *_ASKED, "-o", tmp_path / "x.csv", stdin=reviews.read_bytes())
    assert len((tmp_path / "x.csv").read_text().splitlines()) == 4


def test_the_command_that_resumes_a_table_has_its_options(aikit: Here, reviews: Path) -> None:
    """
    Quoted for the shell.
    """
    ran = aikit("batch", "run", reviews, *_ASKED, "--body", "temprature=0", "--delimiter", ",")
    assert ran.code == 4
    assert "unknown parameter 'temprature'" in ran.err
    assert (
        f"to resubmit the lines that are not ok: aikit batch run {reviews} --body temprature=0 "
        "--prompt 'Say {review}' --model m --delimiter , --poll-interval 0.02 --resubmit"
    ) in ran.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "reviews.csv is a table: give --prompt"),
        (("--model", "m"), "--model must come with --prompt"),
        (("--prompt", "Say {review}"), "--model must come with --prompt"),
        (("--prompt", "hello", "--model", "m"), "prompt names no column"),
        (("--prompt", "{revew}", "--model", "m"), 'did you mean "review"?'),
    ],
)
def test_what_a_table_lacks_is_told(aikit: Here, reviews: Path, words: tuple[str, ...], told: str) -> None:
    """
    Before a request is sent.
    """
    ran = aikit("batch", "run", reviews, *words)
    assert ran.code in {2, 3}
    assert told in ran.err
