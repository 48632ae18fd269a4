"""
Tests of the headers of answers: they are on the result of each call, whatever came of it.
"""

from __future__ import annotations

from typing import Final

import pytest

from aikit import OpenAIClient
from tests.scripted_server import Step, answer, serving

_TOLD: Final = {"X-Request-Id": "req_9", "Retry-After": "1", "X-RateLimit-Remaining-Requests": "3"}
_FILE: Final = b'{"id":"file-1","object":"file","bytes":5,"created_at":1,"filename":"a","purpose":"batch"}'
_REFUSAL: Final = b'{"error":{"message":"slow down","code":"rate_limit_exceeded"}}'


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize(
    ("steps", "is_success"),
    [
        ([answer(200, _FILE, _TOLD)], True),
        ([answer(500, b"{}", {"X-Request-Id": "req_8"}), answer(200, _FILE, _TOLD)], True),
        ([answer(429, _REFUSAL, _TOLD)], False),
        ([answer(404, b"gone", _TOLD)], False),
        ([answer(200, b"no JSON", _TOLD)], False),
    ],
)
def test_the_headers_of_the_last_answer_are_on_the_result(
    steps: list[Step], *, is_success: bool, background: bool
) -> None:
    """Request id, pause and what is left are there after success and after failure, here and in the background."""
    retries = len(steps) - 1
    with serving(*steps) as server, OpenAIClient(api_key="k", base_url=server.url, max_retries=retries) as client:
        result = client.files.retrieve("file-1", {"background": background, "extra_headers": {"X-Own": "1"}})
        assert result.wait(20)
        assert server.received[-1].headers["x-own"] == "1"
    assert result.success is is_success
    assert (result.headers["x-request-id"], result.headers["retry-after"]) == ("req_9", "1")
    assert result.rate_limit.remaining == {"requests": 3}
    for error in result.errors:
        assert (error.request_id, error.headers["retry-after"]) == ("req_9", "1")
