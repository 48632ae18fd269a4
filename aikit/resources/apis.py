"""
The APIs of a client, each loaded when it is first used: a client that is made and not used stays small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aikit.types.loading import load

if TYPE_CHECKING:
    from aikit.resources import batches, files, uploads

__all__ = ["batches", "files", "uploads"]

if not TYPE_CHECKING:  # who would let any name pass then

    def __getattr__(name: str) -> Any:
        if name in __all__:
            return load(f"{__package__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
