"""
Tests of a program on OpenAI's own library, with no key, no network, and no waiting.

    pip install 'aikit-client[gateway]' openai pytest
    pytest examples/test_served.py
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import openai
import pytest

if TYPE_CHECKING:
    from aikit.testing import EmbeddedProvider

pytest_plugins = ["aikit.testing"]


def ask(client: openai.OpenAI, questions: list[str]) -> dict[str, str]:
    """
    Ask all questions in one batch, and return the answers by question: the program to be tested.
    """
    bodies = [{"model": "gpt-5-mini", "messages": [{"role": "user", "content": each}]} for each in questions]
    request = {"method": "POST", "url": "/v1/chat/completions"}
    lines = [
        json.dumps({"custom_id": each, **request, "body": body}) for each, body in zip(questions, bodies, strict=True)
    ]
    file = client.files.create(file=("questions.jsonl", "\n".join(lines).encode()), purpose="batch")
    batch = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    while batch.status not in {"completed", "failed", "expired", "cancelled"}:
        time.sleep(0.05)
        batch = client.batches.retrieve(batch.id)
    if batch.output_file_id is None:
        return {}
    rows = [json.loads(line) for line in client.files.content(batch.output_file_id).text.splitlines()]
    return {row["custom_id"]: row["response"]["body"]["choices"][0]["message"]["content"] for row in rows}


def line_of(question: str) -> str:
    """
    Return the line that asks *question*.
    """
    body = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": question}]}
    return json.dumps({"custom_id": question, "method": "POST", "url": "/v1/chat/completions", "body": body})


@pytest.fixture
def client(aikit_provider: EmbeddedProvider) -> openai.OpenAI:
    """
    Make a client of the embedded provider.
    """
    return openai.OpenAI(base_url=aikit_provider.serve(), api_key="none-is-needed")


def test_every_question_is_answered(client: openai.OpenAI) -> None:
    """
    The built-in model answers, always the same to the same question.
    """
    assert set(ask(client, ["Why?", "When?"])) == {"Why?", "When?"}


def test_a_server_that_is_busy_is_asked_again(client: openai.OpenAI, aikit_provider: EmbeddedProvider) -> None:
    """
    The library obeys Retry-After, and goes on after a connection that broke.
    """
    aikit_provider.fail("POST", "/files", status=429, headers={"Retry-After-Ms": "5"})
    aikit_provider.fail("GET", "/batches/*", reset=True)
    assert set(ask(client, ["Why?"])) == {"Why?"}


def test_what_failed_has_no_answer(client: openai.OpenAI, aikit_provider: EmbeddedProvider) -> None:
    """
    The second line ends with an error of the model.
    """
    aikit_provider.fail_lines(every=2, status=500)
    assert set(ask(client, ["Why?", "When?"])) == {"Why?"}


def test_a_day_may_be_too_short(client: openai.OpenAI, aikit_provider: EmbeddedProvider) -> None:
    """
    The batch expires after one answer, though the test takes a moment.
    """
    aikit_provider.expire_after(lines=1)
    assert len(ask(client, ["Why?", "When?", "Where?"])) == 1
