"""
Estimates of the tokens of a request, as a low and a high number.
"""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from aikit.jsonl.text_bounds import text_bounds
from aikit.jsonl.tokenizers import count_tokens, tokenizer_of
from aikit.types.interruptions import let_through
from aikit.types.json_form import Jsonable
from aikit.types.wire import whole_number

_SHORT: Final = 8_192
_PER_MESSAGE: Final = (4.0, 5.0)  # 3, and 1 for the role
_PER_REQUEST: Final = (3.0, 3.0)
_PER_TOOL: Final = 12.0
_IMAGE: Final = (70.0, 3_779.0)
_IMAGE_LOW_DETAIL: Final = (70.0, 85.0)
_IMAGE_4O_MINI: Final = (2_833.0, 48_169.0)
_TEXTS: Final = ("input", "prompt", "instructions", "suffix")
_LISTS: Final = ("messages", "input")
_SCHEMAS: Final = ("tools", "functions", "response_format", "text", "documents")
_SEARCHING: Final = ("web_search", "file_search", "code_interpreter", "mcp", "image_generation", "computer")
_ELSEWHERE: Final = ("previous_response_id", "conversation")
_INSIDE: Final = (
    *("content", "text", "name", "arguments", "output", "refusal", "tool_calls", "function", "variables"),
    *("function_call", "custom", "summary", "audio"),
)
_FRAME: Final = ("type", "role", "id", "call_id", "tool_call_id", "status", "index", "cache_control")
_KNOWN: Final = frozenset((*_FRAME, *_INSIDE))
_IMAGES: Final = frozenset(("image_url", "input_image", "computer_screenshot"))
_UNKNOWN: Final = re.compile("audio|video|image|file|document|reference")
_BOUNDS: Final = (
    ("/chat/completions", ("max_completion_tokens", "max_tokens")),
    ("/completions", ("max_tokens",)),
    ("/responses", ("max_output_tokens",)),
    ("", ("max_completion_tokens", "max_output_tokens", "max_tokens")),
)
"""End of an endpoint's path → the parameters that limit its output; servers ignore or refuse the others."""

_ANSWERED_WITHOUT_TOKENS: Final = ("/embeddings", "/moderations")


@attrs.frozen
class TokenEstimate(Jsonable):
    """
    A range of tokens.

    Attributes:
        low: The lower estimate.

        high: The upper estimate, without the *uncounted* parts.

        uncounted: The number of parts whose tokens cannot be estimated: files, audio, objects stored at the provider,
            tools that search and run there.

        tokenizer: The model's own, where the extra ``tokens`` brought it and it counted the texts; else ``None``.
    """

    low: int = 0
    high: int = 0
    uncounted: int = 0
    tokenizer: str | None = None

    def __add__(self, other: TokenEstimate) -> TokenEstimate:
        return TokenEstimate(
            self.low + other.low,
            self.high + other.high,
            self.uncounted + other.uncounted,
            other.tokenizer if not self.high or self.tokenizer == other.tokenizer else None,
        )


def estimate_tokens(text_or_body: str | Mapping[str, Any]) -> TokenEstimate:
    """
    Estimate the input tokens of a text, of a request's body, or of a whole batch line.

    The texts of a body whose model is known are counted with its tokenizer where the extra ``tokens`` brought it, and
    *tokenizer* names it. All others are bounded, and both numbers hold for ``o200k_base`` and ``cl100k_base``: of
    180,000 texts of all scripts and shapes none was outside (toktok-rs 0.3.0, 2026-11-30). Of *high*, the one of the
    two that takes more takes 0.73 for English prose, 0.6 for program text, all for numbers, 0.8 for hex dumps, 0.7 for
    base64, UUIDs and random ids, 0.5 to 0.6 for URLs, minified programs and other languages in Latin or Cyrillic
    letters, 0.7 to 0.97 for Greek, Arabic, Hebrew, Hindi, Thai, Chinese, Japanese and Korean; and ``o200k_base``,
    which is the better one outside of English, 0.25 to 0.7. English takes 1.2 times *low*.

    Images count 70 to 3,779 tokens each (70 to 85 with low detail, 2,833 to 48,169 for gpt-4o-mini), since their
    sizes are not read. Tools and schemas count by their JSON, *low* the half of it, and members of a message that are
    not known by their JSON in *high* alone.

    Raises:
        TypeError: *text_or_body* is neither a string nor a mapping.
    """
    if isinstance(text_or_body, str):
        return TokenEstimate(*text_bounds(text_or_body))
    if not isinstance(text_or_body, Mapping):
        raise TypeError(f"text_or_body must be a string or a mapping, not {type(text_or_body).__name__}")
    body, url = text_or_body.get("body"), text_or_body.get("url")
    if not isinstance(body, Mapping):
        return _input_estimate("", text_or_body)
    return _input_estimate(url if isinstance(url, str) else "", body)


def estimate_body(url: str, body: Mapping[str, Any]) -> tuple[TokenEstimate, int | None]:
    """
    Estimate the input tokens of a request, and return the limit of its output tokens.

    Args:
        url: The request's, for example ``"/v1/chat/completions"``.

        body: The request's; values of a wrong type count nothing.

    Returns:
        The estimate, and the most tokens that all answers to it together can have; ``None`` when *body* sets no bound.
    """
    return _input_estimate(url, body), _output_bound(url, body)


def _output_bound(url: str, body: Mapping[str, Any]) -> int | None:
    names = names_of_bounds(url)
    if not names:
        return 0
    for name in names:
        bound = body.get(name)
        if bound is not None and _is_count(bound):
            return int(bound) * answer_count(body)
    return None


@functools.lru_cache(maxsize=64)
def names_of_bounds(url: str) -> tuple[str, ...]:
    """
    Return the parameters that bound the tokens of an answer of *url*, of which the first counts; none without any.
    """
    url = url.partition("?")[0].rstrip("/")
    if url.endswith(_ANSWERED_WITHOUT_TOKENS):
        return ()
    return next(names for end, names in _BOUNDS if url.endswith(end))


def answer_count(body: Mapping[str, Any]) -> int:
    """
    Return the largest number of answers that *body* asks for.
    """
    answers = 1
    for name in ("n", "best_of"):
        if name in body:
            answers = max(answers, whole_number(body[name]) or 1)  # servers read "3", too
    return answers * prompt_count(body) if "prompt" in body else answers


def prompt_count(body: Mapping[str, Any]) -> int:
    """
    Return the number of prompts in *body*, each with answers of its own.
    """
    prompt = body.get("prompt")
    return len(prompt) if isinstance(prompt, list) and prompt and not _is_count(prompt[0]) else 1


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0  # so no bool


def _input_estimate(url: str, body: Mapping[str, Any]) -> TokenEstimate:
    reader = _reader_of(body.get("model"))
    found = [*_frames(url, body), *_parts(body, reader)]
    uncounted = sum(1 for part in found if part is None)
    low, high = _sum(part for part in found if part is not None)
    return TokenEstimate(math.floor(low), math.ceil(high), uncounted, reader.tokenizer)


@attrs.frozen
class _Reader:
    """
    The model that reads a request: how it takes images, and its tokenizer where that is here.
    """

    is_4o_mini: bool
    tokenizer: str | None


def _reader_of(model: Any) -> _Reader:
    name = model if isinstance(model, str) else ""
    return _Reader(name.startswith("gpt-4o-mini"), tokenizer_of(name))


def _sum(parts: Iterator[tuple[float, float]]) -> tuple[float, float]:
    low = high = 0.0
    for part in parts:
        low, high = low + part[0], high + part[1]
    return low, high


def _frames(url: str, body: Mapping[str, Any]) -> Iterator[tuple[float, float]]:
    """
    Yield the tokens that messages, and the request, take beside their texts.
    """
    # https://developers.openai.com/cookbook/examples/how_to_count_tokens_with_tiktoken (read 2026-11-21)
    lists = [body[name] for name in _LISTS if isinstance(body.get(name), list)]
    messages = sum(len(items) for items in lists if any(isinstance(item, dict) for item in items))
    messages += "instructions" in body
    messages += url.endswith("/responses") and isinstance(body.get("input"), str)
    if messages:
        yield _PER_REQUEST
        yield _PER_MESSAGE[0] * messages, _PER_MESSAGE[1] * messages


def _parts(body: Mapping[str, Any], reader: _Reader) -> Iterator[tuple[float, float] | None]:
    """
    Yield the tokens of each part of a request, ``None`` for parts that cannot be estimated.
    """
    # tools and schemas are rendered by the service in a way of its own, with fewer signs
    for name in dict.fromkeys((*_LISTS, *_TEXTS)):
        yield from _content(body.get(name), reader)
    for name in _SCHEMAS:
        if isinstance(body.get(name), list | dict):
            yield _schema_tokens(body[name])
    tools = body.get("tools")
    kinds = [str(tool.get("type")) for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
    is_searching = any(kind.startswith(_SEARCHING) for kind in kinds)
    for is_elsewhere in (is_searching, isinstance(body.get("web_search_options"), dict), *map(body.get, _ELSEWHERE)):
        if is_elsewhere:
            yield None


def _content(value: Any, reader: _Reader) -> Iterator[tuple[float, float] | None]:
    waiting = [value]  # no recursion: JSON may be nested as deeply as Python reads it
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield _text_tokens(value, reader.tokenizer)
        elif isinstance(value, list | tuple):
            if value and type(value[0]) is int:  # an input of tokens
                yield float(len(value)), float(len(value))
            else:
                waiting += value
        elif isinstance(value, dict):
            kind = value.get("type")
            if isinstance(kind, str) and kind in _IMAGES:
                yield _image_tokens(value, is_4o_mini=reader.is_4o_mini)
            elif (isinstance(kind, str) and _UNKNOWN.search(kind)) or _is_stored_prompt(value):
                yield None
            elif rest := [other for name in value.keys() - _KNOWN if (other := value[name])]:
                yield _rest_tokens(rest)
            waiting += [value[name] for name in _INSIDE if name in value]


def _is_stored_prompt(value: dict[str, Any]) -> bool:
    return "id" in value and not value.keys() - {"id", "version", "variables"}


def _image_tokens(part: dict[str, Any], *, is_4o_mini: bool) -> tuple[float, float]:
    # Base and tiles of 512 px (85 + 170 each, at most 8; gpt-5: 70 + 140; gpt-4o-mini: 2,833 + 5,667), or up to 1,536
    # patches of 32 px, times 2.46 for the smallest models; the image itself is not looked at
    # https://developers.openai.com/api/docs/guides/images-vision (in copies of it by others, read 2026-11-22)
    if is_4o_mini:
        return _IMAGE_4O_MINI
    image = part.get("image_url")
    detail = image.get("detail") if isinstance(image, dict) else part.get("detail")
    return _IMAGE_LOW_DETAIL if detail == "low" else _IMAGE


def _rest_tokens(value: list[Any]) -> tuple[float, float] | None:
    """
    Return at most the tokens of what is in a message by names that are not known: it may be read by the model.
    """
    found = _schema_tokens(value)
    return None if found is None else (0.0, found[1])


def _schema_tokens(value: Any) -> tuple[float, float] | None:
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (RecursionError, ValueError, TypeError) as error:
        let_through(error)
        return None
    low, high = text_bounds(text)
    return low / 2, high + _PER_TOOL * (len(value) if isinstance(value, list) else 1)


def _text_tokens(text: str, tokenizer: str | None) -> tuple[int, int]:
    """
    Return the least and the most tokens of a text, which are the same where *tokenizer* counts them.
    """
    return _of_short(text, tokenizer) if len(text) <= _SHORT else _of_any(text, tokenizer)


def _of_any(text: str, tokenizer: str | None) -> tuple[int, int]:
    counted = None if tokenizer is None else count_tokens(text, tokenizer)
    return text_bounds(text) if counted is None else (counted, counted)


_of_short = functools.lru_cache(maxsize=256)(_of_any)  # lines of a batch have their instructions in common
