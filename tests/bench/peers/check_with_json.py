"""
Read each line of a batch file with the json module, check nothing, and tell how fast: ``check_with_json.py PATH``.
"""

import json
import sys
import time
from pathlib import Path

path = Path(sys.argv[1])
started = time.perf_counter()
with path.open("rb") as file:
    for line in file:
        json.loads(line)
took_s = time.perf_counter() - started
print("mb_per_s", path.stat().st_size / 1e6 / took_s)
