"""
The gateway's log: a line of JSON each, with the ids of requests and without secrets.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import IO, Any, Final

from aikit.http.headers import redacted

ACCESS: Final = "aikit.gateway.access"
_OURS: Final = ("aikit", "uvicorn.error", "asyncio")


def log_to(stream: IO[str] | None = None, level: int = logging.INFO) -> None:
    """
    Write what the gateway, its client and its server log to *stream*, by default stderr; only errors of the server's.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JSONLines())
    for name in _OURS:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level if name == "aikit" else logging.ERROR)


class JSONLines(logging.Formatter):
    """
    One object a line: ``time``, ``level``, ``logger``, and what was said as ``message``, or as fields of their own.
    """

    def format(self, record: logging.LogRecord) -> str:
        """
        Return the line of *record*, without its end.
        """
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {"time": f"{at}.{record.msecs:03.0f}Z", "level": record.levelname.lower()}
        line["logger"] = record.name
        message = record.getMessage()
        if record.name == ACCESS:
            return f"{json.dumps(line)[:-1]}, {message[1:]}"
        line["message"] = redacted(message)
        if record.exc_info:
            line["exception"] = redacted(self.formatException(record.exc_info))
        return json.dumps(line)
