"""
Further fields that a caller adds to what calls send.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import responses

from aikit import (
    OpenAIBatchParameters,
    OpenAIBatchResubmitParameters,
    OpenAIClient,
    OpenAIError,
    OpenAIFileParameters,
    OpenAIUploadParameters,
)
from aikit.http.context import CallContext
from aikit.http.flow import Flow
from aikit.http.sources import source_of
from aikit.providers.gemini.provider import GeminiProvider
from aikit.providers.openai import OpenAIProvider
from aikit.providers.tokens import require_no_extra
from aikit.resources.files.resume import MultipartUpload
from aikit.types.batches import BatchOrder
from aikit.types.files import FileOrder
from aikit.types.uploads import UploadOrder

_URL = "https://api.example/v1"
_FILE = {"id": "file-1", "object": "file", "bytes": 1, "created_at": 1, "filename": "a", "purpose": "user_data"}
_UPLOAD = {"id": "up", "bytes": 1, "created_at": 1, "filename": "a", "purpose": "batch", "status": "pending"}
_BATCH = {
    "id": "batch_1",
    "endpoint": "/v1/chat/completions",
    "input_file_id": "file-1",
    "completion_window": "24h",
    "status": "validating",
    "created_at": 1,
}


@pytest.fixture
def server() -> Iterator[responses.RequestsMock]:
    """
    A server that takes what comes.
    """
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for path, answer in (("/files", _FILE), ("/uploads", _UPLOAD), ("/batches", _BATCH)):
            mock.add("POST", f"{_URL}{path}", json=answer)
        yield mock


@pytest.fixture
def client(tmp_path: Path) -> Iterator[OpenAIClient]:
    """
    A client of that server.
    """
    with OpenAIClient("k", base_url=_URL, home=tmp_path) as made:
        yield made


def _sent(server: responses.RequestsMock) -> bytes:
    body: Any = server.calls[-1].request.body
    return body if isinstance(body, bytes) else b"".join(iter(lambda: body.read(65536), b""))


def test_fields_go_into_the_form_of_a_file() -> None:
    """
    Numbers and truth values are told as JSON writes them, members of mappings with their names in brackets.
    """
    extra = {"target_model_names": "a, b", "n": 2, "is_on": True, "litellm_metadata": {"tags": {"team": "x"}}}
    form = FileOrder(purpose="batch", expires_after={"anchor": "created_at", "seconds": 3600}, extra=extra).to_form()
    assert form == {
        "purpose": "batch",
        "expires_after[anchor]": "created_at",
        "expires_after[seconds]": "3600",
        "target_model_names": "a, b",
        "n": "2",
        "is_on": "true",
        "litellm_metadata[tags][team]": "x",
    }


def test_fields_are_sent(client: OpenAIClient, server: responses.RequestsMock) -> None:
    """
    In the form of a file, of many, and in the JSON of uploads and batches, beside the call's own.
    """
    seen: list[bytes] = []

    def keep(request: Any) -> tuple[int, dict[str, str], str]:
        body = request.body
        seen.append(body if isinstance(body, bytes) else body.read(100_000))
        return (200, {}, json.dumps(_FILE))

    server.replace("POST", f"{_URL}/files", body=b"")
    server.remove("POST", f"{_URL}/files")
    server.add_callback("POST", f"{_URL}/files", callback=keep)
    assert client.files.create(("a", b"x"), "user_data", extra_body={"x": "y"})
    assert client.files.create_many([("a", b"x")], "user_data", {"extra_body": {"x": "y"}})
    assert [b'name="x"\r\n\r\ny\r\n' in body for body in seen] == [True, True]
    client.uploads.create("a", "batch", 1, validate=False, extra_body={"x": [1, None, {"y": True}]}).unwrap()
    assert json.loads(_sent(server))["x"] == [1, None, {"y": True}]
    client.batches.create("file-1", "/v1/chat/completions", extra_body={"x": {"y": 1}}, metadata={"a": "b"}).unwrap()
    told = json.loads(_sent(server))
    assert (told["x"], told["input_file_id"], told["metadata"]["a"]) == ({"y": 1}, "file-1", "b")


@pytest.mark.parametrize(
    ("extra", "kind", "words"),
    [
        ({"purpose": "batch"}, ValueError, "must not have 'purpose': the call says it itself"),
        ({"file": "x"}, ValueError, "must not have 'file'"),
        ({"expires_after[seconds]": 1}, ValueError, r"must not have 'expires_after\[seconds\]'"),
        ({"expires_after.seconds": 1}, ValueError, "must not have 'expires_after.seconds'"),
        ({"": 1}, ValueError, "without a name"),
        ({7: 1}, TypeError, "strings as names"),
        ([("a", 1)], TypeError, "must be a mapping, not list"),
        ("a", TypeError, "must be a mapping, not str"),
        ({"a": b"x"}, TypeError, "cannot be told as JSON"),
        ({"a": float("nan")}, ValueError, "cannot be told as JSON"),
        ({"a": "\ud800"}, ValueError, "lone surrogate"),
        ({"a": [1]}, TypeError, "it is for a form"),
        ({"a": {"b": None}}, TypeError, "it is for a form"),
    ],
)
def test_what_cannot_be_added_is_refused_before_sending(
    client: OpenAIClient, extra: Any, kind: type[Exception], words: str
) -> None:
    """
    The call's own fields, also in brackets or with dots, and what a form or JSON cannot say.
    """
    with pytest.raises(kind, match=words):
        client.files.create(b"x", "batch", extra_body=extra)


@pytest.mark.parametrize(
    ("call", "own"),
    [
        (lambda client, extra: client.uploads.create("a", "batch", 1, extra_body=extra), "mime_type"),
        (lambda client, extra: client.batches.create("file-1", "/v1/x", extra_body=extra), "metadata"),
        (lambda client, extra: client.batches.resubmit("b", ("failed",), extra_body=extra), "input_file_id"),
        (lambda client, extra: client.files.create_many(["a"], "batch", extra_body=extra), "purpose"),
    ],
)
def test_each_call_keeps_its_own_fields(client: OpenAIClient, call: Callable[..., Any], own: str) -> None:
    """
    What is an argument or an option of a call is not said twice.
    """
    with pytest.raises(ValueError, match=f"must not have '{own}'"):
        call(client, {own: "x"})


def test_calls_that_send_no_fields_have_no_such_option(client: OpenAIClient) -> None:
    """
    Where nothing could be added the option is unknown.
    """
    calls: tuple[tuple[Any, ...], ...] = (
        (client.files.retrieve, "file-1"),
        (client.files.list,),
        (client.uploads.cancel, "upload_1"),
        (client.batches.cancel, "batch_1"),
    )
    for call, *arguments in calls:
        with pytest.raises(TypeError, match="has no option 'extra_body'"):
            call(*arguments, extra_body={"x": 1})


def test_parameters_can_be_filled(client: OpenAIClient, server: responses.RequestsMock) -> None:
    """
    Left empty it is not given; filled field by field it is, and is checked by the call.
    """
    parameters = OpenAIFileParameters()
    assert parameters.extra_body == {}
    parameters.extra_body["purpose"] = "x"
    with pytest.raises(ValueError, match="must not have 'purpose'"):
        client.files.create(b"x", "batch", parameters)
    assert len(server.calls) == 0


def test_the_embedded_provider_refuses_unknown_fields_as_openai_does(tmp_path: Path) -> None:
    """
    What a provider does not know is its own to refuse.
    """
    with OpenAIClient(provider="local", home=tmp_path) as client:
        calls: tuple[Any, ...] = (
            lambda extra: client.files.create(("a.txt", b"x"), "user_data", extra_body=extra),
            lambda extra: client.uploads.create("a.txt", "user_data", 1, extra_body=extra),
            lambda extra: client.batches.create("file-1", "/v1/chat/completions", extra_body=extra),
        )
        for call in calls:
            error = call({"x": 1}).errors[0]
            assert (error.code, error.param) == ("unknown_parameter", "x")


def test_providers_of_another_form_refuse_them() -> None:
    """
    Gemini and Vertex AI are sent other requests, in which these fields have no place.
    """
    order = BatchOrder(input_file_id="f", endpoint="/v1/x", intent="i", extra={"x": 1})
    with pytest.raises(OpenAIError, match="takes no further fields; leave extra_body out"):
        require_no_extra("Gemini", order)
    flow: Flow[Any] = GeminiProvider().create_file(None, FileOrder(purpose="batch", extra={"x": 1}))  # type: ignore[arg-type]  # not looked at
    with pytest.raises(OpenAIError, match="Gemini takes no further fields"):
        next(flow)


def test_an_upload_with_other_fields_is_another_one() -> None:
    """
    What was interrupted goes on only where the fields are the same; its journal has none of them as they are.
    """
    orders = [
        UploadOrder(filename="a", purpose="batch", bytes=1, mime_type="text/plain", extra=extra)
        for extra in ({}, {"x": "k-0123456789"}, {"x": 2})
    ]
    assert [order.to_wire().get("x") for order in orders] == [None, "k-0123456789", 2]
    known: dict[str, Any] = {"journal": None, "context": CallContext()}
    source, options = source_of(b"x", filename="a"), OpenAIFileParameters()
    made = [MultipartUpload.of(OpenAIProvider(), source, order, options, **known) for order in orders]
    assert len({upload.wanted.same for upload in made}) == 3
    assert "0123456789" not in str([upload.wanted for upload in made])


@pytest.mark.usefixtures("server")
def test_what_is_added_is_not_shown(client: OpenAIClient) -> None:
    """
    Keys for a server behind a proxy may be among the fields: neither parameters nor requests show them.
    """
    extra = {"api_key": "k-0123456789", "vertex": {"token": "k-0123456789"}}
    for cls in (OpenAIFileParameters, OpenAIUploadParameters, OpenAIBatchParameters, OpenAIBatchResubmitParameters):
        assert "0123456789" not in repr(cls(extra_body=extra))
    for result in (
        client.files.create(("a", b"x"), "user_data", extra_body=extra),
        client.uploads.create("a", "user_data", 1, extra_body=extra),
        client.batches.create("file-1", "/v1/chat/completions", extra_body=extra),
    ):
        assert result.success
        assert "0123456789" not in repr(result.request)
