"""
Batches on blobs of a foreign storage: what it signs, how it refuses, and what it says of ranges, is its own.
"""

from __future__ import annotations

import json
import random
import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from aikit import OpenAIClient, jsonl
from tests.azure_server import KEY, VERSION, Resource, resource_here
from tests.foreign.aimock import Missing
from tests.foreign.azurite import Azurite, azurite_here

pytestmark = pytest.mark.foreign

_PATH = "/v1/chat/completions"


@pytest.fixture(scope="module")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """Run the storage, with two containers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.setenv("no_proxy", "127.0.0.1")
        try:
            with azurite_here(tmp_path_factory.mktemp("azurite")) as azurite:
                azurite.make_container("batch-input")
                azurite.make_container("batch-output")
                yield azurite
        except Missing as reason:
            pytest.skip(str(reason))


@pytest.fixture
def resource(azurite: Azurite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Resource]:
    """Serve a resource whose identity may use the storage."""
    monkeypatch.setenv("AIKIT_HOME", str(tmp_path / "home"))
    with resource_here(get_blob=azurite.get, put_blob=azurite.put) as resource:
        yield resource


def _client(resource: Resource, storage: str, tmp_path: Path, ending: str = "/openai/v1") -> OpenAIClient:
    entry = {"type": "azure", "baseURL": resource.url + ending, "apiKey": KEY, "blob_storage": storage}
    (tmp_path / "AIProviders.json").write_text(json.dumps({"providers": {"work": entry}}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIKIT_PROVIDERS", str(tmp_path / "AIProviders.json"))
        return OpenAIClient(provider="work")


@pytest.mark.parametrize("ending", ["/openai/v1", f"?api-version={VERSION}"])
def test_a_batch_goes_from_a_blob_to_blobs(ending: str, azurite: Azurite, resource: Resource, tmp_path: Path) -> None:
    """
    Its input is stored by another program, and its answers by the service; a signature to read is enough.
    """
    lines = [jsonl.chat_line(f"word {n}", model="mine", custom_id=f"q{n}") for n in range(500)]
    address = f"{azurite.url}/batch-input/day%201/my%20lines.jsonl"
    azurite.put(address, b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    with _client(resource, f"{azurite.url}?{azurite.sas()}", tmp_path, ending) as client:
        batch = client.batches.create(address, _PATH).throw().batch
        assert batch is not None
        ended = client.batches.wait(batch.id, {"poll_interval": 0.02}).throw().batch
        assert ended is not None
        assert str(ended.output_file_id).startswith(f"{azurite.url}/batch-input/day%201/")
        with client.batches.results(ended) as results:
            texts = {row.custom_id: row.text for row in results}
        assert texts == {f"q{n}": f"WORD {n}" for n in range(500)}
        file = client.files.retrieve(address).throw().file
        assert file is not None
        assert (file.filename, file.bytes) == ("my lines.jsonl", len(azurite.get(address)))
        assert file.created_at > 1_796_000_000


class _Cutter(socketserver.BaseRequestHandler):
    """Passes one request on to the storage, and of the answer as much as the next cut lets through."""

    storage: tuple[str, int]
    cuts: Iterator[int]
    ranges: list[str]

    def handle(self) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.request.recv(65536)
        self.ranges += [line for line in head.decode().split("\r\n") if line.lower().startswith("range:")]
        left = next(self.cuts)
        with socket.create_connection(self.storage) as far:
            far.sendall(head)
            while left > 0 and (block := far.recv(min(65536, left))):
                self.request.sendall(block)
                left -= len(block)


def test_twenty_mebibytes_come_whole_through_breaks(azurite: Azurite, resource: Resource, tmp_path: Path) -> None:
    """
    Each time, only what is missing is asked for.
    """
    content = random.Random(7).randbytes(20 * 1024 * 1024)  # noqa: S311  content, no secret
    azurite.put(f"{azurite.url}/batch-output/r.jsonl", content)
    parts = urlsplit(azurite.address)
    ranges: list[str] = []
    scene = {
        "storage": (parts.hostname, parts.port),
        "cuts": iter((3_000_000, 9_000_000, 1_000_000, 2**40, 2**40)),
        "ranges": ranges,
    }
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), type("Cutter", (_Cutter,), scene)) as proxy:
        threading.Thread(target=proxy.serve_forever, args=(0.02,), daemon=True).start()
        url = f"http://127.0.0.1:{proxy.server_address[1]}/{urlsplit(azurite.url).path[1:]}"
        with _client(resource, f"{url}?{azurite.sas()}", tmp_path) as client:
            client.files.download(f"{url}/batch-output/r.jsonl", tmp_path / "r.jsonl").throw()
        proxy.shutdown()
    assert (tmp_path / "r.jsonl").read_bytes() == content
    assert len(ranges) == 3


def test_refusals_of_the_storage_are_told_in_its_words(azurite: Azurite, resource: Resource, tmp_path: Path) -> None:
    """
    With its codes; the signature is not among them.
    """
    gone = f"{azurite.url}/batch-output/gone.jsonl"
    with _client(resource, f"{azurite.url}?{azurite.sas()}", tmp_path) as client:
        (error,) = client.files.content(gone).errors
        assert (error.code, error.status) == ("BlobNotFound", 404)
        (error,) = client.files.retrieve(gone).errors
        assert (error.code, error.status) == ("BlobNotFound", 404)
    wrong = azurite.sas().replace("sig=", "sig=AAAA")
    with _client(resource, f"{azurite.url}?{wrong}", tmp_path) as client:
        (error,) = client.files.content(gone).errors
    assert error.status == 403
    assert "Storage Blob Data Reader" in error.message
    assert wrong.rpartition("sig=")[2] not in repr((error, error.body, dict(error.headers)))
