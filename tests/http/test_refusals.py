"""
Refusals: every shape in which a server says no becomes one readable error, and none repeats a key.
"""

from __future__ import annotations

import json
import pickle
import time
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.http.headers import Headers
from aikit.http.messages import Request, Response
from aikit.http.refusals import error_from, raise_for_status, understood
from aikit.types.errors import OpenAIError
from aikit.types.files import OpenAIFile

_KEY = "sk-proj-0123/4567\u00e9"
_REQUEST = Request(
    method="GET",
    url="https://api.example/v1/files?api-key=hidden1",
    headers=Headers({"Authorization": f"Bearer {_KEY}"}),
)


def _answer(body: bytes | str, status: int = 400, **headers: str) -> Response:
    content = body if isinstance(body, bytes) else body.encode()
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=status, body=content, headers=Headers(fields), request=_REQUEST)


def _said(body: bytes | str, status: int = 400) -> tuple[str, str | None, str | None, str | None]:
    error = error_from(_answer(body, status))
    return error.message, error.code, error.type, error.param


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            '{"error": {"message": "No such File", "type": "invalid_request_error", "param": "id", "code": null}}',
            ("No such File", None, "invalid_request_error", "id"),
        ),
        ('{"error": {"code": "DeploymentNotFound", "message": "gone"}}', ("gone", "DeploymentNotFound", None, None)),
        (
            '{"error": {"code": "429", "message": "slow", "target": "file", "innererror": {}}}',
            ("slow", "429", None, "file"),
        ),
        (
            '{"error": {"code": 412, "message": "no", "errors": [{"message": "no", "reason": "conditionNotMet"}]}}',
            ("no", "conditionNotMet", None, None),
        ),
        (
            '{"error": {"code": 404, "message": "gone", "status": "NOT_FOUND", "errors": [{"reason": "notFound"}]}}',
            ("gone: notFound", "NOT_FOUND", None, None),
        ),
        ('{"message": "no", "reason": "it is too late"}', ("no: it is too late", None, None, None)),
        ('{"statusCode": 401, "message": "Unauthorized"}', ("Unauthorized", None, None, None)),
        ('{"detail": "Not Found"}', ("Not Found", None, None, None)),
        (
            '{"detail": [{"loc": ["body", "purpose"], "msg": "field required", "type": "missing"}, {"msg": "and"}]}',
            ("body.purpose: field required; and", None, None, None),
        ),
        ('{"detail": [1, {"a": "ü"}]}', ('[1, {"a": "ü"}]', None, None, None)),
        ('{"detail": [{"loc": 5, "msg": "odd"}]}', ("odd", None, None, None)),
        ('{"error": "model is loading"}', ("model is loading", None, None, None)),
        ('{"error": null, "message": "said here"}', ("said here", None, None, None)),
        ('{"error": {"message": "  padded \\n"}}', ("padded", None, None, None)),
        ('{"error": {"message": "x", "code": 1234, "type": ["a"], "param": {}}}', ("x", "1234", None, None)),
        ('"just a string"', ("just a string", None, None, None)),
        ('["a", "b"]', ('["a", "b"]', None, None, None)),
    ],
)
def test_every_shape_of_json_is_read(body: str, said: tuple[Any, ...]) -> None:
    """
    OpenAI's, Azure's, FastAPI's and home-made errors give message, code, type and param as far as they have them.
    """
    assert _said(body) == said


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            '{"object": "error", "message": "w", "type": "BadRequestError", "param": null, "code": 400}',
            ("w", "400", "BadRequestError", None),
        ),
        ('{"detail": {"error": "w", "code": "c"}}', ("w", "c", None, None)),
        ('{"detail": ["a", {"msg": "b"}, null, {"x": 1}]}', ('a; b; {"x": 1}', None, None, None)),
        ('{"statusCode": 400, "error": "Bad Request", "message": "w"}', ("w", None, None, None)),
        ('{"error": "invalid_client", "error_description": "w"}', ("invalid_client: w", None, None, None)),
        (
            '{"error": {"error": {"message": "w", "code": "in"}, "code": "out", "type": "t", "param": "p"}}',
            ("w", "in", "t", "p"),
        ),
        ('{"error": "w", "code": "c", "type": "t"}', ("w", "c", "t", None)),
        ('{"error": true, "message": "w"}', ("w", None, None, None)),
        ('{"error": {"message": ["a", "b"]}}', ("a; b", None, None, None)),
        ('{"error": {"code": true, "message": "w"}}', ("w", None, None, None)),
        ('{"errors": ["a", "b"]}', ("a; b", None, None, None)),
        (
            '{"success": false, "errors": [{"code": 7003, "message": "a"}, {"code": 2, "message": "b"}]}',
            ("a; b", "7003", None, None),
        ),
        (
            '{"message": "Data was invalid.", "errors": {"name": ["required"]}}',
            ('Data was invalid. {"name": ["required"]}', None, None, None),
        ),
        (
            '[{"error": {"code": 400, "message": "w", "status": "INVALID_ARGUMENT"}}]',
            ("w", "INVALID_ARGUMENT", None, None),
        ),
        ('{"title": "Bad", "detail": "w", "status": 400}', ("Bad: w", None, None, None)),
        ('{"title": "Bad", "detail": "Bad: w"}', ("Bad: w", None, None, None)),
        ('{"Error": {"Code": "c", "Message": "w"}}', ("w", "c", None, None)),
        ('{"code": 1, "msg": "w"}', ("w", "1", None, None)),
        ('"{\\"error\\": {\\"message\\": \\"w\\"}}"', ("w", None, None, None)),
        (
            '{"error": {"message": "{\\"error\\": {\\"message\\": \\"w\\", \\"code\\": \\"in\\"}}", "code": "out"}}',
            ("w", "in", None, None),
        ),
        ('{"error": {"message": "<urlopen error [Errno 111]>"}}', ("<urlopen error [Errno 111]>", None, None, None)),
        ('\ufeff{"error": {"message": "w"}}', ("w", None, None, None)),
    ],
)
def test_words_are_found_wherever_they_stand(body: str, said: tuple[Any, ...]) -> None:
    """
    However a server wraps its words, they are the message, and the innermost code, type and param are told.
    """
    assert _said(body) == said


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ('{"object": "error", "message": "w", "code": 404}', "404"),
        ('{"error": {"error": {"message": "w", "code": "in"}}}', "in"),
        ('{"detail": "w"}', "invalid_response"),
        ('{"errors": [{"message": "w"}]}', "invalid_response"),
    ],
)
def test_words_of_a_refusal_with_status_200_are_told(body: str, code: str) -> None:
    """
    A success that is an error object is a refusal; one that has only words is unreadable, and they are told.
    """
    with pytest.raises(OpenAIError) as caught:
        understood(_answer(body, 200), OpenAIFile.from_wire)
    assert caught.value.message.endswith("w")
    assert caught.value.code == code


@pytest.mark.parametrize(
    "body",
    [
        "[" * 60_000,
        '{"error":' * 10_000 + "1" + "}" * 10_000,
        json.dumps({"errors": [{"message": "m" * 50}] * 20_000}),
        json.dumps({"detail": {"x" * 10: ["y"] * 100_000}}),
        json.dumps({"error": {"message": json.dumps(["[" * 20_000] * 40)}}),
        json.dumps({"detail": [{"loc": ["a"] * 200_000, "msg": "m"}] * 5}),
        "expected <" + "int " * 250_000,
    ],
)
def test_large_and_deep_bodies_are_read_in_part(body: str) -> None:
    """
    Depth, number and length of what is looked at are bounded, whatever the body is made of.
    """
    started = time.thread_time()
    error = error_from(_answer(body, 400))
    assert time.thread_time() - started < 2
    assert 0 < len(error.message) < 2_100


def test_text_with_angle_brackets_is_no_page() -> None:
    """
    Words in angle brackets are shown unless they are those of HTML or XML.
    """
    assert error_from(_answer("expected <int>, got <str>")).message.endswith(": expected <int>, got <str>")
    assert error_from(_answer("<Error><Code>NoKey</Code></Error>")).message.endswith(": NoKey")


def test_no_half_of_a_key_is_left_at_the_end_of_a_huge_body() -> None:
    """
    A body that is cut before its secrets are hidden ends before what the cut may have halved.
    """
    text = "x" * (8 * 1024 * 1024 - 8) + _KEY + "y" * 100
    error = error_from(_answer(text, 500))
    assert isinstance(error.body, str)
    assert "sk-" not in error.body


_WHERE = "GET https://api.example/v1/files?api-key=*** was answered with status"


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"", 502, f"{_WHERE} 502 (Bad Gateway)"),
        (b"", 799, f"{_WHERE} 799 (refused)"),
        (b"upstream timed out", 504, f"{_WHERE} 504 (Gateway Timeout): upstream timed out"),
        (
            b"<html><head><style>p{a:b}</style><SCRIPT>x<y</SCRIPT></head><body><h1>502</h1>\n<p>Bad  gate</p></body>",
            502,
            f"{_WHERE} 502 (Bad Gateway): 502 Bad gate",
        ),
        (b"<h1>cut <script>no end", 500, f"{_WHERE} 500 (Internal Server Error): cut"),
        (b'{"message": "<html><p>wrapped</p>"}', 500, None),
        (b"\xff\xfe\x00bad", 400, f"{_WHERE} 400 (Bad Request): \ufffd\ufffd\0bad"),
        (b"{}", 400, f"{_WHERE} 400 (Bad Request): {{}}"),
        (b"null", 400, f"{_WHERE} 400 (Bad Request): null"),
        (b"{", 400, f"{_WHERE} 400 (Bad Request): {{"),
        (b'{"error": {"message": ""}}', 400, None),
        (b'{"error": {"message": "   "}}', 400, None),
        (b'{"error": {}}', 400, None),
        (b"[]", 400, f"{_WHERE} 400 (Bad Request): []"),
    ],
)
def test_what_says_nothing_readable_is_told_by_its_status(body: bytes, status: int, message: str | None) -> None:
    """
    Without a message of its own, an error says what was asked, the status, and what text the page has.
    """
    said = error_from(_answer(body, status)).message
    assert said.startswith(f"{_WHERE} {status} (")
    assert message is None or said == message


def test_error_has_what_the_answer_had() -> None:
    """
    Status, request id, headers and the decoded body are kept.
    """
    error = error_from(_answer('{"error": {"message": "m"}, "x": 1}', 404, x_request_id="r1"))
    assert (error.status, error.request_id, error.headers, error.body) == (
        404,
        "r1",
        {"x-request-id": "r1"},
        {"error": {"message": "m"}, "x": 1},
    )


def test_long_messages_are_cut() -> None:
    """
    A message of a megabyte is shown in part, from JSON, lists and text alike.
    """
    for body in (
        json.dumps({"error": {"message": "m" * 1_000_000}}),
        json.dumps({"detail": ["m" * 1_000_000]}),
        "m" * 1_000_000,
    ):
        assert 400 < len(error_from(_answer(body)).message) < 2_100


@pytest.mark.parametrize("depth", [10, 200, 400, 900, 1000, 2_000, 100_000])
@pytest.mark.parametrize("shape", ["{}", '{{"detail": {}}}', '{{"error": {{"code": {}}}}}'])
def test_deep_nesting_is_no_crash(depth: int, shape: str) -> None:
    """
    However deep a body is nested, at every limit of the parser, there is an error to show.
    """
    for more in range(0, 40, 3):
        nested = shape.format("[" * (depth + more) + "]" * (depth + more))
        assert error_from(_answer(nested)).status == 400


@pytest.mark.parametrize("piece", ["<", "<script>", "<style", "</", "<a ", "< >", "<script></"])
def test_broken_pages_take_no_time(piece: str) -> None:
    """
    A megabyte of tags that never end is gone through once.
    """
    started = time.thread_time()
    error_from(_answer(piece * (1_000_000 // len(piece)), 500))
    assert time.thread_time() - started < 2


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"error": {"message": f"Incorrect API key: {_KEY}", "code": _KEY, "param": _KEY}}),
        json.dumps({"error": {"message": f"Bearer {_KEY}"}}, ensure_ascii=False),
        '{"error": {"message": "sk\\u002dproj-0123\\/4567\\u00e9"}}',
        json.dumps({_KEY: [{"deep": [_KEY]}]}),
        json.dumps({"detail": [{"loc": [_KEY], "msg": _KEY}]}),
        json.dumps({"message": '{"message": "sk\\u002dproj-0123\\/4567\\u00e9"}'}),
        f"<pre>Authorization: Bearer {_KEY}</pre>",
        json.dumps(_KEY),
    ],
)
def test_server_that_repeats_the_key_does_not_leak_it(body: str) -> None:
    """
    No spelling of the key is in any field of the error, its text, its pickle, or that of the answer.
    """
    response = _answer(body, 401, x_echo=_KEY, x_request_id=f"r-{_KEY}")
    error: Any = error_from(response)
    shown = f"{error} {error!r} {attrs.asdict(error, recurse=False)} {dict(error.headers)} {response!r}"
    assert _KEY not in shown
    assert "0123/4567" not in shown
    assert b"0123/4567" not in pickle.dumps([error, response])


@pytest.mark.parametrize(
    "body",
    [
        json.dumps('{"message": "sk\\u002dproj-0123\\/4567\\u00e9"}'),
        json.dumps({"id": "file-1", "created_at": _KEY}),
        json.dumps({"id": _KEY, "created_at": None}),
        json.dumps({"detail": f"{_KEY} is unknown"}),
    ],
)
def test_unreadable_success_that_repeats_the_key_does_not_leak_it(body: str) -> None:
    """
    What is said of an answer that is not understood has no spelling of the key in it.
    """
    with pytest.raises(OpenAIError) as caught:
        understood(_answer(body, 200), OpenAIFile.from_wire)
    assert "0123/4567" not in f"{caught.value} {caught.value!r} {caught.value.body}"


def test_key_that_is_a_word_of_json_breaks_nothing() -> None:
    """
    A made-up key such as ``message`` or a number may garble the answer, but never the program.
    """
    for key in ("message", "1234567", '"error"', "error: {", "statusCode"):
        request = attrs.evolve(_REQUEST, headers=Headers({"api-key": key}))
        body = b'{"error": {"message": "m", "code": 1234567}, "statusCode": 1234567}'
        assert error_from(Response(status=400, body=body, request=request)).status == 400


@given(st.binary(max_size=200), st.integers(100, 999))
def test_no_body_crashes_the_reader(body: bytes, status: int) -> None:
    """
    Whatever bytes come with whatever status, there is an error with a message.
    """
    assert error_from(_answer(body, status)).message


def test_success_is_handed_on_and_all_else_raised() -> None:
    """
    200 to 299 pass; redirects that were not followed and 304 do not.
    """
    fine = _answer(b"{}", 204)
    assert raise_for_status(fine) is fine
    for status in (199, 304, 302, 404, 500):
        with pytest.raises(OpenAIError) as caught:
            raise_for_status(_answer(b"", status))
        assert caught.value.status == status


def test_answer_that_is_not_understood_keeps_its_origin() -> None:
    """
    An error about a successful answer has its status, its request id and what was said, without the key.
    """
    with pytest.raises(OpenAIError, match="'bytes' is missing") as caught:
        understood(_answer(f'{{"id": "{_KEY}"}}', 200, x_request_id="r1"), OpenAIFile.from_wire)
    error = caught.value
    assert (error.code, error.status, error.request_id, error.body) == ("invalid_response", 200, "r1", {"id": "***"})


def test_refusal_with_status_200_is_a_refusal() -> None:
    """
    A server that answers 200 with an error object has refused.
    """
    with pytest.raises(OpenAIError, match=r"^Unexpected endpoint$") as caught:
        understood(_answer('{"error": "Unexpected endpoint"}', 200), OpenAIFile.from_wire)
    assert caught.value.status == 200
