"""
Which servers have files and batches of their own, asked of them when the gateway starts.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from aikit.gateway.settings.reader import client_of
from aikit.gateway.settings.values import GatewaySettings
from aikit.gateway.values import Deployment
from aikit.runtime.result import OpenAIResult

_PATIENCE_S: Final = 2.0
_AT_ONCE: Final = 16
_HAS_NONE: Final = frozenset((404, 501))  # 405 is said where files can be uploaded and not listed


def probed(settings: GatewaySettings) -> GatewaySettings:
    """
    Return *settings* in which each account has the form that its server is able to serve.

    The servers in question are asked for a page of files and one of batches, all at once and for two seconds. One that
    has neither path, or no page there, has its lines run here; one that answers in any other way has batches of its
    own; and one that does not answer is taken for what its provider usually is.
    """
    if not settings.unsure:
        return settings
    has_files = _asked(settings)
    fitting = {one.name: _fitting(settings, one, has_files=has_files.get(one.api_base)) for one in settings.deployments}
    return attrs.evolve(
        settings,
        deployments=tuple(fitting.values()),
        others={
            fitting[one.name].name: settings.others[one.name] if fitting[one.name] is one else one
            for one in settings.deployments
            if one.name in settings.others
        },
        default=fitting[settings.default].name,
    )


def _fitting(settings: GatewaySettings, usual: Deployment, *, has_files: bool | None) -> Deployment:
    other = settings.others[usual.name] if usual.name in settings.unsure else usual
    return other if has_files is not None and other.runs_lines != has_files else usual


def _asked(settings: GatewaySettings) -> dict[str, bool | None]:
    """
    Return, by addresses, whether there are files; ``None`` without an answer.
    """
    options: Mapping[str, Any] = {"timeout": _PATIENCE_S, "max_retries": 0, "limit": 1, "background": True}
    pairs = [(one, settings.others[one.name]) for one in settings.deployments if one.name in settings.unsure]
    native = {one.api_base: one if other.runs_lines else other for one, other in pairs}
    until = time.monotonic() + _PATIENCE_S
    client = client_of(settings, ledger=False, max_workers=min(len(native), _AT_ONCE))
    try:
        begun = {
            base: [api.list(**{"provider": one.name, **options}) for api in (client.files, client.batches)]
            for base, one in native.items()
        }
        return {base: _has_some([_is_there(result, until) for result in results]) for base, results in begun.items()}
    finally:
        client.close(cancel=True)


def _has_some(are_there: Sequence[bool | None]) -> bool | None:
    return True if True in are_there else None if None in are_there else False


def _is_there(result: OpenAIResult[Any], until: float) -> bool | None:
    if not result.wait(max(0.0, until - time.monotonic())):
        return None
    if not result.errors:
        return True
    status = result.errors[0].status
    return None if status is None else status >= 300 and status not in _HAS_NONE
