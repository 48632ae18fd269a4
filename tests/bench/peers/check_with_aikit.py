"""
Check a batch file by every rule and tell how fast: ``check_with_aikit.py PATH``.
"""

import sys
import time
from pathlib import Path

from aikit.http.sources import source_of
from aikit.validation import check_file
from aikit.validation.limits import limits_for

path = Path(sys.argv[1])
started = time.perf_counter()
problems = list(check_file(source_of(path).resolved(), "batch", limits_for("openai")))
took_s = time.perf_counter() - started
assert not problems, problems
print("mb_per_s", path.stat().st_size / 1e6 / took_s)
