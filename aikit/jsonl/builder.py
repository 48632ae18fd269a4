"""
Batch lines from Python objects: requests for three endpoints, and their encoding as JSON.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aikit.types.interruptions import let_through
from aikit.validation.problems import excerpt

_CHAT: Final = "/v1/chat/completions"
_RESPONSES: Final = "/v1/responses"
_EMBEDDINGS: Final = "/v1/embeddings"
_INSTRUCTING: Final = ("system", "developer")
_SEARCHED_MAX: Final = 100_000
_KEYS: Final = (str, int, float, type(None))  # json makes strings of them: logit_bias has numbers


def chat_line(
    messages: str | Sequence[Mapping[str, Any]],
    *,
    model: str,
    system: str | None = None,
    custom_id: str | None = None,
    **body: Any,
) -> dict[str, Any]:
    """
    Return the batch line of a chat completion.

    Args:
        messages: The conversation; a string is one message of the user.

        model: The model asked.

        system: Instructions, as a system message in front of *messages*, which then has none of its own.

        custom_id: Identifies the line among the results; without one, it is derived from the content, see `stable_id`.

        body: Further parameters of the request, for example ``max_completion_tokens=200``.

    Raises:
        TypeError: An argument has another type, or the content cannot be JSON.
        ValueError: An argument is empty, *messages* has instructions beside *system*, or the content cannot be JSON;
            the message names the place. Raised by the lines that `write` is given, it becomes the problem of its line.
    """
    # https://developers.openai.com/api/docs/guides/batch (read 2026-11-21)
    given = (
        [{"role": "user", "content": messages}] if isinstance(messages, str) else _require_list("messages", messages)
    )
    if system is not None:
        given = [_system_message(system, given), *given]
    return _line(_CHAT, {"model": model, "messages": given} | body, custom_id)


def response_line(
    input: str | Sequence[Mapping[str, Any]],  # noqa: A002  the field's name on the wire
    *,
    model: str,
    instructions: str | None = None,
    custom_id: str | None = None,
    **body: Any,
) -> dict[str, Any]:
    """
    Return the batch line of a response; the arguments are those of `chat_line`, but for *input*, a text or its items.

    *instructions* are what *system* is there; no item of *input* is in their way.
    """
    given = input if isinstance(input, str) else _require_list("input", input)
    if instructions is not None:
        _require_text("instructions", instructions)
        body["instructions"] = instructions
    return _line(_RESPONSES, {"model": model, "input": given} | body, custom_id)


def embedding_line(
    input: str | Sequence[Any],  # noqa: A002  the field's name on the wire
    *,
    model: str,
    custom_id: str | None = None,
    **body: Any,
) -> dict[str, Any]:
    """
    Return the batch line of embeddings; the arguments are those of `chat_line`, but for *input*.

    *input* is a text, several texts, or token numbers; each text counts towards the 50,000 that one batch may have.
    """
    given = input if isinstance(input, str) else _require_list("input", input)
    return _line(_EMBEDDINGS, {"model": model, "input": given} | body, custom_id)


def stable_id(url: str, body: Mapping[str, Any]) -> str:
    """
    Return a custom_id derived from the content of a request: the same in any run, on any machine.

    It depends on *url* and every value of *body*, but not on the order of keys.

    Raises:
        TypeError: *body* has a value that JSON cannot represent.
        ValueError: *body* has NaN or Infinity, or contains itself.
    """
    try:
        content = json.loads(json.dumps([url, body], allow_nan=False))  # keys become strings, and can be sorted
    except (TypeError, ValueError, RecursionError) as error:
        raise unfit_error({"url": url, "body": body}, error) from error
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return f"req-{hashlib.blake2b(text.encode(), digest_size=12).hexdigest()}"


def _line(url: str, body: dict[str, Any], custom_id: str | None) -> dict[str, Any]:
    _require_text("model", body["model"])
    if custom_id is None:
        custom_id = stable_id(url, body)
    _require_text("custom_id", custom_id)
    return {"custom_id": custom_id, "method": "POST", "url": url, "body": body}


def _system_message(system: Any, messages: Sequence[Any]) -> dict[str, str]:
    _require_text("system", system)
    if any(isinstance(message, Mapping) and message.get("role") in _INSTRUCTING for message in messages):
        raise ValueError("messages has a system or developer message of its own; leave that out, or leave out system")
    return {"role": "system", "content": system}


def _require_text(name: str, value: Any) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, not {type(value).__name__}")
    if not value:
        raise ValueError(f"{name} must not be empty")


def _require_list(name: str, value: Any) -> list[Any]:
    if isinstance(value, bytes | bytearray | Mapping) or not isinstance(value, Sequence):
        raise TypeError(f"{name} must be a string or a list, not {type(value).__name__}")
    if not value:
        raise ValueError(f"{name} must not be empty")
    return list(value)


class UnfitError(ValueError, TypeError):
    """
    A line cannot be written as JSON, for a value of it or its type; the message names the place.
    """

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param


def encode_line(line: dict[str, Any]) -> bytes:
    """
    Return *line* as JSON in UTF-8, with a newline.

    Raises:
        UnfitError: JSON cannot represent *line*.
    """
    try:
        return (json.dumps(line, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n").encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise unfit_error(line, error) from error


def unfit_error(line: dict[str, Any], error: Exception) -> UnfitError:
    """
    Return the error for a line that cannot be JSON, with the place of the value at fault.
    """
    let_through(error)
    waiting = [("", line)]
    for _ in range(_SEARCHED_MAX):  # a value that contains itself has no end
        if not waiting:
            break
        place, value = waiting.pop()
        if (reason := _reason(value)) is not None:
            return UnfitError("invalid_value", f"'{excerpt(place)}' {reason}.", place)
        waiting += reversed(_children(place, value))
    reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
    return UnfitError("invalid_value", f"The line cannot be JSON: {reason}.")


def _children(place: str, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(f"{place}.{key}" if place else str(key), inner) for key, inner in value.items()]
    if isinstance(value, list | tuple):
        return [(f"{place}[{index}]", inner) for index, inner in enumerate(value)]
    return []


def _reason(value: Any) -> str | None:
    if isinstance(value, str):
        return "has a lone surrogate, which UTF-8 cannot carry" if not _is_encodable(value) else None
    if isinstance(value, float):
        return None if math.isfinite(value) else f"is {value}, which is no JSON number; use None"
    if isinstance(value, dict):
        odd = [key for key in value if not isinstance(key, _KEYS) or (isinstance(key, str) and not _is_encodable(key))]
        return f"has a key that JSON cannot carry: {excerpt(repr(odd[0]))}" if odd else None
    if value is None or isinstance(value, int | list | tuple):
        return None
    return f"is {type(value).__name__}, which JSON cannot carry; make it a string, a number or a list"


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
