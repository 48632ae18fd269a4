"""
A program on Google's own library: stores, lists, runs and reads at the address it is given, and prints what it saw.

Run with the address, the key, a path to upload and the id of a file that is there already.
"""

from __future__ import annotations

import json
import sys

from google import genai
from google.genai import types


def main(url: str, key: str, path: str, file_name: str) -> None:
    """
    Do one of each.
    """
    client = genai.Client(api_key=key, http_options=types.HttpOptions(base_url=url, api_version="v1beta"))
    found = client.files.get(name=file_name)
    made = client.files.upload(file=path, config={"mime_type": "jsonl", "display_name": "theirs"})
    batch = client.batches.create(model="gemini-2.5-flash", src=made.name, config={"display_name": "their job"})
    done = client.batches.get(name=batch.name)
    seen = {
        "found": [found.display_name, found.size_bytes, found.mime_type],
        "made": made.name,
        "batch": batch.name,
        "state": done.state,
        "output": client.files.download(file=done.dest.file_name).decode(),
        "files": sorted(file.name for file in client.files.list(config={"page_size": 1})),
        "batches": [[one.name, one.display_name] for one in client.batches.list(config={"page_size": 1})],
    }
    print(json.dumps(seen))  # noqa: T201  what it is for


if __name__ == "__main__":
    main(*sys.argv[1:])
