"""
Ready-made hooks: callables that get each event of the ledger, for ``OpenAIClient(hooks=[…])``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from aikit import __version__
from aikit.types.events import CORRECTED, ENDED, OpenAIBatchEvent

_log: Final = logging.getLogger("aikit.batches")
_PER_SECOND: Final = 1_000_000_000
_OPERATIONS: Final[Mapping[str, str]] = {
    "/chat/completions": "chat",
    "/responses": "chat",
    "/completions": "text_completion",
    "/embeddings": "embeddings",
}


def log_event(event: OpenAIBatchEvent) -> None:
    """
    Log *event* as one line of level INFO (WARNING for a batch that did not complete) to the logger ``"aikit.batches"``.

    Its fields are in the record as ``batch_event`` (the event itself), ``batch_id``, ``batch_kind``, ``batch_status``,
    ``batch_cost`` (text, or ``None``), ``batch_input_tokens`` and ``batch_output_tokens``.
    """
    usage = event.usage
    level = logging.WARNING if event.kind == ENDED and event.status != "completed" else logging.INFO
    extra = {
        "batch_event": event,
        "batch_id": event.batch_id,
        "batch_kind": event.kind,
        "batch_status": event.status,
        "batch_cost": None if event.cost is None else f"{event.cost:f}",
        "batch_input_tokens": None if usage is None else usage.input_tokens,
        "batch_output_tokens": None if usage is None else usage.output_tokens,
    }
    _log.log(level, "batch %s %s: %s", event.batch_id, event.kind, _said(event), extra=extra)


def _said(event: OpenAIBatchEvent) -> str:
    if event.usage is None:
        return f"{event.endpoint}, input {event.input_file_id}"
    counts, usage = event.request_counts, event.usage
    cost = "cost unknown" if event.cost is None else f"{'at least ' if event.is_lower_bound else ''}${event.cost:f}"
    if event.kind == CORRECTED:
        tokens = f"{usage.input_tokens:+,} input and {usage.output_tokens:+,} output tokens"
        return f"what was booked lacked prices or files: {tokens}, {cost} more"
    return (
        f"{event.status}, {counts.completed:,} of {counts.total:,} requests succeeded, "
        f"{usage.input_tokens:,} input and {usage.output_tokens:,} output tokens, {cost}"
    )


class OpenTelemetryHook:
    """
    A hook that makes a span of each batch that has ended, from when it was created to when it ended.

    It needs the extra ``aikit-client[otel]``. Attributes are those of OpenTelemetry's conventions for generative AI,
    and ``aikit.batch.*`` for what they have no name for: id, status, total, completed and failed requests, cost in US
    dollars (absent where it is unknown) and whether that is a lower bound. A span has one model; of a batch of several,
    it is the one with most requests.
    """

    # gen_ai.operation.name, gen_ai.provider.name, gen_ai.request.model, gen_ai.response.model, gen_ai.usage.*,
    # server.address, server.port, error.type
    # https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/ (names of opentelemetry-semantic-conventions
    # 0.66b2, read 2026-11-22)

    def __init__(self, tracer_provider: Any = None) -> None:
        """
        Make the hook.

        Args:
            tracer_provider: Of OpenTelemetry; without it, the global one.

        Raises:
            ImportError: OpenTelemetry is not installed.
        """
        try:
            from opentelemetry import trace  # noqa: PLC0415  an extra
        except ImportError as error:
            raise ImportError("OpenTelemetryHook needs opentelemetry-api: pip install 'aikit-client[otel]'") from error
        self._tracer = trace.get_tracer("aikit.batches", __version__, tracer_provider)
        self._kind = trace.SpanKind.CLIENT
        self._error = trace.Status(trace.StatusCode.ERROR)

    def __call__(self, event: OpenAIBatchEvent) -> None:
        """
        Make the span; of a batch's creation there is none, nor of what is corrected later.
        """
        if event.kind != ENDED:
            return
        attributes = {name: value for name, value in _attributes(event).items() if value is not None}
        span = self._tracer.start_span(
            f"{attributes['gen_ai.operation.name']} {attributes.get('gen_ai.request.model', 'batch')}",
            kind=self._kind,
            attributes=attributes,
            start_time=event.created_at * _PER_SECOND,
        )
        if event.status != "completed":
            span.set_status(self._error)
        span.end(max(event.at, event.created_at) * _PER_SECOND)


def _attributes(event: OpenAIBatchEvent) -> dict[str, Any]:
    usage, model = event.usage, event.models[0].model if event.models else None
    parts = urlsplit(event.address) if "://" in event.address else None
    path = event.endpoint.removeprefix("/v1")
    return {
        "gen_ai.operation.name": _OPERATIONS.get(path, path.strip("/") or "batch"),
        "gen_ai.provider.name": event.provider,
        "gen_ai.request.model": event.model or model,
        "gen_ai.response.model": model,
        "gen_ai.usage.input_tokens": usage and usage.input_tokens,
        "gen_ai.usage.output_tokens": usage and usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage and usage.cached_tokens,
        "gen_ai.usage.reasoning.output_tokens": usage and usage.reasoning_tokens,
        "server.address": parts.hostname if parts else None,
        "server.port": parts.port if parts else None,
        "error.type": None if event.status == "completed" else event.status,
        "aikit.batch.id": event.batch_id,
        "aikit.batch.status": event.status,
        "aikit.batch.requests.total": event.request_counts.total,
        "aikit.batch.requests.completed": event.request_counts.completed,
        "aikit.batch.requests.failed": event.request_counts.failed,
        "aikit.batch.cost_usd": None if event.cost is None else float(event.cost),
        "aikit.batch.cost_is_lower_bound": event.is_lower_bound,
    }
