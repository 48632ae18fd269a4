"""
Lines that are translated for Vertex AI, answered and translated back: each has its own answer, and all tokens count.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any, Final

import pytest

from aikit.billing.usage_counter import UsageCounter
from aikit.http.sinks import MemorySink
from aikit.providers.vertex.answers.ids import RowIds
from aikit.providers.vertex.answers.rows import Rows
from aikit.providers.vertex.answers.sink import Output, RowSink
from aikit.types.usage import Usage
from tests.providers.vertex.translation.translating import staged

_IMAGE: Final = "data:image/png;base64,iVBORw0KGgo="
_SCHEMA: Final = {
    "$defs": {"place": {"type": "object", "properties": {"city": {"type": ["string", "null"]}}, "required": ["city"]}},
    "type": "object",
    "properties": {"where": {"$ref": "#/$defs/place"}, "how": {"enum": ["slow", "fast"]}},
    "required": ["where"],
    "additionalProperties": False,
}
_TOOL: Final = {"type": "function", "function": {"name": "look_up", "description": "Look.", "parameters": _SCHEMA}}
_FORMAT: Final = {"type": "json_schema", "json_schema": {"name": "answer", "schema": _SCHEMA, "strict": True}}
_LETTERS: Final = "ab \u00fc\u4e2d\U0001f600\u2028\n\"\\/'\u0000{}"


def _text(random: Random) -> str:
    return "".join(random.choices(_LETTERS, k=random.randint(1, 30)))


def _messages(random: Random, secret: str) -> list[Any]:
    """
    Return what is asked; *secret* stands in its last text.
    """
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "look_up", "arguments": '{"where": {"city": "x"}}'},
    }
    parts = [{"type": "text", "text": _text(random)}, {"type": "image_url", "image_url": {"url": _IMAGE}}]
    found: list[Any] = [{"role": random.choice(["system", "developer"]), "content": _text(random)}]
    if random.random() < 0.5:
        found += [{"role": "user", "content": parts}, {"role": "assistant", "content": _text(random)}]
    if random.random() < 0.3:
        found += [{"role": "system", "content": _text(random)}, {"role": "user", "content": _text(random)}]
    if random.random() < 0.3:
        result = {"role": "tool", "tool_call_id": "call_1", "content": json.dumps({"found": _text(random)})}
        found += [
            {"role": "user", "content": "?"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            result,
        ]
    return [*found, {"role": "user", "content": f"{_text(random)} {secret}"}]


def _line(random: Random, custom_id: str, secret: str) -> bytes:
    tools: dict[str, Any] = {"tools": [_TOOL], "tool_choice": random.choice(["auto", "required", "none"])}
    body = {
        "model": "gemini-2.5-flash",
        "messages": _messages(random, secret),
        "max_completion_tokens": random.randint(1, 5_000),
        **random.choice([{}, {"temperature": 0.5, "n": 2}, {"stop": ["\n"], "seed": 7}, {"user": "somebody"}]),
        **random.choice([{}, tools, {"response_format": _FORMAT}, {"response_format": {"type": "json_object"}}]),
    }
    line = {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body}
    return json.dumps(line, ensure_ascii=random.random() < 0.5).encode() + b"\n"


def _usage(random: Random) -> tuple[Usage, dict[str, Any]]:
    """
    Return the tokens of an answer, and how Google tells them.
    """
    prompt, said, thought = random.randint(1, 900), random.randint(1, 900), random.choice([0, random.randint(1, 900)])
    tools, cached = random.choice([0, 0, 50]), random.choice([0, prompt // 2])
    told = {"promptTokenCount": prompt, "candidatesTokenCount": said, "trafficType": "ON_DEMAND"}
    told |= {"thoughtsTokenCount": thought} if thought or random.random() < 0.5 else {}
    told |= {"cachedContentTokenCount": cached or None} if random.random() < 0.5 or cached else {}
    told |= {"toolUsePromptTokenCount": tools} if tools else {}
    told |= {"totalTokenCount": prompt + tools + said + thought} if random.random() < 0.8 else {}
    asked = prompt + tools
    return Usage(input_tokens=asked, cached_tokens=cached, output_tokens=said + thought, reasoning_tokens=thought), told


def _row(random: Random, line: Any, told: dict[str, Any]) -> bytes:
    """
    Return the row that answers a translated *line*: it says back what was asked last, or passes it to a tool.
    """
    last = line["request"]["contents"][-1]["parts"][-1]["text"]
    part: Any = {"functionCall": {"name": "look_up", "args": {"said": last}}}
    part = part if "tools" in line["request"] and random.random() < 0.5 else {"text": last}
    line["request"]["contents"][0]["parts"][0]["fileData"] = None  # as Google repeats it
    candidates = [
        {"content": {"role": "model", "parts": [{"text": "hm", "thought": True}, part]}, "finishReason": "STOP"}
    ]
    response = {
        "candidates": candidates * random.choice([1, 2]),
        "usageMetadata": told,
        "modelVersion": "gemini-2.5-flash",
    }
    return json.dumps({"status": "", "processed_time": "2026-11-01T18:13:16Z", **line, "response": response}).encode()


def _failed(line: Any) -> bytes:
    return json.dumps({**line, "status": 'Bad Request: {"error": {"code": 400, "message": "no"}}'}).encode()


def _content(ids: RowIds, shards: list[bytes], *, wants_errors: bool) -> Iterator[Any]:
    sink = MemorySink()
    output = Output.begun(sink, '"tag"')
    rows = Rows(ids=ids, model="gemini-2.5-flash", wants_errors=wants_errors, unanswered=("no_answer", "-"))
    for content in shards:
        shard = RowSink(name="predictions.jsonl", rows=rows, output=output)
        shard.begin(200, {"content-length": str(len(content))})
        for start in range(0, len(content), 100_003):
            shard.write(memoryview(content)[start : start + 100_003])
        shard.finish(len(content))
    for line in rows.rest():
        output.write(line)
    output.finish()
    return map(json.loads, sink.content().splitlines())


def _said(line: Any) -> str:
    """
    Return what the answer of *line* says back.
    """
    message = line["response"]["body"]["choices"][0]["message"]
    assert message["reasoning_content"] == "hm"
    calls = message.get("tool_calls")
    return str(json.loads(calls[0]["function"]["arguments"])["said"] if calls else message["content"])


@pytest.mark.parametrize("count", [2_000, pytest.param(50_000, marks=(pytest.mark.slow, pytest.mark.long))])
def test_each_custom_id_comes_back_once_with_its_own_answer_and_its_tokens(count: int) -> None:
    """
    Tools, images, schemas, system messages in the middle, letters of all kinds: nothing is lost, doubled or mixed up.
    """
    random = Random(count)  # noqa: S311  the same lines in every run is what is wanted
    secrets = {f"{_text(random)}{number:x}": f"<{random.getrandbits(64):x}>" for number in range(count)}
    made = staged(b"".join(_line(random, custom_id, secret) for custom_id, secret in secrets.items()))
    lines = [json.loads(line) for line in made.requests.read_bytes().splitlines()]
    ids = RowIds.of(made.ids)
    made.discard()
    truth, rows = Usage(), []
    for line in lines:
        if random.random() < 0.05:
            rows.append(_failed(line))
            continue
        if random.random() < 0.02:
            continue  # as after a cancelling
        usage, told = _usage(random)
        truth += usage
        rows.append(_row(random, line, told))
    random.shuffle(rows)
    half = len(rows) // 3
    shards = [b"\n".join(some) for some in (rows[:half], rows[half:])]
    counter, found = UsageCounter(lambda _: None), []
    for line in _content(ids, shards, wants_errors=False):
        found.append(line["custom_id"])
        assert secrets[line["custom_id"]] in _said(line)
        counter.add(line, 1)
    for line in _content(ids, shards, wants_errors=True):
        found.append(line["custom_id"])
        counter.add(line, 1)
    assert sorted(found) == sorted(secrets)
    (counts,) = counter.counts.values()
    assert counts.usage == truth
    assert not counts.is_lower_bound
    assert counter.untold == 0
