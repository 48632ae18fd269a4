"""
Estimates of the tokens of a request, as a low and a high number, without a tokenizer.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

_LETTERS: Final = bytes((*range(ord("A"), ord("Z") + 1), *range(ord("a"), ord("z") + 1)))
_DIGITS: Final = b"0123456789"
_SIGNS: Final = bytes(code for code in range(33, 127) if code not in _LETTERS + _DIGITS)
_RATES: Final = ((_LETTERS, 0.19, 0.33), (_DIGITS, 1 / 3, 1.0), (_SIGNS, 0.4, 1.0), (b"\n", 0.0, 1.0))
"""Tokens of one character, low and high, by the byte that stands for it."""

_ACCENTED: Final = bytes(range(0xC2, 0xCD))
_RATES_BEYOND: Final = (
    (_ACCENTED, 0.3, 1.0),
    (bytes(range(0xD0, 0xD5)), 0.22, 0.75),  # Cyrillic
    (bytes((*range(0xCD, 0xD0), *range(0xD5, 0xE0))), 0.28, 1.3),  # Greek, Armenian, Hebrew, Arabic
    (b"\xe0\xe1", 0.34, 2.2),  # Indic, Thai, Georgian, …
    (b"\xe2", 0.5, 3.0),  # punctuation and symbols
    (b"\xe3", 0.55, 1.4),  # kana
    (bytes(range(0xE4, 0xEA)), 0.55, 2.0),  # Chinese characters
    (bytes(range(0xEA, 0xEE)), 0.55, 1.5),  # Hangul
    (b"\xee\xef", 0.5, 2.0),  # full-width forms
    (bytes(range(0xF0, 0xF5)), 1.0, 4.0),  # emoji, rare characters
)
"""The same for characters beyond ASCII, by the first byte of their UTF-8."""

_MANY_PER_WORD: Final = 25  # letters and digits; more are no words but base64, hashes, URLs
_PER_MESSAGE: Final = (4.0, 5.0)  # 3, and 1 for the role
_PER_REQUEST: Final = (3.0, 3.0)
_PER_TOOL: Final = 12.0
_IMAGE: Final = (70.0, 3_779.0)
_IMAGE_LOW_DETAIL: Final = (70.0, 85.0)
_IMAGE_4O_MINI: Final = (2_833.0, 48_169.0)
_TEXTS: Final = ("input", "prompt", "instructions", "suffix")
_LISTS: Final = ("messages", "input")
_SCHEMAS: Final = ("tools", "functions", "response_format", "text")
_ELSEWHERE: Final = ("previous_response_id", "conversation")
_INSIDE: Final = ("content", "text", "name", "arguments", "output", "refusal", "tool_calls", "function", "variables")
_IMAGES: Final = frozenset(("image_url", "input_image", "computer_screenshot"))
_UNKNOWN: Final = frozenset(("input_audio", "file", "input_file", "item_reference", "video_url"))
_BOUNDS: Final = (
    ("/chat/completions", ("max_completion_tokens", "max_tokens")),
    ("/completions", ("max_tokens",)),
    ("/responses", ("max_output_tokens",)),
    ("", ("max_completion_tokens", "max_output_tokens", "max_tokens")),
)
"""End of an endpoint's path → the parameters that limit its output; servers ignore or refuse the others."""

_ANSWERED_WITHOUT_TOKENS: Final = ("/embeddings", "/moderations")


@attrs.frozen
class TokenEstimate:
    """
    A range of tokens.

    Attributes:
        low: The lower estimate.

        high: The upper estimate, without the *uncounted* parts.

        uncounted: The number of parts whose tokens cannot be estimated: files, audio, objects stored at the provider.
    """

    low: int = 0
    high: int = 0
    uncounted: int = 0

    def __add__(self, other: TokenEstimate) -> TokenEstimate:
        return TokenEstimate(self.low + other.low, self.high + other.high, self.uncounted + other.uncounted)


def estimate_tokens(text_or_body: str | Mapping[str, Any]) -> TokenEstimate:
    """
    Estimate the input tokens of a text, of a request's body, or of a whole batch line.

    Both numbers hold for the tokenizers ``o200k_base`` and ``cl100k_base``: of 1,841 texts of 300 characters, in 20
    languages and 7 notations, 11 lay outside, none by more than a tenth. The real number is, for English prose and
    program text, 0.6 to 0.7 of *high* and 1.3 times *low*; where the two tokenizers differ (Greek, Hindi, Georgian),
    *high* is up to 4.6 times of what the newer one takes.

    Images count 70 to 3,779 tokens each (70 to 85 with low detail, 2,833 to 48,169 for gpt-4o-mini), since their
    sizes are not read. Tools and schemas count by their JSON, *low* the half of it.

    Raises:
        TypeError: *text_or_body* is neither a string nor a mapping.
    """
    if isinstance(text_or_body, str):
        return _estimate(_text_tokens(text_or_body))
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
    if url.endswith(_ANSWERED_WITHOUT_TOKENS):
        return 0
    names = next(names for end, names in _BOUNDS if url.endswith(end))
    bound = next((body[name] for name in names if _is_count(body.get(name))), None)
    return None if bound is None else int(bound) * answer_count(body)


def answer_count(body: Mapping[str, Any]) -> int:
    """
    Return the largest number of answers that *body* asks for.
    """
    answers: int = max((body[name] for name in ("n", "best_of") if _is_count(body.get(name))), default=1)
    return max(answers, 1) * prompt_count(body)


def prompt_count(body: Mapping[str, Any]) -> int:
    """
    Return the number of prompts in *body*, each with answers of its own.
    """
    prompt = body.get("prompt")
    return len(prompt) if isinstance(prompt, list) and prompt and not _is_count(prompt[0]) else 1


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0  # so no bool


def _input_estimate(url: str, body: Mapping[str, Any]) -> TokenEstimate:
    found = [*_frames(url, body), *_parts(body)]
    uncounted = sum(1 for part in found if part is None)
    return _estimate(_sum(part for part in found if part is not None), uncounted)


def _estimate(tokens: tuple[float, float], uncounted: int = 0) -> TokenEstimate:
    low, high = tokens
    return TokenEstimate(math.floor(low), math.ceil(high), uncounted)


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


def _parts(body: Mapping[str, Any]) -> Iterator[tuple[float, float] | None]:
    """
    Yield the tokens of each part of a request, ``None`` for parts that cannot be estimated.
    """
    # tools and schemas are rendered by the service in a way of its own, with fewer signs
    is_4o_mini = str(body.get("model")).startswith("gpt-4o-mini")
    for name in dict.fromkeys((*_LISTS, *_TEXTS)):
        yield from _content(body.get(name), is_4o_mini=is_4o_mini)
    for name in _SCHEMAS:
        if isinstance(body.get(name), list | dict):
            yield _schema_tokens(body[name])
    for name in _ELSEWHERE:
        if body.get(name):
            yield None


def _content(value: Any, *, is_4o_mini: bool) -> Iterator[tuple[float, float] | None]:
    waiting = [value]  # no recursion: JSON may be nested as deeply as Python reads it
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield _text_tokens(value)
        elif isinstance(value, list | tuple):
            if value and type(value[0]) is int:  # an input of tokens
                yield float(len(value)), float(len(value))
            else:
                waiting += value
        elif isinstance(value, dict):
            kind = value.get("type")
            if isinstance(kind, str) and kind in _IMAGES:
                yield _image_tokens(value, is_4o_mini=is_4o_mini)
            elif (isinstance(kind, str) and kind in _UNKNOWN) or _is_stored_prompt(value):
                yield None
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


def _schema_tokens(value: Any) -> tuple[float, float] | None:
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (RecursionError, ValueError, TypeError):
        return None
    low, high = _text_tokens(text)
    return low / 2, high + _PER_TOOL * (len(value) if isinstance(value, list) else 1)


def _text_tokens(text: str) -> tuple[float, float]:
    """
    Return the low and the high number for a text; both are 0 for an empty one.

    Every word that stands between blanks is one token at least; the rates were fitted to ``o200k_base`` (low) and
    ``cl100k_base`` (high).
    """
    if not text:
        return 0.0, 0.0
    data = text.encode("utf-8", "surrogatepass")
    low, high = _rated(data, _RATES)
    words = len(text.split())
    letters = _count(data, _LETTERS)
    if letters > _MANY_PER_WORD * words:
        high += 0.42 * letters
    if len(data) != len(text):
        more_low, more_high = _rated(data, _RATES_BEYOND)
        # words of languages with accents are cut into more pieces than English ones
        low, high = low + more_low, high + more_high + 0.14 * min(letters, 60 * _count(data, _ACCENTED))
    return max(low, words, 1.0), max(high, words, 1.0)


def _rated(data: bytes, rates: tuple[tuple[bytes, float, float], ...]) -> tuple[float, float]:
    low = high = 0.0
    for kind, least, most in rates:
        count = _count(data, kind)
        low, high = low + least * count, high + most * count
    return low, high


def _count(data: bytes, kind: bytes) -> int:
    return len(data) - len(data.translate(None, kind))
