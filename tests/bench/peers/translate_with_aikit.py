"""
Translate the input of a batch for Vertex AI, tell how fast, and upload it unless URL is empty.

Called as ``translate_with_aikit.py URL PATH``.
"""

import os
import sys
import time
import urllib.request
from pathlib import Path

from aikit import OpenAIClient
from aikit.http.context import CallContext
from aikit.http.sources import source_of
from aikit.providers.vertex.translation.staging import stage
from aikit.validation.limits import limits_for

url, path = sys.argv[1], Path(sys.argv[2])


def answered() -> int:
    """
    Return how often the server was asked for something.
    """
    with urllib.request.urlopen(f"{url}/ready/answered") as answer:  # noqa: S310  the bench's own
        return int(answer.read())


def upload() -> None:
    """
    Store the file, its translation and its custom_ids.
    """
    os.environ |= {"GCS_BUCKET_NAME": "bench-bucket", "GOOGLE_CLOUD_PROJECT": "bench", "STORAGE_EMULATOR_HOST": url}
    before = answered()
    with OpenAIClient("token", provider="vertex") as client:
        assert client.files.create(path, "batch", {"throw": True, "timeout": 100}).file
    assert answered() - before == 4, "not all was stored"


started = time.perf_counter()
if url:
    upload()
else:
    stage(source_of(path).resolved(), CallContext(), limits=limits_for("vertex")).discard()
took_s = time.perf_counter() - started
print("call_s", took_s, "mb_per_s", path.stat().st_size / 1e6 / took_s)
