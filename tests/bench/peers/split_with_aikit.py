"""
Split a batch input, checking it by every rule, and tell how fast: ``split_with_aikit.py PATH FOLDER``.
"""

import shutil
import sys
import time
from pathlib import Path

from aikit import jsonl

path, folder = Path(sys.argv[1]), Path(sys.argv[2])
started = time.perf_counter()
parts = jsonl.split(path, folder)
took_s = time.perf_counter() - started
assert len(parts) > 5, parts
assert sum(part.bytes for part in parts) == path.stat().st_size
shutil.rmtree(folder)
print("mb_per_s", path.stat().st_size / 1e6 / took_s)
