"""
Lines translated, and what is told of those that are not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from aikit.http.context import CallContext
from aikit.http.sources import source_of
from aikit.providers.vertex.translation.staging import Staged, stage
from aikit.types.errors import OpenAIError, Rejected
from aikit.validation.limits import limits_for

CHAT: Final = "/v1/chat/completions"
HELLO: Final = [{"role": "user", "content": "Hello"}]
Body = Mapping[str, Any]


def content_of(bodies: Iterable[Body], url: str = CHAT) -> bytes:
    """
    Return a batch input of *bodies*; the custom_id of the first is ``c1``.
    """
    lines = [
        {"custom_id": f"c{number}", "method": "POST", "url": url, "body": body} for number, body in enumerate(bodies, 1)
    ]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def staged(content: bytes) -> Staged:
    """
    Translate a batch input.
    """
    return stage(source_of(content, filename="in.jsonl"), CallContext(), limits=limits_for("openai"))


def lines_of(content: bytes) -> list[Any]:
    """
    Return the translated lines of a batch input.
    """
    result = staged(content)
    lines = [json.loads(line) for line in result.requests.read_bytes().splitlines()]
    result.discard()
    return lines


def request_of(url: str = CHAT, **body: Any) -> Any:
    """
    Return the translated request of one line, of a model that may be named and messages that may be given.
    """
    given = {"model": "gemini-2.5-flash", **({"messages": HELLO} if url == CHAT else {}), **body}
    return lines_of(content_of([given], url))[0]["request"]


def errors_of(content: bytes) -> tuple[OpenAIError, ...]:
    """
    Return all that is told of a batch input that cannot be translated; empty if it can.
    """
    try:
        staged(content).discard()
    except Rejected as rejected:
        return rejected.errors
    except OpenAIError as error:
        return (error,)
    return ()


def refusal_of(url: str = CHAT, **body: Any) -> OpenAIError:
    """
    Return the one refusal of a line, which comes after one that can be translated.
    """
    good = {"model": body.get("model", "gemini-2.5-flash"), "messages": HELLO, "max_tokens": 9, "input": "x"}
    first = {
        name: good[name] for name in (("model", "input") if url.endswith("embeddings") else good.keys() - {"input"})
    }
    (error,) = errors_of(content_of([first, {**first, **body}], url))
    return error
