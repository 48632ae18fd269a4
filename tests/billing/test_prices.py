"""
Prices: whose count, for whom, and since when.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aikit.billing import price_list
from aikit.billing.price_overrides import checked_prices, read_prices, user_prices
from aikit.billing.prices import Prices, named, prices_for
from aikit.billing.rates import Price, Rates
from aikit.types.usage import Usage

_OPENAI = "https://api.openai.com/v1"
_NOVEMBER_2026 = 1_795_000_000


def _prices(tmp_path: Path, base_url: str = _OPENAI, **options: Any) -> Prices:
    return prices_for(base_url, own=options.pop("own", None), path=tmp_path / "prices.json", **options)


def _batch(price: Price | None) -> Rates:
    assert price is not None
    return price.batch


def test_cost_is_tokens_times_rates() -> None:
    """
    Cached tokens are among those of the input, reasoning ones among those of the output; a million costs the rate.
    """
    rates = Rates(input=Decimal(2), cached_input=Decimal(1), output=Decimal(10))
    usage = Usage(input_tokens=1_000_000, cached_tokens=250_000, output_tokens=100_000, reasoning_tokens=90_000)
    assert rates.cost(usage) == Decimal("1.5") + Decimal("0.25") + Decimal(1)


def test_cached_input_without_a_rate_costs_as_other_input() -> None:
    """
    It is never taken for free.
    """
    assert Rates(input=Decimal(2)).cost(Usage(input_tokens=1_000_000, cached_tokens=1_000_000)) == 2


def test_tokens_without_a_rate_have_no_cost() -> None:
    """
    Unknown is not 0; what has no such tokens needs no such rate.
    """
    rates = Rates(input=Decimal(2))
    assert rates.cost(Usage(input_tokens=1, output_tokens=1)) is None
    assert rates.cost(Usage(input_tokens=1_000_000)) == 2


def test_more_cached_than_input_tokens_cost_no_more_than_all() -> None:
    """
    A file may say anything, but nothing costs less than nothing.
    """
    rates = Rates(input=Decimal(2), cached_input=Decimal(1))
    assert rates.cost(Usage(input_tokens=1_000_000, cached_tokens=9_000_000)) == 1


def test_prices_stay_as_they_were_checked() -> None:
    """
    What the caller does to the mapping later changes nothing, however deep.
    """
    given: dict[str, Any] = {"m": {"batch": {"input": 1}}}
    checked = checked_prices("prices", given)
    given["m"]["batch"]["input"] = "much"
    assert checked == {"m": {"batch": {"input": 1}}}


def test_the_list_has_batch_prices_of_its_own(tmp_path: Path) -> None:
    """
    They count where there are any, cached input among them; a dated name and one without are the same model.
    """
    price = _prices(tmp_path).price_of("gpt-4o-mini-2024-07-18", _NOVEMBER_2026)
    assert price == _prices(tmp_path).price_of("gpt-4o-mini", _NOVEMBER_2026)
    assert price is not None
    assert price.standard == Rates(input=Decimal("0.15"), cached_input=Decimal("0.075"), output=Decimal("0.6"))
    assert price.batch == Rates(input=Decimal("0.075"), cached_input=Decimal("0.075"), output=Decimal("0.3"))


def test_without_batch_prices_the_plain_ones_are_halved(tmp_path: Path) -> None:
    """
    OpenAI's batches cost half, also where the list does not say so.
    """
    assert _batch(_prices(tmp_path).price_of("text-embedding-3-small")) == Rates(input=Decimal("0.01"))


def test_long_requests_cost_more_where_the_list_says_so(tmp_path: Path) -> None:
    """
    The bound and both rates come from the list.
    """
    price = _prices(tmp_path).price_of("gpt-5.4", _NOVEMBER_2026)
    assert price is not None
    ((start, rates),) = price.batch_above
    assert (price.step(start), price.step(start + 1)) == (0, 1)
    assert (price.batch.input, rates.input) == (Decimal("1.25"), Decimal("2.5"))


@pytest.mark.parametrize("at", [-(10**30), 0, 10**30])
def test_any_time_has_a_price(tmp_path: Path, at: int) -> None:
    """
    A provider may say any number for when a batch was created.
    """
    assert _prices(tmp_path).price_of("gpt-4o-mini", at) is not None


@pytest.mark.parametrize("model", ["no-such-model", "", "gpt-image-1", "omni-moderation-latest"])
def test_what_the_list_does_not_say_is_unknown(tmp_path: Path, model: str) -> None:
    """
    Also models whose images or sounds are priced apart, and those without any price: never 0.
    """
    assert _prices(tmp_path).price_of(model) is None


@pytest.mark.parametrize(
    "base_url",
    [
        "http://127.0.0.1:8000/v1",
        "https://llm.example/v1",
        "https://api.openai.com.example/v1",
        "https://eu.api.openai.com/v1",
        "https://example/api.openai.com/v1",
        "/home/somebody/.aikit",
    ],
)
def test_openais_prices_are_for_openai_only(tmp_path: Path, base_url: str) -> None:
    """
    A server that merely serves a model of that name has no price, unless the user gives one.
    """
    prices = _prices(tmp_path, base_url)
    assert prices.price_of("gpt-4o-mini") is None
    assert re.search(r"no price list for this provider.*prices\.json", prices.why_unknown(["gpt-4o-mini"]))
    own = _prices(tmp_path, base_url, own={"gpt-4o-mini": {"input": 1, "output": 2}})
    assert _batch(own.price_of("gpt-4o-mini")) == Rates(input=Decimal(1), output=Decimal(2))


@pytest.mark.parametrize("host", ["res.openai.azure.com", "a-b.openai.azure.com", "res.services.ai.azure.com"])
def test_batches_of_azure_cost_half_of_what_the_user_says(tmp_path: Path, host: str) -> None:
    """
    No list knows what a deployment costs, but all of its batches are cheaper by as much.
    """
    base_url = f"https://{host}/openai/v1"
    assert _prices(tmp_path, base_url).price_of("gpt-4o-mini") is None
    own = _prices(tmp_path, base_url, own={"mine": {"input": 1, "output": 2}})
    assert _batch(own.price_of("mine")) == Rates(input=Decimal("0.5"), output=Decimal(1))
    other = _prices(tmp_path, "https://openai.azure.com.example/v1", own={"mine": {"input": 1, "output": 2}})
    assert _batch(other.price_of("mine")) == Rates(input=Decimal(1), output=Decimal(2))


@pytest.mark.parametrize(
    "model",
    [
        "gemini-2.5-flash",
        "models/gemini-2.5-flash",
        "google/gemini-2.5-flash",
        "vertex_ai/gemini-2.5-flash",
        "publishers/google/models/gemini-2.5-flash",
    ],
)
def test_batches_of_gemini_cost_half_of_what_the_list_says(tmp_path: Path, model: str) -> None:
    """
    Also under the names that Google and LiteLLM write.
    """
    prices = prices_for("https://generativelanguage.googleapis.com", own=None, path=tmp_path / "prices.json")
    price = prices.price_of(model)
    assert price is not None
    assert (price.batch.input, price.batch.output) == (Decimal("0.15"), Decimal("1.25"))


def test_the_built_in_model_costs_nothing(tmp_path: Path) -> None:
    """
    Unless the user says that it costs something.
    """
    prices = _prices(tmp_path, "/home", own={"m": {"input": 3, "output": 3}}, is_free=True)
    assert _batch(prices.price_of("anything")).cost(Usage(input_tokens=5, output_tokens=5)) == 0
    assert _batch(prices.price_of("m")).input == 3


def test_the_users_prices_win(tmp_path: Path) -> None:
    """
    Those given to the client over those of the file, and both over the list; a dated answer has the plain name's price.
    """
    file = {"gpt-4o": {"input": 1, "output": 1}, "gpt-4o-mini": {"input": 1, "output": 1}}
    (tmp_path / "prices.json").write_text(json.dumps({"about": "ours", "models": file}))
    prices = _prices(tmp_path, own={"gpt-4o-mini": {"input": 2, "output": 2}})
    assert _batch(prices.price_of("gpt-4o-2024-08-06")).input == Decimal("0.5")
    assert _batch(prices.price_of("gpt-4o-mini-2024-07-18")).input == 1
    assert prices.price_of("gpt-4o-2024-08-06-mini") != prices.price_of("gpt-4o-2024-08-06")


def test_without_the_list_it_is_said_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Which extra to install, or where to give the price.
    """
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    price_list.is_installed.cache_clear()
    try:
        prices = _prices(tmp_path)
        assert prices.price_of("gpt-4o-mini") is None
        sentence = prices.why_unknown(["gpt-4o-mini"])
    finally:
        price_list.is_installed.cache_clear()
    assert re.fullmatch(
        r"no price is known for gpt-4o-mini: pip install 'aikit-client\[prices\]'.* or give it in .*", sentence
    )


def test_the_list_never_asks_the_network() -> None:
    """
    Prices are found in a process in which no socket can be made.
    """
    program = """
import sys, threading
def refuse(event, _):
    if event.startswith("socket."):
        raise AssertionError(event)
sys.addaudithook(refuse)
from aikit.billing.price_list import listed_price
from decimal import Decimal
assert listed_price("openai", "gpt-4o-mini", None, Decimal("0.5")) is not None
assert threading.active_count() == 1
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_file_keeps_every_digit(tmp_path: Path) -> None:
    """
    Numbers in JSON are decimal, not binary.
    """
    path = tmp_path / "prices.json"
    path.write_text(
        '\ufeff{"models": {"m": {"batch": {"input": 0.1, "cached_input": 1e-3, "output": "0.30"}}}}', "utf-8"
    )
    assert read_prices(path, Decimal("0.5"))["m"].batch == Rates(
        input=Decimal("0.1"), cached_input=Decimal("0.001"), output=Decimal("0.3")
    )
    assert read_prices(tmp_path / "none.json", Decimal(0)) == {}


@pytest.mark.parametrize("text", ['{"models": {"m": {"input": 1e99999999999999999999}}}', "[" * 5000, "\udcff"])
def test_a_file_that_cannot_be_read_is_named(text: str, tmp_path: Path) -> None:
    """
    Also for exponents that no number has.
    """
    path = tmp_path / "prices.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=r"prices\.json cannot be read as JSON"):
        read_prices(path, Decimal(0))


def test_an_entry_may_say_its_own_discount() -> None:
    """
    It counts for cached input too; without one the provider's counts.
    """
    plain = {"input": 1, "cached_input": "0.5", "output": 4, "source": "contract", "read": "2026-11-22"}
    prices = user_prices("prices", {"a": plain, "b": plain | {"batch_discount": 0.25}}, Decimal("0.5"))
    assert [(price.batch.input, price.batch.cached_input) for price in prices.values()] == [
        (Decimal("0.5"), Decimal("0.25")),
        (Decimal("0.75"), Decimal("0.375")),
    ]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({}, "gives no price"),
        ({"input": "cheap"}, "input must be a number"),
        ({"input": float("inf")}, "input must be a number"),
        ({"input": 1, "batch_discount": 2}, "batch_discount must be a number from 0 to 1"),
        ({"input": 1, "max_output_tokens": 0}, "max_output_tokens"),
        ({"batch": {"input": 1, "ouptut": 1}}, "ouptut"),
    ],
)
def test_bad_prices_are_refused(entry: dict[str, Any], words: str) -> None:
    """
    The message names the model and what is wrong.
    """
    with pytest.raises(ValueError, match=f"'m'.*{words}"):
        user_prices("prices", {"m": entry}, Decimal(0))


@pytest.mark.parametrize("entries", [[], {"m": 1}, {1: {}}, {"m": {"input": True}}, {"m": {"batch": 1}}])
def test_prices_of_wrong_types_are_refused(entries: Any) -> None:
    """
    A TypeError says what they should be.
    """
    with pytest.raises(TypeError, match="prices"):
        user_prices("prices", entries, Decimal(0))


def test_sentences_name_few_models() -> None:
    """
    A server can name another model in each line.
    """
    assert named(["", "a"]) == "lines that name no model, a"
    assert named([f"m{number}" + "x" * 9_000 for number in range(1_001)]).endswith("x and 991 more")
    assert len(named(["x" * 9_000] * 1_001)) < 2_100


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"models": {}, "modles": {}}'])
def test_a_bad_file_is_refused(tmp_path: Path, content: str) -> None:
    """
    The message names the file.
    """
    path = tmp_path / "prices.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"prices\.json"):
        read_prices(path, Decimal(0))
