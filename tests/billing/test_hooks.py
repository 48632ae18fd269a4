"""
Hooks that come with aikit: a line in the log, a span of a trace.
"""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import Any

import attrs
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from aikit.billing.hooks import OpenTelemetryHook, log_event
from aikit.types.batches import OpenAIBatchRequestCounts
from aikit.types.costs import OpenAIModelCost
from aikit.types.events import OpenAIBatchEvent
from aikit.types.usage import Usage

_USAGE = Usage(input_tokens=1_000, cached_tokens=10, output_tokens=50, reasoning_tokens=5)
_EVENT = OpenAIBatchEvent(
    kind="ended",
    batch_id="batch_1",
    provider="openai",
    address="https://api.openai.com/v1",
    at=1_763_700_600,
    created_at=1_763_700_000,
    booked_at=1_763_700_700,
    status="completed",
    endpoint="/v1/chat/completions",
    input_file_id="file-1",
    request_counts=OpenAIBatchRequestCounts(3, 2, 1),
    usage=_USAGE,
    cost=Decimal("0.25"),
    models=(OpenAIModelCost(model="gpt-4o-mini-2024-07-18", requests=2, usage=_USAGE, cost=Decimal("0.25")),),
)


def _span(event: OpenAIBatchEvent) -> Any:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    OpenTelemetryHook(provider)(event)
    provider.shutdown()
    spans = exporter.get_finished_spans()
    assert len(spans) <= 1
    return spans[0] if spans else None


def test_an_event_is_one_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """
    People read the message, programs the fields.
    """
    with caplog.at_level(logging.INFO, "aikit.batches"):
        log_event(_EVENT)
    (record,) = caplog.records
    assert record.getMessage() == (
        "batch batch_1 ended: completed, 2 of 3 requests succeeded, 1,000 input and 50 output tokens, $0.25"
    )
    assert (record.levelname, record.name) == ("INFO", "aikit.batches")
    fields = {name: value for name, value in vars(record).items() if name.startswith("batch_")}
    assert fields == {
        "batch_event": _EVENT,
        "batch_id": "batch_1",
        "batch_kind": "ended",
        "batch_status": "completed",
        "batch_cost": "0.25",
        "batch_input_tokens": 1_000,
        "batch_output_tokens": 50,
    }


@pytest.mark.parametrize(
    ("changes", "level", "words"),
    [
        ({"status": "expired"}, "WARNING", "expired"),
        ({"cost": None, "is_lower_bound": True}, "INFO", "cost unknown"),
        ({"is_lower_bound": True}, "INFO", "at least $0.25"),
        ({"kind": "created", "usage": None, "cost": None}, "INFO", "input file-1"),
    ],
)
def test_the_line_says_what_is_not_as_usual(
    changes: dict[str, Any], level: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    """
    A bad end is a warning; what is unknown is said to be.
    """
    with caplog.at_level(logging.INFO, "aikit.batches"):
        log_event(attrs.evolve(_EVENT, **changes))
    (record,) = caplog.records
    assert (record.levelname, words in record.getMessage()) == (level, True)


def test_a_span_lasts_as_long_as_the_batch() -> None:
    """
    Its name, kind, times and attributes are those of the conventions for generative AI.
    """
    span = _span(_EVENT)
    assert (span.name, span.kind) == ("chat gpt-4o-mini-2024-07-18", SpanKind.CLIENT)
    assert (span.start_time, span.end_time) == (1_763_700_000 * 10**9, 1_763_700_600 * 10**9)
    assert span.status.status_code is StatusCode.UNSET
    assert dict(span.attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.usage.input_tokens": 1_000,
        "gen_ai.usage.output_tokens": 50,
        "gen_ai.usage.cache_read.input_tokens": 10,
        "gen_ai.usage.reasoning.output_tokens": 5,
        "server.address": "api.openai.com",
        "aikit.batch.id": "batch_1",
        "aikit.batch.status": "completed",
        "aikit.batch.requests.total": 3,
        "aikit.batch.requests.completed": 2,
        "aikit.batch.requests.failed": 1,
        "aikit.batch.cost_usd": 0.25,
        "aikit.batch.cost_is_lower_bound": False,
    }


def test_the_names_are_those_that_opentelemetry_publishes() -> None:
    """
    Each ``gen_ai.``, ``server.`` and ``error.`` name is one of its semantic conventions.
    """
    from opentelemetry.semconv._incubating.attributes import gen_ai_attributes  # noqa: PLC0415  only for this
    from opentelemetry.semconv.attributes import error_attributes, server_attributes  # noqa: PLC0415  likewise

    known = {
        value
        for module in (gen_ai_attributes, error_attributes, server_attributes)
        for value in vars(module).values()
        if isinstance(value, str)
    }
    attributes = dict(_span(attrs.evolve(_EVENT, status="failed", address="http://localhost:8000/v1")).attributes)
    assert {name for name in attributes if not name.startswith("aikit.")} <= known
    assert (attributes["error.type"], attributes["server.port"]) == ("failed", 8000)


def test_a_batch_that_did_not_complete_is_an_error() -> None:
    """
    Of an unknown cost there is no attribute, for 0 would be a lie; nobody's model makes a plain name.
    """
    span = _span(
        attrs.evolve(_EVENT, status="expired", cost=None, models=(), address="/home/x", endpoint="/v1/embeddings")
    )
    assert (span.status.status_code, span.name) == (StatusCode.ERROR, "embeddings batch")
    assert not {"aikit.batch.cost_usd", "server.address"} & set(span.attributes)


def test_a_creation_has_no_span() -> None:
    """
    The span of the batch begins with it.
    """
    assert _span(attrs.evolve(_EVENT, kind="created")) is None


def test_without_opentelemetry_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    When the hook is made, not when a batch has ended.
    """
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry", None)
    with pytest.raises(ImportError, match=r"aikit-client\[otel\]"):
        OpenTelemetryHook()
