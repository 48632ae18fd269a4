"""
Tests of the gateway's log.
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from aikit.gateway.logs import ACCESS, log_to

_NAMES = ("aikit", "uvicorn.error", "asyncio")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """
    Log to a text, and put back what was.
    """
    loggers = [logging.getLogger(name) for name in _NAMES]
    before = [(logger.handlers, logger.propagate, logger.level) for logger in loggers]
    text = io.StringIO()
    log_to(text)
    yield text
    for logger, (handlers, propagates, level) in zip(loggers, before, strict=True):
        logger.handlers, logger.propagate, logger.level = handlers, propagates, level


def test_each_record_is_an_object_on_a_line(stream: io.StringIO) -> None:
    """
    Requests have fields of their own; others a message; what the server merely notes is left out.
    """
    logging.getLogger(ACCESS).info("%s", json.dumps({"call_id": "a", "status": 200}))
    logging.getLogger("aikit.gateway").warning("two\nlines of %s", "http://user:secret@host/?key=secret")
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    request, warning = map(json.loads, stream.getvalue().splitlines())
    assert (request["logger"], request["call_id"], request["status"]) == (ACCESS, "a", 200)
    assert request["time"].endswith("Z")
    assert warning["level"] == "warning"
    assert warning["message"].startswith("two\nlines")
    assert "secret" not in stream.getvalue()


def test_an_exception_is_told_with_where_it_was_raised(stream: io.StringIO) -> None:
    """
    Its traceback is one text.
    """
    try:
        int("odd")
    except ValueError:
        logging.getLogger("aikit.gateway").exception("request a failed")
    (line,) = map(json.loads, stream.getvalue().splitlines())
    assert line["message"] == "request a failed"
    assert line["exception"].endswith("'odd'")
