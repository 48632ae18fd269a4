"""
Wire: headers in any spelling, and secrets that stay where they are.
"""

from __future__ import annotations

import pickle
import time
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.http.bodies import json_body
from aikit.http.headers import Headers, is_secret, redacted
from aikit.http.messages import Request, Response
from aikit.types.errors import OpenAIError

_KEY = "sk-proj-0123456789"
_NAMES = [
    "Authorization",
    "api-key",
    "X-API-KEY",
    "x_api_key",
    "Cookie",
    "Set-Cookie",
    "Proxy-Authorization",
    "X-Amz-Security-Token",
    "Ocp-Apim-Subscription-Key",
    "X-Auth",
    "X-Client-Secret",
    "X-Password",
]
_FIELD_NAMES = st.text("abcXYZ-", min_size=1, max_size=8)
_PLAIN_VALUES = st.text(max_size=4).filter(lambda value: not is_secret("x", value))  # a secret is in no pickle


def _request(**headers: str) -> Request:
    return Request(method="GET", url="https://api.example/v1/files", headers=Headers(headers))


def test_names_are_found_in_any_spelling() -> None:
    """
    A field is there once, however it is spelled; the later value and spelling win.
    """
    headers = Headers({"Content-Type": "a"}).merged({"CONTENT-TYPE": "b"}, None, {"x": "y"})
    assert headers == {"CONTENT-TYPE": "b", "x": "y"}
    assert (headers["content-type"], "Content-type" in headers, len(headers)) == ("b", True, 2)
    assert headers.get("other") is None


@given(st.dictionaries(_FIELD_NAMES, _PLAIN_VALUES), st.dictionaries(_FIELD_NAMES, _PLAIN_VALUES))
def test_merging_changes_neither_side(ours: dict[str, str], theirs: dict[str, str]) -> None:
    """
    Merged headers have every field of both, and the merged ones are as they were.
    """
    headers = Headers(ours)
    before = dict(headers)
    merged = headers.merged(theirs)
    assert {name.lower() for name in merged} == {name.lower() for name in [*ours, *theirs]}
    assert (dict(headers), pickle.loads(pickle.dumps(headers))) == (before, before)  # noqa: S301  our own


@pytest.mark.parametrize("name", _NAMES)
def test_secret_fields_show_nowhere(name: str) -> None:
    """
    A secret is in no ``repr`` and no pickle, of headers, requests and answers.
    """
    headers = Headers({name: _KEY, "X-Plain": "shown"})
    request = attrs.evolve(_request(), headers=headers)
    response = Response(status=200, headers=headers, request=request, body=f"you sent {_KEY}".encode())
    for value in (headers, request, response):
        assert _KEY not in repr(value)
        assert _KEY.encode() not in pickle.dumps(value)
        assert "shown" in repr(value)
    assert headers[name] == _KEY
    assert headers.without_secrets() == {"X-Plain": "shown"}


def test_request_survives_its_pickle_without_what_it_carries() -> None:
    """
    All that describes a request is there again, and can be shown; bodies and sinks stay behind.
    """
    request = attrs.evolve(
        _request(),
        body=json_body({}),
        attempt=2,
        may_have_been_applied=True,
        is_idempotent=False,
        non_retryable_statuses=frozenset((409,)),
    )
    carried = pickle.loads(pickle.dumps(request))  # noqa: S301  our own
    assert carried == attrs.evolve(request, body=None)
    assert repr(carried)


@pytest.mark.parametrize("value", ["Bearer abc", "basic dXNlcjpwdw==", _KEY])
def test_field_of_any_name_with_a_credential_is_secret(value: str) -> None:
    """
    What looks like a credential is hidden under every name, and so is a field that repeats another's secret.
    """
    headers = Headers({"X-Upstream": value, "Api-Key": "0123456789", "X-Copy": "key=0123456789"})
    assert headers.without_secrets() == {}
    assert value not in repr(headers)


@pytest.mark.parametrize(
    "name",
    ["X-RateLimit-Remaining-Tokens", "x-ratelimit-limit-tokens", "Content-Type", "X-Request-Id", "Idempotency-Key"],
)
def test_harmless_fields_are_shown_and_pickled(name: str) -> None:
    """
    Counts of tokens are no tokens: the rate limits of a result survive its pickle.
    """
    assert not is_secret(name)
    assert pickle.loads(pickle.dumps(Headers({name: "5"}))) == {name: "5"}  # noqa: S301  our own


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://u:p@host/x", "https://***@host/x"),
        ("https://u:p@ss@host/x", "https://***@host/x"),
        ("https://host/x?a=1&api-key=abc&b=2", "https://host/x?a=1&api-key=***&b=2"),
        ("https://host/x?X-Amz-Signature=abc", "https://host/x?X-Amz-Signature=***"),
        ("https://host/x?access_token=abc#top", "https://host/x?access_token=***#top"),
        ("https://host/x?sig=a%2Fb&se=2026", "https://host/x?sig=***&se=2026"),
        ("https://host/a@b?limit=5", "https://host/a@b?limit=5"),
        ("", ""),
    ],
)
def test_secrets_in_addresses_are_hidden(url: str, shown: str) -> None:
    """
    User, password and signed queries are hidden, all else stays readable.
    """
    assert redacted(url) == shown


@pytest.mark.parametrize("piece", ["?", "&", ";", "://", "@", "?key", "auth", "?auth=", "://@", "=&", "#"])
def test_hiding_secrets_of_long_addresses_takes_no_time(piece: str) -> None:
    """
    64 KiB of any delimiter or name are gone through once.
    """
    started = time.thread_time()
    redacted("https://h/" + piece * (65_536 // len(piece)))
    assert time.thread_time() - started < 1


def test_request_is_pickled_without_body_and_secrets() -> None:
    """
    A pickled request still tells what was asked, not with what.
    """
    request = attrs.evolve(
        _request(Authorization=f"Bearer {_KEY}"), url="https://u:pw@h/?token=abc", body=json_body({"a": _KEY})
    )
    carried = pickle.loads(pickle.dumps(request))  # noqa: S301  our own
    assert carried == Request(method="GET", url="https://***@h/?token=***")
    assert (carried.timeout_s, carried.is_replayable) == (600.0, True)


def test_longest_secret_is_hidden_first() -> None:
    """
    A secret that is part of another leaves no rest of it behind, nor does JSON's spelling of one.
    """
    headers = Headers({"Authorization": 'Bearer abcdef"ghi', "Api-Key": "abcdef", "Cookie": "a=123456; b=654321"})
    assert headers.hide_in('1 Bearer abcdef"ghi 2 abcdef\\"ghi 3 abcdef 4 654321 5 123456') == (
        "1 *** 2 *** 3 *** 4 *** 5 ***"
    )


def test_short_placeholders_for_keys_are_not_hidden() -> None:
    """
    Local servers want words such as ``none`` for a key; answers that hold the word stay readable.
    """
    assert Headers({"Authorization": "Bearer none"}).hide_in("none found") == "none found"


@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b"{", b"\xff\xfe\x00", b"[" * 100_000, b"1" * 5000 + b"x"])
def test_answer_that_is_no_json_is_one_clear_error(body: bytes) -> None:
    """
    What cannot be decoded is an ``invalid_response`` that names status, address and type.
    """
    response = Response(status=200, body=body, request=_request(), headers=Headers({"Content-Type": "text/html"}))
    with pytest.raises(OpenAIError, match=r"https://api\.example/v1/files is not JSON \(text/html") as caught:
        response.json()
    assert (caught.value.code, caught.value.status) == ("invalid_response", 200)


def test_unreadable_answer_does_not_repeat_the_key() -> None:
    """
    A page that repeats the key it was sent does so in no field of the error, nor in its pickle.
    """
    response = Response(
        status=200,
        body=f"<pre>Authorization: Bearer {_KEY}</pre>".encode(),
        headers=Headers({"X-Echo": _KEY, "Content-Type": f"text/{_KEY}"}),
        request=_request(Authorization=f"Bearer {_KEY}"),
    )
    with pytest.raises(OpenAIError) as caught:
        response.json()
    error: Any = caught.value
    assert _KEY not in f"{error} {error!r} {dict(error.headers)} {error.body}"
    assert _KEY.encode() not in pickle.dumps(error)


@pytest.mark.parametrize(("status", "is_success"), [(199, False), (200, True), (299, True), (300, False), (404, False)])
def test_success_is_200_to_299(status: int, is_success: bool) -> None:  # noqa: FBT001  a column
    """
    Statuses from 200 to 299 are success.
    """
    assert Response(status=status, request=_request()).is_success is is_success


def test_request_id_is_openais_or_azures() -> None:
    """
    Whichever header names the request, its id is found.
    """
    for name in ("X-Request-ID", "apim-request-id"):
        assert Response(status=200, headers=Headers({name: "r1"}), request=_request()).request_id == "r1"
    assert Response(status=200, request=_request()).request_id is None
