"""
The batch of a part that was asked for by a call which ended before it knew what came of it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from aikit.http.flow import Flow, Pause
from aikit.resources.batches.run.state import Part
from aikit.resources.batches.search import CLOCKS_APART_S, Search
from aikit.resources.polling import looks_s
from aikit.types.batches import BatchOrder, OpenAIBatch

if TYPE_CHECKING:
    from aikit.providers import Provider


def find_earlier(provider: Provider, part: Part, asked_at: float) -> Flow[OpenAIBatch | None]:
    """
    Return the batch of *part* that was asked for *asked_at*; ``None`` if it is not listed.

    A provider that drops metadata shows it by its input.

    Raises:
        OpenAIError: It cannot be known.
        Rejected: It is there, but cannot be read.
    """
    longest_s = sum(looks_s(provider))
    order = BatchOrder(input_file_id=part.last_file_id or "", endpoint=part.endpoint, intent=part.attempts[-1].intent)
    search = Search(provider, order, asked_at - CLOCKS_APART_S, is_own_input=True)
    for pause_s in looks_s(provider):
        found = yield from search.look_for_all()
        if found:
            return found[0]
        left_s = asked_at + longest_s - time.time()
        if left_s <= 0:
            break
        yield Pause(min(pause_s, left_s))
    return None
