"""
Watch a large file go up and come down again, whatever its size in constant memory.

    python examples/progress.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from aikit import OpenAIClient, Progress

SIZE = 256 * 1024 * 1024


def main() -> None:
    """
    Upload and download a quarter of a gigabyte on the embedded provider.
    """
    with tempfile.TemporaryDirectory() as home, OpenAIClient(provider="local", home=home) as client:
        path = Path(home) / "panorama.png"
        with path.open("wb") as file:
            file.truncate(SIZE)

        stored = client.files.create(path, "vision", on_progress=show).unwrap()
        saved = client.files.download(stored.id, path.with_name("copy.png"), on_progress=show)
        print(f"{saved.bytes_written:,} bytes there and back")


def show(progress: Progress) -> None:
    """
    Draw a bar; called at most ten times a second, and always at the end.
    """
    part = progress.fraction or 0.0
    print(f"{progress.phase:<12} {'#' * round(part * 40):<40} {part:>4.0%}")


if __name__ == "__main__":
    main()
