"""
A program on Google's own messages of the Files API: reads names and values from its input, and fails where one is none.
"""

from __future__ import annotations

import json
import sys

from google.ai import generativelanguage_v1beta as v1beta
from google.protobuf import json_format

if __name__ == "__main__":
    for name, value in json.load(sys.stdin):
        json_format.ParseDict(value, getattr(v1beta, name)()._pb, ignore_unknown_fields=False)
        print(name)  # noqa: T201  what it is for
