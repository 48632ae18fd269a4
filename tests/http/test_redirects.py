"""
Redirects: flows driven bare, without a socket.
"""

from __future__ import annotations

import io

import attrs
import pytest

from aikit.http.bodies import MultipartBody, json_body
from aikit.http.headers import Headers
from aikit.http.messages import Request, Response
from aikit.http.redirects import follow_redirects
from aikit.http.sources import source_of
from aikit.types.errors import OpenAIError
from tests.http.bare_flows import answer, asked, returned

_URL = "https://api.example/v1/files"
_GET = Request(method="GET", url=_URL, headers=Headers({"Accept": "*/*"}))
_POST = Request(method="POST", url=_URL, body=json_body({"a": 1}))
_SECRETS = {
    "Authorization": "Bearer sk-0123456789",
    "api-key": "abcdef0123",
    "Cookie": "session=abcdef",
    "X-Custom-Token": "t0k3n-t0k3n",
    "X-Upstream": "Bearer other-key",
}


class _Pipe(io.BytesIO):
    def seekable(self) -> bool:
        return False


_ONCE = attrs.evolve(
    _POST, body=MultipartBody(fields={}, file_field="file", source=source_of(_Pipe(b"abc"), filename="a"))
)


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/v2/files", "https://api.example/v2/files"),
        ("other", "https://api.example/v1/other"),
        ("?a=1", "https://api.example/v1/files?a=1"),
        ("//api.example/x", "https://api.example/x"),
        ("https://API.EXAMPLE:443/x", "https://API.EXAMPLE:443/x"),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_within_the_origin_keeps_everything(status: int, location: str, url: str) -> None:
    """
    A reading request goes on at the same origin with all its fields, at relative addresses too.
    """
    request = attrs.evolve(_GET, headers=Headers(_SECRETS), attempt=2, may_have_been_applied=True)
    flow = follow_redirects(request)
    assert flow.send(answer(next(flow), status, location=location)) == attrs.evolve(request, url=url)


@pytest.mark.parametrize(
    "location",
    [
        "https://elsewhere.example/x",
        "https://api.example:8443/x",
        "https://api.example.evil/x",
        "//elsewhere.example/x",
        "https://apі.example/x",  # noqa: RUF001  a Cyrillic letter
    ],
)
def test_redirect_to_another_origin_has_no_secrets(location: str) -> None:
    """
    Only what every program says goes: nobody knows which custom field is a secret.
    """
    request = attrs.evolve(_GET, headers=Headers({**_SECRETS, "Accept": "*/*", "X-Plain": "1"}))
    flow = follow_redirects(request)
    moved = asked(flow.send(answer(next(flow), 302, location=location)))
    assert moved.headers == {"Accept": "*/*"}


def test_secrets_do_not_come_back_on_the_way_home() -> None:
    """
    Once another origin has a say, the request stays without secrets, also back at the first.
    """
    flow = follow_redirects(attrs.evolve(_GET, headers=Headers(_SECRETS)))
    away = flow.send(answer(next(flow), 302, location="https://elsewhere.example/x"))
    home = asked(flow.send(answer(away, 302, location=_URL)))
    assert (home.url, dict(home.headers)) == (_URL, {})


@pytest.mark.parametrize(
    ("request_", "status", "location", "why"),
    [
        (_GET, 302, "http://api.example/v1/files", "away from https"),
        (_GET, 302, "http://elsewhere.example/", "away from https"),
        (_GET, 302, "file:///etc/passwd", "no plain http address"),
        (_GET, 302, "ftp://api.example/x", "no plain http address"),
        (_GET, 302, "javascript:alert(1)", "no plain http address"),
        (_GET, 302, "https://[::1/x", "no plain http address"),
        (_GET, 302, "https://api.example:99999/x", "no plain http address"),
        (_GET, 302, "https://api.example:port/x", "no plain http address"),
        (_GET, 302, "https://evil.example\\@api.example/x", "no plain http address"),
        (_GET, 302, "https://user:pw@api.example/x", "no plain http address"),
        (_POST, 301, "/x", "turn POST into GET"),
        (_POST, 302, "/x", "turn POST into GET"),
        (_POST, 307, "https://elsewhere.example/x", "only reading goes there"),
        (_POST, 308, "https://elsewhere.example/x", "only reading goes there"),
        (_ONCE, 307, "/x", "cannot go back"),
        (attrs.evolve(_GET, method="DELETE"), 302, "/x", "turn DELETE into GET"),
        (attrs.evolve(_GET, method="DELETE"), 307, "https://elsewhere.example/x", "only reading"),
    ],
)
def test_redirect_that_must_not_be_followed(request_: Request, status: int, location: str, why: str) -> None:
    """
    What would lose the body, the method or the secrecy is refused, with what to correct.
    """
    flow = follow_redirects(request_)
    with pytest.raises(OpenAIError, match=why) as caught:
        flow.send(answer(next(flow), status, location=location))
    assert (caught.value.code, caught.value.status) == ("redirect_refused", status)
    assert "pw@" not in str(caught.value)


@pytest.mark.parametrize("status", [307, 308])
def test_post_is_sent_again_within_the_origin(status: int) -> None:
    """
    307 and 308 keep method and body.
    """
    flow = follow_redirects(_POST)
    assert flow.send(answer(next(flow), status, location="/x")) == attrs.evolve(_POST, url="https://api.example/x")


def test_see_other_is_read_without_body() -> None:
    """
    303 after a POST says where to read, also after a stream that cannot be sent again.
    """
    for request in (_POST, _ONCE):
        flow = follow_redirects(request)
        assert flow.send(answer(next(flow), 303, location="/x")) == attrs.evolve(
            request, method="GET", url="https://api.example/x", body=None
        )


def test_redirects_end() -> None:
    """
    A loop is followed five times and then refused, whether it says so or leaves the address empty.
    """
    for location in (_URL, ""):
        flow = follow_redirects(_GET)
        request = next(flow)
        for _ in range(5):
            request = flow.send(answer(request, 302, location=location))
        with pytest.raises(OpenAIError, match="after 5 redirects"):
            flow.send(answer(request, 302, location=location))


@pytest.mark.parametrize(("status", "headers"), [(302, {}), (304, {"location": "/x"}), (300, {"location": "/x"})])
def test_answer_that_is_no_redirect_is_the_answer(status: int, headers: dict[str, str]) -> None:
    """
    Without an address, and with statuses that are not redirects, nothing is followed.
    """
    flow = follow_redirects(_GET)
    plain = Response(status=status, headers=Headers(headers), request=asked(next(flow)))
    assert returned(flow, plain) is plain


def test_refused_redirect_does_not_repeat_the_key() -> None:
    """
    An address that repeats the key is not shown with it.
    """
    flow = follow_redirects(attrs.evolve(_GET, headers=Headers(_SECRETS)))
    with pytest.raises(OpenAIError) as caught:
        flow.send(answer(next(flow), 302, location="ftp://x/sk-0123456789/?k=t0k3n-t0k3n"))
    assert "sk-0123456789" not in f"{caught.value} {dict(caught.value.headers)}"
    assert "t0k3n" not in f"{caught.value} {dict(caught.value.headers)}"


def test_refused_redirect_does_not_show_the_secrets_of_its_address() -> None:
    """
    A session or a signed address is a credential of its own, that no request header has repeated.
    """
    flow = follow_redirects(attrs.evolve(_POST, method="PUT"))
    with pytest.raises(OpenAIError) as caught:
        flow.send(answer(next(flow), 307, location="https://other.example/o?upload_id=s3cr3t-s3cr3t&sig=s1gn"))
    shown = f"{caught.value} {dict(caught.value.headers)}"
    assert "other.example/o" in shown
    assert "s3cr3t" not in shown
    assert "s1gn" not in shown
