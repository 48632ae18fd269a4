"""
Have LiteLLM make lines for Vertex AI of a batch's input: ``translate_with_litellm.py PATH``.

Its own files endpoint sends what comes of it, chunk by chunk.
"""

import importlib
import os
import sys
import time
from pathlib import Path

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it asks the network for prices

# Not an import statement: it is installed in its own environment only, and type checkers elsewhere do not know it.
transformation = importlib.import_module("litellm.llms.vertex_ai.files.transformation")

config, path = transformation.VertexAIFilesConfig(), Path(sys.argv[1])
started = time.perf_counter()
stream = transformation._OpenAIToVertexBatchUploadStream(
    (path.name, path.read_bytes()), config._map_openai_to_vertex_params
)
lines = sum(1 for _ in stream.iter_bytes())
took_s = time.perf_counter() - started
print("call_s", took_s, "lines", lines, "mb_per_s", path.stat().st_size / 1e6 / took_s)
