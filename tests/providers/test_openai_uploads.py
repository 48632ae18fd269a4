"""
OpenAI's flows of uploads in parts, bare.
"""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

from aikit.http.flow import Flow
from aikit.http.headers import Headers
from aikit.http.messages import Request, Response
from aikit.http.sources import source_of
from aikit.providers.openai import OpenAIProvider
from aikit.types.errors import OpenAIError
from aikit.types.uploads import UploadOrder

_PROVIDER = OpenAIProvider(base_url="https://api.example/v1", headers=Headers({"Authorization": "Bearer k"}))
_ORDER = UploadOrder(filename="a.jsonl", purpose="batch", bytes=5, mime_type="application/jsonl")


def _flows() -> tuple[Flow[Any], ...]:
    return (
        _PROVIDER.create_upload(_ORDER),
        _PROVIDER.add_upload_part("upload_1", source_of(b"12345", filename="part")),
        _PROVIDER.complete_upload("upload_1", ("part_1",), None),
        _PROVIDER.cancel_upload("upload_1"),
    )


def test_each_operation_asks_what_the_reference_says() -> None:
    """
    Method and address of every call are OpenAI's, and the key goes with each.
    """
    requests = [step for flow in _flows() if isinstance(step := next(flow), Request)]
    assert all("authorization" in request.headers for request in requests)
    assert [(request.method, request.url.removeprefix("https://api.example/v1")) for request in requests] == [
        ("POST", "/uploads"),
        ("POST", "/uploads/upload_1/parts"),
        ("POST", "/uploads/upload_1/complete"),
        ("POST", "/uploads/upload_1/cancel"),
    ]


@pytest.mark.parametrize("number", range(4))
def test_refusals_and_garbage_are_errors(number: int) -> None:
    """
    A refusal keeps the provider's words; what is no answer to the question is told as such.
    """
    refused = json.dumps({"error": {"message": "no", "type": "invalid_request_error", "code": "c", "param": None}})
    for status, body, code in ((400, refused, "c"), (200, "{}", "invalid_response"), (200, "<a>", "invalid_response")):
        flow = _flows()[number]
        request = next(flow)
        assert isinstance(request, Request)
        with pytest.raises(OpenAIError) as caught:
            flow.send(Response(status=status, body=body.encode(), request=request))
        assert caught.value.code == code


def test_completion_without_md5_sends_none() -> None:
    """
    What is not given is left out, not null.
    """
    request = next(_PROVIDER.complete_upload("upload_1", ("part_1",), None))
    assert isinstance(request, Request)
    assert request.body is not None
    assert json.loads(request.body.open().read(1000)) == {"part_ids": ["part_1"]}


@pytest.mark.parametrize("status", [400, 404, 409, 410, 422])
@pytest.mark.parametrize(("was_applied", "code"), [(True, "answer_lost"), (False, "c")])
def test_a_refused_completion_may_have_come_true_before(*, status: int, was_applied: bool, code: str) -> None:
    """
    Where an earlier answer was lost, a refusal may mean that the file is there; else it is the refusal that it is.
    """
    refused = json.dumps({"error": {"message": "no", "type": "invalid_request_error", "code": "c", "param": None}})
    flow = _PROVIDER.complete_upload("upload_1", ("part_1",), None)
    request = next(flow)
    assert isinstance(request, Request)
    again = attrs.evolve(request, may_have_been_applied=was_applied)
    with pytest.raises(OpenAIError) as caught:
        flow.send(Response(status=status, body=refused.encode(), request=again))
    assert (caught.value.code, caught.value.status) == (code, status)


def test_only_giving_up_an_upload_cleans_up() -> None:
    """
    Parts are removed also when the call they belong to was cancelled; no other request goes out then.
    """
    requests = [step for flow in _flows() if isinstance(step := next(flow), Request)]
    assert [request.is_cleanup for request in requests] == [False, False, False, True]
