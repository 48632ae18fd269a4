"""
International hosts, written as DNS has them.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import requests


def in_ascii(host: str) -> str:
    """
    Return *host* as ``requests`` would ask for it: in the letters of IDNA 2008.

    Raises:
        ValueError: DNS cannot have it.
    """
    prepared = requests.PreparedRequest()
    try:
        prepared.prepare_url(f"http://{host}/", None)
    except requests.exceptions.InvalidURL:
        raise ValueError("it has letters or lengths that no international domain name has") from None
    return urlsplit(prepared.url or "").hostname or ""
