"""
Batch lines, made of Python objects.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

_CHAT: Final = "/v1/chat/completions"
_RESPONSES: Final = "/v1/responses"
_EMBEDDINGS: Final = "/v1/embeddings"


def chat_line(
    messages: str | Sequence[Mapping[str, Any]], *, model: str, custom_id: str | None = None, **body: Any
) -> dict[str, Any]:
    """
    Return the batch line of a chat completion.

    Args:
        messages: The conversation; a string is one message of the user.

        model: The model asked.

        custom_id: By which the answer is known; without one, it is derived from the content, see `stable_id`.

        body: Whatever else the request has, for example ``max_completion_tokens=200``.

    Raises:
        TypeError: An argument has another type, or the content cannot be JSON.
        ValueError: An argument is empty, or the content cannot be JSON.
    """
    # https://developers.openai.com/api/docs/guides/batch (read 2026-11-21)
    messages = [{"role": "user", "content": messages}] if isinstance(messages, str) else _listed("messages", messages)
    return _line(_CHAT, {"model": model, "messages": messages} | body, custom_id)


def response_line(
    input: str | Sequence[Mapping[str, Any]],  # noqa: A002  the field's name on the wire
    *,
    model: str,
    custom_id: str | None = None,
    **body: Any,
) -> dict[str, Any]:
    """
    Return the batch line of a response; the arguments are those of `chat_line`, but for *input*, a text or its items.
    """
    given = input if isinstance(input, str) else _listed("input", input)
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
    given = input if isinstance(input, str) else _listed("input", input)
    return _line(_EMBEDDINGS, {"model": model, "input": given} | body, custom_id)


def stable_id(url: str, body: Mapping[str, Any]) -> str:
    """
    Return the custom_id of a request that was given none: the same for the same content, in any run, on any machine.

    The order of keys makes no difference; what does is *url* and every value of *body*.

    Raises:
        TypeError: JSON cannot carry *body*.
        ValueError: Likewise: NaN, Infinity, or a value that holds itself.
    """
    content = json.loads(
        json.dumps([url, body], allow_nan=False)
    )  # keys of any kind are strings there, and can be sorted
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return f"req-{hashlib.blake2b(text.encode(), digest_size=12).hexdigest()}"


def _line(url: str, body: dict[str, Any], custom_id: str | None) -> dict[str, Any]:
    _require_text("model", body["model"])
    if custom_id is None:
        custom_id = stable_id(url, body)
    _require_text("custom_id", custom_id)
    return {"custom_id": custom_id, "method": "POST", "url": url, "body": body}


def _require_text(name: str, value: Any) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, not {type(value).__name__}")
    if not value:
        raise ValueError(f"{name} must not be empty")


def _listed(name: str, value: Any) -> list[Any]:
    if isinstance(value, bytes | bytearray | Mapping) or not isinstance(value, Sequence):
        raise TypeError(f"{name} must be a string or a list, not {type(value).__name__}")
    if not value:
        raise ValueError(f"{name} must not be empty")
    return list(value)
