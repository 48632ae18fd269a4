"""
What must not be shown: in headers, and in addresses.
"""

from __future__ import annotations

import re
from typing import Final

# x-ratelimit-remaining-tokens counts tokens, it is none
_SECRET: Final = re.compile(
    r"(?!x-ratelimit-)(?!idempotency-key$).*(?:auth|key$|api[-_]?key|token|secret|cookie|credential|passw|signature)",
    re.IGNORECASE,
)
_USERINFO: Final = re.compile(r"(?<=://)[^/?#]*@")
_SECRET_QUERY: Final = re.compile(
    r"([?&;][^=&;]*(?:auth|key|token|secret|sig|signature|credential|password|pwd|code)=)[^&;#\s]*", re.IGNORECASE
)
_SECRET_VALUE: Final = re.compile(r"\s*(?:(?:bearer|basic)\s|sk-)", re.IGNORECASE)


def is_secret(header_name: str, value: str = "") -> bool:
    """
    Tell whether a header of this name carries a secret, or looks as if it did.
    """
    return _SECRET.match(header_name) is not None or _SECRET_VALUE.match(value) is not None


def redacted(url: str) -> str:
    """
    Return *url* without user, password, and secrets in its query.
    """
    return _SECRET_QUERY.sub(r"\1***", _USERINFO.sub("***@", url))
