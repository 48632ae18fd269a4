"""
What friends send: answers, lines and files, for the mutations to begin with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from tests.scripted_server import FILE

BATCH: Final[dict[str, Any]] = {
    "id": "batch_1",
    "object": "batch",
    "endpoint": "/v1/chat/completions",
    "input_file_id": "file-in",
    "completion_window": "24h",
    "status": "completed",
    "created_at": 1_790_000_000,
    "completed_at": 1_790_000_100,
    "output_file_id": "file-out",
    "error_file_id": "file-err",
    "errors": {"object": "list", "data": [{"code": "c", "message": "m", "param": None, "line": 3}]},
    "request_counts": {"total": 3, "completed": 2, "failed": 1},
    "usage": {"input_tokens": 5, "output_tokens": 6, "total_tokens": 11, "input_tokens_details": {"cached_tokens": 1}},
    "metadata": {"aikit_intent": "x"},
}
UPLOAD: Final = {
    "id": "upload_1",
    "object": "upload",
    "bytes": 3,
    "created_at": 1,
    "filename": "a",
    "purpose": "batch",
    "status": "completed",
    "expires_at": 3601,
    "file": json.loads(FILE),
}
ANSWER: Final = {
    "id": "r",
    "model": "gpt-4o-mini",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello"}}],
    "output": [{"type": "message", "content": [{"type": "output_text", "text": "hello"}]}],
    "usage": {
        "prompt_tokens": 10,
        "completion_tokens": 20,
        "total_tokens": 30,
        "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 5},
    },
}
REFUSED: Final = {
    "error": {"message": "no", "type": "t", "param": "p", "code": "c"},
    "detail": [{"loc": ["a", 0], "msg": "m"}],
}


def lines(*values: Any) -> bytes:
    """
    Return *values* as lines of JSON.
    """
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


INPUT: Final = lines(
    *(
        {
            "custom_id": f"c{number}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": "gpt-4o-mini", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]},
        }
        for number in range(3)
    )
)
OUTPUT: Final = lines(
    *(
        {
            "id": "o",
            "custom_id": f"c{n}",
            "response": {"status_code": 200, "request_id": "q", "body": ANSWER},
            "error": None,
        }
        for n in range(2)
    )
)
ERRORS: Final = lines(
    {
        "id": "o",
        "custom_id": "c2",
        "response": {"status_code": 400, "body": REFUSED},
        "error": {"code": "c", "message": "m"},
    }
)
ROWS: Final = lines(
    {
        "key": "r-1",
        "status": "",
        "processed_time": "2026-11-01T18:13:16.826+00:00",
        "request": {"contents": [], "labels": {"aikit_key": "r-1"}},
        "response": {
            "candidates": [
                {
                    "content": {
                        "parts": [
                            {"text": "hm", "thought": True},
                            {"text": "yo"},
                            {"functionCall": {"name": "f", "args": {"x": 1.5}, "id": "i"}, "thoughtSignature": "s"},
                            {"inlineData": {"mimeType": "image/png", "data": "aW1n"}},
                        ]
                    },
                    "finishReason": "STOP",
                    "logprobsResult": {
                        "chosenCandidates": [{"token": "yo", "logProbability": -0.5}],
                        "topCandidates": [{"candidates": [{"token": "yo", "logProbability": -0.5}]}],
                    },
                }
            ],
            "promptFeedback": None,
            "usageMetadata": {
                "promptTokenCount": 9,
                "candidatesTokenCount": 2,
                "thoughtsTokenCount": 3,
                "toolUsePromptTokenCount": 1,
                "cachedContentTokenCount": 4,
                "totalTokenCount": 15,
                "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 2}],
            },
            "responseId": "abc",
        },
    },
    {"key": 2, "status": 'Bad Request: {"error": {"code": 400, "message": "m", "status": "S"}}', "response": {}},
    {"custom_id": 7, "response": {"type": "message", "content": [{"type": "text", "text": "x"}], "usage": {}}},
    {"key": "r-1", "response": {"embedding": {"values": [0.5, 1]}, "tokenCount": "3"}},
    {"custom_id": "c0", "response": {"status_code": 200, "body": {"choices": []}}, "error": None},
)
TUNING: Final = lines(
    {
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": "u"},
            {"role": "assistant", "content": "a", "weight": 1},
        ],
        "tools": [],
    },
    {
        "input": {"messages": [{"role": "user", "content": "u"}]},
        "preferred_output": [{"role": "assistant", "content": "a"}],
        "non_preferred_output": [{"role": "assistant", "content": "b"}],
    },
    {"item": {"question": "q"}, "sample": {"output_text": "x"}},
)
PAGE: Final = {
    "object": "list",
    "data": [json.loads(FILE)],
    "first_id": "file-1",
    "last_id": "file-1",
    "has_more": False,
}
ANSWERS: Final[Mapping[str, bytes]] = {
    "GET /v1/files/file-in/content": INPUT,
    "GET /v1/files/file-out/content": OUTPUT,
    "GET /v1/files/file-err/content": ERRORS,
    "GET /v1/files": json.dumps(PAGE).encode(),
    "GET /v1/files/file-1": FILE,
    "POST /v1/files": FILE,
    "DELETE /v1/files/file-1": b'{"id": "file-1", "object": "file", "deleted": true}',
    "GET /v1/batches": json.dumps(PAGE | {"data": [BATCH], "last_id": "batch_1"}).encode(),
    "GET /v1/batches/batch_1": json.dumps(BATCH).encode(),
    "POST /v1/batches": json.dumps(BATCH).encode(),
    "POST /v1/batches/batch_1/cancel": json.dumps(BATCH | {"status": "cancelled"}).encode(),
    "POST /v1/uploads": json.dumps(UPLOAD).encode(),
    "POST /v1/uploads/upload_1/parts": b'{"id": "part_1", "created_at": 1, "upload_id": "upload_1"}',
    "POST /v1/uploads/upload_1/complete": json.dumps(UPLOAD).encode(),
}
