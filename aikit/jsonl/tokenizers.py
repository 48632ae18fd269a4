"""
The real tokenizers of models, where a package that brings their vocabularies is installed: ``aikit-client[tokens]``.
"""

from __future__ import annotations

import functools
import importlib.util
import re
from collections.abc import Callable
from typing import Final

# https://github.com/openai/tiktoken/blob/main/tiktoken/model.py (0.14.0, read 2026-11-30); the open models of gpt-oss
# have o200k_base's vocabulary and more special tokens, which texts have none of
_TOKENIZERS: Final = (
    (re.compile(r"(gpt-(4o|4\.1|4\.5|5(\.\d+)?|oss)|chatgpt-4o|o1|o3|o4-mini)(?![\w.])"), "o200k_base"),
    (re.compile(r"(gpt-(4|3\.5|35)|text-embedding-(3|ada-002)|(davinci|babbage)-002)(?![\w.])"), "cl100k_base"),
)
"""By the beginning of the model's name."""


@functools.lru_cache(maxsize=1024)
def tokenizer_of(model: str) -> str | None:
    """
    Return the name of the tokenizer that counts *model*'s tokens here; ``None`` if none is installed, or known.
    """
    if not is_installed():
        return None
    name = model.removeprefix("openai/").removeprefix("ft:")
    return next((tokenizer for names, tokenizer in _TOKENIZERS if names.match(name)), None)


@functools.cache
def is_installed() -> bool:
    """
    Return whether there is a real tokenizer.
    """
    return importlib.util.find_spec("toktok") is not None


def count_tokens(text: str, tokenizer: str) -> int | None:
    """
    Return how many tokens *text* has; ``None`` for lone surrogates, which no tokenizer takes.
    """
    try:
        return _counter()([text], tokenizer, 1)[0]
    except UnicodeEncodeError:
        return None


@functools.cache
def _counter() -> Callable[[list[str], str, int], list[int]]:
    from toktok import batch_count  # noqa: PLC0415  an extra, whose vocabularies take megabytes

    count: Callable[[list[str], str, int], list[int]] = batch_count
    return count
