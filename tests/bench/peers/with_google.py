"""
What is measured of Google's own storage library: ``with_google.py URL PATH SIZE``.
"""

import os
import sys


def upload(url: str, path: str, size: str) -> None:
    """
    Send a file from disk, with default settings.
    """
    os.environ["STORAGE_EMULATOR_HOST"] = url
    from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415  after the environment is set
    from google.cloud import storage  # noqa: PLC0415  likewise

    client = storage.Client(project="my-project", credentials=AnonymousCredentials())
    blob = client.bucket("my-bucket").blob("bulk")
    blob.upload_from_filename(path, if_generation_match=0)
    assert blob.size == int(size)


if __name__ == "__main__":
    upload(*sys.argv[1:])
