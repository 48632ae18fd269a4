"""
Tokens of requests, estimated without a tokenizer or counted with one.
"""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.jsonl.tokens import TokenEstimate, estimate_body, estimate_tokens
from tests.jsonl.errors import JSON

_CHAT: Final = "/v1/chat/completions"
_LONG: Final = "word " * 400
_COUNTED: Final = {
    # text: tokens of o200k_base, tokens of cl100k_base, as tiktoken 0.14.0 counts them
    "The quick brown fox jumps over the lazy dog.": (10, 10),
    "Der schnelle braune Fuchs springt über den faulen Hund.": (14, 15),
    "Быстрая коричневая лиса прыгает через ленивую собаку.": (20, 28),
    "敏捷的棕色狐狸跳过了懒狗。": (14, 25),
    "素早い茶色の狐がのろまな犬を飛び越える。": (19, 29),
    "빠른 갈색 여우가 게으른 개를 뛰어넘는다.": (17, 24),
    "तेज़ भूरी लोमड़ी आलसी कुत्ते के ऊपर कूद गई।": (19, 48),
    "def f(x):\n    return [n ** 2 for n in range(x)]\n": (17, 17),
    '{"id": 17, "price": 12.50, "tags": ["a", "b"]}': (24, 23),
    "3.14159265358979": (7, 7),
    "👍🏽 🎉": (5, 9),
}


@pytest.mark.parametrize("text", _COUNTED)
def test_real_counts_lie_between_low_and_high(text: str) -> None:
    """
    What the two tokenizers count is inside the estimate, in many scripts and notations.
    """
    estimate = estimate_tokens(text)
    assert estimate.low <= min(_COUNTED[text])
    assert estimate.high >= max(_COUNTED[text])


def test_english_is_estimated_within_a_factor() -> None:
    """
    The range is of use: for prose, high is less than 2.2 times low.
    """
    estimate = estimate_tokens("The quick brown fox jumps over the lazy dog, and nobody minds it at all. " * 50)
    assert estimate.high < 2.2 * estimate.low


def test_words_without_blanks_cost_more() -> None:
    """
    Base64 and hashes take far more tokens a letter than prose.
    """
    assert estimate_tokens("ABcd" * 100).high > 1.5 * estimate_tokens("blue " * 100).high


def test_empty_text_has_no_tokens() -> None:
    """
    Nothing takes nothing.
    """
    assert estimate_tokens("") == TokenEstimate(0, 0)


@given(st.text(), st.text())
def test_more_text_takes_no_fewer_tokens(text: str, more: str) -> None:
    """
    Low is never above high, any text can be estimated, and adding to a text adds to high.
    """
    estimate, longer = estimate_tokens(text), estimate_tokens(text + "\n" + more)
    assert bool(text) <= estimate.low <= estimate.high
    assert longer.low >= estimate.low


def test_lone_surrogates_are_estimated_too() -> None:
    """
    JSON can carry what UTF-8 cannot.
    """
    assert estimate_tokens("a\ud800").high >= 1


def test_estimates_add_up() -> None:
    """
    The estimate of many is the sum of their estimates.
    """
    assert TokenEstimate(1, 2, 1) + TokenEstimate(10, 20, 2) == TokenEstimate(11, 22, 3)


def test_messages_cost_more_than_their_texts() -> None:
    """
    A message has a frame of 4 tokens or so, and a request one of 3.
    """
    text = estimate_tokens("Why is the sky blue?")
    estimate, bound = estimate_body(_CHAT, {"messages": [{"role": "user", "content": "Why is the sky blue?"}]})
    assert (estimate.low, bound) == (text.low + 7, None)
    assert estimate.high - text.high in {7, 8, 9}


@pytest.mark.parametrize(
    "content",
    [
        "Why is the sky blue?",
        [{"type": "text", "text": "Why is the sky blue?"}],
        [{"type": "input_text", "text": "Why is the sky blue?"}],
    ],
)
def test_parts_count_like_a_text(content: Any) -> None:
    """
    The same words cost the same in each shape they may have, for chat and for responses.
    """
    plain, _ = estimate_body(_CHAT, {"messages": [{"role": "user", "content": "Why is the sky blue?"}]})
    for url, name in ((_CHAT, "messages"), ("/v1/responses", "input")):
        assert estimate_body(url, {name: [{"role": "user", "content": content}]})[0] == plain


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        ({"input": [15339, 1917]}, 2),
        ({"input": [[15339, 1917], [7], []]}, 3),
        ({"prompt": [15339, 1917, 3]}, 3),
    ],
)
def test_inputs_of_tokens_are_counted_exactly(body: dict[str, Any], tokens: int) -> None:
    """
    Embeddings and completions take token ids too; those need no estimate.
    """
    assert estimate_tokens(body) == TokenEstimate(tokens, tokens)


def test_texts_of_an_embedding_add_up() -> None:
    """
    A list of texts costs what its texts cost.
    """
    one = estimate_tokens("The quick brown fox")
    several = estimate_tokens({"input": ["The quick brown fox"] * 10})
    assert several.low == one.low * 10
    assert one.high * 10 - 10 <= several.high <= one.high * 10


def test_tools_schemas_and_instructions_count() -> None:
    """
    Whatever the model reads besides the messages is estimated too.
    """
    body: dict[str, Any] = {"input": "Hi", "instructions": "Be brief, and kind."}
    plain = estimate_tokens({"input": "Hi"})
    told = estimate_tokens(body)
    tooled = estimate_tokens(body | {"tools": [{"type": "function", "name": "weather", "parameters": {"a": "b"}}]})
    assert plain.low < told.low < tooled.low
    assert plain.high < told.high < tooled.high


@pytest.mark.parametrize(
    ("part", "model", "expected"),
    [
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 9000}}, "gpt-5", (70, 3_779)),
        ({"type": "image_url", "image_url": {"url": "https://a/b.png", "detail": "low"}}, "gpt-5", (70, 85)),
        ({"type": "input_image", "image_url": "https://a/b.png", "detail": "low"}, "gpt-5", (70, 85)),
        ({"type": "input_image", "file_id": "file-1"}, "gpt-4o-mini-2024-07-18", (2_833, 48_169)),
    ],
)
def test_images_count_by_the_tiles_they_may_have(part: dict[str, Any], model: str, expected: tuple[int, int]) -> None:
    """
    An image's bytes are no text; its tokens depend on size and model, and only detail is known.
    """
    estimate = estimate_tokens({"model": model, "messages": [{"role": "user", "content": [part]}]})
    assert (estimate.low - 7, estimate.high - 8) == expected


@pytest.mark.parametrize(
    "body",
    [
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]},
        {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AAAA"}}]}]},
        {"input": "Hi", "previous_response_id": "resp_1"},
        {"input": "Hi", "conversation": {"id": "conv_1"}},
        {"prompt": {"id": "pmpt_1", "variables": {"city": "Rome"}}, "input": "Hi"},
        {"input": "Hi", "tools": [{"type": "web_search_preview"}]},
        {"input": "Hi", "tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]},
        {"messages": [{"role": "user", "content": "Hi"}], "web_search_options": {}},
        {"messages": [{"role": "assistant", "audio": {"id": "audio_1"}}]},
        {"messages": [{"role": "user", "content": [{"type": "image", "source": {"data": "AAAA"}}]}]},
    ],
)
def test_what_cannot_be_known_is_told(body: dict[str, Any]) -> None:
    """
    Files, audio and what is stored at the provider are counted as uncounted, not as nothing.
    """
    assert estimate_tokens(body).uncounted == 1


@pytest.mark.parametrize(
    "item",
    [
        {"role": "assistant", "tool_calls": [{"type": "custom", "custom": {"name": "n", "input": _LONG}}]},
        {"role": "assistant", "tool_calls": [{"function": {"name": "n", "arguments": {"x": _LONG}}}]},
        {"role": "assistant", "function_call": {"name": "n", "arguments": _LONG}},
        {"role": "assistant", "content": "x", "reasoning_content": _LONG},
        {"type": "custom_tool_call", "call_id": "1", "name": "n", "input": _LONG},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": _LONG}]},
        {"type": "reasoning", "summary": [], "encrypted_content": _LONG},
        {"type": "code_interpreter_call", "outputs": [{"type": "logs", "logs": _LONG}]},
        {"type": "apply_patch_call", "operation": {"diff": _LONG}},
        {"type": "mcp_list_tools", "tools": [{"name": "n", "description": _LONG}]},
    ],
)
def test_a_text_in_a_member_that_is_not_known_counts_in_the_high_number(item: dict[str, Any]) -> None:
    """
    The model may read it, whatever its name, so that a bound of the cost holds.
    """
    name = "messages" if "role" in item else "input"
    assert estimate_tokens({name: [item]}).high >= 400


@pytest.mark.parametrize(
    ("url", "body", "bound"),
    [
        (_CHAT, {"max_tokens": 100}, 100),
        (_CHAT, {"max_tokens": 100, "max_completion_tokens": 50}, 50),
        (_CHAT, {"max_completion_tokens": 50, "n": 3}, 150),
        (_CHAT, {"max_completion_tokens": 50, "n": "3"}, 150),
        (_CHAT, {"max_completion_tokens": 50, "n": 3.0}, 150),
        (_CHAT, {"max_completion_tokens": 50, "n": "many"}, 50),
        ("/v1/responses/", {"max_tokens": 10}, None),
        ("/openai/v1/responses?api-version=preview", {"max_tokens": 10}, None),
        (_CHAT, {"max_tokens": None}, None),
        (_CHAT, {"max_tokens": True}, None),
        (_CHAT, {"max_tokens": "100"}, None),
        (_CHAT, {}, None),
        (_CHAT, {"max_output_tokens": 10}, None),
        ("/v1/responses", {"max_output_tokens": 10}, 10),
        ("/v1/responses", {"max_tokens": 10}, None),
        ("/v1/completions", {"max_completion_tokens": 10, "prompt": "a"}, None),
        ("", {"max_output_tokens": 10}, 10),
        ("/v1/completions", {"max_tokens": 10, "best_of": 4, "n": 2, "prompt": ["a", "b"]}, 80),
        ("/v1/completions", {"max_tokens": 10, "prompt": [1, 2, 3]}, 10),
        ("/v1/embeddings", {"input": "a"}, 0),
        ("/v1/moderations", {"input": "a"}, 0),
        ("/v1/images/generations", {"prompt": "a"}, None),
    ],
)
def test_the_bound_of_the_output_is_what_the_body_sets(url: str, body: dict[str, Any], bound: int | None) -> None:
    """
    The bound is of all answers together, and unknown where the request sets none.
    """
    assert estimate_body(url, body)[1] == bound


def test_a_whole_line_is_estimated_by_its_body() -> None:
    """
    A batch line may be given as it is.
    """
    body = {"model": "m", "input": "The quick brown fox"}
    for url in ("/v1/responses", "/v1/embeddings"):
        assert estimate_tokens({"custom_id": "1", "url": url, "body": body}) == estimate_body(url, body)[0]


def test_a_text_to_answer_is_a_message() -> None:
    """
    The input of a response is framed like a message; that of an embedding is not.
    """
    body = {"input": "The quick brown fox"}
    text = estimate_tokens("The quick brown fox")
    assert estimate_body("/v1/embeddings", body)[0] == text
    assert estimate_body("/v1/responses", body)[0].low == text.low + 7


def test_a_schema_counts_between_half_of_its_json_and_all_of_it() -> None:
    """
    The service renders it in a way of its own, with fewer signs; each tool has a frame beside it.
    """
    tool = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {"place": {}}}}
    text = estimate_tokens(json.dumps([tool]))
    found = estimate_tokens({"tools": [tool]})
    assert text.low // 2 <= found.low <= text.low // 2 + 1
    assert text.high < found.high <= text.high + 13


_ODD_TEXTS = st.dictionaries(st.sampled_from(["messages", "input", "prompt", "tools", "text"]), JSON)
_ODD_COUNTS = st.dictionaries(st.sampled_from(["max_tokens", "n"]), st.integers(-2, 5) | JSON)


@given(_ODD_TEXTS, _ODD_COUNTS)
def test_no_body_is_too_odd(texts: dict[str, Any], counts: dict[str, Any]) -> None:
    """
    Values of a wrong type count nothing, but do no harm; the bound is told whenever the body has one.
    """
    estimate, bound = estimate_body(_CHAT, texts | counts)
    assert 0 <= estimate.low <= estimate.high
    limit = counts.get("max_tokens")
    assert (bound is not None) == (type(limit) is int and limit >= 0)
    assert bound is None or bound >= int(limit or 0)


def test_deep_nesting_does_no_harm() -> None:
    """
    JSON as deep as Python reads it can be estimated.
    """
    deep = json.loads('{"content":' * 900 + '"a"' + "}" * 900)
    assert estimate_tokens({"messages": [deep], "tools": [deep]}).high > 0


def test_other_things_are_refused() -> None:
    """
    Bytes are no text.
    """
    with pytest.raises(TypeError, match="a string or a mapping, not bytes"):
        estimate_tokens(b"abc")  # type: ignore[arg-type]  # what a caller may do by mistake
