"""
Usage as providers really tell it: each form by hand, and the tokens that are in it.
"""

from __future__ import annotations

from typing import Any

import pytest

from aikit.types.usage import Usage

# form, what it tells: input, cached, output, reasoning, other kinds, whether that is a lower bound
_FORMS: dict[str, tuple[dict[str, Any], tuple[int, int, int, int, dict[str, int], bool]]] = {
    "xAI: reasoning beside": (
        {
            "prompt_tokens": 10120,
            "completion_tokens": 1499,
            "total_tokens": 14428,
            "prompt_tokens_details": {"cached_tokens": 128},
            "completion_tokens_details": {"reasoning_tokens": 2809},
        },
        (10120, 128, 4308, 2809, {}, False),
    ),
    "Gemini, compatible": ({"promptTokens": 3, "completionTokens": 2, "totalTokens": 25}, (3, 0, 22, 0, {}, False)),
    "Gemini, its own": (
        {
            "promptTokenCount": 30,
            "toolUsePromptTokenCount": 5,
            "candidatesTokenCount": 2,
            "thoughtsTokenCount": 20,
            "cachedContentTokenCount": "8",
            "totalTokenCount": 57,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 20}, {"modality": "AUDIO", "tokenCount": 10}],
        },
        (35, 8, 22, 20, {"input_audio": 10}, False),
    ),
    "nothing but thoughts": (
        {"prompt_tokens": 21, "completion_tokens": 0, "total_tokens": 81},
        (21, 0, 60, 0, {}, False),
    ),
    "no completion": ({"prompt_tokens": 21, "total_tokens": 81}, (21, 0, 60, 0, {}, False)),
    "null completion": ({"input_tokens": 21, "output_tokens": None, "total_tokens": 81}, (21, 0, 60, 0, {}, False)),
    "no prompt": ({"completion_tokens": 60, "total_tokens": 81}, (21, 0, 60, 0, {}, False)),
    "embeddings": ({"prompt_tokens": 5, "total_tokens": 5}, (5, 0, 0, 0, {}, False)),
    "Responses with reasoning beside": (
        {
            "input_tokens": 10,
            "output_tokens": 5,
            "total_tokens": 35,
            "output_tokens_details": {"reasoning_tokens": 20},
        },
        (10, 0, 25, 20, {}, False),
    ),
    "reasoning beside and no total": (
        {"prompt_tokens": 10, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 20}},
        (10, 0, 25, 20, {}, False),
    ),
    "reasoning beside, and not in the total": (
        {"prompt_tokens": 33, "completion_tokens": 71, "total_tokens": 104, "reasoning_tokens": 731},
        (33, 0, 802, 731, {}, True),
    ),
    "two families, one of them 0": (
        {
            "prompt_tokens": 0,
            "completion_tokens": 0,
            "total_tokens": 300093,
            "input_tokens": 300000,
            "output_tokens": 93,
        },
        (300000, 0, 93, 0, {}, False),
    ),
    "two families, half of one": (
        {"prompt_tokens": 0, "completion_tokens": 93, "total_tokens": 103, "input_tokens": 10, "output_tokens": 93},
        (10, 0, 93, 0, {}, False),
    ),
    "two families, the total decides": (
        {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10, "input_tokens": 70, "output_tokens": 30},
        (7, 0, 3, 0, {}, True),
    ),
    "two families that nothing decides": (
        {"prompt_tokens": 7, "completion_tokens": 3, "input_tokens": 70, "output_tokens": 30},
        (70, 0, 30, 0, {}, True),
    ),
    "one side of each family": ({"prompt_tokens": 7, "output_tokens": 3}, (7, 0, 3, 0, {}, False)),
    "a total that is too small": (
        {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 7},
        (10, 0, 5, 0, {}, True),
    ),
    "DeepSeek": (
        {
            "prompt_tokens": 1000,
            "completion_tokens": 100,
            "total_tokens": 1100,
            "prompt_cache_hit_tokens": 900,
            "prompt_cache_miss_tokens": 100,
        },
        (1000, 900, 100, 0, {}, False),
    ),
    "Moonshot": (
        {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100, "cached_tokens": 900},
        (1000, 900, 100, 0, {}, False),
    ),
    "Anthropic": (
        {
            "input_tokens": 100,
            "output_tokens": 10,
            "cache_read_input_tokens": 900,
            "cache_creation_input_tokens": 50,
            "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 30},
        },
        (1050, 900, 10, 0, {"cache_write": 20, "cache_write_1h": 30}, False),
    ),
    "Anthropic through a gateway that adds up": (
        {
            "prompt_tokens": 1050,
            "completion_tokens": 10,
            "total_tokens": 1060,
            "prompt_tokens_details": {"cached_tokens": 900},
            "cache_read_input_tokens": 900,
            "cache_creation_input_tokens": 50,
        },
        (1050, 900, 10, 0, {"cache_write": 50}, False),
    ),
    "Anthropic through a gateway that does not": (
        {
            "prompt_tokens": 100,
            "completion_tokens": 10,
            "total_tokens": 1060,
            "cache_read_input_tokens": 900,
            "cache_creation_input_tokens": 50,
        },
        (1050, 900, 10, 0, {"cache_write": 50}, False),
    ),
    "cache and reasoning beside": (
        {
            "prompt_tokens": 100,
            "completion_tokens": 10,
            "total_tokens": 1040,
            "cache_read_input_tokens": 900,
            "completion_tokens_details": {"reasoning_tokens": 30},
        },
        (1000, 900, 40, 30, {}, False),
    ),
    "Bedrock": (
        {
            "inputTokens": 10,
            "outputTokens": 5,
            "totalTokens": 1015,
            "cacheReadInputTokens": 800,
            "cacheWriteInputTokens": 200,
        },
        (1010, 800, 5, 0, {"cache_write": 200}, False),
    ),
    "OpenRouter's writes": (
        {
            "prompt_tokens": 100,
            "completion_tokens": 5,
            "total_tokens": 105,
            "prompt_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 40},
        },
        (100, 10, 5, 0, {"cache_write": 40}, False),
    ),
    "audio in and out": (
        {
            "prompt_tokens": 100,
            "completion_tokens": 50,
            "total_tokens": 150,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 30},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 40},
        },
        (100, 0, 50, 0, {"input_audio": 30, "output_audio": 40}, False),
    ),
    "cached audio": (
        {
            "input_tokens": 100,
            "output_tokens": 5,
            "total_tokens": 105,
            "input_tokens_details": {
                "cached_tokens": 60,
                "audio_tokens": 50,
                "cached_tokens_details": {"text_tokens": 40, "audio_tokens": 20},
            },
        },
        (100, 60, 5, 0, {"input_audio": 50, "cached_audio": 20}, False),
    ),
    "all cached, so the audio as well": (
        {
            "prompt_tokens": 100,
            "completion_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 100, "audio_tokens": 30},
        },
        (100, 100, 5, 0, {"input_audio": 30, "cached_audio": 30}, False),
    ),
    "images": (
        {
            "input_tokens": 50,
            "output_tokens": 4000,
            "total_tokens": 4050,
            "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
            "output_tokens_details": {"image_tokens": 4000, "text_tokens": 0},
        },
        (50, 0, 4000, 0, {"input_image": 40, "output_image": 4000}, False),
    ),
    "a kind that is new": (
        {
            "prompt_tokens": 9,
            "completion_tokens": 1,
            "total_tokens": 10,
            "prompt_tokens_details": {"hologram_tokens": 3},
        },
        (9, 0, 1, 0, {"input_hologram": 3}, False),
    ),
    "whole floats and texts": (
        {"prompt_tokens": 10.0, "completion_tokens": "5", "total_tokens": 15.0},
        (10, 0, 5, 0, {}, False),
    ),
    "half a token": (
        {"prompt_tokens": 10, "completion_tokens": 5.5, "total_tokens": 15.5},
        (10, 0, 0, 0, {}, True),
    ),
    "only a total": ({"total_tokens": 7}, (7, 0, 0, 0, {}, True)),
    "only a prompt": ({"prompt_tokens": 7}, (7, 0, 0, 0, {}, True)),
    "only an answer": ({"completion_tokens": 7}, (0, 0, 7, 0, {}, True)),
    "searches": (
        {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8, "num_sources_used": 4},
        (7, 0, 1, 0, {}, True),
    ),
    "no searches": (
        {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8, "num_sources_used": 0},
        (7, 0, 1, 0, {}, False),
    ),
    "more cached than asked": (
        {
            "prompt_tokens": 7,
            "completion_tokens": 1,
            "total_tokens": 8,
            "prompt_tokens_details": {"cached_tokens": 70},
        },
        (7, 7, 1, 0, {}, True),
    ),
    "two families, and a total of neither": (
        {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 999, "input_tokens": 300, "output_tokens": 20},
        (300, 0, 699, 0, {}, True),
    ),
    "two families, reasoning beside": (
        {
            "prompt_tokens": 0,
            "completion_tokens": 0,
            "total_tokens": 35,
            "input_tokens": 10,
            "output_tokens": 5,
            "output_tokens_details": {"reasoning_tokens": 20},
        },
        (10, 0, 25, 20, {}, False),
    ),
    "a total without a prompt": ({"completion_tokens": 10, "total_tokens": 10}, (0, 0, 10, 0, {}, True)),
    "Anthropic, writes by age alone": (
        {"input_tokens": 100, "output_tokens": 10, "cache_creation": {"ephemeral_5m_input_tokens": 30}},
        (130, 0, 10, 0, {"cache_write": 30}, False),
    ),
    "Anthropic, with a total that leaves open where the cache is": (
        {"input_tokens": 100, "output_tokens": 10, "total_tokens": 110, "cache_read_input_tokens": 50},
        (100, 50, 10, 0, {}, True),
    ),
    "Anthropic's cache beside OpenAI's prompt, and no total": (
        {"prompt_tokens": 100, "completion_tokens": 10, "cache_read_input_tokens": 50},
        (100, 50, 10, 0, {}, True),
    ),
    "the prompt's cache by one more name": (
        {"input_tokens": 100, "output_tokens": 10, "total_tokens": 110, "cached_input_tokens": 50},
        (100, 50, 10, 0, {}, False),
    ),
    "Gemini, its own in the names of its library": (
        {
            "prompt_token_count": 30,
            "candidates_token_count": 2,
            "thoughts_token_count": 20,
            "total_token_count": 52,
            "prompt_tokens_details": [{"modality": "AUDIO", "token_count": 10}],
        },
        (30, 0, 22, 20, {"input_audio": 10}, False),
    ),
    "OpenAI's names beside Gemini's, which are 0": (
        {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "promptTokenCount": 0, "totalTokenCount": 0},
        (10, 0, 5, 0, {}, False),
    ),
    "Gemini's names beside OpenAI's, which are 0": (
        {"prompt_tokens": 0, "completion_tokens": 0, "promptTokenCount": 10, "candidatesTokenCount": 5},
        (10, 0, 5, 0, {}, False),
    ),
    "thoughts by Gemini's name beside OpenAI's": (
        {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 15,
            "promptTokenCount": 10,
            "thoughtsTokenCount": 9,
        },
        (10, 0, 5, 0, {}, True),
    ),
    "Bedrock in its other names": (
        {"inputTokenCount": 10, "outputTokenCount": 5, "cacheReadInputTokenCount": 90, "totalTokenCount": 105},
        (100, 90, 5, 0, {}, False),
    ),
    "Bedrock in two kinds of names": (
        {"inputTokens": 10, "outputTokens": 5, "cacheReadInputTokenCount": 90, "cacheWriteInputTokenCount": 7},
        (107, 90, 5, 0, {"cache_write": 7}, False),
    ),
    "audio in details of the singular": (
        {
            "type": "tokens",
            "input_tokens": 132,
            "input_token_details": {"text_tokens": 119, "audio_tokens": 13, "cached_tokens": 64},
            "output_tokens": 121,
            "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
            "total_tokens": 253,
        },
        (132, 64, 121, 0, {"input_audio": 13, "output_audio": 91}, False),
    ),
    "a cache for an hour that only the details tell": (
        {
            "prompt_tokens": 3000,
            "completion_tokens": 100,
            "total_tokens": 3100,
            "prompt_tokens_details": {"cached_tokens": 0, "cache_creation": {"ephemeral_1h_input_tokens": 1600}},
        },
        (3000, 0, 100, 0, {"cache_write_1h": 1600}, False),
    ),
    "details that are a list": (
        {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "prompt_tokens_details": [1]},
        (10, 0, 5, 0, {}, True),
    ),
    "a kind beside the sums": (
        {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15, "image_tokens": 9},
        (10, 0, 5, 0, {}, True),
    ),
    "more than there can be": ({"prompt_tokens": 10**16, "completion_tokens": 5}, (0, 0, 5, 0, {}, True)),
}


@pytest.mark.parametrize("name", _FORMS)
def test_each_form_is_read(name: str) -> None:
    """
    All tokens that are paid are there, none twice, and what contradicts itself is a lower bound.
    """
    told, (asked, cached, answered, reasoned, others, is_lower_bound) = _FORMS[name]
    usage = Usage.from_wire(told)
    assert usage is not None
    expected = Usage(
        input_tokens=asked,
        cached_tokens=cached,
        output_tokens=answered,
        reasoning_tokens=reasoned,
        other_tokens=others,
    )
    assert (usage, usage.is_lower_bound) == (expected, is_lower_bound)
    assert bool(usage.notes) >= usage.is_lower_bound


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("xAI: reasoning beside", "the rest is counted as output"),
        ("no completion", "the rest is counted as output"),
        ("Anthropic through a gateway that does not", "read from or put into a cache"),
        ("Bedrock", "read from or put into a cache"),
        ("reasoning beside and no total", "reasoning is told beside"),
        ("a total that is too small", "contradicts"),
        ("searches", "num_sources_used"),
    ],
)
def test_a_note_says_how_it_was_understood(name: str, words: str) -> None:
    """
    What a total has beyond prompt and completion is output or cache, and the note says which.
    """
    usage = Usage.from_wire(_FORMS[name][0])
    assert usage is not None
    assert any(words in note for note in usage.notes)


@pytest.mark.parametrize(
    "told",
    [
        {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        {"input_tokens": 0, "output_tokens": 0},
        {"total_tokens": 0},
        {
            "prompt_tokens": 0,
            "completion_tokens": 0,
            "total_tokens": 0,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    ],
)
def test_a_usage_of_nothing_tells_nothing(told: dict[str, Any]) -> None:
    """
    No answer takes no tokens, so that servers that do not count say 0.
    """
    assert Usage.from_wire(told) is None


def test_what_is_read_can_be_told_and_read_again() -> None:
    """
    Also tokens of other kinds.
    """
    for told, (*_, is_lower_bound) in _FORMS.values():
        usage = Usage.from_wire(told)
        assert usage is not None
        again = Usage.from_wire(usage.to_wire())
        is_held = "cached_audio" not in usage.other_tokens and "cache_write_1h" not in usage.other_tokens
        assert again == usage or is_lower_bound or not is_held


def test_differences_and_sums_keep_the_kinds() -> None:
    """
    What is taken away again leaves nothing behind.
    """
    usage = Usage.from_wire(_FORMS["audio in and out"][0])
    assert usage is not None
    assert (usage + usage).other_tokens == {"input_audio": 60, "output_audio": 80}
    assert usage - usage == Usage()


@pytest.mark.parametrize(
    ("usage", "asked", "answered"),
    [
        ({"promptTokens": 100, "completionTokens": 20, "totalTokens": 1120}, 100, 1020),
        ({"promptTokens": 100, "completionTokens": 20, "totalTokens": 120}, 100, 20),
        ({"promptTokens": 100, "totalTokens": 1100}, 100, 1000),
        ({"promptTokens": 7, "totalTokens": 7}, 7, 0),
        ({"promptTokens": "100", "completionTokens": "20", "totalTokens": "1120"}, 100, 1020),
    ],
)
def test_the_output_of_geminis_batches_is_the_total_less_the_prompt(
    usage: dict[str, Any], asked: int, answered: int
) -> None:
    """
    Its rows have OpenAI's names in another spelling, and a completion without what was thought.
    """
    read = Usage.from_wire(usage)
    assert read is not None
    assert (read.input_tokens, read.output_tokens, read.is_lower_bound) == (asked, answered, False)
