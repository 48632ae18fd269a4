"""
Have LiteLLM make lines of a batch's output of what Vertex AI has written: ``answer_with_litellm.py ROWS``.

Its own files endpoint does the same with the content that it fetched whole.
"""

import importlib
import os
import sys
import time
from pathlib import Path

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it asks the network for prices

# Not an import statement: it is installed in its own environment only, and type checkers elsewhere do not know it.
transformation = importlib.import_module("litellm.llms.vertex_ai.files.transformation")

config = transformation.VertexAIFilesConfig()
started = time.process_time()
content = Path(sys.argv[1]).read_bytes()
lines = config._try_transform_vertex_batch_output_to_openai(content=content)
took_s = time.process_time() - started
assert lines.count(b'"chat.completion"') == 50_000
print("call_s", took_s)
