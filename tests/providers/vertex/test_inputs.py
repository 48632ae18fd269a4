"""
Inputs of batches are translated when they are stored, before the first byte is sent.
"""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any, Final

import pytest

from aikit import OpenAIClient, Progress
from tests.providers.vertex.translation.translating import CHAT, HELLO, content_of
from tests.vertex_server import BUCKET, VertexServer

_BODY: Final[dict[str, Any]] = {"model": "gemini-2.5-flash", "messages": HELLO}
_CONTENT: Final = content_of([_BODY, {**_BODY, "temperature": 0}])


class _Once(BytesIO):
    """
    A stream that goes one way.
    """

    def seekable(self) -> bool:
        return False

    def seek(self, *_: Any) -> int:
        raise OSError


def _stored(vertex: VertexServer) -> dict[str, bytes]:
    """
    Return what is in the bucket, by the folder and the end of each name.
    """
    names = vertex.storage.names(BUCKET)
    return {f"{name.split('/')[1]}{name[name.find('.') :]}": vertex.storage.contents[BUCKET, name] for name in names}


def _create(client: OpenAIClient, content: Any = _CONTENT, purpose: str = "batch") -> Any:
    return client.files.create(content, purpose, {"filename": "in.jsonl"})


def test_the_lines_and_their_custom_ids_lie_beside_the_file(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    The file is as it was; a batch of it asks no more than what is known of the lines.
    """
    result = _create(client)
    assert result.success, result.errors
    stored = _stored(vertex)
    assert _CONTENT in stored.values()
    assert stored["requests.ids.jsonl"] == b'"c1"\n"c2"\n'
    assert [json.loads(line)["key"] for line in stored["requests.jsonl"].splitlines()] == ["r-1", "r-2"]
    vertex.start_anew()
    assert client.batches.create(result.file.id, CHAT).success
    assert [step.split()[0] for step in vertex.asked] == ["GET", "GET", "GET", "GET", "POST"]


def test_a_line_that_cannot_be_translated_is_told_and_nothing_is_sent(
    client: OpenAIClient, vertex: VertexServer
) -> None:
    """
    Not a byte, and not only the first line is told.
    """
    bodies = [_BODY, {**_BODY, "logit_bias": {"1": 1}}, {**_BODY, "n": "x"}]
    result = _create(client, content_of(bodies))
    assert [(error.line, error.code) for error in result.errors] == [(2, "unsupported"), (3, "invalid_type")]
    assert vertex.asked == []


@pytest.mark.parametrize(("content", "purpose"), [(_Once(_CONTENT), "batch"), (_CONTENT, "user_data")])
def test_what_can_be_read_once_and_what_is_no_input_are_stored_alone(
    client: OpenAIClient, vertex: VertexServer, content: Any, purpose: str
) -> None:
    """
    A batch of such a file translates it.
    """
    result = _create(client, content, purpose)
    assert result.success, result.errors
    assert len(vertex.storage.names(BUCKET)) == 1
    assert client.batches.create(result.file.id, CHAT).success
    assert len(vertex.storage.names(BUCKET)) == 3


def test_translated_lines_that_cannot_be_stored_are_left_to_the_batch(
    client: OpenAIClient, vertex: VertexServer, caplog: pytest.LogCaptureFixture
) -> None:
    """
    The file is there and good, so it is no failure.
    """
    vertex.storage.faults = dict.fromkeys(range(2, 9), "503")
    result = _create(client)
    assert result.success, result.errors
    assert len(vertex.storage.names(BUCKET)) == 1
    assert "the next batch of it makes up for" in caplog.text
    vertex.storage.faults = {}
    assert client.batches.create(result.file.id, CHAT).success


def test_progress_is_of_all_that_goes_up(client: OpenAIClient) -> None:
    """
    The file, its lines and their ids: it grows to its end, and ends once.
    """
    seen: list[Progress] = []
    options: dict[str, Any] = {"filename": "in.jsonl", "throw": True, "on_progress": seen.append}
    content = content_of([_BODY] * 1000)
    assert client.files.create(content, "batch", **options).wait(10)
    sent = [progress for progress in seen if progress.phase == "uploading"]
    assert [progress.bytes for progress in sent] == sorted(progress.bytes for progress in sent)
    (total,) = {progress.total for progress in sent}
    assert total is not None
    assert sent[-1].bytes == total > len(content)
