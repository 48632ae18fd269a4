"""
Base URLs: what is wrong with one is said, one that is right is written in one way, and accounts are told apart by it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from aikit import OpenAIClient
from aikit.providers.addresses import account_address, usable_url
from aikit.providers.config import ProviderSettings
from tests.scripted_server import answer, serving

_BATCH = (
    b'{"id": "batch_1", "object": "batch", "endpoint": "/v1/embeddings", "input_file_id": "file-1", "created_at": 1, '
    b'"completion_window": "24h", "status": "validating"}'
)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://h:99999/v1", "has a port that is none; ports are 1 to 65535"),
        ("http://h:abc/v1", "has a port that is none"),
        ("http://h:0/v1", "has a port that is none"),
        ("http://[::1]:99999/v1", "has a port that is none|name a host"),
        ("http://[::1/v1", "must start with http:// or https:// and name a host"),
        ("h:8000/v1", "must start with http:// or https:// and name a host"),
        ("api.openai.com/v1", "name a host; did you mean https://api.openai.com/v1\\?"),
        ("localhost:8000/v1", "name a host; did you mean http://localhost:8000/v1\\?"),
        ("127.0.0.1:11434", "name a host; did you mean http://127.0.0.1:11434\\?"),
        ("me:secret@h.example/v1", "name a host$|must have no user"),
        ("ftp://h/v1", "must start with http:// or https:// and name a host"),
        ("", "must start with http:// or https:// and name a host"),
        ('"http://h/v1"', "has quotes around it"),
        ("http://h/v 1", "has ' ', which no URL has"),
        ("http:\\\\h\\v1", "which no URL has"),
        ("http://h/v1\x00", "which no URL has"),
        ("http://h/pfäd", "has 'ä' behind its host; write it as %C3%A4"),
        (f"http://{'ü' * 70}.example/v1", "names a host that DNS cannot have"),
        ("http://ü\u2028.example/v1", "which no URL has|DNS cannot have"),
        ("http://h/v1?key=1", "must have no user, query or fragment"),
    ],
)
def test_what_is_wrong_with_an_address_is_said(url: str, said: str) -> None:
    """
    Not that it is none, where it nearly is one.
    """
    with pytest.raises(ValueError, match=said):
        usable_url(url)


@pytest.mark.parametrize("url", ["http://u:s3cret@h:x/v1", "http://u:s3cret@h:99999", "https://u:s3cret@[h/v1"])
def test_a_password_in_an_address_is_not_repeated(url: str) -> None:
    """
    Also where the address cannot be taken apart.
    """
    with pytest.raises(ValueError, match="base_url") as caught:
        usable_url(url)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("HTTP://LocalHost:8000/V1/", "http://localhost:8000/V1"),
        ("https://münchen.example/v1", "https://xn--mnchen-3ya.example/v1"),
        ("https://MÜNCHEN.example:8443/v1", "https://xn--mnchen-3ya.example:8443/v1"),
        ("https://straße.example", "https://xn--strae-oqa.example"),
        ("https://例え.テスト/v1", "https://xn--r8jz45g.xn--zckzah/v1"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
        ("http://my_server.local./v1//", "http://my_server.local./v1"),
        (" https://h:443/v1 ", "https://h:443/v1"),
        ("https://h/p%C3%A4th", "https://h/p%C3%A4th"),
    ],
)
def test_an_address_is_written_in_one_way(url: str, written: str) -> None:
    """
    Scheme and host in lower case, international hosts as DNS has them; written so, it stays so.
    """
    assert usable_url(url) == written
    assert usable_url(written) == written
    assert ProviderSettings(base_url=url).base_url == written


@pytest.mark.parametrize(
    "urls",
    [
        ("http://localhost:8000/v1", "http://127.0.0.1:8000/v1", "HTTP://LOCALHOST:8000/v1/", "http://[::1]:8000/v1"),
        ("https://api.example/v1", "HTTPS://API.example:443/v1", "https://api.EXAMPLE/v1/", "https://api.example./v1"),
        ("http://localhost", "http://127.0.0.1:80/", "http://localhost.:80"),
        ("https://[2001:DB8::1]/v1", "https://[2001:db8::1]:443/v1"),
    ],
)
def test_one_server_is_one_account(urls: tuple[str, ...]) -> None:
    """
    However its address is written.
    """
    assert len({account_address(usable_url(url) or "") for url in urls}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://localhost:8000/v1", "http://localhost:8001/v1"),
        ("http://localhost:8000/v1", "https://localhost:8000/v1"),
        ("http://localhost:8000/v1", "http://localhost:8000/V1"),
        ("http://127.0.0.2/v1", "http://localhost/v1"),
        ("https://a.example/v1", "https://b.example/v1"),
    ],
)
def test_two_servers_are_two_accounts(one: str, other: str) -> None:
    """
    Port, scheme and path count, and so does another address of this machine.
    """
    assert account_address(one) != account_address(other)


def test_the_ledger_has_one_account_for_one_server(tmp_path: Path) -> None:
    """
    A batch that is seen under three names of its server is booked once.
    """
    with serving(answer(200, _BATCH), answer(200, _BATCH), answer(200, _BATCH)) as server:
        port = server.url.split(":")[2]
        for url in (f"http://127.0.0.1:{port}", f"HTTP://127.0.0.1:{port}/", f"http://localhost:{port}"):
            with OpenAIClient("sk-test", base_url=url, home=tmp_path / "home") as client:
                assert client.batches.create("file-1", "/v1/embeddings").success
                events = list(client.ledger.events())
    assert [event.address for event in events] == [f"http://localhost:{port}"]
