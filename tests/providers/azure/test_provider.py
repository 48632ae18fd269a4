"""
A resource as a provider: its variables, its headers, its account and its limits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from aikit import OpenAIClient
from aikit.http.flow import Flow
from aikit.http.messages import Request, Response
from aikit.http.sources import source_of
from aikit.providers.azure.provider import AzureProvider
from aikit.providers.config import ProviderSettings
from aikit.providers.config.providers import Providers
from aikit.types.errors import OpenAIError
from aikit.types.files import FileOrder
from tests.scripted_server import Exchange, answer, rendered, serving

_HOST = "https://res.openai.azure.com"
_KEY = "0123456789abcdef"
_CREDENTIALS = ("api-key", "authorization")


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AZURE_OPENAI_ENDPOINT", "AZURE_API_BASE", "OPENAI_API_VERSION", "AZURE_API_VERSION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AIKIT_HOME", str(tmp_path))


def _provider(environ: Mapping[str, str] | None = None, **given: Any) -> AzureProvider:
    settings = ProviderSettings(kind="azure", **{"base_url": _HOST, **given}).or_environment(environ or {})
    return AzureProvider.from_settings(settings)


def _asked(flow: Flow[Any]) -> Request:
    request = next(flow)
    assert isinstance(request, Request)
    flow.close()
    return request


def _credentials(provider: AzureProvider) -> dict[str, str]:
    headers = _asked(provider.retrieve_file("file-1")).headers
    return {name: headers[name] for name in _CREDENTIALS if name in headers}


def test_each_operation_goes_to_the_surface_that_is_meant() -> None:
    """
    Below /openai with a version in every query, or below /openai/v1 without.
    """
    dated, plain = _provider({"OPENAI_API_VERSION": "2024-10-21"}), _provider()
    assert _asked(dated.retrieve_file("file-1")).url == f"{_HOST}/openai/files/file-1?api-version=2024-10-21"
    assert _asked(dated.file_content("file-1")).url == f"{_HOST}/openai/files/file-1/content?api-version=2024-10-21"
    assert _asked(dated.file_content("file-1")).headers["accept"] == "application/octet-stream, */*"
    assert _asked(dated.list_batches({"limit": 2})).url == f"{_HOST}/openai/batches?limit=2&api-version=2024-10-21"
    assert _asked(plain.cancel_batch("batch_1")).url == f"{_HOST}/openai/v1/batches/batch_1/cancel"
    assert _asked(plain.cancel_upload("upload_1")).url == f"{_HOST}/openai/v1/uploads/upload_1/cancel"


@pytest.mark.parametrize(
    ("environ", "given", "sent"),
    [
        ({"AZURE_OPENAI_API_KEY": _KEY, "AZURE_API_KEY": "other"}, {}, {"api-key": _KEY}),
        ({"AZURE_API_KEY": _KEY}, {}, {"api-key": _KEY}),
        ({"AZURE_OPENAI_AD_TOKEN": "a.b.c"}, {}, {"authorization": "Bearer a.b.c"}),
        ({"AZURE_AD_TOKEN": "a.b.c", "AZURE_API_KEY": _KEY}, {}, {"api-key": _KEY}),
        ({"AZURE_AD_TOKEN": "a.b.c"}, {"api_key": _KEY}, {"api-key": _KEY}),
        ({"AZURE_AD_TOKEN": "a.b.c"}, {"api_key": ""}, {}),
        ({"AZURE_AD_TOKEN": "a.b.c"}, {"api_key": "", "token": lambda: "t"}, {}),  # the transport adds it
        ({"AZURE_API_KEY": _KEY}, {"custom_headers": {"Authorization": "Bearer x"}}, {"authorization": "Bearer x"}),
        ({"AZURE_AD_TOKEN": "a.b.c"}, {"custom_headers": {"API-Key": "mine"}}, {"api-key": "mine"}),
        ({"OPENAI_API_KEY": "sk-1"}, {}, {}),
    ],
)
def test_a_key_or_a_token_is_sent_and_never_both(
    environ: dict[str, str], given: dict[str, Any], sent: dict[str, str]
) -> None:
    """
    The caller's own counts before the environment's, a key before a token; OpenAI's key is not Azure's.
    """
    assert _credentials(_provider(environ, **given)) == sent


@pytest.mark.parametrize(
    ("code", "words", "mend"),
    [
        ("404", "Resource not found", "Resource not found; is the endpoint that of a resource"),
        ("invalidPayload", "Invalid value for purpose.", "leave it out, or take a newer one"),
        ("401", "Audience is incorrect.", "give AZURE_SCOPE what the host wants"),
        ("notFound", "No such thing.", "^No such thing\\.$"),
    ],
)
def test_refusals_that_do_not_say_so_are_told_with_their_mend(code: str, words: str, mend: str) -> None:
    """
    By each call that comes first: with its code and its status, as they were.
    """
    provider = _provider()
    source = source_of(b"a", filename="a.txt")
    flows: tuple[Flow[Any], ...] = (
        provider.list_files({}),
        provider.list_batches({}),
        provider.create_file(source, FileOrder(purpose="user_data")),
    )
    for flow in flows:
        request = next(flow)
        assert isinstance(request, Request)
        body = json.dumps({"error": {"code": code, "message": words}}).encode()
        with pytest.raises(OpenAIError, match=mend) as caught:
            flow.send(Response(status=400, body=body, request=request))
        assert (caught.value.code, caught.value.status) == (code, 400)


@pytest.mark.parametrize(
    ("headers", "attempts"),
    [
        ({"x-ms-retry-after-ms": "20"}, 2),
        ({"retry-after-ms": "20", "Retry-After": "100"}, 2),
        ({"x-should-retry": "false"}, 1),
        ({"Retry-After": "100000"}, 1),
    ],
)
def test_azure_says_when_to_come_again(headers: dict[str, str], attempts: int) -> None:
    """
    In milliseconds first, in headers of its own, or that it is of no use.
    """
    busy = answer(429, b'{"error": {"code": "tooManyRequests", "message": "Wait."}}', headers)
    with serving(busy, answer(200, b'{"data": []}')) as server:
        with OpenAIClient(_KEY, provider="azure", base_url=server.url) as client:
            assert client.files.list().success is (attempts == 2)
        assert len(server.received) == attempts


def test_no_organization_goes_to_azure() -> None:
    """
    It is OpenAI's.
    """
    headers = _asked(_provider(organization="o", project="p").list_files({})).headers
    assert not [name for name in headers if name.lower().startswith("openai-")]


@pytest.mark.parametrize("name", ["AZURE_OPENAI_ENDPOINT", "AZURE_API_BASE"])
def test_the_endpoint_is_of_the_environment_or_it_is_said_where_it_is_missing(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The client is not even made without one.
    """
    with pytest.raises(ValueError, match="'azure' has no base_url: set AZURE_OPENAI_ENDPOINT or AZURE_API_BASE"):
        OpenAIClient(_KEY, provider="azure")
    monkeypatch.setenv(name, f"{_HOST}/openai/?api-version=2024-10-21")
    assert OpenAIClient(_KEY, provider="azure").provider.base_url == f"{_HOST}/openai"
    other = OpenAIClient(_KEY, provider="azure", base_url="https://b.example/openai/v1")
    assert other.provider.base_url == "https://b.example/openai/v1"


def test_only_azure_takes_an_address_with_a_query() -> None:
    """
    For others a key would be lost there.
    """
    for provider in (None, "openai", "local"):
        with pytest.raises(ValueError, match="must have no user, query or fragment"):
            OpenAIClient("k", provider=provider, base_url=f"{_HOST}?api-version=2024-10-21")


def test_an_entry_of_the_provider_file_is_a_resource(tmp_path: Path) -> None:
    """
    Several resources have names of their own; the one that is called azure takes what it lacks from the environment.
    """
    entries = {
        "sweden": {"type": "azure", "baseURL": f"{_HOST}?api-version=2024-10-21", "apiKey": _KEY},
        "france": {"kind": "azure", "baseURL": _HOST, "api_version": "2025-04-01-preview"},
        "azure": {"baseURL": _HOST, "api_version": "preview"},
    }
    (tmp_path / "AIProviders.json").write_text(json.dumps({"providers": entries}))
    found = Providers.load({"AZURE_OPENAI_API_KEY": "k1", "OPENAI_API_VERSION": "2024-10-21"}, home=tmp_path)
    sweden, france, azure = (AzureProvider.from_settings(found.get(name)) for name in entries)
    assert (sweden.endpoint.query, _credentials(sweden)) == ("api-version=2024-10-21", {"api-key": _KEY})
    assert france.endpoint.query == "api-version=2025-04-01-preview"
    assert (azure.endpoint.query, _credentials(azure)) == ("api-version=preview", {"api-key": "k1"})


def test_an_account_is_a_resource_and_a_key() -> None:
    """
    Either surface books into the same, and nothing of a key or a query is in it.
    """
    plain = _provider(api_key=_KEY)
    dated = _provider({"OPENAI_API_VERSION": "2024-10-21"}, api_key=_KEY, base_url=f"{_HOST}/?subscription-key=s3cret1")
    other = _provider(api_key="other-key-of-it")
    assert plain.account() == dated.account()
    assert (plain.account().kind, plain.account().address) == ("azure", _HOST)
    assert plain.account_key() == dated.account_key() != other.account_key()
    shown = dated.account_key() + dated.identity + dated.address + repr(dated) + repr(plain.account())
    assert "s3cret" not in shown
    assert _KEY not in shown
    assert plain.identity == dated.identity == f"azure {_HOST}"


def test_limits_are_azures() -> None:
    """
    Twice as many lines, either spelling of an endpoint, and no bound that is OpenAI's alone.
    """
    limits = _provider().limits
    assert (limits.batch_max_lines, limits.batch_max_bytes) == (100_000, 209_715_200)
    assert {"/chat/completions", "/v1/chat/completions"} <= set(limits.batch_endpoints)


def test_a_key_goes_to_the_resource_alone() -> None:
    """
    Where the resource redirects to another host, it goes without.
    """
    with serving(answer(200, b"{}")) as elsewhere:
        there = elsewhere.url.replace("127.0.0.1", "localhost")
        moved = answer(307, b"", {"Location": f"{there}/away"})
        with (
            serving(moved) as server,
            OpenAIClient(_KEY, provider="azure", base_url=server.url, max_retries=0) as client,
        ):
            assert not client.files.retrieve("file-1").success
        assert server.received[0].headers["api-key"] == _KEY
    assert all(_KEY not in str(request.headers) for request in elsewhere.received)


@pytest.mark.parametrize(
    ("given", "extra", "sent"),
    [
        ({"api_key": _KEY}, {"Authorization": "Bearer theirs"}, ("authorization", "Bearer theirs")),
        ({"api_key": _KEY}, {"API-KEY": "theirs"}, ("api-key", "theirs")),
        ({"api_key": lambda: "t"}, {"api-key": "theirs"}, ("api-key", "theirs")),
        ({"api_key": ""}, {"api-key": "theirs"}, ("api-key", "theirs")),
        ({"custom_headers": {"Authorization": "Bearer x"}}, {"api-key": "theirs"}, ("api-key", "theirs")),
        ({"api_key": _KEY}, {"X-Trace": "1"}, ("api-key", _KEY)),
    ],
)
def test_a_credential_of_one_call_is_its_only_one(
    given: dict[str, Any], extra: dict[str, str], sent: tuple[str, str]
) -> None:
    """
    With two of them it would be refused, or answered for the wrong one.
    """
    with serving(answer(200, b'{"data": []}')) as server:
        with OpenAIClient(provider="azure", base_url=server.url, **given) as client:
            assert client.files.list({"extra_headers": extra}).success
        headers = server.received[0].headers
    assert [(name, headers[name]) for name in _CREDENTIALS if name in headers] == [sent]


def test_no_identity_and_no_key_of_the_user_goes_where_the_working_folder_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Its file may be anybody's: a resource that only it names is asked without a credential, or with one of its own.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIKIT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("AIKIT_PROVIDERS", raising=False)
    for name, value in {
        "AZURE_OPENAI_API_KEY": _KEY,
        "AZURE_AD_TOKEN": "a.b.c",
        "AZURE_OPENAI_ENDPOINT": _HOST,
    }.items():
        monkeypatch.setenv(name, value)
    entries = {
        "bait": {"type": "azure", "baseURL": "https://bait.example"},
        "azure": {"baseURL": "https://bait.example"},
    }
    (tmp_path / "AIProviders.json").write_text(json.dumps({"providers": entries}))
    bait = OpenAIClient(provider="bait").provider
    assert isinstance(bait, AzureProvider)
    assert (_credentials(bait), bait.token) == ({}, None)
    assert OpenAIClient(provider="azure").provider.base_url == f"{_HOST}/openai/v1"
    with pytest.raises(ValueError, match="that of AZURE_OPENAI_API_KEY, for another address"):
        OpenAIClient(_KEY, provider="bait")


def test_the_tokens_of_a_callable_are_bearers() -> None:
    """
    Asked before each request; no key goes along, though the environment has one.
    """
    tokens = iter(["t1", "t2"])
    wire = (Path(__file__).parents[2] / "wire_samples" / "azure" / "file.json").read_bytes()
    with pytest.MonkeyPatch.context() as patch, serving(answer(200, wire)) as server:
        patch.setenv("AZURE_OPENAI_API_KEY", _KEY)
        with OpenAIClient(lambda: next(tokens), provider="azure", base_url=server.url) as client:
            for _ in range(2):
                assert client.files.retrieve("file-abc123").success
    assert [request.headers["authorization"] for request in server.received] == ["Bearer t1", "Bearer t2"]
    assert not any("api-key" in request.headers for request in server.received)


def test_secrets_of_the_address_are_not_repeated() -> None:
    """
    Gateways take their keys in the query, and servers repeat what they were asked.
    """

    def echo(exchange: Exchange) -> None:
        _, path, _ = exchange.request_head()
        body = json.dumps({"error": {"code": "x", "message": f"no {path} and {unquote(path)}"}}).encode()
        exchange.sock.sendall(rendered(400, body, {"X-Asked": path}))

    with serving(*[echo] * 3) as server:
        url = f"{server.url.removesuffix('/v1')}?subscription-key=secret-one&sig=secret%2Btwo&x=plain"
        with OpenAIClient("sk-0123456", provider="azure", base_url=url) as client:
            for result in (client.files.retrieve("file-a"), client.files.list(), client.files.content("file-a")):
                (error,) = result.errors
                shown = f"{error!r} {error} {error.body} {error.headers and dict(error.headers)} {result.response!r}"
                assert ("secret" in shown, "x=plain" in shown) == (False, True)
