"""
LiteLLM's prices of a deployment, in US dollars per token, as prices of the client, per million tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from aikit.billing.price_overrides import checked_prices
from aikit.gateway.settings.general import told
from aikit.providers.config.litellm_entries import LiteLLMEntry
from aikit.storage import shown

# https://docs.litellm.ai/docs/proxy/custom_pricing (1.109, read 2026-11-30); batches cost half of what is said, unless
# they have prices of their own

_NAMES: Final = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cached_input",
    "cache_creation_input_token_cost": "cache_write",
    "input_cost_per_audio_token": "input_audio",
    "output_cost_per_audio_token": "output_audio",
}
_PRICE: Final = re.compile(r"_cost_per_|_token_cost")
_MILLION: Final = 1_000_000
_BATCHES: Final = "_batches"
_HALF: Final = Decimal("0.5")


def prices_of(entry: LiteLLMEntry, *, has_discount: bool) -> Mapping[str, Any]:
    """
    Return the prices of the models that *entry* names; none if it has none.

    Args:
        entry: Prices stand in its ``model_info``, or beside its key.

        has_discount: Whether batches cost half where it does not say what they cost.

    Raises:
        ValueError: A price cannot be one; the message has its line.
    """
    said = entry.info.over(entry.given)
    plain = {ours: _number(entry, said, name) for name, ours in _NAMES.items() if said.get(name) is not None}
    named = {name + _BATCHES: ours for name, ours in _NAMES.items()}
    batch = {ours: _number(entry, said, name) for name, ours in named.items() if said.get(name) is not None}
    if (not plain and not batch) or not entry.is_model:
        return {}
    share = _HALF if has_discount else Decimal(1)
    prices: dict[str, Any] = {**plain, "batch": {name: value * share for name, value in plain.items()} | batch}
    return checked_prices(entry.place, dict.fromkeys((entry.model, entry.name), prices))


def unused_prices(entry: LiteLLMEntry) -> Iterator[str]:
    """
    Yield a warning for each price of *entry* that is not heeded.
    """
    known = {*_NAMES, *(name + _BATCHES for name in _NAMES)}
    for given in (entry.info, entry.given):
        for key in given:
            if _PRICE.search(key) and key not in known and given[key] is not None:
                yield f"{given.places[key]}: {entry.name!r}: {shown(key)} is not used by this gateway"


def _number(entry: LiteLLMEntry, said: Any, name: str) -> Decimal:
    try:
        number = Decimal(str(said[name]))
    except InvalidOperation:
        number = Decimal("NaN")
    if isinstance(said[name], bool) or not number.is_finite() or not 0 <= number <= 1:
        raise ValueError(
            f"{said.places[name]}: {entry.name!r}: {name} must be US dollars per token, a number from 0 to 1 such as "
            f"1.5e-07, not {told(said[name])}"
        )
    return (number * _MILLION).normalize()
