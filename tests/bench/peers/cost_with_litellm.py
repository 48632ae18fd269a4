"""
Have LiteLLM aggregate what a batch's output file cost, and tell how long it took: ``cost_with_litellm.py PATH``.

Its own batch cost does the same with the content that it fetched whole.
"""

import importlib
import os
import sys
import time
from pathlib import Path

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it asks the network for prices

# Not an import statement: it is installed in its own environment only, and type checkers elsewhere do not know it.
batch_utils = importlib.import_module("litellm.batches.batch_utils")

path = Path(sys.argv[1])
started = time.perf_counter()
content = path.read_bytes()
entries = batch_utils._iter_batch_output_entries(content)
cost = batch_utils._aggregate_batch_cost_usage_models(entries=entries, custom_llm_provider="openai")
took_s = time.perf_counter() - started
assert cost.successful_requests == 50_000, cost
print("call_s", took_s, "dollars", cost.cost, "input_tokens", cost.usage.prompt_tokens)
