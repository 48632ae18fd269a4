"""
Flows of a run, carried out bare.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aikit.client import OpenAIClient
from aikit.http.context import CallContext
from aikit.http.flow import Flow
from aikit.providers import Provider
from aikit.resources.call import start
from aikit.runtime.parameters import OpenAIParameters
from aikit.runtime.result import OpenAIResult


def carried_out(client: OpenAIClient, flow: Callable[[Provider, CallContext], Flow[Any]]) -> Any:
    """
    Return what *flow* returns for the provider of *client*.
    """
    return start(client._session, OpenAIResult[Any], flow, OpenAIParameters()).unwrap()
