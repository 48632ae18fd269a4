"""
Settings of how the lines of batches are answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

import attrs

from aikit.providers.local.batches.answerer import Answerer

CONCURRENCY: Final = 16
"""Lines under way at once by default."""


@contextmanager
def built_in_model() -> Iterator[Answerer]:
    """
    Yield the built-in model.
    """
    from aikit.providers.local.model import BuiltInModel  # noqa: PLC0415  calls about files and batches of servers do without

    yield BuiltInModel()


@attrs.frozen(kw_only=True)
class AnswerSettings:
    """
    How the lines of batches are answered: by which server or model, and how many at once.

    Attributes:
        upstream: Address of the server; batches made for another one are left alone. ``None``: the built-in model.

        open_answerer: Opens the answerer for the first line; it is closed with the provider.

        concurrency: Lines under way at once.
    """

    upstream: str | None = None
    open_answerer: Callable[[], AbstractContextManager[Answerer]] = attrs.field(default=built_in_model, repr=False)
    concurrency: int = CONCURRENCY
