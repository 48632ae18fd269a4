"""
Costs as bare flows: sizes that do not match, prices that do not fit, and rows that nothing is left of.
"""

from __future__ import annotations

from collections.abc import Generator
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest

from aikit.billing.prices import Prices
from aikit.billing.rates import Price, Rates
from aikit.billing.recorder import BillingRecorder
from aikit.providers.openai import OpenAIProvider
from aikit.resources.batches.recording import count_cost, record_end_of_rows
from aikit.types.batches import OpenAIBatch
from aikit.types.costs import OpenAIBatchCost
from aikit.types.errors import CancelledError, OpenAIError
from tests.billing.account_server import ended_batch
from tests.billing.lines import answer, file_of, usage

_BATCH = OpenAIBatch.from_wire(ended_batch(output_file_id="file-out", model="m"))


@attrs.frozen
class _Stored:
    """
    A provider with one file, which says another size of it than it has, or that it is gone.
    """

    told_bytes: int | None
    content: bytes = file_of(answer("m", usage(1_000_000, 0)))

    def account(self, batch: OpenAIBatch | None = None) -> Any:
        """Return the account of a provider without a price list."""
        return OpenAIProvider(base_url="http://localhost/v1").account(batch)

    def download_file(self, _: str, sink: Any) -> Generator[Any, Any, int]:
        """Write the content; return the size that is told."""
        if self.told_bytes is None:
            raise OpenAIError(message="gone", status=404)
        sink.write(memoryview(self.content))
        yield from ()
        return self.told_bytes


@attrs.define(eq=False, kw_only=True)
class _Recorder(BillingRecorder):
    """
    A recorder with just one price.
    """

    price: Price

    def prices(self, *_: Any) -> Prices:
        """Return that price."""
        return Prices(own={"m": self.price}, path=self.home / "prices.json")


def _cost(provider: _Stored, home: Path, batch: OpenAIBatch = _BATCH) -> OpenAIBatchCost:
    dear = Rates(input=Decimal(2), output=Decimal(2))
    price = Price(model="m", batch=Rates(input=Decimal(1), output=Decimal(1)), batch_above=((1_000, dear),))
    flow = count_cost(provider, batch, _Recorder(home=home, is_kept=False, price=price))  # type: ignore[arg-type]  # as much of a provider as it needs
    with pytest.raises(StopIteration) as stop:
        next(flow)
    cost: OpenAIBatchCost = stop.value.value
    return cost


@pytest.mark.parametrize("more", [-1, 1])
def test_a_file_of_another_size_than_told_is_not_counted(tmp_path: Path, more: int) -> None:
    """
    Too few bytes are a cut file, and too many another one's.
    """
    size = len(_Stored(0).content)
    assert _cost(_Stored(size), tmp_path).total == Decimal(2)
    with pytest.raises(OpenAIError, match=f"{size} bytes .* has {size + more}; nothing was counted") as caught:
        _cost(_Stored(size + more), tmp_path)
    assert caught.value.code == "size_mismatch"


@pytest.mark.parametrize(("tokens", "total"), [(1_000, Decimal("0.001")), (1_001, None)])
def test_where_long_requests_cost_more_the_sum_of_tokens_has_no_price(
    tmp_path: Path, tokens: int, total: Decimal | None
) -> None:
    """
    Of files that are gone only the sum is known: if that is long, single requests may have been short or not.
    """
    told = {"input_tokens": tokens, "output_tokens": 0}
    assert _cost(_Stored(None), tmp_path, attrs.evolve(_BATCH, usage=told)).total == total


def test_only_missing_files_are_replaced_by_what_the_batch_tells(tmp_path: Path) -> None:
    """
    A file that is there and came damaged is an error, also where the batch tells its tokens.
    """
    told = {"input_tokens": 5, "output_tokens": 0}
    with pytest.raises(OpenAIError, match="came, but the file has"):
        _cost(_Stored(5), tmp_path, attrs.evolve(_BATCH, usage=told))


class _Rows:
    """
    Rows that tell whether they were closed.
    """

    batch = _BATCH
    is_closed = False

    def files(self) -> dict[str, Path]:
        """Return no files."""
        return {}

    def close(self) -> None:
        """Note that."""
        self.is_closed = True


def test_rows_of_a_call_that_is_cancelled_meanwhile_are_closed(tmp_path: Path) -> None:
    """
    When the end cannot be recorded because the call is cancelled, no temporary files stay behind.
    """
    rows = _Rows()

    def joining() -> Generator[Any, Any, Any]:
        yield from ()
        return rows

    provider = OpenAIProvider(base_url="http://localhost/v1")
    flow = record_end_of_rows(joining(), provider, BillingRecorder(home=tmp_path))
    next(flow)  # asks for the file with the answers
    with pytest.raises(CancelledError):
        flow.throw(CancelledError())
    assert rows.is_closed
