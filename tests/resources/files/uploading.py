"""
A program that uploads one file in small parts, to be killed: ``uploading.py PATH URL PART_BYTES``.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import attrs

from aikit import OpenAIClient


def main(path: str, url: str, part_bytes: int) -> int:
    """
    Upload, print what is worth knowing, and tell whether it is there.
    """
    limits = importlib.import_module("aikit.validation.limits").limits_for("openai")
    small = attrs.evolve(limits, file_max_bytes=part_bytes, upload_part_max_bytes=part_bytes)
    provider: Any = importlib.import_module("aikit.providers.openai")
    provider.limits_for = lambda _: small
    with OpenAIClient("k", base_url=url) as client:
        result = client.files.create(path, "user_data")
    sys.stdout.write("\n".join([*result.notes, *map(str, result.errors)]))
    return 0 if result.success else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
