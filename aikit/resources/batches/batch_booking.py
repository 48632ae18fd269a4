"""
What calls about batches do beside their work: check what it would cost, and book what they see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aikit.http.flow import Flow
from aikit.types.batches import OpenAIBatch

if TYPE_CHECKING:
    from aikit.http.context import CallContext
    from aikit.http.sources import Source
    from aikit.providers import Provider
    from aikit.resources.batches.parameters import OpenAIBatchParameters
    from aikit.resources.batches.rows.join import BatchRows
    from aikit.resources.session import Session


def booked(session: Session, flow: Flow[OpenAIBatch], provider: Provider) -> Flow[OpenAIBatch]:
    """
    Book the batch that *flow* creates.
    """
    from aikit.resources.batches.costs import created  # noqa: PLC0415  its database is loaded by the first call

    return created(flow, provider, session.recorder)


def looked_at(
    session: Session, flow: Flow[OpenAIBatch], provider: Provider, *, only_own: bool = False
) -> Flow[OpenAIBatch]:
    """
    Book the end of the batch that *flow* asks for, if it has ended; with *only_own* if it was created here.
    """
    from aikit.resources.batches.costs import seen  # noqa: PLC0415  likewise

    return seen(flow, provider, session.recorder, only_own=only_own)


def rows_looked_at(session: Session, flow: Flow[BatchRows], provider: Provider) -> Flow[BatchRows]:
    """
    Book the end of the batch whose rows *flow* joins.
    """
    from aikit.resources.batches.costs import noticed  # noqa: PLC0415  likewise

    rows = yield from flow
    try:
        yield from noticed(provider, rows.batch, session.recorder, here=rows.files())
    except BaseException:
        rows.close()
        raise
    return rows


def affordable(
    session: Session, file: str | Source, options: OpenAIBatchParameters, provider: Provider, context: CallContext
) -> Flow[None]:
    """
    Check what the lines of *file* will cost, if the caller wants that.

    Raises:
        Rejected: It may be more than *max_cost* (codes ``"max_cost_exceeded"`` and ``"unknown_cost"``).
    """
    if options.max_cost is None:
        return
    from aikit.resources.batches.costs import estimated, require_affordable  # noqa: PLC0415  likewise

    estimating = estimated(provider, file, session.recorder, context)
    yield from require_affordable(estimating, options.max_cost, options.max_cost_of)
