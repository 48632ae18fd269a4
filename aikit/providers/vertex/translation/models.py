"""
Models of Vertex AI by the names that lines give them: where each is, and which lines it takes.
"""

from __future__ import annotations

import functools
import re
from typing import Final

import attrs

from aikit.types.errors import OpenAIError

CHAT: Final = "/v1/chat/completions"
EMBEDDINGS: Final = "/v1/embeddings"
GEMINI, OPENAI, ANTHROPIC = "gemini", "openai", "anthropic"
"""Shapes of lines."""

_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._@-]{0,127}"
_PATH: Final = re.compile(rf"(?:publishers/)?(?P<publisher>{_NAME})/(?:models/)?(?P<name>{_NAME})")
_TUNED: Final = re.compile(rf"projects/{_NAME}/locations/{_NAME}/models/{_NAME}")
_PREFIXES: Final = ("vertex_ai/", "models/")  # LiteLLM's, and that of the Gemini Developer API
_PUBLISHERS: Final = {
    "gemini-": "google",
    "text-embedding-0": "google",
    "text-multilingual-embedding-": "google",
    "claude-": "anthropic",
    "llama-": "meta",
    "gpt-oss-": "openai",
    "qwen": "qwen",
    "deepseek-": "deepseek-ai",
    "multilingual-e5-": "intfloat",
}
"""How a name without a publisher begins → the publisher."""

_OLD_EMBEDDINGS: Final = ("text-embedding-", "text-multilingual-embedding-", "textembedding-gecko")
_THINKS: Final = (2, 5)
_HAS_LEVELS: Final = (3, 0)
_VERSION: Final = re.compile(r"gemini-(\d{1,3})(?:\.(\d{1,3}))?")
_SHOWN: Final = 80


@attrs.frozen(kw_only=True)
class Model:
    """
    One model, or one that was tuned.

    Attributes:
        path: As a job names it.

        shape: Of its lines.

        endpoints: Those whose lines it takes.

        version: Of a Gemini model; ``None`` if its name has none.
    """

    path: str
    shape: str
    endpoints: tuple[str, ...]
    version: tuple[int, int] | None = None

    @property
    def thinks(self) -> bool:
        """Whether it thinks before it answers; a model that was tuned is taken for one that does."""
        return self.version is None or self.version >= _THINKS

    @property
    def has_levels(self) -> bool:
        """Whether it thinks on levels, and not within a budget of tokens."""
        return self.version is not None and self.version >= _HAS_LEVELS

    def require(self, endpoint: str) -> None:
        """
        Refuse an *endpoint* whose lines the model does not take.

        Raises:
            OpenAIError: It is another (code ``"unsupported"``).
        """
        if endpoint not in self.endpoints:
            message = (
                f"{self.path} takes batch lines for {self.endpoints[0]} on Vertex AI, and none for {endpoint[:60]}"
            )
            mend = "; write them with messages" if self.endpoints[0] == CHAT else ""
            raise _refusal(f"{message}{mend}", "url")


@functools.lru_cache(maxsize=64)
def model_named(name: str) -> Model:
    """
    Return the model that lines call *name*: ``gemini-2.5-flash``, ``meta/llama-…``, or its path at Vertex AI.

    Raises:
        OpenAIError: No such model is known, or batches of it cannot be told apart (code ``"unsupported"``).
    """
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    if _TUNED.fullmatch(name):
        return Model(path=name, shape=GEMINI, endpoints=(CHAT,))
    publisher = next((known for start, known in _PUBLISHERS.items() if name.startswith(start)), None)
    found = _PATH.fullmatch(name if publisher is None or "/" in name else f"{publisher}/{name}")
    if found is None:
        raise _refusal(
            f'"{name[:_SHOWN]}" is no model of Vertex AI that is known here; name one as Vertex AI does, '
            "for example gemini-2.5-flash, meta/llama-3.3-70b-instruct-maas or publishers/anthropic/models/…"
        )
    return _published(found["publisher"], found["name"])


def _published(publisher: str, name: str) -> Model:
    path = f"publishers/{publisher}/models/{name}"
    if publisher == "google":
        return _of_google(path, name)
    if publisher == "anthropic":
        return Model(path=path, shape=ANTHROPIC, endpoints=(CHAT,))
    embeds = "embed" in name or name.startswith("multilingual-e5")
    return Model(path=path, shape=OPENAI, endpoints=(EMBEDDINGS if embeds else CHAT,))


def _of_google(path: str, name: str) -> Model:
    if name.startswith("gemini-embedding"):
        return Model(path=path, shape=GEMINI, endpoints=(EMBEDDINGS,))
    if name.startswith(_OLD_EMBEDDINGS):
        raise _refusal(
            f"batches of {name[:_SHOWN]} do not say which line an answer belongs to; take a gemini-embedding model"
        )
    if not name.startswith("gemini-"):
        raise _refusal(f"how Vertex AI takes batch lines for {name[:_SHOWN]} is not known here; take a gemini model")
    found = _VERSION.match(name)
    version = (int(found[1]), int(found[2] or 0)) if found else None
    return Model(path=path, shape=GEMINI, endpoints=(CHAT,), version=version)


def _refusal(message: str, param: str = "model") -> OpenAIError:
    return OpenAIError(message=message, code="unsupported", param=f"body.{param}" if param == "model" else param)
