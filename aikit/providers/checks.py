"""
What is found where a provider is examined.
"""

from __future__ import annotations

import attrs


@attrs.frozen
class Finding:
    """
    What one probe found.

    Attributes:
        check: What was looked at: settings, key, proxy, dns, connection, tls, address, clock, store, quota, bucket, …

        is_good: Whether it is as it should be.

        text: One sentence.

        mend: What to do, where something is wrong.
    """

    check: str
    is_good: bool
    text: str
    mend: str | None = None
