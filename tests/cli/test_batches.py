"""
``aikit batches``: verbs of the Batches API, against a server on a real socket.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.batch_service import Service, serving_batches
from tests.cli.conftest import Here, batch_lines


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


def created(aikit: Here, path: Path) -> str:
    """
    Create a batch of *path* and return its id.
    """
    return aikit("batches", "create", path, "-q").out.strip()


def test_a_path_is_checked_uploaded_and_made_a_batch(aikit: Here, good: Path, service: Service) -> None:
    """
    The endpoint is what the first line says, the batch is one line of fields, and how to wait is told.
    """
    ran = aikit("batches", "create", good, "--metadata", "job=nightly", "--metadata", "a=b=c")
    assert ran.code == 0
    assert ran.fields[0][:2] == ["batch_1", "validating"]
    assert len(ran.fields[0]) == 11
    assert service.files["file-1"] == good.read_bytes()
    order = service.batches["batch_1"]
    assert (order["endpoint"], order["input_file_id"]) == ("/v1/chat/completions", "file-1")
    assert order["metadata"].items() >= {("job", "nightly"), ("a", "b=c")}
    assert "aikit batches wait batch_1" in ran.err


def test_a_file_of_the_provider_is_read_for_its_endpoint(aikit: Here, good: Path, service: Service) -> None:
    """
    For an id without --endpoint the file is fetched; with it, it is not.
    """
    service.files["file-1"] = good.read_bytes()
    assert aikit("batches", "create", "file-1", "-q").out == "batch_1\n"
    assert ("GET", "/v1/files/file-1/content") in service.asked
    service.asked.clear()
    ran = aikit("batches", "create", "file-1", "--endpoint", "/v1/embeddings", "--output-expires-after", "2h")
    assert (ran.code, len(service.asked)) == (0, 1)
    assert service.batches["batch_2"]["endpoint"] == "/v1/embeddings"
    assert service.batches["batch_2"]["output_expires_after"] == {"anchor": "created_at", "seconds": 7200}


def test_the_uploaded_file_is_waited_for(aikit: Here, good: Path, service: Service) -> None:
    """
    While the provider still processes it, no batch is asked for; one that it cannot process is the refusal.
    """
    service.processing = ["pending", "running"]
    assert aikit("batches", "create", good, "-q").out == "batch_1\n"
    service.processing = ["pending", "error"]
    ran = aikit("batches", "create", good, "-q")
    assert (ran.code, len(service.batches)) == (1, 1)
    assert "could not process" in ran.err


def test_standard_input_can_be_a_batch(aikit: Here, service: Service) -> None:
    """
    - reads the lines from stdin.
    """
    assert aikit("batches", "create", "-", "-q", stdin=batch_lines(3)).out == "batch_1\n"
    assert service.files["file-1"] == batch_lines(3)


def test_problems_of_lines_are_told_and_nothing_is_sent(aikit: Here, bad: Path, service: Service) -> None:
    """
    All problems come with their lines, the exit code is 3.
    """
    ran = aikit("batches", "create", bad)
    assert (ran.code, ran.out, service.asked) == (3, "", [])
    assert "line 1" in ran.err
    assert "line 2" in ran.err
    assert aikit("batches", "create", "missing.jsonl").code == 3


def test_a_first_line_without_url_asks_for_an_endpoint(aikit: Here, service: Service) -> None:
    """
    Where the provider's file does not say what it asks, nothing is created, and --endpoint is named.
    """
    service.files["file-1"] = b"nonsense"
    ran = aikit("batches", "create", "file-1")
    assert ran.code == 3
    assert "pass --endpoint" in ran.err
    assert service.batches == {}


@pytest.mark.parametrize(
    "argv",
    [
        ("create", "."),
        ("create", "x.jsonl", "--metadata", "novalue"),
        ("create", "x.jsonl", "--metadata", "k=" + "x" * 600),
        ("create", "x.jsonl", "--output-expires-after", "5"),
        ("create", "x.jsonl", "--max-cost", "-1"),
        ("create", "a b"),
        ("create",),
        ("list", "--limit", "101"),
        ("retrieve", "a b"),
        ("cancel",),
        ("wait", "../x"),
        ("wait", "batch_1", "--poll-interval", "0"),
        ("wait", "batch_1", "--max-wait", "soon"),
    ],
)
def test_wrong_usage_has_exit_code_two(aikit: Here, argv: tuple[str, ...]) -> None:
    """
    What cannot be meant is told with exit code 2, and nothing is printed on stdout.
    """
    ran = aikit("batches", *argv)
    assert (ran.code, ran.out) == (2, "")
    assert "error: " in ran.err


def test_list_pages_as_files_do(aikit: Here, good: Path, service: Service) -> None:
    """
    Newest first; --limit gives a page and tells how to go on, --all everything, --json the page.
    """
    ids = [created(aikit, good) for _ in range(3)][::-1]
    page = aikit("batches", "list", "--limit", "2")
    assert [fields[0] for fields in page.fields] == ids[:2]
    assert "--all" in page.err
    assert aikit("batches", "list", "--after", ids[1], "-q").out.split() == ids[2:]
    assert aikit("batches", "list", "--limit", "1", "--all", "-q").out.split() == ids
    told = aikit("batches", "list", "--json").json
    assert [one["id"] for one in told["data"]] == ids
    assert (told["first_id"], told["has_more"]) == (ids[0], False)
    assert len(service.batches) == 3


def test_retrieve_tells_batches_and_errors(aikit: Here, good: Path, service: Service) -> None:
    """
    What is known comes on stdout, what is not found on stderr, with exit code 1.
    """
    batch_id = created(aikit, good)
    ran = aikit("batches", "retrieve", batch_id, "batch_none")
    assert ran.code == 1
    assert [fields[0] for fields in ran.fields] == [batch_id]
    assert "error: No such object: batch_none (status 404)" in ran.err
    told = aikit("batches", "retrieve", batch_id, "--json").json
    assert (told["object"], told["id"], told["status"]) == ("batch", batch_id, "completed")
    assert told["request_counts"] == {"total": 5, "completed": 5, "failed": 0}
    assert list(service.batches) == [batch_id]


def test_cancel_prints_the_batch(aikit: Here, good: Path, service: Service) -> None:
    """
    A cancelled batch is printed as it then is.
    """
    batch_id = created(aikit, good)
    assert aikit("batches", "cancel", batch_id).fields[0][:2] == [batch_id, "cancelled"]
    assert service.batches[batch_id]["status"] == "cancelled"


def test_wait_ends_with_the_batch(aikit: Here, good: Path, service: Service) -> None:
    """
    Completed is exit code 0, also with failed requests, which are counted; every other end is 1, with its reasons.
    """
    service.looks = 2
    good.write_bytes(good.read_bytes().replace(b'"r-1"', b'"bad-1"'))
    service.ends = ["completed", "failed"]
    ran = aikit("batches", "wait", created(aikit, good), "--poll-interval", "0.02")
    assert ran.code == 0
    assert ran.fields[0][1:5] == ["completed", "5", "4", "1"]
    assert "4 of 5 requests ok, 1 failed; results: aikit batches results batch_1" in ran.err
    failed = aikit("batches", "wait", created(aikit, good), "--poll-interval", "0.02", "--json")
    assert failed.code == 1
    assert (failed.json["status"], failed.json["error"]["code"]) == ("failed", "batch_failed")
    assert failed.json["errors"]["data"][0]["line"] == 1


def test_wait_gives_up_when_told(aikit: Here, good: Path, service: Service) -> None:
    """
    After --max-wait the batch is told as it is, with exit code 1.
    """
    service.looks = 1000
    ran = aikit("batches", "wait", created(aikit, good), "--poll-interval", "0.1", "--max-wait", "1")
    assert ran.code == 1
    assert ran.fields[0][1] == "in_progress"
    assert "code timeout" in ran.err
