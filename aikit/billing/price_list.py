"""
The price list of the package genai-prices.
"""

from __future__ import annotations

import functools
import importlib.util
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from aikit.billing.rates import Price, Rates
from aikit.types.wire import NOTHING

# https://github.com/pydantic/genai-prices (0.2.3, read 2026-11-22). It asks the network only where a program starts its
# UpdatePrices; the snapshot that is used here is the package's own, or what that program fetched.

_IN_BATCHES: Final = {"processing": "batch"}
_NAMES: Final = {"input": "input_mtok", "cached_input": "cache_read_mtok", "output": "output_mtok"}
_FORMS: Final = ("audio", "image", "video")
_KIND_NAMES: Final = {
    "cache_write": "cache_write_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
    **{f"input_{form}": f"input_{form}_mtok" for form in _FORMS},
    **{f"cached_{form}": f"cache_{form}_read_mtok" for form in _FORMS},
    **{f"output_{form}": f"output_{form}_mtok" for form in _FORMS},
}
_NOT_BY_TOKENS: Final = ("mchars", "hours", "kpages", "output_reasoning", "output_citation")
_DAY_S: Final = 86_400
_LAST_DAY: Final = 2_932_896  # the year 9999: a provider may say any number


@functools.cache
def is_installed() -> bool:
    """
    Return whether the package is installed.
    """
    return importlib.util.find_spec("genai_prices") is not None


def listed_price(list_name: str, model: str, at: int | None, batch_discount: Decimal) -> Price | None:
    """
    Return the listed price of *model*, ``None`` if it is not listed.

    The list's own prices of batches count; a model that has none there costs its plain price less *batch_discount*. A
    model that is not priced by its tokens, but by characters, hours or pages, is not priced.
    """
    if not is_installed():
        return None
    day = max(0, min(int(time.time() if at is None else at) // _DAY_S, _LAST_DAY))
    return _priced(list_name, model, day, batch_discount)


@functools.lru_cache(maxsize=1024)
def _priced(list_name: str, model: str, day: int, batch_discount: Decimal) -> Price | None:
    from genai_prices import data_snapshot  # noqa: PLC0415  an extra, and a large one

    try:
        _, info = data_snapshot.get_snapshot().find_provider_model(model, None, list_name, None)
    except LookupError:
        return None
    moment = datetime.fromtimestamp(day * _DAY_S, UTC)
    plain = info.get_prices(moment).__dict__
    if plain.get("input_mtok") is None or _is_apart(plain):
        return None
    has_own = any(
        variant.when == _IN_BATCHES and (variant.constraint is None or variant.constraint.active(moment))
        for variant in info.price_variants or ()
    )
    batch = info.get_prices(moment, _IN_BATCHES).__dict__ if has_own else plain
    discount = Decimal(0) if has_own else batch_discount
    starts = sorted({tier.start for price in batch.values() for tier in getattr(price, "tiers", ())})
    return Price(
        model=info.id,
        standard=_rates(plain, 0),
        batch=_rates(batch, 0).cheaper_by(discount),
        batch_above=tuple((start, _rates(batch, start + 1).cheaper_by(discount)) for start in starts),
        context_tokens=info.context_window,
        source="genai-prices",
    )


def _is_apart(prices: dict[str, Any]) -> bool:
    """
    Return whether something is priced that usage does not count, or the list does not say which output it prices.

    A model that reads images and has one price of output may make text or images for it.
    """
    names = {name for name, price in prices.items() if price is not None}
    is_unclear = "input_image_mtok" in names and not names & {"output_image_mtok", "output_audio_mtok"}
    return is_unclear or any(kind in name for name in names for kind in _NOT_BY_TOKENS)


def _rates(prices: dict[str, Any], input_tokens: int) -> Rates:
    kinds = {kind: _at(prices.get(name), input_tokens) for kind, name in _KIND_NAMES.items()}
    return Rates(
        **{name: _at(prices.get(key), input_tokens) for name, key in _NAMES.items()},
        kinds={kind: rate for kind, rate in kinds.items() if rate is not None} or NOTHING,
    )


def _at(price: Any, input_tokens: int) -> Decimal | None:
    """
    Return a price for requests with so many *input_tokens*: the highest tier that is exceeded counts for all of them.
    """
    if price is None or isinstance(price, Decimal):
        return price
    applying = [tier.price for tier in price.tiers if input_tokens > tier.start]
    rate: Decimal = applying[-1] if applying else price.base
    return rate
