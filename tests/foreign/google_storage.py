"""
A program on Google's own storage library: reads what there is at the address it is given, and stores something.

Run with the bucket, the name of an object that is there and that of one to store; STORAGE_EMULATOR_HOST tells where.
"""

from __future__ import annotations

import json
import sys

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage


def main(bucket_name: str, name: str, new: str) -> None:
    """
    Read one, store one, and print what was seen.
    """
    client = storage.Client(project="my-project", credentials=AnonymousCredentials())
    bucket = client.bucket(bucket_name)
    found = bucket.get_blob(name)
    made = bucket.blob(new)
    made.metadata = {"filename": "theirs.txt", "purpose": "vision"}
    made.upload_from_string(b"theirs" * 1000, content_type="text/plain")
    seen = {
        "content": found.download_as_bytes().decode(),
        "metadata": found.metadata,
        "size": found.size,
        "names": sorted(blob.name for blob in client.list_blobs(bucket_name, prefix="aikit/files/")),
    }
    print(json.dumps(seen))  # noqa: T201  what it is for


if __name__ == "__main__":
    main(*sys.argv[1:])
