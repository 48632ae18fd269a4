"""
The master key: which are too well known to protect anything, and where that matters.
"""

from __future__ import annotations

import ipaddress
from typing import Final

_KNOWN: Final = frozenset(
    (
        *("sk-1234", "sk-12345", "sk-123456", "sk-1234567", "sk-12345678", "sk-123456789", "sk-1234567890"),
        *("sk-master-key", "sk-my-master-key", "sk-your-master-key", "your-master-key", "master-key", "master_key"),
        *("sk-litellm-master-key", "sk-changeme", "sk-change-me", "changeme", "change-me", "password", "12345678"),
    )
)
"""Keys of guides and example configurations."""


def key_problem(master_key: str | None, host: str, *, may_be_open: bool) -> str | None:
    """
    Return why the gateway must not listen on *host* with *master_key*, and what to do; ``None`` if it may.
    """
    if may_be_open or is_loopback(host):
        return None
    if not master_key:
        why = "there is no master key"
    elif master_key.lower() in _KNOWN:
        why = "the master key is one that is publicly known"
    else:
        return None
    return (
        f"{why}, and anybody who reaches {host or 'this machine'} could use all accounts: listen on 127.0.0.1, or set "
        "general_settings.master_key or LITELLM_MASTER_KEY to one of your own, such as the output of: "
        "python -c \"import secrets; print('sk-' + secrets.token_urlsafe(24))\""
    )


def is_loopback(host: str) -> bool:
    """
    Return whether *host* is reached from this machine alone.
    """
    if host.strip().lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip().strip("[]").partition("%")[0]).is_loopback
    except ValueError:
        return False
