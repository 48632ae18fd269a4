"""
Usage in every form that providers tell it in, made of what an answer really took.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

import attrs

Form = Callable[["Truth", Random], Any]


@attrs.frozen
class Truth:
    """
    Tokens that an answer took, each counted once.

    Attributes:
        fresh: Of the prompt, text that was not read before.

        cached: Of the prompt, text that was.

        said: Of the answer.

        thought: Likewise, and not said.

        written: Of the prompt, put into a cache.

        kinds: Kind → tokens of audio and images.
    """

    fresh: int
    cached: int = 0
    said: int = 0
    thought: int = 0
    written: int = 0
    kinds: dict[str, int] = attrs.field(factory=dict)

    @property
    def asked(self) -> int:
        """The whole prompt."""
        kinds = sum(count for kind, count in self.kinds.items() if not kind.startswith("output_"))
        return self.fresh + self.cached + self.written + kinds

    @property
    def answered(self) -> int:
        """The whole answer."""
        return self.said + self.thought + sum(n for kind, n in self.kinds.items() if kind.startswith("output_"))

    @property
    def total(self) -> int:
        """All."""
        return self.asked + self.answered


def _chat(truth: Truth, _: Random) -> Any:
    return {
        "prompt_tokens": truth.asked,
        "completion_tokens": truth.answered,
        "total_tokens": truth.total,
        "prompt_tokens_details": {"cached_tokens": truth.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": truth.thought,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _responses(truth: Truth, _: Random) -> Any:
    return {
        "input_tokens": truth.asked,
        "input_tokens_details": {"cached_tokens": truth.cached},
        "output_tokens": truth.answered,
        "output_tokens_details": {"reasoning_tokens": truth.thought},
        "total_tokens": truth.total,
    }


def _beside(truth: Truth, random: Random) -> Any:
    """
    Return the form of xAI: what was thought is beside what was said.
    """
    if random.random() < 0.5:
        return _chat(truth, random) | {"completion_tokens": truth.said}
    return _responses(truth, random) | {"output_tokens": truth.said}


def _total_alone_has_thoughts(truth: Truth, random: Random) -> Any:
    """
    Return the form of Gemini: no field but the total has them.
    """
    usage: dict[str, Any] = {"prompt_tokens": truth.asked, "completion_tokens": truth.said, "total_tokens": truth.total}
    usage |= {"prompt_tokens_details": {"cached_tokens": truth.cached}}
    if not truth.said and random.random() < 0.7:
        usage["completion_tokens"] = None
        if random.random() < 0.5:
            del usage["completion_tokens"]
    return usage


def _twice(truth: Truth, random: Random) -> Any:
    """
    Return both families of names, one of them 0, or both alike.
    """
    first, second = _chat(truth, random), _responses(truth, random)
    zeros: tuple[dict[str, int], ...] = (
        {"input_tokens": 0, "output_tokens": 0},
        {"prompt_tokens": 0, "completion_tokens": 0},
        {},
    )
    return first | second | random.choice(zeros)


def _cached_by_another_name(truth: Truth, random: Random) -> Any:
    name = random.choice(["prompt_cache_hit_tokens", "cached_tokens", "num_cached_tokens", "cached_input_tokens"])
    usage = {"prompt_tokens": truth.asked, "completion_tokens": truth.answered, "total_tokens": truth.total}
    return usage | {name: truth.cached}


def _anthropic(truth: Truth, random: Random) -> Any:
    """
    Return the form of Anthropic: the caches are beside the prompt; some gateways add a total that has all.
    """
    usage: dict[str, Any] = {
        "input_tokens": truth.fresh,
        "cache_read_input_tokens": truth.cached or random.choice([0, None]),
        "cache_creation_input_tokens": truth.written,
        "output_tokens": truth.answered,
    }
    if random.random() < 0.5:
        usage["cache_creation"] = {"ephemeral_5m_input_tokens": truth.written, "ephemeral_1h_input_tokens": 0}
    if random.random() < 0.3:
        usage["total_tokens"] = truth.total
    return usage


def _bedrock(truth: Truth, _: Random) -> Any:
    return {
        "inputTokens": truth.fresh,
        "outputTokens": truth.answered,
        "totalTokens": truth.total,
        "cacheReadInputTokens": truth.cached,
        "cacheWriteInputTokens": truth.written,
    }


def _gemini(truth: Truth, _: Random) -> Any:
    return {
        "promptTokenCount": truth.asked,
        "candidatesTokenCount": truth.said,
        "thoughtsTokenCount": truth.thought,
        "cachedContentTokenCount": truth.cached,
        "totalTokenCount": truth.total,
    }


def _otherwise_written(truth: Truth, random: Random) -> Any:
    """
    Return numbers as text, or with a point.
    """
    write: Callable[[int], Any] = random.choice([str, float])
    usage: dict[str, Any] = {"prompt_tokens": write(truth.asked), "completion_tokens": write(truth.answered)}
    return usage | {"cached_tokens": write(truth.cached), "total_tokens": write(truth.total)}


def _of_kinds(truth: Truth, random: Random) -> Any:
    """
    Return a prompt and an answer of text, audio and images.
    """
    asked = {f"{kind[6:]}_tokens": count for kind, count in truth.kinds.items() if kind.startswith("input_")}
    answered = {f"{kind[7:]}_tokens": count for kind, count in truth.kinds.items() if kind.startswith("output_")}
    details = {"cached_tokens": truth.cached, "audio_tokens": 0, **asked}
    usage = _chat(truth, random)
    usage["prompt_tokens_details"] = details
    usage["completion_tokens_details"] |= answered
    return usage


def _embedded(truth: Truth, _: Random) -> Any:
    return {"prompt_tokens": truth.fresh, "total_tokens": truth.fresh}


def _count(random: Random, most: int = 20_000) -> int:
    return random.choice([1, random.randint(1, 50), random.randint(1, most)])


def text(random: Random) -> tuple[Truth, Any]:
    """
    Return what an answer in text took, and a usage that tells it.
    """
    form = random.choice([
        _chat, _chat, _responses, _beside, _total_alone_has_thoughts, _twice, _cached_by_another_name, _gemini,
        _bedrock, _anthropic, _otherwise_written, _embedded,
    ])  # fmt: skip
    truth = Truth(fresh=_count(random), cached=random.choice([0, _count(random)]), said=_count(random))
    if form in {_chat, _responses, _gemini, _twice}:
        truth = attrs.evolve(truth, thought=random.choice([0, _count(random)]))
    if form in {_beside, _total_alone_has_thoughts}:
        thought = _count(random)
        thought += thought == truth.cached  # else it would be taken for the cache's, as is right
        truth = attrs.evolve(truth, thought=thought, said=random.choice([0, truth.said]))
    return (Truth(truth.fresh) if form is _embedded else truth), form(truth, random)


def writes(random: Random) -> tuple[Truth, Any]:
    """
    Likewise, with a cache that was written to.
    """
    truth = Truth(_count(random), random.choice([0, _count(random)]), _count(random), written=_count(random))
    return truth, random.choice([_anthropic, _bedrock])(truth, random)


def kinds(random: Random) -> tuple[Truth, Any]:
    """
    Likewise, with audio and images.
    """
    some = {kind: _count(random) for kind in ("input_audio", "output_audio", "input_image") if random.random() < 0.6}
    truth = Truth(_count(random), random.choice([0, _count(random)]), _count(random), kinds=some)
    return truth, _of_kinds(truth, random)


def untold(random: Random) -> tuple[Truth, Any]:
    """
    Return what is told at least, and a usage that leaves something open.
    """
    asked, answered = _count(random), _count(random)
    return random.choice([
        (Truth(asked), {"prompt_tokens": asked}),
        (Truth(0, said=answered), {"completion_tokens": answered, "total_tokens": answered}),
        (Truth(asked, said=answered), {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked}),
        (Truth(asked), {"prompt_tokens": asked, "completion_tokens": -answered}),
        (Truth(asked), {"prompt_tokens": asked, "completion_tokens": answered + 0.5}),
        (Truth(0, said=answered), {"prompt_tokens": True, "completion_tokens": answered}),
        (Truth(0), {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}),
        (Truth(0), None),
        (Truth(asked, said=answered), {"input_tokens": asked, "output_tokens": answered, "video_tokens": 1}),
    ])  # fmt: skip


def line(custom_id: str, model: str, usage: Any, random: Random) -> bytes:
    """
    Return the line of an answer, written in one of the ways that servers write it.
    """
    body: Any = {"model": model} if usage is None else {"model": model, "usage": usage}
    if usage is not None and "totalTokenCount" in usage:
        body = {"model": model, "usageMetadata": usage}
    way = random.random()
    if way < 0.05:
        body = json.dumps(body)
    elif way < 0.1:
        body = {"type": "response.completed", "response": body}
    status = random.choice([200, 200, 200, "200", None])
    error = random.choice([None, None, {"code": None, "message": None}])
    response = {"status_code": status, "request_id": "r", "body": body}
    return json.dumps({"custom_id": custom_id, "response": response, "error": error}).encode() + b"\n"
