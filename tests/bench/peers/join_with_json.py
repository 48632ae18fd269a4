"""
The same with a dictionary of all answers, as one writes it by hand: ``join_with_json.py INPUT OUTPUT``.
"""

import json
import sys
import time
from pathlib import Path

asked, told = map(Path, sys.argv[1:])
started = time.perf_counter()
with told.open("rb") as file:
    answers = {answer["custom_id"]: answer for answer in map(json.loads, file)}
ids, length = [], 0
with asked.open("rb") as file:
    for line in map(json.loads, file):
        ids.append(line["custom_id"])
        length += len(answers[line["custom_id"]]["response"]["body"]["choices"][0]["message"]["content"])
took_s = time.perf_counter() - started
assert ids == [f"request-{number:05d}" for number in range(50_000)]
print("call_s", took_s, "length", length)
