"""
Upload several files side by side from a coroutine: a result that is under way can be awaited.

    python examples/asyncio_upload.py
"""

from __future__ import annotations

import asyncio
import tempfile

from aikit import OpenAIClient, OpenAIFileResult

NOTES = {"monday.md": b"# Rain\n", "tuesday.md": b"# More rain\n", "wednesday.md": b"# Boats\n"}


async def main() -> None:
    """
    Start all uploads, then wait for all of them; the event loop stays free meanwhile.
    """
    with tempfile.TemporaryDirectory() as home, OpenAIClient(provider="local", home=home) as client:
        results = await asyncio.gather(*(upload(client, name) for name in NOTES))
        for result in results:
            print(f"stored {result.unwrap().filename}" if result else f"not stored: {result.errors[0]}")

        listed = await client.files.list(background=True, order="asc")
        print(f"{len(listed)} files, {sum(file.bytes or 0 for file in listed)} bytes")


async def upload(client: OpenAIClient, name: str) -> OpenAIFileResult:
    """
    Upload one note.
    """
    return await client.files.create(NOTES[name], "assistants", filename=name, background=True)


if __name__ == "__main__":
    asyncio.run(main())
