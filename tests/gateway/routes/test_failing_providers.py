"""
What callers see when a provider fails.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.gateway.asgi import Answer, Asgi
from tests.gateway.gateways import master_of, opened, tenant_of, upload
from tests.scripted_server import Exchange, Step, answer, serving

FILE: Final = {
    "id": "file-upstream-1",
    "object": "file",
    "bytes": 4,
    "created_at": 1_700_000_000,
    "filename": "a.txt",
    "purpose": "user_data",
    "status": "processed",
}


def told(status: int, headers: dict[str, str] | None = None, **error: Any) -> Step:
    """
    Answer with an error of OpenAI's.
    """
    body = {"error": {"message": "m", "type": "t", "param": None, "code": None} | error}
    return answer(status, json.dumps(body).encode(), {"content-type": "application/json"} | (headers or {}))


def reset(exchange: Exchange) -> None:
    """
    Hang up.
    """
    exchange.reset()


CREATED: Final = answer(200, json.dumps(FILE).encode(), {"content-type": "application/json", "x-request-id": "req_up"})


def ask(home: Path, *steps: Step, timeout: float = 5.0) -> Iterator[tuple[Asgi, str]]:
    """
    Yield a client and the id of a file, which was uploaded in the first step.
    """
    with serving(CREATED, *steps) as server:
        config = f"files_settings: [{{custom_llm_provider: openai, api_key: sk-up, api_base: '{server.url}'}}]\n"
        with opened(home, config, max_retries=0, timeout=timeout) as gateway:
            tenant = tenant_of(gateway)
            yield tenant, upload(tenant).json["id"]


def retrieved(home: Path, *steps: Step, timeout: float = 5.0) -> tuple[Answer, str]:
    """
    Return the answer about a file, and its id.
    """
    for client, file_id in ask(home, *steps, timeout=timeout):
        return client.get(f"/v1/files/{file_id}"), file_id
    raise AssertionError


@pytest.mark.parametrize("mark", ["\0", "\x01", "\x0b", "\x7f", "\x85"])
def test_no_header_of_the_provider_breaks_an_answer(tmp_path: Path, mark: str) -> None:
    """
    One that the server would not send is left out, of errors, of objects and of contents.
    """
    bad = dict.fromkeys(
        ("x-request-id", "retry-after", "retry-after-ms", "x-should-retry", "last-modified"), f"1{mark}2"
    )
    good = answer(200, json.dumps(FILE).encode(), {"content-type": "application/json"} | bad)
    for client, file_id in ask(tmp_path, good, told(400, bad), good):
        for path in (file_id, file_id, f"{file_id}/content"):
            got = client.get(f"/v1/files/{path}")
            assert got.headers["x-request-id"] == got.headers["x-litellm-call-id"]
            assert not any(mark in value for value in got.headers.values())


@pytest.mark.parametrize("status", [600, 999])
def test_what_is_no_status_of_http_is_a_502(tmp_path: Path, status: int) -> None:
    """
    A server breaks the connection off where its answer would have it.
    """
    got, _ = retrieved(tmp_path, told(status, message="no"))
    assert (got.status, got.error["message"]) == (502, "no")


def test_a_file_that_its_provider_calls_by_odd_names_is_known(tmp_path: Path) -> None:
    """
    It is stored there: refusing it afterwards would leave it without an owner.
    """
    odd = json.dumps(FILE | {"filename": "a\0b", "purpose": "p\ud800" + "x" * 1000}).encode()
    with serving(answer(200, odd, {"content-type": "application/json"})) as server:
        config = f"files_settings: [{{custom_llm_provider: openai, api_key: sk-up, api_base: '{server.url}'}}]\n"
        with opened(tmp_path, config, max_retries=0) as gateway:
            tenant = tenant_of(gateway)
            made = upload(tenant)
            assert made.status == 200
            assert [each["id"] for each in tenant.get("/v1/files").json["data"]] == [made.json["id"]]


def test_what_the_provider_says_comes_through(tmp_path: Path) -> None:
    """
    Its status, code, param, type, its request's id and when to come back; not its id of the file.
    """
    step = told(
        429,
        {"retry-after": "7", "x-request-id": "req_up2"},
        message="file-upstream-1 is asked for too often",
        code="slow_down",
        param="file_id",
        type="rate",
    )
    got, file_id = retrieved(tmp_path, step)
    assert got.status == 429
    assert got.error == {
        "message": f"{file_id} is asked for too often",
        "type": "rate",
        "param": "file_id",
        "code": "slow_down",
    }
    assert (got.headers["retry-after"], got.headers["x-request-id"]) == ("7", "req_up2")


def test_no_field_of_the_provider_tells_its_id(tmp_path: Path) -> None:
    """
    A File object has what OpenAI's has, and the size that the provider does not know yet.
    """
    own = {**FILE, "bytes": None, "uri": "gs://bucket/file-upstream-1", "status_details": "file-upstream-1 is odd"}
    step = answer(200, json.dumps(own).encode())
    got, file_id = retrieved(tmp_path, step)
    assert set(got.json) <= {*FILE, "status_details"}
    assert (got.json["status_details"], got.json["bytes"]) == (f"{file_id} is odd", 4)


@pytest.mark.parametrize("spelled", ["files/upstream-1", "gs://bucket/aikit/files/upstream-1", "file-upstream-1"])
def test_an_id_is_hidden_however_the_provider_writes_it(tmp_path: Path, spelled: str) -> None:
    """
    Providers name what an id stands for by addresses of their own.
    """
    got, file_id = retrieved(tmp_path, told(400, message=f"The file {spelled} cannot be had."))
    assert got.error["message"] == f"The file {file_id} cannot be had."


def test_a_key_that_the_provider_refuses_is_not_shown(tmp_path: Path) -> None:
    """
    It is the gateway's, and parts of it are in the provider's message.
    """
    got, _ = retrieved(tmp_path, told(401, message="Incorrect API key provided: sk-up", code="invalid_api_key"))
    assert (got.status, got.error["code"]) == (401, "invalid_api_key")
    assert "sk-up" not in got.body.decode()


@pytest.mark.parametrize(
    ("step", "status", "code"),
    [
        (told(404, message="whatever", code="other"), 404, None),
        (told(500), 500, None),
        (told(503, code="overloaded"), 503, "overloaded"),
        (reset, 502, "connection_error"),
        (answer(200, b"nothing"), 502, "invalid_response"),
        (answer(200, b"{}"), 502, "invalid_response"),
        (answer(204), 502, "invalid_response"),
        (answer(500, b"<html>"), 500, None),
    ],
)
def test_a_failure_has_a_status_and_openais_shape(tmp_path: Path, step: Step, status: int, code: str | None) -> None:
    """
    There is an error object whatever the provider does, and it names no address.
    """
    got, _ = retrieved(tmp_path, step)
    assert (got.status, got.error["code"]) == (status, code)
    assert set(got.error) == {"message", "type", "param", "code"}
    assert ("x-should-retry" in got.headers) == (status in {500, 502})
    assert "127.0.0.1" not in got.body.decode()


def test_a_provider_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    """
    After the time-out the answer is a 504.
    """
    got, _ = retrieved(tmp_path, answer(200, b"late", after_s=3), timeout=0.3)
    assert (got.status, got.error["code"], got.headers["x-should-retry"]) == (504, "timeout", "false")


def test_a_creation_in_doubt_is_not_sent_again_by_sdks(tmp_path: Path) -> None:
    """
    A file may be there twice otherwise.
    """
    for client, _ in ask(tmp_path, reset):
        got = upload(client)
        assert (got.status, got.headers["x-should-retry"]) == (502, "false")


def test_the_registry_keeps_nothing_of_what_failed(tmp_path: Path) -> None:
    """
    The list has what there is.
    """
    for client, file_id in ask(tmp_path, told(400)):
        assert upload(client).status == 400
        assert [each["id"] for each in client.get("/v1/files").json["data"]] == [file_id]


def test_the_master_key_learns_of_an_unknown_id_what_the_provider_says(tmp_path: Path) -> None:
    """
    An id that cannot be one is not even sent.
    """
    with serving(told(404, message="no such", param="id")) as server:
        config = f"files_settings: [{{custom_llm_provider: openai, api_key: sk-up, api_base: '{server.url}'}}]\n"
        with opened(tmp_path, config, max_retries=0) as gateway:
            client = master_of(gateway)
            assert client.get("/v1/files/file-raw").error["message"] == "No such File object: file-raw"
            assert client.get("/v1/files/..").status == 404
            assert [each.path for each in server.received] == ["/v1/files/file-raw"]
