"""
What ``aikit doctor`` finds: one fault for each probe, its mend, and that nothing of the key is printed.
"""

from __future__ import annotations

import json
import ssl
import time
from email.utils import formatdate
from pathlib import Path

import pytest
import trustme

from aikit.providers import doctor
from tests.cli.conftest import Here
from tests.scripted_server import Exchange, Step, answer, cut, serving, silent
from tests.stopwatch import Stopwatch

_KEY = "sk-0123456789abcdef"
_PAGE = b'{"object": "list", "data": [], "has_more": false}'
_REFUSED = json.dumps({"error": {"message": f"Incorrect API key provided: {_KEY}\x1b[2J", "type": "x"}}).encode()


@pytest.fixture(autouse=True)
def _own_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no proxy, and little patience."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.delenv("AIKIT_PROVIDER")
    monkeypatch.setattr(doctor, "PROBE_S", 1.0)


@pytest.fixture
def google_account(tmp_path: Path) -> Path:
    """Return the file of a service account that there is not."""
    rsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa")
    pytest.importorskip("google.auth")
    forms = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption()).decode()
    path = tmp_path / "account.json"
    account = {"type": "service_account", "project_id": "my-project", "private_key": pem, "client_email": "a@p.example"}
    path.write_text(json.dumps({**account, "token_uri": "http://127.0.0.1:1/token"}))
    return path


def _problems(aikit: Here, *words: str) -> dict[str, str]:
    """
    Return the check and the mend of each problem; the exit code agrees, and the key is not printed.
    """
    ran = aikit("doctor", *words, "--json")
    found = ran.json["data"]
    assert _KEY not in ran.out + ran.err
    assert ran.code == (0 if all(one["is_good"] for one in found) else 1)
    assert all(bool(one["mend"]) is not one["is_good"] for one in found)
    return {one["check"]: one["mend"] for one in found if not one["is_good"]}


def _dated(seconds: float) -> Step:
    """
    Answer with a date that is so many seconds after that of the answer.
    """

    def step(exchange: Exchange) -> None:
        answer(200, _PAGE, {"Date": formatdate(time.time() + seconds)})(exchange)

    return step


@pytest.mark.parametrize(
    ("step", "problem", "mend"),
    [
        (answer(200, _PAGE), None, ""),
        (_dated(-30), None, ""),
        (answer(200, _PAGE, {"Date": "tomorrow"}), None, ""),
        (_dated(-3600), "clock", "set it"),
        (answer(401, _REFUSED), "key", "correct the key of OPENAI_API_KEY"),
        (answer(403, _REFUSED), "key", "correct the key"),
        (answer(404, b"<html>"), "address", "base_url"),
        (answer(200, b"<html>hello</html>"), "address", "base_url"),
        (answer(429, _REFUSED), "limits", "wait"),
        (answer(503, b""), "provider", "try again later"),
        (silent(), "connection", "is base_url right"),
        (cut(), "connection", "is base_url right"),
    ],
)
def test_each_fault_has_its_finding(
    step: Step, problem: str | None, mend: str, aikit: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    One request is sent, a GET, and the answer is a matter of seconds.
    """
    monkeypatch.setenv("OPENAI_API_KEY", _KEY)
    with serving(step) as server:
        watch = Stopwatch()
        found = _problems(aikit, "openai", "--base-url", server.url)
        assert watch.stop() < 10
    assert [(one.method, one.path.split("?")[0]) for one in server.received] in ([("GET", "/v1/files")], [])
    assert list(found) == ([problem] if problem else [])
    assert mend in found.get(problem or "", "")


def test_base_url_without_version_is_told_with_the_one_that_is_meant(aikit: Here) -> None:
    """
    The finding is about the address and names the right one, and so does the error of any other command.
    """
    with serving(answer(404, b"404 page not found", {"content-type": "text/plain"})) as server:
        wrong = ("--base-url", server.url.removesuffix("/v1"), "--api-key", _KEY)
        ran = aikit("doctor", "openai", *wrong)
        listed = aikit("files", "list", *wrong)
        meant = f"did you mean the base URL {server.url}?"
    assert meant in ran.out
    assert meant in listed.err


@pytest.mark.parametrize(("kept", "is_good"), [(3, True), (449, True), (450, False)])
def test_files_without_expiry_are_counted_where_they_have_a_quota(kept: int, aikit: Here, *, is_good: bool) -> None:
    """
    Azure keeps 500 of them; those with an expiry do not count.
    """
    file = {"object": "file", "bytes": 1, "created_at": 1, "filename": "a.jsonl", "purpose": "batch"}
    files = [{**file, "id": f"file-{number}", "status": "processed"} for number in range(kept)]
    files.append({**file, "id": "file-x", "status": "processed", "expires_at": 9})
    page = json.dumps({"object": "list", "data": files, "has_more": False}).encode()
    with serving(answer(200, page)) as server:
        found = _problems(aikit, "azure", "--base-url", server.url, "--api-key", _KEY)
        ran = aikit("doctor", "azure", "--base-url", server.url, "--api-key", _KEY)
    assert list(found) == ([] if is_good else ["quota"])
    assert found.get("quota", "give expires_after").find("give expires_after") >= 0
    assert f"{kept} of at most 500 batch files without expiry are kept" in ran.out
    assert {one.method for one in server.received} == {"GET"}


@pytest.mark.parametrize(("gib", "is_good"), [(2, True), (19, False)])
def test_bytes_are_counted_where_they_have_a_quota(gib: int, aikit: Here, *, is_good: bool) -> None:
    """
    Gemini keeps 20 GB of a project; all pages of the list are counted.
    """

    def pages(exchange: Exchange) -> None:
        is_first = "pageToken" not in exchange.request_head()[1]
        name = "files/a" if is_first else "files/b"
        file = {"name": name, "sizeBytes": str(gib * 2**29), "createTime": "2026-11-30T00:00:00Z", "state": "ACTIVE"}
        body = {"files": [file], **({"nextPageToken": "t"} if is_first else {})}
        answer(200, json.dumps(body).encode())(exchange)

    with serving(pages) as server:
        found = _problems(aikit, "gemini", "--base-url", server.url.removesuffix("/v1"), "--api-key", _KEY)
        ran = aikit("doctor", "gemini", "--base-url", server.url.removesuffix("/v1"), "--api-key", _KEY)
    assert list(found) == ([] if is_good else ["quota"])
    assert f"{gib}.0 of at most 20 GiB of files are kept" in ran.out


_FORBIDDEN = json.dumps({"error": {"code": 403, "message": "Forbidden.", "errors": [{"reason": "forbidden"}]}}).encode()
_MISSING = json.dumps({"error": {"code": 404, "message": "The specified bucket does not exist."}}).encode()
_GRANTED = json.dumps({"permissions": [f"storage.objects.{verb}" for verb in ("create", "delete", "get", "list")]})


@pytest.mark.parametrize(
    ("answers", "problems", "mend"),
    [
        ({}, [], ""),
        ({"/o": (404, _MISSING), "": (404, _MISSING)}, ["bucket"], "gcloud storage buckets create gs://my-bucket"),
        ({"/o": (403, _FORBIDDEN), "/iam/testPermissions": (200, b"{}")}, ["permissions"], "roles/storage.objectUser"),
        ({"jobs": (403, _FORBIDDEN)}, ["jobs"], "enable aiplatform.googleapis.com"),
        (
            {"/o": (401, _FORBIDDEN), "jobs": (401, _FORBIDDEN)},
            ["key"],
            "correct the key of GOOGLE_APPLICATION_CREDENTIALS",
        ),
        ({"/o": (503, b"")}, ["provider"], "try again later"),
        ({"token": (400, b'{"error": "invalid_grant"}')}, ["key"], "correct the key of GOOGLE_APPLICATION_CREDENTIALS"),
    ],
)
def test_a_bucket_and_what_may_be_done_in_it_is_told(
    answers: dict[str, tuple[int, bytes]], problems: list[str], mend: str, aikit: Here, google_account: Path
) -> None:
    """
    With a service account, whose token goes to the API; each fault is told once, at the best place.
    """
    good = {"token": b'{"access_token": "ya29.x", "expires_in": 3600}', "": b'{"location": "US"}', "/o": b"{}"}
    good |= {"/iam/testPermissions": _GRANTED.encode(), "jobs": b"{}"}

    def google(exchange: Exchange) -> None:
        path = exchange.request_head()[1].partition("?")[0]
        about = (
            "jobs" if path.endswith("Jobs") else "token" if path.endswith("/token") else path.partition("my-bucket")[2]
        )
        status, body = answers.get(about, (200, good[about]))
        answer(status, body, {"Content-Type": "application/json"})(exchange)

    with serving(google) as server, pytest.MonkeyPatch.context() as patch:
        account = json.loads(google_account.read_text())
        google_account.write_text(json.dumps({**account, "token_uri": f"{server.url}/token"}))
        patch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(google_account))
        patch.setenv("GCS_BUCKET_NAME", "my-bucket")
        patch.setenv("STORAGE_EMULATOR_HOST", server.url)
        found = _problems(aikit, "vertex", "--base-url", server.url)
    assert list(found) == problems
    assert mend in "".join(found.values())
    signed = [one for one in server.received if one.path.endswith("pageSize=1")]
    assert {one.headers["authorization"] for one in signed} <= {"Bearer ya29.x"}
    assert {one.method for one in server.received if not one.path.endswith("/token")} <= {"GET"}


@pytest.mark.parametrize(
    ("step", "told"), [(answer(503, b""), ["provider"]), (silent(), []), (answer(200, b"<html>"), ["address"])]
)
def test_a_quota_that_cannot_be_told_is_not_claimed(step: Step, told: list[str], aikit: Here) -> None:
    """
    What the second question meets is told, and the key is as good as it was.
    """
    with serving(answer(200, _PAGE), step) as server:
        found = _problems(aikit, "azure", "--base-url", server.url, "--api-key", _KEY)
    assert list(found) == told


def test_a_server_that_is_slow_on_purpose_is_left(aikit: Here) -> None:
    """
    One byte now and then does not make a probe longer.
    """

    def drip(exchange: object) -> None:
        sock = exchange.sock  # type: ignore[attr-defined]  # an exchange of the server's
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(40):
            time.sleep(0.1)
            try:
                sock.sendall(b" ")
            except OSError:
                return

    with serving(drip) as server:
        watch = Stopwatch()
        assert list(_problems(aikit, "openai", "--base-url", server.url, "--api-key", "k")) == ["connection"]
        assert watch.stop() < 3.5


def test_a_certificate_that_is_not_trusted_is_told(aikit: Here) -> None:
    """
    The mend names the variable of the bundle.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with serving(tls=context) as server:
        mend = _problems(aikit, "openai", "--base-url", server.url, "--api-key", "k")["tls"]
    assert mend.startswith("look at the certificate, at REQUESTS_CA_BUNDLE")  # a key of one letter hides no letters


def test_a_host_without_address_and_a_proxy_that_is_none_are_told(aikit: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Nothing is sent then; the password of a proxy is not printed.
    """
    given = ("openai", "--base-url", "http://host.invalid/v1", "--api-key", "k")
    assert list(_problems(aikit, *given)) == ["dns"]
    monkeypatch.setenv("HTTP_PROXY", "socks9://u:p4ssword@127.0.0.1:1")
    assert "NO_PROXY" in _problems(aikit, *given)["proxy"]
    monkeypatch.setenv("HTTP_PROXY", "http://u:p4ssword@127.0.0.1:1")
    ran = aikit("doctor", *given)
    assert ["openai", "proxy", "ok", "http://127.0.0.1:1, of HTTP_PROXY", "-"] in ran.fields
    assert (ran.code, "p4ssword" in ran.out + ran.err) == (1, False)


def test_without_a_name_what_is_configured_is_tried(aikit: Here, tmp_path: Path, home: Path) -> None:
    """
    Also entries that cannot be used, and the embedded provider, whose folder is not made for that.
    """
    with serving(answer(200, _PAGE), answer(401, _REFUSED)) as server:
        entries = {
            "good": {"baseURL": server.url, "apiKey": _KEY},
            "refused": {"baseURL": server.url, "apiKey": _KEY},
            "bare": {"baseURL": server.url},
            "odd": {"kind": "telegraph"},
        }
        (tmp_path / "AIProviders.json").write_text(json.dumps({"providers": entries}))
        ran = aikit("doctor", "-q")
    assert (ran.code, ran.out.split()) == (1, ["refused", "bare", "odd"])
    for words in (("doctor", "local"), ("doctor", "--provider", "local"), ("--provider", "local", "doctor")):
        assert [fields[:3] for fields in aikit(*words).fields] == [["local", "store", "ok"]]
    assert not home.exists()
    assert aikit("doctor", "nowhere").code == 2


@pytest.mark.parametrize("name", ["openai", "gemini", "azure"])
def test_what_a_cloud_lacks_is_told(name: str, aikit: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    No key, or no address: the mend, or the sentence, names the variables.
    """
    monkeypatch.setattr("aikit.providers.doctor.socket.getaddrinfo", lambda *_, **__: [])
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    ran = aikit("doctor", name)
    assert (ran.code, ran.fields[0][2]) == (1, "problem")
    assert {"openai": "OPENAI_API_KEY", "gemini": "GEMINI_API_KEY", "azure": "AZURE_API_BASE"}[name] in ran.out


def test_a_folder_that_cannot_be_used_is_told(aikit: Here, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A file in its place, or a disk that is all but full.
    """
    home.write_text("")
    assert "AIKIT_HOME" in _problems(aikit, "local")["store"]
    home.unlink()
    monkeypatch.setattr(doctor, "_LEAST_FREE", 2**80)
    assert "with room" in _problems(aikit, "local")["store"]


def test_the_server_behind_the_embedded_provider_is_tried(aikit: Here, tmp_path: Path) -> None:
    """
    It need have no files: that it answers, and does not refuse the key, is enough.
    """
    with serving(answer(404, b"{}"), answer(401, _REFUSED)) as server:
        entry = {"kind": "local", "baseURL": server.url, "apiKey": _KEY, "home": str(tmp_path / "a")}
        (tmp_path / "AIProviders.json").write_text(json.dumps({"providers": {"mine": entry}}))
        assert _problems(aikit, "mine") == {}
        assert list(_problems(aikit, "mine")) == ["key"]
