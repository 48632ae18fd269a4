"""
Start an upload and end: the upload is finished and its callback runs before the interpreter goes.

    python examples/fire_and_forget.py
"""

from __future__ import annotations

import atexit
import tempfile

from aikit import OpenAIClient, OpenAIFileResult

CONTENT = bytes(32 * 1024 * 1024)


def main() -> None:
    """
    Start the upload, and return without waiting for it.
    """
    home = tempfile.TemporaryDirectory()
    atexit.register(home.cleanup)  # runs after the last callback

    client = OpenAIClient(provider="local", home=home.name)
    client.files.create(CONTENT, "user_data", filename="zeros.bin", on_response=stored, on_error=failed)
    print("the script is at its end", flush=True)


def stored(result: OpenAIFileResult) -> None:
    """
    Say what became of the upload.
    """
    file = result.unwrap()
    print(f"stored {file.filename}, {file.bytes:,} bytes")


def failed(result: OpenAIFileResult) -> None:
    """
    Say what went wrong.
    """
    print(f"not stored: {result.errors[0]}")


if __name__ == "__main__":
    main()
