"""
Flows driven bare: what a test sends them, and what it expects.
"""

from __future__ import annotations

from typing import Any

import pytest

from aikit.http.flow import Flow, Pause, Step
from aikit.http.headers import Headers
from aikit.http.messages import Request, Response


def asked(step: Step) -> Request:
    """
    Return *step*, which is a request.
    """
    assert isinstance(step, Request)
    return step


def after(flow: Flow[Any], seconds: float, pause: Step) -> Request:
    """
    Let *flow* go on after *pause*, which is of so many *seconds*; return the request it makes.
    """
    assert pause == Pause(seconds)
    return asked(flow.send(seconds))


def answer(step: Step, status: int, body: bytes = b"", **headers: str) -> Response:
    """
    Return an answer to the request that *step* is.
    """
    request = asked(step)
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=status, headers=Headers(fields), body=body, request=request)


def returned(flow: Flow[Any], response: Response) -> Any:
    """
    Send *flow* its last answer; return what the flow returns.
    """
    with pytest.raises(StopIteration) as stop:
        flow.send(response)
    return stop.value.value
