"""
TLS that never came about: told as such, without a second try, and without doubt that nothing was sent.
"""

from __future__ import annotations

import os
import socket
import ssl
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
from requests.adapters import HTTPAdapter

from aikit import OpenAIClient, OpenAIError
from aikit.types.errors import ExchangeError
from tests.http.test_proxies import _peer
from tests.scripted_server import answer, serving
from tests.systems import posix_only

_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(autouse=True)
def no_bundles(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Take away what the environment of the tests says of trust and proxies.
    """
    for name in os.environ:
        if name in _VARIABLES or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


def _refused(port: int, http_agent: Any = None) -> OpenAIError:
    with OpenAIClient(
        "sk-test",
        base_url=f"https://127.0.0.1:{port}/v1",
        timeout=5,
        max_retries=1,
        http_agent=http_agent,
        ledger=False,
    ) as client:
        (error,) = client.batches.create("file-1", "/v1/embeddings").errors
    return error


def _plain(sock: socket.socket) -> None:
    sock.recv(4096)
    sock.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


@posix_only
@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@pytest.mark.parametrize("kind", ["missing", "no certificate", "locked", "loop", "overlong", "below a file"])
def test_a_bundle_that_cannot_be_used_is_named(
    variable: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Variable and path are told, before a connection is made, and the batch is not looked for.
    """
    path = tmp_path / "ca.pem"
    if kind in {"no certificate", "below a file"}:
        path.write_text("not one")
    if kind == "locked":
        if os.geteuid() == 0:
            pytest.skip("root reads everything")
        path.write_text("")
        path.chmod(0)
    if kind == "loop":
        path.symlink_to(path)
    named = str(path / "x") if kind == "below a file" else f"{path}{'x' * 5000}" if kind == "overlong" else str(path)
    monkeypatch.setenv(variable, named)
    with _peer(_plain) as server:
        error = _refused(server.port)
    assert (type(error), error.code, server.hits) == (OpenAIError, "tls_error", 0)
    assert error.message.startswith(f"{variable} names {named[:150]}")
    assert len(error.message) < 500


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_what_openssl_passes_over_is_told_when_a_certificate_is_not_trusted(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A variable that names nothing harms nobody whose server is trusted all the same.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    monkeypatch.setenv(variable, "/nowhere")
    with serving(answer(200), tls=context) as server:
        error = _refused(int(server.url.split(":")[2].split("/")[0]))
        assert (error.code, server.connections) == ("tls_error", 1)
    assert f"{variable} names /nowhere, which is not there" in error.message


def test_a_bundle_without_the_authority_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Not the advice to name a bundle, where one is named.
    """
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("CURL_CA_BUNDLE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with serving(answer(200), tls=context) as server:
        error = _refused(int(server.url.split(":")[2].split("/")[0]))
    assert error.code == "tls_error"
    assert f"does {tmp_path / 'ca.pem'}, which CURL_CA_BUNDLE names, have its CA?" in error.message


@pytest.mark.parametrize("make", [lambda: None, HTTPAdapter], ids=["ours", "the caller's"])
@pytest.mark.parametrize("act", [_plain, lambda sock: sock.sendall(b"SSH-2.0-OpenSSH_9\r\n")], ids=["http", "ssh"])
def test_https_to_a_port_without_tls_is_told_at_once(
    make: Callable[[], Any], act: Callable[[socket.socket], Any]
) -> None:
    """
    There is one try, and no word of a batch that may exist.
    """
    with _peer(act) as server:
        error = _refused(server.port, make())
    assert (type(error), error.code, server.hits) == (OpenAIError, "tls_error", 1)
    assert "http:// instead of https://" in error.message


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_that_wants_a_certificate_has_not_read_the_request(
    version: ssl.TLSVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Also with TLS 1.3, where it says so when the request is on its way already.
    """
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode, context.maximum_version = ssl.CERT_REQUIRED, version

    def act(sock: socket.socket) -> None:
        with context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False) as wrapped:
            with suppress(ssl.SSLError):
                wrapped.do_handshake()
            time.sleep(0.5)  # a reset would overtake what was said

    with _peer(act) as server:
        error = _refused(server.port)
    assert (type(error), error.code, server.hits) == (OpenAIError, "tls_error", 1)
    assert "a client's certificate?" in error.message


def _reset(sock: socket.socket) -> None:
    sock.recv(10)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize(
    ("act", "code"), [(lambda sock: sock.recv(4096), "tls_error"), (_reset, "connection_error")], ids=["end", "reset"]
)
def test_a_handshake_that_breaks_off_may_pass(act: Callable[[socket.socket], Any], code: str) -> None:
    """
    It is tried again like a connection that was not made, and nothing was sent.
    """
    with _peer(act) as server:
        error = _refused(server.port)
    assert isinstance(error, ExchangeError)
    assert (error.code, error.is_ambiguous, server.hits) == (code, False, 2)


def _adapter(**more: Any) -> HTTPAdapter:
    class Own(HTTPAdapter):
        def send(self, *args: Any, **kwargs: Any) -> requests.Response:
            return super().send(*args, **kwargs | more)

    return Own()


def _session() -> requests.Session:
    session = requests.Session()
    session.verify = "/nowhere/session.pem"
    return session


@pytest.mark.parametrize(
    ("agent", "path"),
    [
        (_adapter(verify="/nowhere/ca.pem"), "/nowhere/ca.pem"),
        (_adapter(cert="/nowhere/own.pem"), "/nowhere/own.pem"),
        (_adapter(cert=(__file__, "/nowhere/key.pem")), "/nowhere/key.pem"),
        (_session(), "/nowhere/session.pem"),
    ],
)
def test_paths_of_the_callers_adapter_are_named(agent: Any, path: str) -> None:
    """
    A bundle, a certificate or a key that is not there is no broken connection.
    """
    with _peer(_plain) as server:
        error = _refused(server.port, agent)
    assert (type(error), error.code, server.hits) == (OpenAIError, "tls_error", 0)
    assert path in error.message


def test_a_bundle_of_the_callers_adapter_without_a_certificate(tmp_path: Path) -> None:
    """
    It is not taken for a server without TLS.
    """
    (tmp_path / "ca.pem").write_text("not one")
    with _peer(_plain) as server:
        error = _refused(server.port, _adapter(verify=str(tmp_path / "ca.pem")))
    assert (type(error), error.code) == (OpenAIError, "tls_error")
    assert "correct what the adapter trusts" in error.message
