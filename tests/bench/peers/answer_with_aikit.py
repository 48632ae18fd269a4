"""
Make lines of a batch's output of what Vertex AI has written, and tell how long it took.

Called as ``answer_with_aikit.py ROWS IDS TIMES``; the rows are a file, which comes in the blocks of the transport.
"""

import sys
import time
from pathlib import Path

from aikit.http.sinks import ResumingSink
from aikit.providers.vertex.answers.ids import RowIds
from aikit.providers.vertex.answers.rows import Rows
from aikit.providers.vertex.answers.sink import Output, RowSink

CHUNK = 256 * 1024


class Counted(ResumingSink):
    """
    A file of the caller's, of which there is only the number of lines.
    """

    lines: int = 0

    def write(self, chunk: memoryview, /) -> None:
        """
        Take one chunk.
        """
        self.done += len(chunk)
        self.lines += bytes(chunk).count(b"\n")


path, times = Path(sys.argv[1]), int(sys.argv[3])
size, buffer = path.stat().st_size, memoryview(bytearray(CHUNK))
started = time.process_time()
sink = Counted()
output = Output.begun(sink, '"tag"')
ids = RowIds.of(Path(sys.argv[2]))
rows = Rows(ids=ids, model="gemini-2.5-flash", wants_errors=False, unanswered=("no_answer", ""))
for _ in range(times):
    shard = RowSink(name="predictions.jsonl", rows=rows, output=output)
    shard.begin(200, {"content-length": str(size)})
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            shard.write(buffer[:count])
    shard.finish(size)
output.finish()
took_s = time.process_time() - started
assert sink.lines == 50_000 * times
assert all(ids.seen)
print("call_s", took_s)
