"""
The batch of a part that was asked for by a call which ended before it knew what came of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from aikit.http.flow import Flow, Pause
from aikit.resources.batches.create import cancel_all
from aikit.resources.batches.run.state import Part
from aikit.resources.batches.search import CLOCKS_APART_S, Search
from aikit.resources.polling import looks_s
from aikit.types.batches import INTENT_KEY, BatchOrder, OpenAIBatch

if TYPE_CHECKING:
    from aikit.providers import Provider


def find_earlier(
    provider: Provider, part: Part, asked_at: float, note: Callable[[str], None]
) -> Flow[OpenAIBatch | None]:
    """
    Return the batch of *part* that was asked for *asked_at*; ``None`` if it is not listed.

    A provider that drops metadata shows it by its input. Where several carry its intent, because an answer was lost and
    the call ended before it looked, the oldest stays, and the others are cancelled and told to *note*; without metadata
    they are told only, for something else may have made them.

    Raises:
        OpenAIError: It cannot be known.
        Rejected: It is there, but cannot be read; or one too many is to be paid, and it comes along.
    """
    longest_s = sum(looks_s(provider))
    order = BatchOrder(input_file_id=part.last_file_id or "", endpoint=part.endpoint, intent=part.attempts[-1].intent)
    search = Search(provider, order, asked_at - CLOCKS_APART_S, is_own_input=True)
    for pause_s in looks_s(provider):
        found = yield from search.look_for_all()
        if found:
            yield from _cancel_younger(provider, found, order.intent, note)
            return found[0]
        left_s = asked_at + longest_s - time.time()
        if left_s <= 0:
            break
        yield Pause(min(pause_s, left_s))
    return None


def _cancel_younger(
    provider: Provider, found: list[OpenAIBatch], intent: str, note: Callable[[str], None]
) -> Flow[None]:
    oldest, *others = found
    younger = [batch for batch in others if batch.metadata.get(INTENT_KEY) == intent]
    for batch in others:
        if batch not in younger:
            note(f"{batch.id} is of the same file as {oldest.id} and is paid, too; batches.cancel() stops one too many")
    yield from cancel_all(provider, younger, oldest)
    for batch in younger:
        if not batch.is_ended:
            note(f"{batch.id} cancelled: {oldest.id} was created before it, for the same lines")
