"""
What a client needs that few calls do, loaded by the first of them: making a client takes less time than all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aikit.types.loading import load

if TYPE_CHECKING:
    from aikit import dispatch
    from aikit.billing import price_overrides, recorder
    from aikit.providers.config import kept_keys, providers
    from aikit.runtime import beside, scheduler
    from aikit.storage import upload_journal

__all__ = ["beside", "dispatch", "kept_keys", "price_overrides", "providers", "recorder", "scheduler", "upload_journal"]

_HOMES: Final = {
    "beside": "runtime",
    "kept_keys": "providers.config",
    "price_overrides": "billing",
    "providers": "providers.config",
    "recorder": "billing",
    "scheduler": "runtime",
    "upload_journal": "storage",
}

if not TYPE_CHECKING:  # who would let any name pass then

    def __getattr__(name: str) -> Any:
        if name in __all__:
            return load(".".join(filter(None, ("aikit", _HOMES.get(name), name))))
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
