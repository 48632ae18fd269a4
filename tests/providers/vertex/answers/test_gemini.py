"""
Answers of Gemini come back as chat completions.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from aikit.billing.usage_counter import UsageCounter
from aikit.types.usage import Usage
from tests.providers.vertex.answers.translated import MODEL, answered, candidate, failed, ids_of, lines_of, row


def test_an_answer_is_a_chat_completion() -> None:
    """
    Id, time, model and text stand where OpenAI has them.
    """
    output, errors = lines_of(
        [row({"candidates": [candidate("y", "o")], "responseId": "abc", "modelVersion": "gemini-2.5-flash-001"})],
        ids_of(["my id"]),
    )
    body = {
        "id": "abc",
        "object": "chat.completion",
        "created": 1793556796,
        "model": "gemini-2.5-flash-001",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "yo", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": None,
    }
    response = {"status_code": 200, "request_id": "abc", "body": body}
    assert output == [{"id": "batch_req_r-000001", "custom_id": "my id", "response": response, "error": None}]
    assert errors == []


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ("STOP", "stop"),
        (None, "stop"),
        ("FINISH_REASON_UNSPECIFIED", "stop"),
        ("OTHER", "stop"),
        ("MALFORMED_FUNCTION_CALL", "stop"),
        ("NO_IMAGE", "stop"),
        ("of tomorrow", "stop"),
        ("MAX_TOKENS", "length"),
        ("CONTINUATION", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("MODEL_ARMOR", "content_filter"),
        ("IMAGE_SAFETY", "content_filter"),
        ("IMAGE_PROHIBITED_CONTENT", "content_filter"),
    ],
)
def test_the_reason_of_an_end_is_openais(told: str | None, read: str) -> None:
    """
    Google's own word is kept beside it where it says more.
    """
    choice = answered([candidate("x", finishReason=told)])["choices"][0]
    assert choice["finish_reason"] == read
    is_plain = told in {None, "STOP", "MAX_TOKENS", "FINISH_REASON_UNSPECIFIED"}
    assert choice.get("native_finish_reason") == (None if is_plain else told)


def test_calls_of_functions_have_arguments_in_json_and_the_same_ids_each_time() -> None:
    """
    Two calls in one answer have different ids; one that has an id keeps it, and signatures are kept.
    """
    calls = (
        {"functionCall": {"name": "look", "args": {"where": "Übersee", "deep": None}}, "thoughtSignature": "c2ln"},
        {"functionCall": {"name": "look", "args": None}, "text": None},
        {"functionCall": {"name": "wait", "id": "own"}},
    )
    body = answered([candidate(*calls)])
    choice = body["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    made = choice["message"]["tool_calls"]
    assert [call["id"] for call in made] == ["call_abc_0", "call_abc_1", "own"]
    assert made[0]["function"] == {"name": "look", "arguments": '{"where":"Übersee","deep":null}'}
    assert made[0]["extra_content"] == {"google": {"thought_signature": "c2ln"}}
    assert made[1]["function"]["arguments"] == "{}"
    assert answered([candidate(*calls)]) == body
    malformed = answered([candidate(*calls, finishReason="MALFORMED_FUNCTION_CALL")])["choices"][0]
    assert (malformed["finish_reason"], malformed["native_finish_reason"]) == ("stop", "MALFORMED_FUNCTION_CALL")
    two = answered([candidate(calls[1]), candidate(calls[1])])["choices"]
    assert len({choice["message"]["tool_calls"][0]["id"] for choice in two}) == 2


def test_thoughts_are_no_content() -> None:
    """
    What was thought stands apart from what was said.
    """
    message = answered([candidate({"text": "hm", "thought": True}, "yo", {"text": "!", "thought": False})])["choices"]
    assert message[0]["message"]["content"] == "yo!"
    assert message[0]["message"]["reasoning_content"] == "hm"


def test_images_sound_and_code_are_kept() -> None:
    """
    Images come as data URLs, sound as OpenAI has it, code as text; a sketch, and a part of a kind not known, as it is.
    """
    parts = (
        "see: ",
        {"inlineData": {"mimeType": "image/png", "data": "aW1n"}, "fileData": None},
        {"inlineData": {"mimeType": "audio/wav", "data": "c25k"}},
        {"fileData": {"mimeType": "image/png", "fileUri": "gs://b/o.png"}},
        {"executableCode": {"language": "PYTHON", "code": "1 + 1"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}},
        {"hologram": {"depth": 3}},
        {"inlineData": {"mimeType": "image/png", "data": "c2tldGNo"}, "thought": True},
        {"thoughtSignature": "alone"},
    )
    message = answered([candidate(*parts)])["choices"][0]["message"]
    assert message["content"] == "see: \n```python\n1 + 1\n```\n\n```\n2\n```\n"
    assert [image["image_url"]["url"] for image in message["images"]] == ["data:image/png;base64,aW1n", "gs://b/o.png"]
    assert message["audio"]["data"] == "c25k"
    assert message["native_parts"] == list(parts[6:8])


def test_probabilities_of_tokens_are_kept() -> None:
    """
    Each chosen token has its bytes and the others that were likely.
    """
    likely = [{"candidates": [{"token": "ü", "logProbability": -0.5}, {"token": "u", "logProbability": -1}]}]
    result = {"chosenCandidates": [{"token": "ü", "tokenId": 7, "logProbability": -0.5}], "topCandidates": likely}
    told = answered([candidate("ü", logprobsResult=result, avgLogprobs=-0.5)])["choices"][0]["logprobs"]["content"]
    token = {"token": "ü", "logprob": -0.5, "bytes": [195, 188]}
    other = {"token": "u", "logprob": -1, "bytes": [117]}
    assert told == [{**token, "top_logprobs": [token, other]}]


def test_several_candidates_are_several_choices() -> None:
    """
    Each has its place, its end, and what OpenAI has no name for.
    """
    ratings = [{"category": "HARM", "blocked": True}]
    body = answered([candidate("a"), {"finishReason": "SAFETY", "content": None, "safetyRatings": ratings}])
    assert [choice["index"] for choice in body["choices"]] == [0, 1]
    assert body["choices"][1]["message"]["content"] == ""
    assert body["choices"][1]["safety_ratings"] == ratings
    assert "safety_ratings" not in body["choices"][0]


def test_a_blocked_prompt_is_an_answer_that_was_filtered() -> None:
    """
    It is no failure: it has been judged, and its tokens may be paid.
    """
    feedback = {"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": "not this", "safetyRatings": None}
    response = {"promptFeedback": feedback, "candidates": None, "usageMetadata": {"promptTokenCount": 9}}
    output, errors = lines_of([row(response)], ids_of(["one"]))
    choice = output[0]["response"]["body"]["choices"][0]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("content_filter", "")
    assert (choice["native_finish_reason"], choice["message"]["refusal"]) == ("PROHIBITED_CONTENT", "not this")
    assert output[0]["response"]["body"]["usage"]["prompt_tokens"] == 9
    assert errors == []


@pytest.mark.parametrize(
    "response",
    [
        {},
        None,
        "text",
        {"candidates": []},
        {"candidates": None, "promptFeedback": None},
        {"promptFeedback": {"blockReason": None}},
        {"promptFeedback": {"blockReason": "BLOCK_REASON_UNSPECIFIED"}},
        {"candidates": ["text"]},
        {"candidates": {"content": {}}},
        {"candidates": [candidate("x")], "responseId": 7},
        {"candidates": [candidate(7)]},
        {"candidates": [candidate({"text": 7})]},
        {"candidates": [{"content": {"parts": {"text": "x"}}}]},
        {"candidates": [candidate({"functionCall": {"args": {}}})]},
        {"candidates": [candidate({"functionCall": {"name": "f", "args": "{}"}})]},
        {"candidates": [candidate({"inlineData": {"mimeType": "image/png"}})]},
        {"candidates": [candidate("x", logprobsResult={"chosenCandidates": [{"token": "x", "logProbability": "y"}]})]},
    ],
)
def test_what_is_no_answer_has_failed(response: Any) -> None:
    """
    It is told with what is wrong, under its custom_id, and never taken for an answer.
    """
    line = failed({"response": response})
    assert line["custom_id"] == "one"
    assert line["response"]["status_code"] == 502
    assert line["response"]["body"]["error"]["code"] == "invalid_response"
    assert line["error"] is None


def test_tokens_of_an_answer_that_is_not_understood_are_counted() -> None:
    """
    They may be paid, whatever the rest of the row is.
    """
    line = failed({"response": {"candidates": [7], "usageMetadata": {"promptTokenCount": 5, "thoughtsTokenCount": 4}}})
    counter = UsageCounter(lambda _: None)
    counter.add(line, 1)
    assert [counts.usage for counts in counter.counts.values()] == [
        Usage(input_tokens=5, output_tokens=4, reasoning_tokens=4)
    ]


def test_numbers_that_json_does_not_have_are_null() -> None:
    """
    A row with NaN and with a number that is too large is read, and what is written is JSON.
    """
    raw = json.dumps(
        row({"candidates": [candidate({"functionCall": {"name": "f", "args": {"x": "HUGE", "y": "NAN"}}})]})
    )
    output, _ = lines_of([raw.replace('"HUGE"', "1e999").replace('"NAN"', "NaN").encode()], ids_of(["one"]))
    call = output[0]["response"]["body"]["choices"][0]["message"]["tool_calls"][0]
    assert json.loads(call["function"]["arguments"]) == {"x": None, "y": None}


def test_what_is_nested_too_deeply_is_cut() -> None:
    """
    It is read and cannot be written; the answer around it is kept, in one file.
    """
    deep: Any = "x"
    for _ in range(sys.getrecursionlimit() - 150):
        deep = [deep]
    for part in ({"hologram": deep}, {"functionCall": {"name": "f", "args": {"x": deep}}}):
        output, errors = lines_of([row({"candidates": [candidate("yo", part)]}, 1)], ids_of(["one"]))
        assert output[0]["response"]["body"]["choices"][0]["message"]["content"] == "yo"
        assert errors == []


def test_halves_of_characters_do_not_break_a_line() -> None:
    """
    They come back as the escapes that they were.
    """
    output, _ = lines_of([row({"candidates": [candidate("a\ud800 \U0001f600")]})], ids_of(["one\udc00"]))
    assert output[0]["custom_id"] == "one\udc00"
    assert output[0]["response"]["body"]["choices"][0]["message"]["content"] == "a\ud800 \U0001f600"


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        (
            {"promptTokenCount": 3, "candidatesTokenCount": 2, "thoughtsTokenCount": 20, "totalTokenCount": 25},
            Usage(input_tokens=3, output_tokens=22, reasoning_tokens=20),
        ),
        (
            {"promptTokenCount": 100, "candidatesTokenCount": 2, "cachedContentTokenCount": 80},
            Usage(input_tokens=100, cached_tokens=80, output_tokens=2),
        ),
        (
            {"promptTokenCount": 10, "toolUsePromptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 17},
            Usage(input_tokens=15, output_tokens=2),
        ),
        ({"promptTokenCount": 3, "candidatesTokenCount": None, "totalTokenCount": 3}, Usage(input_tokens=3)),
        (
            {"promptTokenCount": "3", "candidatesTokenCount": 2.0, "thoughtsTokenCount": "4", "totalTokenCount": "9"},
            Usage(input_tokens=3, output_tokens=6, reasoning_tokens=4),
        ),
        (
            {
                "promptTokenCount": 30,
                "candidatesTokenCount": 8,
                "cachedContentTokenCount": 10,
                "promptTokensDetails": [
                    {"modality": "TEXT", "tokenCount": 10},
                    {"modality": "AUDIO", "tokenCount": 20},
                ],
                "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 10}],
                "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 8}, {"modality": "TEXT"}, None],
            },
            Usage(
                input_tokens=30,
                cached_tokens=10,
                output_tokens=8,
                other_tokens={"input_audio": 20, "output_image": 8, "cached_audio": 10},
            ),
        ),
    ],
)
def test_usage_costs_what_google_charges(told: Any, usage: Usage) -> None:
    """
    Thinking is output, what was cached is in the prompt, the prompts of tools are prompt; a total may be missing.
    """
    read = Usage.from_wire(answered([candidate("x")], usageMetadata=told)["usage"])
    assert read == usage
    assert read is not None
    assert not read.is_lower_bound


@pytest.mark.parametrize("told", [None, {}, {"promptTokenCount": 0}, [], "many", {"trafficType": "ON_DEMAND"}])
def test_usage_that_tells_nothing_is_none(told: Any) -> None:
    """
    No tokens are not taken for no cost.
    """
    assert answered([candidate("x")], usageMetadata=told)["usage"] is None


def test_usage_that_cannot_be_read_is_no_exact_count() -> None:
    """
    A negative count, and half a token, make what is told a lower bound.
    """
    for count in (-1, 0.5, "many"):
        told = {"promptTokenCount": count, "candidatesTokenCount": 2, "totalTokenCount": 12}
        read = Usage.from_wire(answered([candidate("x")], usageMetadata=told)["usage"])
        assert read is not None
        assert read.is_lower_bound


def test_the_model_of_the_batch_stands_for_one_that_is_not_told() -> None:
    """
    So that its tokens have a price.
    """
    assert answered([candidate("x")], modelVersion=None)["model"] == MODEL
