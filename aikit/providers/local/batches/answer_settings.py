"""
How the lines of batches are answered here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

import attrs

from aikit.providers.local.batches.answerer import Answerer

CONCURRENCY: Final = 16
"""Lines under way at once, unless somebody wants it otherwise."""


@contextmanager
def built_in_model() -> Iterator[Answerer]:
    """
    Lend the built-in model.
    """
    from aikit.providers.local.model import BuiltInModel  # noqa: PLC0415  who has no batches need not load it

    yield BuiltInModel()


@attrs.frozen(kw_only=True)
class Answers:
    """
    How the lines of batches are answered here.

    Attributes:
        upstream: Address where they are; batches made for another one are left alone. ``None``: nowhere else.

        opened: Lends what answers them, from the first line on until the batches are closed.

        concurrency: Lines under way at once.
    """

    upstream: str | None = None
    opened: Callable[[], AbstractContextManager[Answerer]] = attrs.field(default=built_in_model, repr=False)
    concurrency: int = CONCURRENCY
