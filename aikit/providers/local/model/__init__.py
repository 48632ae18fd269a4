"""
The built-in model: answers the lines of batches by itself, always the same way, so that nothing else is needed.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from aikit.http.context import CallContext
from aikit.providers.local.api.refusals import Refusal
from aikit.providers.local.batches.answerer import Answer, Task
from aikit.providers.local.model.chat import chat, completions, responses
from aikit.providers.local.model.embeddings import embeddings, moderations
from aikit.providers.local.model.request import Body, body_from, require_recognized

_ENDPOINTS: Final[Mapping[str, Callable[[Body], dict[str, Any]]]] = {
    "/v1/chat/completions": chat,
    "/v1/completions": completions,
    "/v1/embeddings": embeddings,
    "/v1/responses": responses,
    "/v1/moderations": moderations,
}
_PREFIXES: Final = {
    "/v1/chat/completions": "chatcmpl-",
    "/v1/completions": "cmpl-",
    "/v1/responses": "resp_",
    "/v1/moderations": "modr-",
}


@attrs.frozen(kw_only=True)
class BuiltInModel:
    """
    A model that needs no server: it says back what the user said last, as OpenAI's API would put it.

    The same request under the same custom_id gets the same answer, but for the time it was made. Texts honour the limit
    of tokens, ``stop``, and formats of JSON; embeddings of similar texts are similar; a text is flagged by moderation
    where it holds the name of a category. It calls no tools and makes no images.

    Attributes:
        now: Unix seconds, for ``created``.

        most_at_once: It computes, which more threads would not make faster.
    """

    now: Callable[[], float] = time.time
    most_at_once: int = 1

    def answer(self, task: Task, context: CallContext) -> Answer:  # noqa: ARG002  it takes no time that could be cut short
        """
        Answer *task*; what OpenAI would refuse has status 400 and OpenAI's error object.
        """
        digest = _digest(task)
        try:
            status, body = 200, _encoded(self._answered(task, digest))
        except Refusal as refusal:
            status, body = refusal.status, _encoded(refusal.to_wire())
        return Answer(status_code=status, request_id=f"req_{digest[:32]}", body=body)

    def _answered(self, task: Task, digest: str) -> dict[str, Any]:
        make = _ENDPOINTS.get(task.url)
        if make is None:
            message = (
                f"The built-in model does not answer {task.url}, only {', '.join(_ENDPOINTS)}. "
                "Give the client the base_url of a server that does."
            )
            raise Refusal(message, param="url", code="unsupported_endpoint")
        body = body_from(task.body)
        require_recognized(task.url, body)
        value = make(body)
        if task.url in _PREFIXES:
            value = {"id": _PREFIXES[task.url] + digest[:29]} | value
        for item in value.get("output", ()):
            item["id"] += digest[29:]
        for name in ("created", "created_at", "completed_at"):
            if value.get(name) is not None:
                value[name] = int(self.now())
        return value


def _digest(task: Task) -> str:
    """
    Return 64 letters and digits that stand for the request.
    """
    names = f"{task.custom_id}\n{task.url}\n".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(names + task.body, digest_size=32).hexdigest()


def _encoded(value: dict[str, Any]) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # half a character, which only an escape can say
        return json.dumps(value, separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        raise Refusal("A number in the body of your request is too large, or it is nested too deeply.") from None
