"""
The embedded provider: OpenAI's Files and Batches APIs answered from a folder on this machine, without a server.
"""

from __future__ import annotations

from typing import Final

BASE_URL: Final = "http://local.aikit/v1"
"""The address that its requests are made to; nothing listens there."""

UPSTREAM_FIELD: Final = "aikit_upstream"
"""Field of batches, among their *extra*: the address of the server that answers the lines."""
