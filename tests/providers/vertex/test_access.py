"""
Who signs what: Google's own servers and the user's address of the API get the token, and nothing else does.
"""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest

from aikit import OpenAIClient
from aikit.billing.prices import prices_for
from aikit.http.context import CallContext
from aikit.http.messages import Request
from aikit.providers.config import ProviderSettings
from aikit.providers.config.providers import Providers
from aikit.providers.vertex.credentials import VARIABLE, GoogleToken
from aikit.providers.vertex.provider import VertexProvider
from tests.scripted_server import answer, cut, serving

_NAMES = {"GOOGLE_CLOUD_PROJECT": "my-project", "GCS_BUCKET_NAME": "my-bucket"}


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Have no credentials of this machine."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))


def _made(settings: ProviderSettings | None = None, **environ: str) -> VertexProvider:
    settings = settings or ProviderSettings(kind="vertex")
    return VertexProvider.from_settings(settings.or_environment({**_NAMES, **environ}))


def test_storage_of_an_emulator_gets_no_token() -> None:
    """
    The API does, wherever its address leads; nor does a session that storage has opened.
    """
    with serving(answer(200, b"{}")) as api, serving(answer(200, b"{}")) as storage:
        settings = ProviderSettings(kind="vertex", base_url=api.url, api_key="ya29.given")
        provider = _made(settings, STORAGE_EMULATOR_HOST=storage.url.removesuffix("/v1"))
        transport, place = provider.make_transport(connections=1), provider.place
        session = Request(method="PUT", url=f"{api.url}/upload/o?uploadType=resumable&upload_id=s")
        for request in (place.api("GET", "batchPredictionJobs"), place.storage("GET", "files/a"), session):
            transport.send(request, CallContext())
        transport.close()
    assert [one.headers.get("authorization") for one in api.received] == ["Bearer ya29.given", None]
    assert [one.headers.get("authorization") for one in storage.received] == [None]


@pytest.mark.parametrize(
    ("storage_url", "is_signed"),
    [
        ("", True),
        ("https://storage-mine.p.googleapis.com", True),
        ("http://storage.googleapis.com", False),
        ("https://storage.googleapis.com.example", False),
        ("localhost:9023", False),
    ],
)
def test_storage_of_google_gets_the_token(storage_url: str, *, is_signed: bool) -> None:
    """
    Also by a private name of it; without TLS, or at another's, it does not.
    """
    provider = _made(STORAGE_EMULATOR_HOST=storage_url)
    assert isinstance(provider.token, GoogleToken)
    assert (provider.place.storage_url in provider._signed_urls) is is_signed
    assert provider.base_url in provider._signed_urls


def test_a_file_in_the_working_folder_leads_no_token_astray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    An entry that may be anybody's gets no credentials, not even read; what it says of the built-in one is not heeded.
    """
    astray = {"kind": "vertex", "baseURL": "https://evil.example", "project": "my-project", "bucket": "my-bucket"}
    entries = {"vertex": astray, "handy": {**astray, "credentials": str(tmp_path / "mine.json")}}
    (tmp_path / "home").mkdir()
    (tmp_path / "AIProviders.json").write_text(json.dumps({"providers": entries}))
    monkeypatch.chdir(tmp_path)
    found = Providers.load({**_NAMES, VARIABLE: "/nowhere.json", "AIKIT_HOME": str(tmp_path / "home")})
    handy = VertexProvider.from_settings(found.get("handy"))
    assert (handy.base_url, handy.token, "Authorization" in handy.headers) == ("https://evil.example", None, False)
    own = found.get("vertex")
    assert (own.base_url, own.setting("credentials")) == (None, "/nowhere.json")


def test_an_entry_of_the_users_own_file_says_all_of_it(tmp_path: Path) -> None:
    """
    Also one called as the kind; a location that leads to another host is refused.
    """
    entry = {"location": "europe-west4", "bucket": "gs://my-bucket/team", "credentials": "{}", "project": "my-project"}
    entry |= {"quota_project": "pays", "storage_url": "http://127.0.0.1:1", "apiKey": "ya29.x"}
    entries = {"vertex": entry, "other": {"type": "vertex", **entry, "location": "evil.example/"}}
    (tmp_path / "AIProviders.json").write_text(json.dumps({"providers": entries}))
    found = Providers.load({"AIKIT_HOME": str(tmp_path)})
    provider = VertexProvider.from_settings(found.get("vertex"))
    assert provider.base_url == "https://europe-west4-aiplatform.googleapis.com"
    assert provider.place.uri("files/a") == "gs://my-bucket/team/files/a"
    assert provider.headers["x-goog-user-project"] == "pays"
    with pytest.raises(ValueError, match=r"AIProviders.json:1: provider 'other': location 'evil.example/' is not"):
        VertexProvider.from_settings(found.get("other"))


@pytest.mark.parametrize(
    ("name", "variable", "value"),
    [
        ("project", "GOOGLE_CLOUD_PROJECT", "My Project"),
        ("location", "VERTEXAI_LOCATION", "mars/../x"),
        ("bucket", "GCS_BUCKET_NAME", "gs://My_Bucket"),
        ("bucket", "GCS_BUCKET_NAME", "gs://my-bucket/../x"),
        ("prefix", "", "a//b"),
        ("quota_project", "GOOGLE_CLOUD_QUOTA_PROJECT", "x y"),
    ],
)
def test_a_name_that_cannot_be_is_told_with_its_line_or_variable(
    tmp_path: Path, name: str, variable: str, value: str
) -> None:
    """
    And what would do.
    """
    text = json.dumps({"providers": {"mine": {"type": "vertex", name: value}}}).replace(f'"{name}"', f'\n"{name}"')
    (tmp_path / "AIProviders.json").write_text(text)
    with pytest.raises(ValueError, match=rf"AIProviders.json:2: provider 'mine': {name} .* is not .*, such as "):
        Providers.load({"AIKIT_HOME": str(tmp_path)}).get("mine")
    if variable:
        with pytest.raises(ValueError, match=f"^{variable}: {name} .* is not .*, such as "):
            Providers.load({"AIKIT_HOME": str(tmp_path / "none"), variable: value}).get("vertex")


def test_what_an_entry_lacks_is_told_with_its_line(tmp_path: Path) -> None:
    """
    A variable is not named, for those are of the provider that is called as its kind.
    """
    (tmp_path / "AIProviders.json").write_text('{"providers": {\n"work": {"type": "vertex"}, "vertex": {}}}')
    found = Providers.load({"AIKIT_HOME": str(tmp_path), "GCS_BUCKET_NAME": "my-bucket"})
    with pytest.raises(ValueError, match=r"AIProviders.json:2: provider 'work' has no bucket; add it there$"):
        found.get("work")
    assert found.get("vertex").setting("bucket") == "my-bucket"
    assert found.get("work", {"options": {"bucket": "my-other"}}).setting("bucket") == "my-other"


def test_the_project_may_be_that_of_the_credentials(tmp_path: Path) -> None:
    """
    One that is given counts; without any, the sentence names the variable.
    """
    (tmp_path / "c.json").write_text('{"type": "service_account", "project_id": "project-of-it"}')
    bare = ProviderSettings(kind="vertex", options={"bucket": "my-bucket"})
    credentials = attrs.evolve(bare, options={**bare.options, "credentials": str(tmp_path / "c.json")})
    assert VertexProvider.from_settings(credentials).place.project == "project-of-it"
    assert VertexProvider.from_settings(attrs.evolve(credentials, project="given")).place.project == "given"
    with pytest.raises(ValueError, match="has no project: set GOOGLE_CLOUD_PROJECT or VERTEXAI_PROJECT"):
        VertexProvider.from_settings(bare)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("quota_project", "a\nb", "quota_project 'a.*b' is not the id"),
        ("quota_project", "\u00fcber", "quota_project .* is not the id"),
        ("storage_url", "ftp://host", "storage_url 'ftp://host' must start with http"),
        ("storage_url", "http://u:p4ssword@host", r"storage_url 'http://\*\*\*@host' must have no user"),
    ],
)
def test_a_setting_that_cannot_be_is_named(name: str, value: str, said: str) -> None:
    """
    Before anything is sent, and without a password.
    """
    with pytest.raises(ValueError, match=said) as caught:
        _made(ProviderSettings(kind="vertex", api_key="ya29.given", options={name: value}))
    assert "p4ssword" not in str(caught.value)


def test_costs_are_the_projects_wherever_its_jobs_run(tmp_path: Path) -> None:
    """
    One account for all locations of Google, another one for another project or address; no token is in its key.
    """
    home, away = _made(), _made(GOOGLE_CLOUD_LOCATION="global")
    assert home.account() == away.account()
    assert home.account().address == "https://aiplatform.googleapis.com/v1/projects/my-project"
    gate = _made(ProviderSettings(kind="vertex", base_url="https://gate.example/v1/", api_key="ya29.given"))
    assert gate.place.api("GET", "x").url.startswith("https://gate.example/v1/projects/")
    assert gate.account().address == "https://gate.example/v1/projects/my-project"
    assert "ya29" not in gate.account_key() + gate.identity
    assert prices_for(gate.account().address, own=None, path=tmp_path / "p.json").list_name is None


@pytest.mark.parametrize(
    ("model", "costs"),
    [
        ("gemini-2.5-flash", ("0.15", "1.25")),
        ("gemini-2.5-flash-lite", ("0.05", "0.20")),
        ("gemini-2.5-pro", ("0.625", "5")),
        ("gemini-3.5-flash", ("0.75", "4.5")),
    ],
)
def test_batches_cost_half(model: str, costs: tuple[str, str], tmp_path: Path) -> None:
    """
    Of what the list says, which is what Google's page says.
    """
    pytest.importorskip("genai_prices")
    price = prices_for(_made().account().address, own=None, path=tmp_path / "p.json").price_of(model)
    assert price is not None
    assert (price.batch.input, price.batch.output) == tuple(map(Decimal, costs))


@pytest.mark.parametrize("arguments", ["provider='vertex'", "'ya29.given', provider='vertex'"])
def test_no_library_of_google_is_loaded_before_it_is_needed(arguments: str, tmp_path: Path) -> None:
    """
    Neither by a client, nor by its provider; with a token not even by a call.
    """
    with serving(answer(200, b"{}")) as server:
        program = f"""
import sys
from aikit import OpenAIClient
from aikit.http.context import CallContext
client = OpenAIClient({arguments}, base_url={server.url!r})
assert not [name for name in sys.modules if name.partition(".")[0] in ("google", "cryptography", "requests")]
provider = client.provider
if "ya29" in {arguments!r}:
    request = provider.place.api("GET", "batchPredictionJobs")
    print(provider.make_transport(connections=1).send(request, CallContext()).status)
print([name for name in sys.modules if name.partition(".")[0] in ("google", "cryptography")])
"""
        environ: dict[str, Any] = {**_NAMES, "HOME": str(tmp_path), "STORAGE_EMULATOR_HOST": server.url}
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environ, check=False)
    assert done.stdout.split() == (["200", "[]"] if "ya29" in arguments else ["[]"]), done.stderr
    assert [one.headers["authorization"] for one in server.received] == ["Bearer ya29.given"] * ("ya29" in arguments)


def test_a_server_of_tokens_that_breaks_off_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A call goes on after it as after a break of its own; nothing was sent before there was a token.
    """
    google = pytest.importorskip("google.oauth2.credentials")
    monkeypatch.setattr("aikit.http.retry.RetryPolicy._backoff", lambda *_: 0.001)
    path = tmp_path / "user.json"
    user = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}
    path.write_text(json.dumps(user))
    token = answer(200, b'{"access_token": "ya29.user", "expires_in": 3600}', {"Content-Type": "application/json"})
    with serving(cut(), token) as tokens, serving(answer(200, b'{"batchPredictionJobs": []}')) as api:
        monkeypatch.setattr(google, "_GOOGLE_OAUTH2_TOKEN_ENDPOINT", f"{tokens.url}/token")
        for name, value in {**_NAMES, "VERTEXAI_CREDENTIALS": str(path), "STORAGE_EMULATOR_HOST": api.url}.items():
            monkeypatch.setenv(name, value)
        with OpenAIClient(provider="vertex", base_url=api.url, home=tmp_path) as client:
            assert client.batches.list().throw().batches == ()
    assert len(tokens.received) == 2
    assert [one.headers["authorization"] for one in api.received] == ["Bearer ya29.user"]
