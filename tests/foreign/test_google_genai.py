"""
The server that stands for the Gemini API is one to Google's own library too, and both read what the other stored.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import pytest

from aikit import OpenAIClient
from tests.foreign.libraries import GENAI, said_by
from tests.gemini_server import KEY, serving_gemini

MESSAGES: Final = "google-ai-generativelanguage==0.12.1"
_BODY: Final = {"model": "gemini-2.5-flash", "messages": [{"role": "user", "content": "hi"}]}
_LINE: Final = json.dumps({"custom_id": "c1", "method": "POST", "url": "/v1/chat/completions", "body": _BODY}) + "\n"

pytestmark = [pytest.mark.foreign, pytest.mark.slow]


def test_what_one_stores_the_other_reads(tmp_path: Path) -> None:
    """
    Files, batches and lists, with names, sizes and types; Google's library checks every field that it is answered.
    """
    path = tmp_path / "in.jsonl"
    path.write_text(_LINE)
    with serving_gemini() as server, OpenAIClient(KEY, provider="gemini", base_url=server.url) as client:
        ours = client.files.create(path, "batch", {"throw": True}).file
        assert ours is not None
        our_batch = client.batches.create(ours.id, "/v1/chat/completions", {"throw": True}).batch
        assert our_batch is not None
        name = f"files/{ours.id.removeprefix('file-')}"
        seen: dict[str, Any] = json.loads(said_by(GENAI, "google_genai.py", server.url, KEY, str(path), name))
        assert seen["found"] == ["in.jsonl [aikit:batch gemini-2.5-flash]", len(_LINE), "application/jsonl"]
        assert json.loads(seen["output"])["custom_id"] == "c1"
        assert {name for name, _ in seen["batches"]} == {"batches/b0x", seen["batch"]}
        theirs = client.files.retrieve(seen["made"], {"throw": True}).file
        assert theirs is not None
        assert (theirs.filename, theirs.bytes, theirs.purpose) == ("theirs", len(_LINE), "batch")
        batch = client.batches.retrieve(seen["batch"], {"throw": True}).batch
        assert batch is not None
        assert (batch.status, batch.metadata, batch.input_file_id) == (
            "completed",
            {"display_name": "their job"},
            theirs.id,
        )
        assert (client.files.content(batch.output_file_id or "").content or b"").decode() == seen["output"]
        files = {f"files/{file.id.removeprefix('file-')}" for file in client.files.list({"throw": True}).files}
        assert files >= set(seen["files"])


def test_files_are_googles_messages() -> None:
    """
    What is asked and answered about files has the fields, types and enumerations of Google's own definition.
    """
    with serving_gemini() as server, OpenAIClient(KEY, provider="gemini", base_url=server.url) as client:
        file = client.files.create(b"abc", "user_data", {"filename": "a.txt", "throw": True}).file
        assert file is not None
        server.page_size = 1
        server.store("files/other", b"x")
        assert client.files.retrieve(file.id).success
        assert client.files.list().success
        assert client.files.delete(file.id).success
        start, _, _, *pages, _ = server.received
        values: list[tuple[str, Any]] = [
            ("CreateFileRequest", json.loads(start.body)),
            ("CreateFileResponse", json.loads(server.answered[1])),
            ("File", json.loads(server.answered[2])),
            *(("ListFilesRequest", dict(parse_qsl(urlsplit(page.path).query))) for page in pages),
            *(("ListFilesResponse", json.loads(body)) for body in server.answered[3:-1]),
        ]
    names = [name for name, _ in values]
    assert names.count("ListFilesRequest") == 2
    said = said_by(MESSAGES, "google_files.py", told=json.dumps(values))
    assert said.split() == names
