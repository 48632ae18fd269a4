"""
Join a batch's output with its input, read every answer, and tell how long it took: ``join_with_aikit.py INPUT OUTPUT``.
"""

import sys
import time
from pathlib import Path

from aikit.http.context import CallContext
from aikit.resources.batches.rows.folder import Folder
from aikit.resources.batches.rows.index import AnswerFile
from aikit.resources.batches.rows.join import join
from aikit.types.batches import OpenAIBatch

batch = OpenAIBatch(
    id="batch_1",
    endpoint="/v1/chat/completions",
    input_file_id="file-1",
    completion_window="24h",
    status="completed",
    created_at=1,
)
asked, told = map(Path, sys.argv[1:])
started = time.perf_counter()
rows = join([batch], Folder(), asked, [AnswerFile(told, "output", batch.id)], CallContext())
length = sum(len(row.text or "") for row in rows)
took_s = time.perf_counter() - started
ids = [row.custom_id for row in rows]
assert ids == [f"request-{number:05d}" for number in range(50_000)]
assert (rows.counts["ok"], rows.problem_count) == (50_000, 0)
print("call_s", took_s, "length", length)
