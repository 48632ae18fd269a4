"""
What urllib3 logs: without secrets of addresses, and without what servers write where a header is due.
"""

from __future__ import annotations

import logging

import urllib3

from aikit.http.headers import redacted


def keep_secrets() -> None:
    """
    Have urllib3 log no secrets, from here on.
    """
    for name in ("urllib3.connectionpool", "urllib3.connection"):
        logging.getLogger(name).addFilter(_RedactingFilter())


class _RedactingFilter(logging.Filter):
    """
    Replaces the arguments of records.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_shown(arg) for arg in record.args)
        record.exc_info = None  # it repeats them
        return True


def _shown(value: object) -> object:
    if isinstance(value, urllib3.exceptions.HeaderParsingError):
        return "there is something else among them"
    return redacted(value) if isinstance(value, str) else value
