"""
What calls about batches do beside their work: check what it would cost, and book what they see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aikit.batch_objects import OpenAIBatch
from aikit.wire import Flow

if TYPE_CHECKING:
    from aikit.batch_output.joined import BatchRows
    from aikit.batch_parameters import OpenAIBatchParameters
    from aikit.client import OpenAIClient
    from aikit.providers import Provider
    from aikit.source import Source
    from aikit.watch import Watch


def booked(client: OpenAIClient, flow: Flow[OpenAIBatch], provider: Provider) -> Flow[OpenAIBatch]:
    """
    Book the batch that *flow* creates.
    """
    from aikit.resources.batch_accounts import created  # noqa: PLC0415  its database is loaded by the first call

    return created(flow, provider, client.books)


def looked_at(
    client: OpenAIClient, flow: Flow[OpenAIBatch], provider: Provider, *, only_own: bool = False
) -> Flow[OpenAIBatch]:
    """
    Book the end of the batch that *flow* asks for, if it has ended; with *only_own* if it was created here.
    """
    from aikit.resources.batch_accounts import seen  # noqa: PLC0415  likewise

    return seen(flow, provider, client.books, only_own=only_own)


def rows_looked_at(client: OpenAIClient, flow: Flow[BatchRows], provider: Provider) -> Flow[BatchRows]:
    """
    Book the end of the batch whose rows *flow* joins.
    """
    from aikit.resources.batch_accounts import noticed  # noqa: PLC0415  likewise

    rows = yield from flow
    try:
        yield from noticed(provider, rows.batch, client.books, here=rows.files())
    except BaseException:
        rows.close()
        raise
    return rows


def affordable(
    client: OpenAIClient, file: str | Source, options: OpenAIBatchParameters, provider: Provider, watch: Watch
) -> Flow[None]:
    """
    Check what the lines of *file* will cost, if the caller wants that.

    Raises:
        Rejected: It may be more than *max_cost* (codes ``"max_cost_exceeded"`` and ``"unknown_cost"``).
    """
    if options.max_cost is None:
        return
    from aikit.resources.batch_accounts import estimated, require_affordable  # noqa: PLC0415  likewise

    estimating = estimated(provider, file, client.books, watch)
    yield from require_affordable(estimating, options.max_cost, options.max_cost_of)
