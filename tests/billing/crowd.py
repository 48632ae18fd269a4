"""
Waits for one batch after a line on its input, and tells which events its hook got; run as a program.
"""

from __future__ import annotations

import sys

from aikit import OpenAIBatchEvent, OpenAIClient


def main(url: str, home: str) -> None:
    """
    Look at the batch three times.
    """
    seen: list[OpenAIBatchEvent] = []
    with OpenAIClient("sk-1", base_url=url, home=home, hooks=[seen.append]) as client:
        sys.stdin.readline()
        for _ in range(3):
            client.batches.wait("batch_1", {"poll_interval": 0.01}).throw()
    sys.stdout.write(" ".join(event.kind for event in seen))


if __name__ == "__main__":
    main(*sys.argv[1:])
