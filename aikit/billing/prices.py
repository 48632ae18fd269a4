"""
Prices: the user's own first, then those of the price list of this provider.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import attrs

from aikit.billing.price_list import is_installed, listed_price
from aikit.billing.price_overrides import read_prices, user_prices
from aikit.billing.rates import FREE, Price
from aikit.storage.package_data import read_data
from aikit.types.json_form import Jsonable
from aikit.types.usage import Usage

_MOST_NAMED: Final = 10
_LONGEST_NAMED: Final = 200
_PATH: Final = re.compile(r"\A(?:vertex_ai/)?(?:(?:publishers/)?(?:anthropic|google)/)?(?:models/)?")
_DATE: Final = re.compile(r"-20\d\d-[01]\d-[0-3]\d(?=$|:)")


@attrs.frozen(kw_only=True)
class Prices(Jsonable):
    """
    The prices of one provider, as one user knows them.

    Attributes:
        own: Model → the user's price.

        list_name: Of the provider in the price list; ``None`` when there is no list for it.

        is_free: Whether models without a price cost nothing: the embedded provider's built-in model.

        path: Where the user's file of prices is, or would be.

        batch_discount: Share that batches are cheaper by, where no batch prices are known.

        others: What models cost that have no price of their own: that of the deployment that was asked.
    """

    own: Mapping[str, Price] = attrs.field(factory=dict)
    list_name: str | None = None
    is_free: bool = False
    path: Path
    batch_discount: Decimal = Decimal(0)
    others: Price | None = None

    def price_of(self, model: str, at: int | None = None) -> Price | None:
        """
        Return what *model* costs, ``None`` if that is unknown.

        A name with a date (``gpt-4o-mini-2024-07-18``) has the price that the user gave to the name without it, and one
        that is a path, as Google's are (``publishers/google/models/gemini-2.5-flash``), that of its end.

        Args:
            model: As requests or answers name it.

            at: Unix seconds; without it, now.
        """
        bare = _PATH.sub("", model, count=1)
        for name in (model, bare, _DATE.sub("", bare)):
            if name in self.own:
                return self.own[name]
        if self.is_free:
            return Price(model=model, batch=FREE, standard=FREE, source="the built-in model costs nothing")
        if self.list_name is None or not model:
            return self.others
        return listed_price(self.list_name, bare, at, self.batch_discount) or self.others

    def cost_of(self, usage: Usage, model: str, asked: str, at: int | None = None) -> Decimal | None:
        """
        Return what one answer in a batch cost, in US dollars; ``None`` if no price is known.

        Args:
            usage: Its tokens.

            model: As the answer names it.

            asked: As its request does; where that is a deployment with a price of the user's, this is the price.

            at: Unix seconds when its batch was created; without it, now.
        """
        price = self.price_of(model or asked, at) or (self.price_of(asked, at) if self.own else None)
        return None if price is None else price.batch_rates(price.step(usage.input_tokens)).cost(usage)

    def why_unknown(self, models: Iterable[str]) -> str:
        """
        Return a sentence about *models* whose price is not known, and what to do.
        """
        names = named(models)
        give = f"give it in {self.path} or as OpenAIClient(prices=…)"
        if self.list_name is None:
            return f"no price is known for {names}: there is no price list for this provider; {give}"
        if not is_installed():
            return f"no price is known for {names}: pip install 'aikit-client[prices]' for a price list, or {give}"
        return f"no price is known for {names}: the price list does not have it; {give}"


def named(models: Iterable[str]) -> str:
    """
    Return the names of *models* for a sentence, of many the first ten.
    """
    names = [model[:_LONGEST_NAMED] or "lines that name no model" for model in models]
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def prices_for(base_url: str, *, own: Mapping[str, Any] | None, path: Path, is_free: bool = False) -> Prices:
    """
    Return the prices for a provider.

    Args:
        base_url: Of the provider; its host decides which list is used, if any.

        own: What the user gave to the client; wins over the file.

        path: The user's file of prices; it need not be there.

        is_free: Whether models without a price cost nothing.

    Raises:
        ValueError: The file cannot be used.
    """
    facts = _facts_of(urlsplit(base_url).hostname or "")
    discount = Decimal(facts["batch_discount"]["value"]) if facts else Decimal(0)
    return Prices(
        own={**read_prices(path, discount), **user_prices("prices", own or {}, discount)},
        list_name=facts["list"]["value"] if facts else None,
        is_free=is_free,
        path=path,
        batch_discount=discount,
    )


def _facts_of(host: str) -> Mapping[str, Any]:
    """
    Return what is known of *host*, or of all hosts whose names end as its own does.
    """
    names = (name for name in _facts() if name == host or (name[0] == "." and host.endswith(name)))
    facts: Mapping[str, Any] = _facts().get(next(names, ""), {})
    return _facts()[facts["like"]] if "like" in facts else facts


@functools.cache
def _facts() -> Mapping[str, Any]:
    facts = read_data("aikit.billing", "batch_prices.json")
    del facts["about"]
    return facts
