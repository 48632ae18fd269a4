"""
What batches cost, before and after, as calls of a client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aikit.resources.arguments import require_id
from aikit.resources.batches.costs import estimate, input_of
from aikit.resources.batches.parameters import OpenAIBatchPricesParameters
from aikit.resources.batches.recording import count_cost
from aikit.resources.batches.results import OpenAIBatchCostResult, OpenAIBatchEstimateResult
from aikit.resources.call import start
from aikit.types.batches import OpenAIBatch

if TYPE_CHECKING:
    from typing import Unpack

    from aikit.billing.prices import Prices
    from aikit.http.sources import FileSource
    from aikit.resources.batches.options import BatchCostOptions, BatchEstimateOptions, BatchPricesOptions
    from aikit.resources.session import Session
    from aikit.runtime.callback_checks import CommonParameters


class CostsAPI:
    """
    The calls of ``client.batches`` that are about money.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def estimate(
        self,
        file: FileSource,
        parameters: OpenAIBatchPricesParameters | CommonParameters | BatchEstimateOptions | None = None,
        **options: Unpack[BatchEstimateOptions],
    ) -> OpenAIBatchEstimateResult:
        """
        Estimate what a batch will take, in tokens and US dollars, from its input.

        Args:
            file: Path, bytes or binary stream of the input; or, if there is no file of that name, the id of an uploaded
                one, which is fetched and not kept.

            parameters: *prices*.

        Returns:
            A result whose ``estimate`` is the `OpenAIBatchEstimate`, low and high, for each model and in all. A price
            that is not known is ``None``, and ``notes`` says what to do.

        Raises:
            TypeError: *file* is nothing of that kind. Nothing was sent.
            ValueError: *file* is empty, or a stream that is closed or that another call is reading. Nothing was sent.
        """
        asked = OpenAIBatchPricesParameters.of(parameters, options)
        source = input_of(file)
        return start(
            self._session,
            OpenAIBatchEstimateResult,
            lambda provider, context: estimate(provider, source, self._session.recorder, context, asked.prices),
            asked,
            is_long=True,
            source=source,
        )

    def cost(
        self,
        batch: OpenAIBatch | str,
        parameters: OpenAIBatchPricesParameters | CommonParameters | BatchCostOptions | None = None,
        **options: Unpack[BatchCostOptions],
    ) -> OpenAIBatchCostResult:
        """
        Count what a batch that has ended cost, in tokens and US dollars, from the usage in both its files.

        They are counted while they come, and not kept; memory does not grow with them.

        Args:
            batch: The batch, or its id; one that was not over when it was asked for is asked for anew.

            parameters: *prices*.

        Returns:
            A result whose ``cost`` is the `OpenAIBatchCost`, for each model and in all. What is not known is ``None``
            and not 0, ``is_lower_bound`` says that something is missing, and ``notes`` what, and what to do. A batch
            that is not over is an error with code ``"batch_not_ended"``.

        Raises:
            TypeError: *batch* is neither a batch nor a string. Nothing was sent.
            ValueError: *batch* is empty or cannot be an id. Nothing was sent.
        """
        # GET {base}/batches/{batch_id}, then {base}/files/{file_id}/content of its output and error file
        # https://developers.openai.com/api/docs/guides/batch (read 2026-11-21)
        require_batch(batch)
        asked = OpenAIBatchPricesParameters.of(parameters, options)
        return start(
            self._session,
            OpenAIBatchCostResult,
            lambda provider, _: count_cost(provider, batch, self._session.recorder, asked.prices),
            asked,
            is_long=True,
        )

    def prices(
        self,
        parameters: OpenAIBatchPricesParameters | CommonParameters | BatchPricesOptions | None = None,
        **options: Unpack[BatchPricesOptions],
    ) -> Prices:
        """
        Return what models cost at the provider, by *provider* and *prices* of *parameters*; nothing is sent.

        Raises:
            OpenAIError: The user's file of prices cannot be used (code ``"unusable_prices"``).
        """
        asked = OpenAIBatchPricesParameters.of(parameters, options)
        account = self._session.connection_for(asked).provider.account()
        return self._session.recorder.prices(account, asked.prices)


def require_batch(batch: Any) -> None:
    """
    Check what is a batch, or the id of one.

    Raises:
        TypeError: It is neither.
        ValueError: It is empty or cannot be an id.
    """
    if not isinstance(batch, OpenAIBatch):
        require_id("batch", batch)
