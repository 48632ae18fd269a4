"""
Values that nothing can be done with: ids, numbers and sizes that no server should send end in errors of their own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aikit import OpenAIClient
from tests.batch_server import BatchServer, batch_server
from tests.scripted_server import FILE, Exchange, answer, cut, serving

_CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("odd", ["file-\ud800", "a b", "a\nb", "..", "a/../b", "a\u202eb", "x" * 3_000])
def test_an_impossible_id_is_an_error_of_its_own(odd: str, tmp_path: Path) -> None:
    """Of what was made or asked for; in a list the object is left out, and a note says why."""
    body = json.dumps(json.loads(FILE) | {"id": odd}).encode()
    page = json.dumps({"object": "list", "data": [json.loads(FILE) | {"id": odd}, json.loads(FILE)]}).encode()
    (tmp_path / "a.txt").write_bytes(b"abc")
    with serving(answer(200, body)) as server, OpenAIClient("k", base_url=server.url, home=tmp_path) as client:
        results: list[Any] = [
            client.files.create(b"abc", "user_data", {"filename": "a.txt"}),
            client.files.retrieve("file-1"),
            client.files.create_many(tmp_path / "a.txt", "user_data", {"skip_identical": True}),
        ]
    for result in results:
        (error,) = result.errors
        assert (error.code, "'id' cannot be one" in error.message) == ("invalid_response", True)
    with serving(answer(200, page)) as server, OpenAIClient("k", base_url=server.url) as client:
        listed = client.files.list()
    assert ([file.id for file in listed.files], len(listed.notes)) == (["file-1"], 1)


@pytest.mark.parametrize("name", ["output_file_id", "error_file_id", "input_file_id"])
def test_an_impossible_id_of_a_file_is_told(name: str) -> None:
    """Results of such a batch are not taken for none: the error shows the id, and nothing is asked with it."""
    batch = {"id": "batch_1", "endpoint": "/v1/responses", "input_file_id": "file-1", "completion_window": "24h"}
    batch |= {"status": "completed", "output_file_id": "file-2", "error_file_id": "file-3"}
    body = json.dumps(batch | {"created_at": 1, name: "file-\ud800 x"}).encode()
    with serving(answer(200, body), answer(200, b"{}")) as server, OpenAIClient("k", base_url=server.url) as client:
        errors = client.batches.results("batch_1").errors
    assert [error.code for error in errors] == ["invalid_id"]
    assert "'file-\\ud800 x', which the provider gave" in errors[0].message
    assert not [one for one in server.received if "x" in one.path.rpartition("/")[2]]


@pytest.mark.parametrize("change", [{"id": "b\ud800"}, {"created_at": 10**400}, {"id": ""}])
def test_a_batch_that_cannot_be_read_is_looked_for(change: dict[str, Any]) -> None:
    """It was made and is paid for: the answer is not believed, and the list has it."""

    def odd(server: BatchServer, exchange: Exchange, order: dict[str, Any]) -> None:
        answer(200, json.dumps(server.create(order) | change).encode())(exchange)

    with batch_server(odd) as server, OpenAIClient("k", base_url=server.url) as client:
        batch = client.batches.create("file-1", "/v1/responses").throw().batch
    assert batch is not None
    assert (batch.id, server.creations) == ("batch_0", 1)


def test_a_batch_is_looked_for_after_a_chunk_below_zero() -> None:
    """The answer is broken at once, whatever follows it, and the connection is not waited for."""

    def odd(server: BatchServer, exchange: Exchange, order: dict[str, Any]) -> None:
        exchange.sock.sendall(_CHUNKED + b"-5\r\n" + json.dumps(server.create(order)).encode() + b"\r\n0\r\n\r\n")

    with batch_server(odd) as server, OpenAIClient("k", base_url=server.url, timeout=60) as client:
        batch = client.batches.create("file-1", "/v1/responses", {"deadline": 30}).throw().batch
    assert batch is not None
    assert (batch.id, server.creations) == ("batch_0", 1)


@pytest.mark.parametrize("size", [b"-5", b"-0x5", b"", b"5 5", b"f" * 60, b"-" + b"9" * 400])
@pytest.mark.parametrize(
    "call",
    [
        lambda client, _: client.files.retrieve("file-1"),
        lambda client, _: client.files.content("file-1"),
        lambda client, folder: client.files.download("file-1", folder / "a"),
    ],
)
def test_sizes_of_chunks_are_no_surprise(
    call: Callable[[OpenAIClient, Path], Any], size: bytes, tmp_path: Path
) -> None:
    """None is taken for something else; all are broken connections."""
    step = cut(_CHUNKED + size + b"\r\n" + FILE + b"\r\n0\r\n\r\n")
    with serving(step) as server, OpenAIClient("k", base_url=server.url, max_retries=0) as client:
        (error,) = call(client, tmp_path).errors
    assert error.code == "connection_error"
