"""
Every answer about batches that the embedded provider gives is one that OpenAI describes.
"""

from __future__ import annotations

import time
from typing import Any

import pytest

from aikit.http.bodies import BytesBody, json_body
from aikit.types.batches import BatchOrder, OpenAIBatch
from tests.conformance.checker import Asked, Checker
from tests.conformance.embedded import BASE, LINE, PROVIDER, Embedded

ENDPOINT = "/v1/chat/completions"


def order(file_id: str, **others: Any) -> BatchOrder:
    """Ask for a batch."""
    return BatchOrder(input_file_id=file_id, endpoint=ENDPOINT, intent="i", **others)


def ended(embedded: Embedded, batch: OpenAIBatch) -> OpenAIBatch:
    """Wait for the end of *batch*."""
    give_up_at = time.monotonic() + 30
    while not batch.is_ended:
        assert time.monotonic() < give_up_at
        time.sleep(0.01)
        batch = embedded.run(PROVIDER.retrieve_batch(batch.id))
    return batch


def test_the_whole_life_of_a_batch_is_described(embedded: Embedded, checker: Checker) -> None:
    """From its creation to its files, with all that can be asked of it."""
    wanted = order(
        embedded.stored(), metadata={"a": "b"}, output_expires_after={"anchor": "created_at", "seconds": 3600}
    )
    batch = ended(embedded, embedded.run(PROVIDER.create_batch(wanted)))
    assert batch.output_file_id is not None
    file = embedded.run(PROVIDER.retrieve_file(batch.output_file_id))
    embedded.run(PROVIDER.file_content(batch.output_file_id))

    assert (batch.status, file.purpose, file.expires_at) == ("completed", "batch_output", file.created_at + 3600)
    asked = [Asked.of(request, BASE) for request, _ in embedded.exchanges]
    assert [complaint for each in asked for complaint in checker.complaints_of(each)] == []
    assert embedded.complaints(checker) == []


def test_a_batch_that_failed_is_described(embedded: Embedded, checker: Checker) -> None:
    """Errors of the file, errors of lines."""
    twice = embedded.stored(content=LINE + LINE + b"no JSON\n")
    failed = [ended(embedded, embedded.run(PROVIDER.create_batch(order(name)))) for name in (twice, "file-missing")]

    assert [[error.code for error in batch.errors] for batch in failed] == [
        ["duplicate_custom_id", "invalid_json_line"],
        ["invalid_request"],
    ]
    assert embedded.complaints(checker) == []


def test_lists_of_batches_are_described(embedded: Embedded, checker: Checker) -> None:
    """An empty list, a page, and the page after it."""
    embedded.run(PROVIDER.list_batches({}))
    for _ in range(3):
        embedded.run(PROVIDER.create_batch(order("file-missing")))
    page = embedded.run(PROVIDER.list_batches({"limit": 2}))
    last = embedded.run(PROVIDER.list_batches({"limit": 2, "after": page.last_id}))

    assert (len(page.batches), page.has_more, len(last.batches), last.has_more) == (2, True, 1, False)
    assert embedded.complaints(checker) == []


@pytest.mark.parametrize(
    ("status", "method", "path"),
    [
        (404, "GET", "/batches/batch_missing"),
        (404, "POST", "/batches/batch_missing/cancel"),
        (404, "GET", "/batches?after=batch_missing"),
        (400, "GET", "/batches?limit=0"),
        (400, "GET", "/batches?limit=101"),
        (400, "GET", "/batches?colour=red"),
        (400, "POST", "/batches"),
    ],
)
def test_refusals_of_questions_are_described(
    embedded: Embedded, checker: Checker, status: int, method: str, path: str
) -> None:
    """Whatever a question is refused for, the refusal has OpenAI's four fields."""
    assert embedded.ask(method, path).status == status
    assert embedded.complaints(checker) == []


@pytest.mark.parametrize("body", [json_body({}), json_body([]), BytesBody(content=b"{")])
def test_refusals_of_orders_are_described(embedded: Embedded, checker: Checker, body: BytesBody) -> None:
    """So has the refusal of an order."""
    assert embedded.ask("POST", "/batches", body=body).status == 400
    assert embedded.complaints(checker) == []


def test_what_came_too_late_is_described(embedded: Embedded, checker: Checker) -> None:
    """A batch that is over cannot be cancelled, and says so as described."""
    batch = ended(embedded, embedded.run(PROVIDER.create_batch(order(embedded.stored()))))

    assert embedded.ask("POST", f"/batches/{batch.id}/cancel").status == 409
    assert embedded.complaints(checker) == []
