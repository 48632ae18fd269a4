"""
Tokens of Google's own library: asked of servers on this machine, in the ways that the library knows.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from aikit.http.context import CallContext
from aikit.http.messages import Request, Response
from aikit.providers.config import ProviderSettings
from aikit.providers.tokens import TokenTransport
from aikit.providers.vertex.access import Access
from aikit.providers.vertex.credentials import VARIABLE, GoogleToken
from aikit.types.errors import ExchangeError, OpenAIError
from tests.scripted_server import Exchange, Step, answer, cut, serving, silent
from tests.stopwatch import Stopwatch

pytest.importorskip("google.auth", reason="google-auth is not installed: pip install 'aikit-client[vertex]'")

_JSON: Final = {"Content-Type": "application/json"}


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Have no credentials of this machine, and no proxy."""
    for name in (VARIABLE, "GOOGLE_CLOUD_QUOTA_PROJECT", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))


@pytest.fixture(scope="module")
def private_key() -> str:
    """Make a key that no service account has."""
    key = generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture
def account(private_key: str) -> dict[str, Any]:
    """Return the credentials of a service account whose tokens come from nowhere yet."""
    return {
        "type": "service_account",
        "project_id": "project-of-the-account",
        "private_key_id": "k1",
        "private_key": private_key,
        "client_email": "a@p.iam.example",
        "client_id": "1",
        "token_uri": "http://127.0.0.1:1/token",
    }


def _token(text: str, seconds: int = 3600) -> Step:
    data = {"access_token": text, "expires_in": seconds, "token_type": "Bearer"}
    return answer(200, json.dumps(data).encode(), _JSON)


def _settings(credentials: Any = None, **given: Any) -> ProviderSettings:
    text = credentials if isinstance(credentials, str | None) else json.dumps(credentials)
    options = {"credentials": text} if text is not None else {}
    return ProviderSettings(kind="vertex", options={**options, **given.pop("options", {})}, **given)


def _in_file(folder: Path, data: Any) -> str:
    path = folder / "credentials.json"
    path.write_text(json.dumps(data))
    return str(path)


@pytest.mark.parametrize("form", ["path", "text", "variable"])
def test_a_service_account_gets_one_token_for_many_requests(
    form: str, account: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Its server is asked once, by one of many threads, with a signed claim; the project is the account's.
    """
    with serving(_token("ya29.first")) as server:
        data = {**account, "token_uri": f"{server.url}/token"}
        source = json.dumps(data) if form == "text" else _in_file(tmp_path, data)
        if form == "variable":
            monkeypatch.setenv(VARIABLE, source)
        access = Access.of(_settings(None if form == "variable" else source))
        assert access.token is not None
        assert access.project == "project-of-the-account"
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(lambda _: access.token(), range(40))) == {"ya29.first"}  # type: ignore[misc]  # it is there
    assert [one.path for one in server.received] == ["/v1/token"]
    assert b"jwt-bearer" in server.received[0].body
    assert "PRIVATE" not in repr(access) + repr(access.token)


def test_a_token_that_ends_within_minutes_is_renewed(account: dict[str, Any]) -> None:
    """
    Without a request that fails first; one that could not be renewed is an error that passes.
    """
    with serving(_token("ya29.one", seconds=60), _token("ya29.two"), cut()) as server:
        token = GoogleToken(json.dumps({**account, "token_uri": f"{server.url}/token"}))
        assert [token(), token(), token()] == ["ya29.one", "ya29.two", "ya29.two"]
        token._credentials.expiry = datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=30)
        with pytest.raises(ExchangeError, match="look at the network") as caught:
            token()
    assert (caught.value.code, caught.value.is_ambiguous) == ("token_unavailable", False)


def test_the_machine_that_this_runs_on_gives_tokens(tmp_path: Path) -> None:
    """
    By its metadata server, where nothing else signs; it is asked for a token once.
    """

    def metadata(exchange: Exchange) -> None:
        path = exchange.request_head()[1]
        said: dict[str, Any] = {"email": "a@p.iam.example", "scopes": ["x"], "aliases": ["default"]}
        if "/token" in path:
            said = {"access_token": "ya29.machine", "expires_in": 3600, "token_type": "Bearer"}
        if path.endswith("project-id"):
            answer(200, b"project-of-the-machine", {"Metadata-Flavor": "Google"})(exchange)
        else:
            answer(200, json.dumps(said).encode(), {**_JSON, "Metadata-Flavor": "Google"})(exchange)

    program = """
from aikit.providers.vertex.credentials import GoogleToken
token = GoogleToken()
print(token(), token())
"""
    with serving(metadata) as server:
        host = server.url.removeprefix("http://").removesuffix("/v1")
        places = {"GCE_METADATA_HOST": host, "GCE_METADATA_ROOT": host, "GCE_METADATA_IP": host}
        environ = {"PATH": os.environ["PATH"], "CLOUDSDK_CONFIG": str(tmp_path), "HOME": str(tmp_path), **places}
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environ, check=False)
    assert done.stdout.split() == ["ya29.machine"] * 2, done.stderr
    assert sum("/token" in one.path for one in server.received) == 1
    assert all(one.headers["metadata-flavor"] == "Google" for one in server.received)


def test_a_user_of_gcloud_signs_and_pays_by_the_quota_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The file that gcloud keeps for programs is found; requests name its quota project, unless another one is given.
    """
    with serving(_token("ya29.user")) as server:
        data = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}
        data |= {"quota_project_id": "project-that-pays"}
        monkeypatch.setattr("google.oauth2.credentials._GOOGLE_OAUTH2_TOKEN_ENDPOINT", f"{server.url}/token")
        (tmp_path / "gcloud").mkdir()
        path = tmp_path / "gcloud" / "application_default_credentials.json"
        path.write_text(json.dumps(data))
        access = Access.of(_settings())
        assert (access.headers["x-goog-user-project"], access.project) == ("project-that-pays", "project-that-pays")
        assert (
            Access.of(_settings(options={"quota_project": "other-pays"})).headers["x-goog-user-project"] == "other-pays"
        )
        given = Access.of(_settings(str(path)))
        assert given.token is not None
        assert given.token() == "ya29.user"
    assert b"refresh_token=r" in server.received[0].body
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "none"))
    assert Access.of(_settings()).project is None


def test_an_identity_of_elsewhere_is_exchanged(tmp_path: Path) -> None:
    """
    The token of another system goes to the exchange that the credentials name, which is their owner's doing.
    """
    (tmp_path / "token").write_text("token-of-elsewhere")
    with serving(_token("ya29.exchanged")) as server:
        pool = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q"
        data = {
            "type": "external_account",
            "audience": pool,
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": f"{server.url}/token",
            "credential_source": {"file": str(tmp_path / "token")},
        }
        assert GoogleToken(json.dumps(data))() == "ya29.exchanged"
    assert b"token-of-elsewhere" in server.received[0].body


@pytest.mark.parametrize(
    "data",
    [
        {"type": "external_account", "credential_source": {"executable": {"command": "touch /tmp/x"}}},
        {"type": "external_account", "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request"},
        {"type": "impersonated_service_account"},
        {"type": "telegraph"},
    ],
)
def test_credentials_that_run_programs_or_are_of_no_known_type_are_refused(data: dict[str, Any]) -> None:
    """
    They are Google's own variable's alone; nothing is run, and nothing sent.
    """
    transport = TokenTransport(inner=_Nothing(), token=GoogleToken(json.dumps(data)), base_urls=("https://g.example",))
    with pytest.raises(OpenAIError, match="no token could be had") as caught:
        transport.send(Request(method="GET", url="https://g.example/x"), CallContext())
    assert caught.value.code == "token_unavailable"


class _Nothing:
    """
    A transport that is not asked.
    """

    def send(self, request: Request, context: CallContext) -> Response:
        """Fail."""
        raise AssertionError(f"{request} was sent in {context}")

    def close(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize(
    "given",
    [
        {"api_key": "ya29.given"},
        {"token": lambda: "ya29.given"},
        {"api_key": "", "token": lambda: "ya29.given"},
        {"custom_headers": {"authorization": "Bearer ya29.given"}},
        {"api_key": ""},
    ],
)
def test_who_signs_otherwise_needs_no_credentials(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """
    They are not even read; a token is among the headers only where the caller has put it.
    """
    monkeypatch.setenv(VARIABLE, "/nowhere")
    access = Access.of(_settings("/nowhere", **given))
    if "custom_headers" in given or given == {"api_key": ""}:
        assert access.token is None
    else:
        assert access.token is not None
        assert access.token() == "ya29.given"
    assert ("Authorization" in access.headers) is ("custom_headers" in given)
    assert access.project is None
    assert "ya29" not in repr(access)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, r"cannot be read: No such file.*; correct the path"),
        ("{", "cannot be understood: it must be the JSON of"),
        ("[1]", "cannot be understood"),
        ('{"private_key": "s3cret"}', "cannot be understood"),
        ("[" * 100_000, "cannot be understood"),
        ("\xff", "cannot be understood"),
    ],
)
def test_credentials_that_cannot_be_read_are_told(content: str | None, said: str, tmp_path: Path) -> None:
    """
    By their path and without their content, when the provider is made.
    """
    path = tmp_path / "credentials.json"
    if content is not None:
        path.write_text(content, "latin-1")
    with pytest.raises(ValueError, match=said) as caught:
        Access.of(_settings(str(path)))
    assert str(path) in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_missing_library_is_one_sentence(account: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """
    It names the extra.
    """
    monkeypatch.setitem(sys.modules, "google.auth", None)
    monkeypatch.delitem(sys.modules, "aikit.providers.vertex.google_library", raising=False)
    monkeypatch.delattr("aikit.providers.vertex.google_library", raising=False)
    with pytest.raises(OpenAIError, match=r"pip install 'aikit-client\[vertex\]'") as caught:
        GoogleToken(json.dumps(account))()
    assert caught.value.code == "token_unavailable"


def test_a_server_of_tokens_that_says_nothing_is_not_waited_for_long(
    account: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The wait for one answer is bounded.
    """
    monkeypatch.setattr("aikit.providers.vertex.google_library._PATIENCE_S", 0.2)
    with serving(silent()) as server, pytest.raises(ExchangeError, match="does not answer"):
        GoogleToken(json.dumps({**account, "token_uri": f"{server.url}/token"}))()


@pytest.mark.usefixtures("untold_collections")
def test_ctrl_c_ends_the_wait_for_a_token(account: dict[str, Any]) -> None:
    """
    At once, and the next call asks anew.
    """
    with serving(silent(), _token("ya29.later")) as server:
        token = GoogleToken(json.dumps({**account, "token_uri": f"{server.url}/token"}))

        def press() -> None:
            while not server.received:
                time.sleep(0.01)
            time.sleep(0.1)
            os.kill(os.getpid(), signal.SIGINT)

        presser = threading.Thread(target=press)
        presser.start()
        watch = Stopwatch()
        with pytest.raises(KeyboardInterrupt):
            token()
        presser.join()
        assert watch.stop() < 5
        assert token() == "ya29.later"
