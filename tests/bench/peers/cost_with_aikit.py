"""
Count what a batch's output file cost and tell how long it took: ``cost_with_aikit.py PATH``.

The prices are given as they are to a client, so that no price list is loaded.
"""

import sys
import time
from pathlib import Path

from aikit.billing.costs import cost_of
from aikit.billing.counting import CountingSink
from aikit.billing.prices import prices_for
from aikit.billing.usage_counter import UsageCounter

PRICES = {"gpt-4o-mini": {"batch": {"input": "0.075", "cached_input": "0.075", "output": "0.3"}}}
CHUNK = 256 * 1024  # as the transport hands it on

path = Path(sys.argv[1])
started = time.perf_counter()
prices = prices_for("https://api.openai.com/v1", own=PRICES, path=path.with_name("prices.json"))
sink = CountingSink(make_counter=lambda: UsageCounter(prices.price_of))
buffer = memoryview(bytearray(CHUNK))
with path.open("rb", buffering=0) as file:
    sink.begin(200, {"content-length": str(path.stat().st_size)})
    while size := file.readinto(buffer):
        sink.write(buffer[:size])
cost = cost_of(sink.finish(), prices)
took_s = time.perf_counter() - started
assert (cost.answered, cost.problem_count, cost.is_lower_bound) == (50_000, 0, False), cost
assert cost.total is not None
print("call_s", took_s, "dollars", float(cost.total), "input_tokens", cost.usage.input_tokens)
