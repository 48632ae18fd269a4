"""
The way of a request: who, which account, and an answer with its headers whatever happens.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from aikit.gateway import app
from aikit.gateway.app import make_app
from aikit.gateway.call import Call
from aikit.gateway.incoming.refusals import file_refused
from aikit.gateway.registry.keys import hash_of
from aikit.gateway.registry.rows import KeyRow
from aikit.gateway.routing import Endpoint, RouteTable
from aikit.gateway.state import Gateway
from aikit.types.errors import OpenAIError, Rejected
from tests.gateway.asgi import KEY, Asgi
from tests.gateway.gateways import opened

CONFIG: Final = """
model_list:
  - model_name: mini
    litellm_params: {model: openai/gpt-4o-mini, api_key: sk-upstream, api_base: "http://127.0.0.1:9/v1"}
    model_info: {id: an-id}
  - model_name: other
    litellm_params: {model: openai/gpt-5, api_key: sk-upstream, api_base: "http://127.0.0.1:9/v1"}
"""
TENANT: Final = "sk-of-a-tenant-0123456789"


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway with two models of one provider, and a key."""
    with opened(tmp_path, CONFIG) as opened_gateway:
        yield opened_gateway


@pytest.fixture
def client(gateway: Gateway) -> Asgi:
    """A client with the master key."""
    return Asgi(make_app(gateway))


def add_key(gateway: Gateway, **fields: Any) -> None:
    """
    Let `TENANT` be a key.
    """
    gateway.registry.keys.add(KeyRow(token="t", hash=hash_of(TENANT), **fields))


def test_models_are_listed(client: Asgi) -> None:
    """
    Models have the names by which requests may name them.
    """
    answer = client.get("/v1/models")
    assert [(model["id"], model["object"]) for model in answer.json["data"]] == [("mini", "model"), ("other", "model")]
    assert client.get("/models/mini").json["id"] == "mini"
    assert client.get("/models/nothing").error["code"] == "model_not_found"


def test_a_key_sees_only_its_models(gateway: Gateway, client: Asgi) -> None:
    """
    A model that the key may not use answers as one that does not exist.
    """
    add_key(gateway, models=("mini",))
    tenant = client.with_key(TENANT)
    assert [model["id"] for model in tenant.get("/models").json["data"]] == ["mini"]
    assert tenant.get("/models/other").status == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {KEY}"},
        {"authorization": f"bearer  {KEY} "},
        {"api-key": KEY},
        {"x-api-key": KEY},
        {"x-litellm-api-key": f"Bearer {KEY}", "authorization": "Bearer something-else"},
    ],
)
def test_a_key_is_taken_from_the_headers_of_all_sdks(client: Asgi, headers: dict[str, str]) -> None:
    """
    SDKs of OpenAI, Azure and others send the key in headers of their own.
    """
    assert client.with_key(None).get("/models", headers=headers).status == 200


@pytest.mark.parametrize("key", [None, "", "sk-wrong", KEY[:-1], f"{KEY}x", "\u00ff", "x" * 5000])
def test_without_a_good_key_nothing_is_answered(client: Asgi, key: str | None) -> None:
    """
    A missing or wrong key is a 401, whose answer does not repeat it, before the body is read.
    """
    answer = (stranger := client.with_key(key)).send("POST", "/v1/models/x", body=[b"body"])
    assert (answer.status, stranger.reads) == (405, 0)
    answer = (stranger := client.with_key(key)).get("/v1/models")
    assert (answer.status, answer.error["code"], stranger.reads) == (401, "invalid_api_key", 0)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert not key or key not in answer.body.decode()


def test_two_different_keys_are_refused(client: Asgi) -> None:
    """
    Two headers of one name, of which a proxy may have read the other, open nothing.
    """
    pairs = [("authorization", f"Bearer {KEY}"), ("authorization", "Bearer other")]
    assert client.get("/models", headers=pairs).status == 400


@pytest.mark.parametrize(("fields", "code"), [({"blocked": True}, "key_blocked"), ({"expires_at": 1.0}, "expired_key")])
def test_a_key_that_opens_nothing_any_more_tells_why(
    gateway: Gateway, client: Asgi, fields: dict[str, Any], code: str
) -> None:
    """
    Blocked and expired keys are refused with a code of their own.
    """
    add_key(gateway, **fields)
    answer = client.with_key(TENANT).get("/models")
    assert (answer.status, answer.error["code"]) == (401, code)


def test_a_key_with_a_limit_is_refused_beyond_it(gateway: Gateway, client: Asgi) -> None:
    """
    A request too many is a 429 that tells when to come back.
    """
    add_key(gateway, rpm_limit=1)
    tenant = client.with_key(TENANT)
    assert tenant.get("/models").status == 200
    answer = tenant.get("/models")
    assert (answer.status, answer.error["type"]) == (429, "rate_limit_error")
    assert int(answer.headers["retry-after"]) > 0


def test_names_are_checked_before_the_body_is_read(client: Asgi) -> None:
    """
    An unknown provider or model in path, header or query is refused at once.
    """
    for target, headers in (
        ("/nothing/v1/models", {}),
        ("/models?model=nothing", {}),
        ("/models?custom_llm_provider=nothing", {}),
        ("/models", {"custom-llm-provider": "nothing"}),
        ("/models", {"x-litellm-model": "nothing"}),
    ):
        assert client.get(target, headers=headers).status == 400
    assert client.reads == 0


def test_without_a_master_key_programs_of_this_machine_need_none(tmp_path: Path) -> None:
    """
    What a page of another site sends through a browser is refused all the same.
    """
    with opened(tmp_path, environ={"LITELLM_MASTER_KEY": ""}) as gateway:
        client = Asgi(make_app(gateway), key=None)
        local = ({"host": "localhost:4000"}, {"host": "0.0.0.0:4000"}, {"host": "127.0.0.2"})
        for headers in ({}, *local, {"host": "[::1]:4000", "origin": "http://127.0.0.1:4000"}):
            assert client.get("/models", headers=headers).status == 200
        for headers in ({"host": "rebound.example:4000"}, {"origin": "https://a.example"}, {"origin": "null"}):
            assert client.get("/models", headers=headers).error["code"] == "master_key_missing"
    environ = {"LITELLM_MASTER_KEY": "", "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true"}
    with opened(tmp_path, environ=environ) as gateway:
        assert Asgi(make_app(gateway), key=None).get("/models", headers={"host": "gateway.example"}).status == 200


def test_without_a_master_key_a_known_key_is_itself(tmp_path: Path) -> None:
    """
    Programs are tried with keys on their own machine; any other key has all rights there, as has none.
    """
    with opened(tmp_path, environ={"LITELLM_MASTER_KEY": ""}) as gateway:
        admin = Asgi(make_app(gateway), key="sk-1234")
        made = admin.post("/key/generate", {"rpm_limit": 1}).json["key"]
        tenant = admin.with_key(made)
        assert tenant.post("/key/generate", {}).status == 401
        assert tenant.get("/models").status == 429
        assert admin.with_key(None).post("/key/block", {"key": made}).status == 200
        assert tenant.get("/models").error["code"] == "key_blocked"
        assert admin.post("/key/generate", {"key": "sk-later-0123456789", "rpm_limit": 0}).status == 200
        assert admin.with_key("sk-later-0123456789").get("/models").status == 429


def test_an_unknown_key_is_looked_for_once_a_second(gateway: Gateway, client: Asgi) -> None:
    """
    A storm of requests with one wrong key costs no statements; a key that is made opens at once.
    """
    wrong = client.with_key(TENANT)
    assert wrong.get("/models").status == 401
    assert gateway.registry.keys.is_unknown(TENANT)
    add_key(gateway)
    assert not gateway.registry.keys.is_unknown(TENANT)
    assert wrong.get("/models").status == 200


def test_every_answer_has_the_headers_that_clients_read(gateway: Gateway, client: Asgi) -> None:
    """
    Errors have them too, and a call id of the client's is kept if it can be one.
    """
    add_key(gateway, max_budget=2, spend=0.5)
    answer = client.with_key(TENANT).get("/models", headers={"x-litellm-call-id": "mine-1"})
    assert answer.headers["x-litellm-call-id"] == "mine-1"
    assert (answer.headers["x-litellm-key-spend"], answer.headers["x-litellm-key-max-budget"]) == ("0.5", "2")
    assert float(answer.headers["x-litellm-response-duration-ms"]) > 0
    for target in ("/models/nothing", "/nothing"):
        answer = client.get(target, headers={"x-litellm-call-id": "not an id\n"})
        assert answer.headers["x-litellm-call-id"] == answer.headers["x-request-id"] != "not an id\n"


def serve(gateway: Gateway, monkeypatch: pytest.MonkeyPatch, error: Exception) -> Asgi:
    """
    Return a client of an application whose one route fails.
    """

    async def fail(_: Call) -> None:
        raise error

    monkeypatch.setattr(app, "ENDPOINTS", (Endpoint("GET", "/fail", fail, is_open=True),))
    return Asgi(make_app(gateway))


def test_what_nobody_expected_is_told_and_logged(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """
    The answer says nothing of the cause but where to look for it.
    """
    answer = serve(gateway, monkeypatch, RuntimeError("secret")).get("/fail")
    assert (answer.status, answer.error["code"], answer.error["type"]) == (500, "unexpected_error", "server_error")
    assert "secret" not in answer.body.decode()
    assert answer.headers["x-litellm-call-id"] in caplog.text


@pytest.mark.parametrize(
    ("error", "status", "headers"),
    [
        (
            OpenAIError(message="m", status=429, code="slow_down", headers={"retry-after": "7"}),
            429,
            {"retry-after": "7"},
        ),
        (OpenAIError(message="m", status=503, code="overloaded"), 503, {}),
        (OpenAIError(message="m", code="timeout"), 504, {"x-should-retry": "false"}),
        (OpenAIError(message="m", code="connection_error"), 502, {"x-should-retry": "false"}),
        (OpenAIError(message="m", code="invalid_response", status=200), 502, {"x-should-retry": "false"}),
        (OpenAIError(message="m", code="missing_required_parameter", param="file"), 400, {}),
        (OpenAIError(message="m", code="file_too_large"), 413, {}),
        (OpenAIError(message="m", status=400, is_ambiguous=True), 400, {"x-should-retry": "false"}),
    ],
)
def test_errors_keep_their_status_code_and_param(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, error: OpenAIError, status: int, headers: dict[str, str]
) -> None:
    """
    What a provider said comes through; what the network did is a gateway's error, which SDKs do not try again.
    """
    answer = serve(gateway, monkeypatch, error).get("/fail")
    told = {name: value for name, value in answer.headers.items() if name in {"retry-after", "x-should-retry"}}
    assert (answer.status, told) == (status, headers)
    assert (answer.error["message"], answer.error["code"], answer.error["param"]) == ("m", error.code, error.param)


def test_several_errors_are_all_told(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The first is the answer's error, in which all are listed.
    """
    errors = [OpenAIError(message=f"m{number}", line=number, status=400) for number in (1, 2)]
    answer = serve(gateway, monkeypatch, Rejected(errors)).get("/fail")
    assert answer.error["message"] == "line 1: m1"
    assert [each["line"] for each in answer.error["errors"]] == [1, 2]


def test_the_problems_of_a_file_are_listed_beside_their_sum(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The message tells all; the list has each with its line, also when it is one.
    """
    problem = OpenAIError(message="Bad.", code="invalid_json_line", line=3)
    answer = serve(gateway, monkeypatch, file_refused([problem])).get("/fail")
    assert answer.status == 400
    assert answer.error["message"].startswith("Batch input file line 3 is not valid JSON.")
    assert [(each["line"], each["message"]) for each in answer.error["errors"]] == [(3, "Bad.")]


def test_the_log_has_one_line_a_request_and_no_secret(client: Asgi, caplog: pytest.LogCaptureFixture) -> None:
    """
    Requests are logged with their call id, and without query, headers or key.
    """
    with caplog.at_level(logging.INFO, "aikit.gateway.access"):
        answer = client.get("/models?api_key=sk-in-a-query")
    (record,) = caplog.messages
    assert answer.headers["x-litellm-call-id"] in record
    assert '"status": 200' in record
    assert KEY not in record
    assert "sk-in-a-query" not in record


def test_pages_of_other_sites_see_nothing_unless_configured(tmp_path: Path) -> None:
    """
    Without CORS in the configuration, no answer has its headers.
    """
    with opened(tmp_path) as gateway:
        answer = Asgi(make_app(gateway)).get("/models", headers={"origin": "https://a.example"})
    assert "access-control-allow-origin" not in answer.headers


def test_no_two_endpoints_share_an_address() -> None:
    """
    A route that is registered twice would hide the first.
    """
    addresses = [(endpoint.method, endpoint.template) for endpoint in app.ENDPOINTS]
    assert len(set(addresses)) == len(addresses)
    assert RouteTable.of(app.ENDPOINTS)
