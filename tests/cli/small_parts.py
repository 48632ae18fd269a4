"""
The command line where what is large is small: ``small_parts.py ARGUMENTS``, parts of 100,000 bytes.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import attrs

from aikit.cli import main

limits = importlib.import_module("aikit.validation.limits").limits_for("openai")
small = attrs.evolve(limits, file_max_bytes=150_000, upload_part_max_bytes=100_000)
provider: Any = importlib.import_module("aikit.providers.openai")
provider.limits_for = lambda _: small

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
