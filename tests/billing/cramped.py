"""
Waits for a batch where nothing may be written, then where there is room; tells how it ended; run as a program.
"""

from __future__ import annotations

import resource
import sys

from aikit import OpenAIClient


def main(url: str, home: str) -> None:
    """
    Print, for each of two waits, whether it succeeded and how many ends are booked by then.
    """
    client = OpenAIClient("sk-1", base_url=url, home=home, prices={"gpt-4o-mini": {"input": 1, "output": 1}})
    client.batches.wait("batch_0", {"poll_interval": 0.01}).throw()
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in (client.ledger.path.stat().st_size // 8, unlimited[0]):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, unlimited[1]))
        result = client.batches.wait("batch_1", {"poll_interval": 0.01})
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
        ended = list(client.ledger.events(kind="ended"))
        sys.stdout.write(f"{result.success} {len(ended)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
