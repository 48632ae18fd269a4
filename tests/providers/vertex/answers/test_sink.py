"""
Files of rows on their way into the caller's file: in pieces, through breaks, and on after what is there.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.http.sinks import FileSink, MemorySink, ResumingSink
from aikit.providers.vertex.answers import sink as sinks
from aikit.providers.vertex.answers.rows import Rows
from aikit.providers.vertex.answers.sink import Output, RowSink
from aikit.types.batch_rows import status_of
from aikit.types.errors import ExchangeError, OpenAIError
from tests.providers.vertex.answers.translated import (
    MODEL,
    UNANSWERED,
    candidate,
    content_of,
    ids_of,
    lines_of,
    row,
    written,
)

_HEADERS = {"etag": '"a"', "x-goog-generation": "1"}


def _content(count: int = 30) -> bytes:
    texts = [f"{'ü' * number} {number}" for number in range(count)]
    rows = [row({"candidates": [candidate(text)]}, number) for number, text in enumerate(texts, 1)]
    rows[3]["status"] = "Bad Request"
    return written([*rows[:7], b"", b"{broken", *rows[7:]])


def _ids(count: int = 31) -> Any:
    return ids_of(f"id-{number}" for number in range(count))


def _shard(output: Output, ids: Any = None) -> RowSink:
    rows = Rows(ids=ids or _ids(), model=MODEL, wants_errors=False, unanswered=UNANSWERED)
    return RowSink(name="p.jsonl", rows=rows, output=output)


def _send(shard: RowSink, content: bytes, pieces: Iterator[int]) -> None:
    """
    Send *content* as a server does that is asked for ranges, the connection breaking after each of *pieces*.
    """
    while True:
        asked = shard.request_headers().get("Range", "bytes=0-")
        start = int(asked.removeprefix("bytes=").rstrip("-"))
        size = len(content)
        if start and start == size:
            return
        told = {"content-range": f"bytes {start}-{size - 1}/{size}"} if start else {"content-length": str(size)}
        shard.begin(206 if start else 200, _HEADERS | told)
        end = start + next(pieces)
        shard.write(memoryview(content)[start:end])
        if end >= size:
            return


@given(st.lists(st.integers(1, 3_000), min_size=1), st.integers(0, 30))
def test_pieces_and_breaks_change_nothing(pieces: list[int], rows: int) -> None:
    """
    Wherever the connection breaks, in a row or in a character, the lines are those of a whole download.
    """
    content = _content(max(rows, 8))
    sink = MemorySink()
    shard = _shard(output := Output.begun(sink, '"t"'))
    _send(shard, content, iter(pieces * (len(content) // sum(pieces) + 2)))
    shard.finish(len(content))
    assert output.finish() == len(sink.content())
    assert sink.content() == content_of(content, _ids(), wants_errors=False)


@given(st.data())
def test_a_download_goes_on_after_what_the_caller_has(data: st.DataObject) -> None:
    """
    Whatever was there of the translated content, the rest is appended and the whole is the same.
    """
    content = _content()
    whole = content_of(content, _ids(), wants_errors=False)
    done = data.draw(st.integers(0, len(whole)))
    sink = MemorySink()
    sink.begin(200, {"etag": '"t"'})
    sink.write(memoryview(whole)[:done])
    output = Output.begun(sink, '"t"')
    assert sink.done == done
    shard = _shard(output)
    _send(shard, content, iter([len(content)]))
    shard.finish(len(content))
    assert (output.finish(), sink.content()) == (len(whole), whole)


def test_what_the_caller_has_of_another_content_is_made_anew() -> None:
    """
    Its tag tells that it is another one.
    """
    content, sink = _content(), MemorySink()
    sink.begin(200, {"etag": '"other"'})
    sink.write(memoryview(b"xyz"))
    output = Output.begun(sink, '"t"')
    shard = _shard(output)
    _send(shard, content, iter([len(content)]))
    shard.finish(len(content))
    output.finish()
    assert sink.content() == content_of(content, _ids(), wants_errors=False)


def test_a_server_without_ranges_is_begun_with_again() -> None:
    """
    The lines that are there are made again and not written twice.
    """
    content, sink = _content(), MemorySink()
    shard = _shard(output := Output.begun(sink, '"t"'))
    for share in (0.3, 0.6, 1):
        shard.begin(200, _HEADERS | {"content-length": str(len(content))})
        shard.write(memoryview(content)[: int(len(content) * share)])
    shard.finish(len(content))
    output.finish()
    assert sink.content() == content_of(content, _ids(), wants_errors=False)


def test_a_file_that_was_changed_meanwhile_is_refused() -> None:
    """
    Lines of two versions never stand in one file.
    """
    content = _content()
    shard = _shard(Output.begun(MemorySink(), '"t"'))
    shard.begin(200, _HEADERS | {"content-length": str(len(content))})
    shard.write(memoryview(content)[:999])
    with pytest.raises(ExchangeError):
        shard.begin(206, {"etag": '"b"', "content-range": f"bytes 999-{len(content) - 1}/{len(content)}"})
    with pytest.raises(OpenAIError) as caught:
        shard.begin(200, {"etag": '"b"', "content-length": str(len(content))})
    assert caught.value.code == "file_changed"


def test_a_file_that_was_cut_is_not_whole() -> None:
    """
    Its last row is not taken before it is known that it is all of it.
    """
    content, sink = _content(), MemorySink()
    shard = _shard(Output.begun(sink, '"t"'))
    shard.begin(200, {})
    shard.write(memoryview(content)[:-5])
    with pytest.raises(OpenAIError) as caught:
        shard.finish(len(content))
    assert caught.value.code == "size_mismatch"


def test_several_files_are_one_content() -> None:
    """
    What breaks in the second does not touch what the first made; a file without a newline at its end has all rows.
    """
    first, second = _content(8), written([row({"candidates": [candidate("z")]}, 20)])[:-1]
    sink, ids = MemorySink(), _ids()
    output = Output.begun(sink, '"t"')
    rows = Rows(ids=ids, model=MODEL, wants_errors=False, unanswered=UNANSWERED)
    for content in (first, second):
        shard = RowSink(name="p.jsonl", rows=rows, output=output)
        for share in (0.5, 1):
            shard.begin(200, _HEADERS | {"content-length": str(len(content))})
            shard.write(memoryview(content)[: int(len(content) * share)])
        shard.finish(len(content))
    output.finish()
    made = sink.content()
    assert made.startswith(content_of(first, _ids(), wants_errors=False))
    assert made.count(b"\n") == 8
    assert json.loads(made.splitlines()[-1])["custom_id"] == "id-19"


def test_a_caller_who_has_more_than_there_is_is_told() -> None:
    """
    What is there is of something else.
    """
    sink = MemorySink()
    sink.begin(200, {"etag": '"t"'})
    sink.write(memoryview(b"x" * 10_000))
    output = Output.begun(sink, '"t"')
    with pytest.raises(OpenAIError) as caught:
        output.finish()
    assert caught.value.code == "size_mismatch"


def test_a_row_that_is_too_long_is_told_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Its beginning is forgotten as soon as it is too long, and the rows after it are read.
    """
    monkeypatch.setattr(sinks, "LINE_MAX_BYTES", 1_000)
    content = written([row({"candidates": [candidate("x" * 5_000)]}, 1), row({"candidates": [candidate("y")]}, 2)])
    sink = MemorySink()
    rows = Rows(ids=_ids(2), model=MODEL, wants_errors=True, unanswered=UNANSWERED)
    shard = RowSink(name="p.jsonl", rows=rows, output=Output.begun(sink, '"t"'))
    shard.begin(200, {"content-length": str(len(content))})
    for start in range(0, len(content), 100):
        shard.write(memoryview(content)[start : start + 100])
        assert len(shard._row) <= 1_000
    shard.finish(len(content))
    told = json.loads(sink.content())
    assert (told["custom_id"], told["error"]["code"]) == (None, "line_too_long")
    assert [number for number, is_seen in enumerate(rows.ids.seen if rows.ids else ()) if is_seen] == [1]


def test_a_mark_of_byte_order_is_no_part_of_the_first_row() -> None:
    """
    Other rows have none.
    """
    content = b"\xef\xbb\xbf" + written([row({"candidates": [candidate("x")]})]) + b"\r\n \n"
    assert content_of(content, ids_of(["one"]), wants_errors=False).count(b"\n") == 1
    assert content_of(content, ids_of(["one"]), wants_errors=True) == b""


def test_files_on_disk_take_what_is_not_announced(tmp_path: Any) -> None:
    """
    How much it will be is known when it is there.
    """
    content = _content()
    with FileSink(path=tmp_path / "out") as sink:
        sink.most_unannounced = 10
        shard = _shard(output := Output.begun(sink, '"t"'))
        _send(shard, content, iter([len(content)]))
        shard.finish(len(content))
        sink.commit(output.finish())
    assert (tmp_path / "out").read_bytes() == content_of(content, _ids(), wants_errors=False)


_ODD: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def _mutated(value: Any, odd: Any, chance: random.Random) -> Any:
    if chance.random() < 0.06:
        return odd
    if isinstance(value, dict):
        kept = {name: _mutated(each, odd, chance) for name, each in value.items() if chance.random() > 0.03}
        return kept | ({"more": odd} if chance.random() < 0.05 else {})
    if isinstance(value, list):
        return [_mutated(each, odd, chance) for each in value if chance.random() > 0.03]
    return value


_CALL = {"functionCall": {"name": "f", "args": {"x": 1}}, "thoughtSignature": "s"}
_MEDIA = {"inlineData": {"mimeType": "image/png", "data": "x"}}
_PROBABLE = {"chosenCandidates": [{"token": "x", "logProbability": -1.0}], "topCandidates": [{"candidates": []}]}
_SAMPLES = (
    row(
        {
            "candidates": [candidate("x", _CALL, _MEDIA, {"thought": True, "text": "t"}, logprobsResult=_PROBABLE)],
            "usageMetadata": {
                "promptTokenCount": 3,
                "thoughtsTokenCount": 2,
                "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 1}],
            },
            "promptFeedback": {"blockReason": "SAFETY"},
        }
    ),
    row({"embedding": {"values": [0.5, 1.0]}, "tokenCount": "3"}),
    row(
        {
            "type": "message",
            "content": [{"type": "text", "text": "x"}, {"type": "tool_use", "id": "i", "name": "n", "input": {}}],
            "usage": {"input_tokens": 1, "cache_creation": {"ephemeral_1h_input_tokens": 1}},
        }
    ),
    row({"status_code": 200, "body": {"choices": [], "usage": {"prompt_tokens": 1}}}, custom_id="a"),
    row({}, status='Bad Request: {"error": {"code": 400, "message": "m", "details": [{"x": 1}]}}'),
    {"predictions": [{"embeddings": {"values": [1.0], "statistics": {"token_count": 1}}}], "key": "r-1"},
)


@given(st.sampled_from(_SAMPLES), _ODD, st.randoms(use_true_random=False))
def test_each_row_is_one_line_of_one_file_whatever_it_says(sample: Any, odd: Any, chance: random.Random) -> None:
    """
    No row is lost, none is in both files, and what is in the output has an answer.
    """
    told = _mutated(sample, odd, chance)
    output, errors = lines_of([told, row({"candidates": [candidate("x")]}, 2)], ids_of(["a", "b"]))
    rows = [line for line in errors if (line.get("error") or {}).get("code") != UNANSWERED[0]]
    assert len(output) + len(rows) == 2
    assert all(status_of(line) == "ok" for line in output)
    assert all(status_of(line) != "ok" for line in errors)
    assert output[-1]["custom_id"] == "b"


def test_sinks_of_others_are_sinks() -> None:
    """
    A row's sink has what the transport needs of one.
    """
    assert isinstance(_shard(Output.begun(MemorySink(), '"t"')), ResumingSink)
