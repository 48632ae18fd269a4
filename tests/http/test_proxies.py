"""
Proxies of the environment that cannot be used: told at once, by the variable that names them, and without a password.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import attrs
import pytest

from aikit import OpenAIClient, OpenAIError
from aikit.http import proxies
from aikit.http.proxies import proxies_for, proxy_among
from aikit.types.errors import ExchangeError
from tests.scripted_server import answer, serving

_URL = "https://api.example/v1"
_LIST = b'{"object": "list", "data": [], "has_more": false}'
_PASSWORD = "pw-of-a-test"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Take away what the environment of the tests says.
    """
    for name in os.environ:
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@attrs.define
class _Peer:
    """
    What accepts connections and does as it is told with each.
    """

    port: int
    hits: int = 0


@contextmanager
def _peer(act: Callable[[socket.socket], object]) -> Iterator[_Peer]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer = _Peer(listener.getsockname()[1])

        def accept() -> None:
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                peer.hits += 1
                with sock, suppress(OSError):
                    sock.settimeout(5)
                    act(sock)

        threading.Thread(target=accept, daemon=True).start()
        yield peer
        listener.shutdown(socket.SHUT_RDWR)


def _saying(said: bytes) -> Callable[[socket.socket], None]:
    def act(sock: socket.socket) -> None:
        sock.recv(4096)
        sock.sendall(said)

    return act


def _refused(base_url: str = _URL, max_retries: int = 1) -> OpenAIError:
    with OpenAIClient("sk-test", base_url=base_url, timeout=5, max_retries=max_retries, ledger=False) as client:
        (error,) = client.batches.create("file-1", "/v1/embeddings").errors
    assert _PASSWORD not in f"{error.message}{error!r}"
    return error


@pytest.mark.parametrize(
    ("variable", "url", "said"),
    [
        ("HTTPS_PROXY", f"socks5://u:{_PASSWORD}@127.0.0.1:1", "pip install 'requests[socks]'"),
        ("ALL_PROXY", f"socks://u:{_PASSWORD}@127.0.0.1:1/", "write socks5h://HOST:PORT"),
        ("all_proxy", f"SOCKS6://u:{_PASSWORD}@h", "write socks5h://HOST:PORT"),
        ("https_proxy", f"http://u:{_PASSWORD}@127.0.0.1:99999", "a port that is none"),
        ("HTTPS_PROXY", f"u:{_PASSWORD}@127.0.0.1:abc", "a port that is none"),
        ("HTTPS_PROXY", f"http://u:{_PASSWORD}@[::1:3128", "is no address"),
        ("HTTPS_PROXY", f"http://u:{_PASSWORD}@:3128", "names no host"),
        ("HTTPS_PROXY", f"http://u:{_PASSWORD}@", "names no host"),
        ("ALL_PROXY", f"ftp://u:{_PASSWORD}@h:1", "none of http, https, socks4"),
        ("https_proxy", f"htps://u:{_PASSWORD}@h:1", "none of http, https, socks4"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_told_before_anything_is_sent(
    variable: str, url: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The variable, the address without its password, and what to write instead; there is no second try.
    """
    monkeypatch.setattr(proxies, "find_spec", lambda _: None)
    monkeypatch.setenv(variable, url)
    error = _refused()
    assert (type(error), error.code) == (OpenAIError, "proxy_error")
    assert error.message.startswith(f"{variable} names the proxy ")
    assert said in error.message


@pytest.mark.parametrize(
    ("status", "said", "hits"),
    [(407, "wants a user and a password; set HTTPS_PROXY to", 1), (403, "refused the way", 1), (503, "status 503", 2)],
)
def test_a_proxy_that_refuses_the_tunnel_is_named(
    status: int, said: str, hits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What it will say again is not asked again; a batch was not made.
    """
    with _peer(_saying(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode())) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://u:{_PASSWORD}@127.0.0.1:{proxy.port}")
        error = _refused()
    assert (error.code, proxy.hits) == ("proxy_error", hits)
    assert not getattr(error, "is_ambiguous", False)
    assert said in error.message
    assert f"http://127.0.0.1:{proxy.port}, which HTTPS_PROXY names," in error.message


@pytest.mark.parametrize("said", [b"", b"SSH-2.0-OpenSSH_9\r\n", b"HTTP/1.1"], ids=str)
def test_a_proxy_that_breaks_off_is_named_and_nothing_was_sent(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    It may be starting anew: there is another try, and no batch can have come of it.
    """
    with _peer(_saying(said)) as proxy:
        monkeypatch.setenv("https_proxy", f"127.0.0.1:{proxy.port}")
        error = _refused()
    assert isinstance(error, ExchangeError)
    assert (error.code, error.is_ambiguous, proxy.hits) == ("proxy_error", False, 2)
    assert "correct https_proxy" in error.message
    assert "\n" not in error.message


def test_a_proxy_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Its variable is to be corrected, not the base URL.
    """
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    monkeypatch.setenv("ALL_PROXY", f"http://u:{_PASSWORD}@127.0.0.1:{port}")
    error = _refused()
    assert isinstance(error, ExchangeError)
    assert (error.code, error.is_ambiguous) == ("proxy_error", False)
    assert "ALL_PROXY" in error.message


def test_a_proxy_without_tls_that_is_asked_with_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The proxy is at fault, not the server behind it.
    """
    with _peer(_saying(b"HTTP/1.1 400 Bad\r\n\r\n")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{proxy.port}")
        error = _refused()
    assert (error.code, proxy.hits) == ("proxy_error", 1)
    assert "write http:// instead" in error.message


def test_blank_variables_and_addresses_without_a_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Blanks are no proxy; where no scheme is written it is http, also behind a user and a password.
    """
    monkeypatch.setenv("HTTPS_PROXY", "   ")
    assert proxy_among(proxies_for(_URL), _URL) is None
    monkeypatch.setenv("HTTPS_PROXY", f" u:{_PASSWORD}@h:8080 ")
    found = proxy_among(proxies_for(_URL), _URL)
    assert found is not None
    assert (found.variable, found.url, found.shown) == ("HTTPS_PROXY", f"http://u:{_PASSWORD}@h:8080", "http://h:8080")
    assert _PASSWORD not in repr(found)


@pytest.mark.parametrize("host", ["\u00fc..test", "a" * 64 + ".test"])
def test_a_proxy_whose_name_none_can_have_is_named(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    It is the proxy that is at fault, not the base URL.
    """
    monkeypatch.setenv("HTTPS_PROXY", f"http://u:{_PASSWORD}@{host}:1")
    error = _refused()
    assert (type(error), error.code) == (OpenAIError, "proxy_error")
    assert error.message.startswith(f"HTTPS_PROXY names the proxy http://{host}:1, which is no address")


def test_requests_go_through_a_socks_proxy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """
    With the package for SOCKS, the proxy connects; a refusal of its rules is an error of the proxy.
    """
    pytest.importorskip("socks")
    refusals = [False]

    def serve(sock: socket.socket) -> None:
        sock.recv(300)
        sock.sendall(b"\x05\x00")
        port = int.from_bytes(sock.recv(300)[-2:], "big")
        sock.sendall(bytes((5, 2 if refusals[0] else 0, 0, 1, 0, 0, 0, 0, 0, 0)))
        if not refusals[0]:
            with socket.create_connection(("127.0.0.1", port)) as origin:
                origin.sendall(sock.recv(65536))
                sock.sendall(origin.recv(65536))

    with _peer(serve) as proxy, serving(answer(200, _LIST, {"Connection": "close"})) as server:
        monkeypatch.setenv("http_proxy", f"socks5h://u:{_PASSWORD}@127.0.0.1:{proxy.port}")
        with OpenAIClient("sk-test", base_url=server.url, home=tmp_path) as client:
            assert client.files.list().success
        assert (proxy.hits, len(server.received)) == (1, 1)
        refusals[0] = True
        error = _refused(server.url)
        assert (error.code, len(server.received), proxy.hits) == ("proxy_error", 1, 3)
