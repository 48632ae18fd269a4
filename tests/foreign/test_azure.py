"""
Azure OpenAI beside others: a resource that OpenAI's own library drives first, and a foreign server's v1 surface.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from aikit import OpenAIClient, jsonl
from tests.azure_server import KEY, VERSION, Resource, resource_here
from tests.foreign.aimock import Aimock, Missing
from tests.foreign.openai_library import answer_of

pytestmark = pytest.mark.foreign

DAY: Final = {"anchor": "created_at", "seconds": 1_209_600}
STORES: Final = """
import json, sys, time
from openai import AzureOpenAI, NotFoundError

endpoint, key, version, content = sys.argv[1:]
client = AzureOpenAI(azure_endpoint=endpoint, api_key=key, api_version=version, azure_deployment="mine")
expiry = {"anchor": "created_at", "seconds": 1209600}
file = client.files.create(file=("theirs.jsonl", content.encode()), purpose="batch", expires_after=expiry)
first = file.status
while client.files.retrieve(file.id).status != "processed":
    time.sleep(0.01)
batch = client.batches.create(
    input_file_id=file.id, endpoint="/chat/completions", completion_window="24h", metadata={"by": "them"}
)
while client.batches.retrieve(batch.id).status.lower() != "completed":
    time.sleep(0.01)
gone = client.files.create(file=("gone.txt", b"x"), purpose="assistants")
assert client.files.delete(gone.id).deleted
try:
    client.files.retrieve(gone.id)
except NotFoundError as error:
    code = error.code
print(json.dumps({"file": file.id, "first": first, "batch": batch.id, "code": code}))
"""
# Only the first page of a list: the library asks the dated surface for the same files again and again.
READS: Final = """
import json, sys
from openai import AzureOpenAI

endpoint, key, version, file_id, batch_id = sys.argv[1:]
client = AzureOpenAI(azure_endpoint=endpoint, api_key=key, api_version=version)
batch = client.batches.retrieve(batch_id)
print(json.dumps({
    "files": [file.id for file in client.files.list(purpose="batch").data],
    "content": client.files.content(file_id).text,
    "expires_at": client.files.retrieve(file_id).expires_at,
    "batches": [one.id for one in client.batches.list()],
    "metadata": batch.metadata,
    "answers": len(client.files.content(batch.output_file_id).text.splitlines()),
}))
"""


def _lines(*words: str) -> bytes:
    lines = (jsonl.chat_line(word, model="mine", custom_id=word) | {"url": "/chat/completions"} for word in words)
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def _run(program: str, *arguments: str) -> Any:
    try:
        return answer_of(program, *arguments)
    except Missing as reason:
        pytest.skip(str(reason))


@pytest.fixture
def resource(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Resource]:
    """Serve an empty resource."""
    for name in [name for name in os.environ if name.startswith("AZURE_") or name == "OPENAI_API_VERSION"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AIKIT_HOME", str(tmp_path))
    with resource_here(looks=2) as resource:
        yield resource


def test_what_openais_library_stores_at_a_resource_is_read_and_the_other_way_round(resource: Resource) -> None:
    """Theirs first, which shows that the resource is right; then what they made is read, and they read what we make."""
    address = f"{resource.url}?api-version={VERSION}"
    theirs = _run(STORES, resource.url, KEY, VERSION, _lines("alpha", "beta").decode())
    assert (theirs["first"], theirs["code"]) == ("pending", "notFound")
    with OpenAIClient(KEY, provider="azure", base_url=address) as client:
        file = client.files.retrieve(theirs["file"]).throw().file
        assert file is not None
        assert (file.filename, file.status, file.expires_at) == (
            "theirs.jsonl",
            "processed",
            file.created_at + DAY["seconds"],  # type: ignore[operator]  # a number
        )
        assert client.files.content(file.id).throw().text == _lines("alpha", "beta").decode()
        batch = client.batches.retrieve(theirs["batch"]).throw().batch
        assert batch is not None
        assert (batch.status, batch.metadata) == ("completed", {"by": "them"})
        with client.batches.results(batch) as results:
            assert [(row.custom_id, row.text) for row in results] == [("alpha", "ALPHA"), ("beta", "BETA")]

        content = _lines("gamma")
        mine = client.files.create(content, "batch", {"filename": "ours.jsonl", "expires_after": DAY}).throw().file
        assert mine is not None
        made = client.batches.create(mine.id, "/v1/chat/completions").throw().batch
        assert made is not None
        client.batches.wait(made.id, {"poll_interval": 0.02}).throw()
    seen = _run(READS, resource.url, KEY, VERSION, mine.id, made.id)
    assert set(seen["files"]) == {file.id, mine.id}
    assert (seen["content"], seen["answers"]) == (content.decode(), 1)
    assert seen["expires_at"] == mine.created_at + DAY["seconds"]  # type: ignore[operator]  # likewise
    assert seen["batches"] == [made.id, batch.id]
    assert seen["metadata"] == dict(made.metadata)


def test_both_ask_the_same_addresses(resource: Resource) -> None:
    """Method and target of every request are those of OpenAI's library."""
    _run(STORES, resource.url, KEY, VERSION, _lines("alpha").decode())
    theirs = {(method, _shape(path)) for method, path, _ in resource.asked}
    resource.asked.clear()
    address = f"{resource.url}?api-version={VERSION}"
    with OpenAIClient(KEY, provider="azure", base_url=address, ledger=False) as client:  # which counts the answers
        file = client.files.create(_lines("alpha"), "batch", {"expires_after": DAY}).throw().file
        assert file is not None
        batch = client.batches.create(file.id, "/chat/completions").throw().batch
        assert batch is not None
        client.batches.wait(batch.id, {"poll_interval": 0.02}).throw()
        client.files.delete(file.id).throw()
    assert {(method, _shape(path)) for method, path, _ in resource.asked} == theirs


def _shape(target: str) -> str:
    path, _, query = target.partition("?")
    return "/".join("ID" if "-" in part else part for part in path.split("/")) + "?" + query


def test_a_batch_lives_at_a_foreign_servers_v1(aimock: Aimock, tmp_path: Path) -> None:
    """Input, batch and answers go through its address for Azure's v1."""
    lines = _lines("hi").replace(b'"url": "/chat', b'"url": "/v1/chat')
    with OpenAIClient(
        "sk-of-a-test", provider="azure", base_url=f"{aimock.address}/openai/v1", home=tmp_path
    ) as client:
        file = client.files.create(lines, "batch").throw().file
        assert file is not None
        created = client.batches.create(file.id, "/v1/chat/completions").throw().batch
        assert created is not None
        ended = client.batches.wait(created.id, {"poll_interval": 0.12}).throw().batch
        assert ended is not None
        with client.batches.results(ended) as results:
            assert [row.custom_id for row in results] == ["hi"]
        assert [one.id for one in client.files.list({"purpose": "batch"}).files] == [file.id]
        assert client.files.delete(file.id).throw().deleted
    paths = {entry["path"].split("?")[0] for service in ("files", "batches") for entry in aimock.journal(service)}
    assert paths
    assert all(path.startswith("/openai/v1/") for path in paths), paths
