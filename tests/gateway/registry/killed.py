"""
A program that creates, leases and books batches until it is killed; it prints what it knows to have happened.
"""

from __future__ import annotations

import sys
import time
import uuid

from aikit.gateway.registry.registry import Registry
from tests.gateway.registry.rows import batch, spend

_LEASE_S = 0.05


def main(url: str) -> None:
    """
    Work on the registry at *url*.
    """
    registry, me = Registry.open(url), uuid.uuid4().hex
    _say("ready")
    for number in range(10**9):
        row = batch(id=f"batch_{me}{number}", next_poll_at=time.time(), created_at=int(time.time()))
        registry.batches.add(row)
        _say(f"created {row.id}")
        for due in registry.batches.due(time.time(), 3, _LEASE_S, me):
            if registry.batches.book(due.id, spend(due.id, "0.000000000001"), fence=due.fence):
                _say(f"booked {due.id}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
