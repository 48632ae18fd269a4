"""
OpenAI's flows, bare: what they ask, and what they make of every answer.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.http.bodies import MultipartBody
from aikit.http.flow import Flow
from aikit.http.headers import Headers
from aikit.http.messages import Request, Response
from aikit.http.sinks import FileSink
from aikit.http.sources import source_of
from aikit.providers.addresses import OPENAI_URL
from aikit.providers.config import ProviderSettings
from aikit.providers.openai import OpenAIProvider
from aikit.types.errors import OpenAIError
from aikit.types.files import FileOrder, FilePage, OpenAIFile, OpenAIFileDeleted

_PROVIDER = OpenAIProvider(
    base_url="https://api.example/v1", headers=Headers({"Authorization": "Bearer sk-0123456789"})
)
_WIRE: dict[str, Any] = {"id": "file-1", "bytes": 3, "created_at": 1, "filename": "a.txt", "purpose": "user_data"}
_FILE = OpenAIFile("file-1", 3, 1, "a.txt", "user_data")
_IDS = ["a/b", "%2F", "a%2e", "ä", "a?b=c", "a#b", "日本", "a;b", "a&b", "a+b", "a\\b"]


def _first(flow: Flow[Any]) -> Request:
    request = next(flow)
    assert isinstance(request, Request)
    return request


def _returned(flow: Flow[Any], status: int = 200, body: Any = b"", **evolved: Any) -> Any:
    request = attrs.evolve(_first(flow), **evolved)
    with pytest.raises(StopIteration) as stop:
        flow.send(_answer(request, status, body))
    return stop.value.value


def _answer(request: Request, status: int = 200, body: Any = b"", **headers: str) -> Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=status, body=content, headers=Headers(fields), request=request)


def _error(flow: Flow[Any], status: int = 200, body: Any = b"", **evolved: Any) -> OpenAIError:
    request = attrs.evolve(_first(flow), **evolved)
    with pytest.raises(OpenAIError) as caught:
        flow.send(_answer(request, status, body))
    return caught.value


def _asked(flow: Flow[Any]) -> tuple[str, str, dict[str, str]]:
    request = _first(flow)
    flow.close()
    return request.method, request.url, dict(request.headers)


_ORDER = FileOrder(purpose="batch")
_FIELDS = {"Authorization": "Bearer sk-0123456789", "Accept": "application/json"}


def test_each_operation_asks_what_the_reference_says() -> None:
    """
    Method, address and headers of every call are OpenAI's.
    """
    base = "https://api.example/v1/files"
    binary = {**_FIELDS, "Accept": "application/octet-stream, */*"}
    assert _asked(_PROVIDER.retrieve_file("file-1")) == ("GET", f"{base}/file-1", _FIELDS)
    assert _asked(_PROVIDER.list_files({})) == ("GET", base, _FIELDS)
    assert _asked(_PROVIDER.delete_file("file-1")) == ("DELETE", f"{base}/file-1", _FIELDS)
    assert _asked(_PROVIDER.file_content("file-1")) == ("GET", f"{base}/file-1/content", binary)
    assert _asked(_PROVIDER.download_file("f", FileSink(path=Path("a")))) == ("GET", f"{base}/f/content", binary)
    assert _asked(_PROVIDER.create_file(source_of(b"", filename="a"), _ORDER)) == ("POST", base, _FIELDS)


@pytest.mark.parametrize("file_id", _IDS)
def test_odd_id_stays_one_part_of_the_path(file_id: str) -> None:
    """
    An id is quoted whole: nothing in it becomes a folder, a query or a fragment.
    """
    for flow in (_PROVIDER.retrieve_file(file_id), _PROVIDER.delete_file(file_id), _PROVIDER.file_content(file_id)):
        parts = urlsplit(_first(flow).url)
        assert (parts.query, parts.fragment) == ("", "")
        assert unquote(parts.path.split("/")[3]) == file_id
        assert parts.path.split("/")[4:] in ([], ["content"])
        assert parts.path.isascii()


@pytest.mark.parametrize("file_id", ["a b", "..", ".", "a\ud800", "a\n", ""])
def test_an_id_that_is_no_part_of_a_path_is_not_asked_about(file_id: str) -> None:
    """
    It is from an answer, since callers' own are checked before: the error shows it, and nothing is sent.
    """
    for flow in (_PROVIDER.retrieve_file(file_id), _PROVIDER.delete_file(file_id), _PROVIDER.retrieve_batch(file_id)):
        with pytest.raises(OpenAIError, match="which the provider gave, cannot be an id") as caught:
            next(flow)
        assert caught.value.code == "invalid_id"


@given(
    st.dictionaries(
        st.sampled_from(["after", "limit", "order", "purpose"]), st.text("aä&=#? /%+", min_size=1) | st.integers()
    )
)
def test_query_comes_through(query: dict[str, str | int]) -> None:
    """
    Whatever a caller asks for, a foreign parser reads the same.
    """
    url = urlsplit(_first(_PROVIDER.list_files(query)).url)
    assert dict(parse_qsl(url.query, keep_blank_values=True)) == {name: str(value) for name, value in query.items()}
    assert url.path == "/v1/files"


def test_upload_has_the_fields_of_the_form() -> None:
    """
    Purpose and expiry come before the file, nested names in brackets.
    """
    source = source_of(b"{}", filename="a.jsonl")
    expiry = {"anchor": "created_at", "seconds": 3600}
    body = _first(_PROVIDER.create_file(source, FileOrder(purpose="batch", expires_after=expiry))).body
    assert isinstance(body, MultipartBody)
    fields = {"purpose": "batch", "expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"}
    assert (body.fields, body.file_field, body.source) == (fields, "file", source)
    assert list(body.fields) == list(fields)


def test_files_are_read_from_answers() -> None:
    """
    Creating and retrieving return the File object, with what the provider adds.
    """
    for flow in (_PROVIDER.create_file(source_of(b"", filename="a"), _ORDER), _PROVIDER.retrieve_file("file-1")):
        assert _returned(flow, 200, _WIRE | {"region": "eu"}) == attrs.evolve(_FILE, extra={"region": "eu"})


def test_page_of_a_server_that_does_not_page() -> None:
    """
    A list without paging fields is one page, and an empty one has no ids.
    """
    assert _returned(_PROVIDER.list_files({}), 200, {"data": [_WIRE]}) == FilePage(
        (_FILE,), has_more=False, first_id="file-1", last_id="file-1"
    )
    assert _returned(_PROVIDER.list_files({}), 200, {"object": "list", "data": []}) == FilePage(())


def test_content_is_any_bytes() -> None:
    """
    Content is not looked into.
    """
    flow = _PROVIDER.file_content("f")
    request = _first(flow)
    assert request.sink is not None
    request.sink.begin(200, {"content-length": "2"})
    request.sink.write(memoryview(b"\xff{"))
    with pytest.raises(StopIteration) as stop:
        flow.send(_answer(request))
    assert stop.value.value == b"\xff{"


@pytest.mark.parametrize("body", [b"", b"<html>", [], {}, {"id": "file-1"}, {"data": 5}, {"data": [5]}, None, "text"])
def test_answer_that_is_no_such_object_is_an_error(body: Any) -> None:
    """
    A successful status with anything else inside is an ``invalid_response``.
    """
    for flow in (_PROVIDER.retrieve_file("f"), _PROVIDER.list_files({}), _PROVIDER.delete_file("f")):
        error = _error(flow, 200, body)
        assert (error.code, error.status) == ("invalid_response", 200)


@pytest.mark.parametrize("status", [302, 400, 401, 404, 429, 500])
def test_refusal_is_an_error_of_every_operation(status: int) -> None:
    """
    What the provider says is told by every call alike.
    """
    for flow in (
        _PROVIDER.create_file(source_of(b"", filename="a"), _ORDER),
        _PROVIDER.retrieve_file("f"),
        _PROVIDER.list_files({}),
        _PROVIDER.delete_file("f"),
        _PROVIDER.file_content("f"),
    ):
        error = _error(flow, status, {"error": {"message": "no", "code": "c"}})
        assert (error.message, error.code, error.status) == ("no", "c", status)


@pytest.mark.parametrize(
    ("status", "body", "may_have_been_applied", "deleted"),
    [
        (200, {"id": "file-1", "deleted": True}, False, True),
        (200, {"id": "file-1", "deleted": False}, False, False),
        (204, b"", False, True),
        (404, {"error": {"message": "No such File"}}, True, True),
    ],
)
def test_deletion_that_counts(status: int, body: Any, may_have_been_applied: bool, deleted: bool) -> None:  # noqa: FBT001  columns
    """
    Gone is gone: by an answer, by an answer without content, and when a lost attempt had done it already.
    """
    flow = _PROVIDER.delete_file("file-1")
    assert _returned(flow, status, body, may_have_been_applied=may_have_been_applied) == OpenAIFileDeleted(
        "file-1", deleted=deleted
    )


@pytest.mark.parametrize(("status", "may_have_been_applied"), [(404, False), (410, True), (403, True), (500, True)])
def test_deletion_that_does_not_count(status: int, may_have_been_applied: bool) -> None:  # noqa: FBT001  a column
    """
    A file that was never there is an error, and so is any other refusal after a lost attempt.
    """
    assert _error(_PROVIDER.delete_file("file-1"), status, may_have_been_applied=may_have_been_applied).status == status


def _poured(flow: Flow[Any], request: Request, status: int, content: bytes, **headers: str) -> Any:
    """
    Answer as a transport does: the body of a 200 or 206 goes into the sink.
    """
    answer = _answer(request, status, b"", **headers)
    if request.sink is not None and status in {200, 206}:
        request.sink.begin(status, answer.headers)
        request.sink.write(memoryview(content))
    try:
        return flow.send(answer)
    except StopIteration as stop:
        return stop.value


def test_download_returns_the_size_that_was_told(tmp_path: Path) -> None:
    """
    The size of the answer is the size of the file.
    """
    with FileSink(path=tmp_path / "a") as sink:
        flow = _PROVIDER.download_file("f", sink)
        assert _poured(flow, _first(flow), 200, b"abc", Content_Length="3") == 3


def test_download_of_unknown_size_asks_for_it(tmp_path: Path) -> None:
    """
    Where the answer has no length, the File object has.
    """
    with FileSink(path=tmp_path / "a") as sink:
        flow = _PROVIDER.download_file("file-1", sink)
        asked = _poured(flow, _first(flow), 200, b"abc")
        assert asked.url == "https://api.example/v1/files/file-1"
        with pytest.raises(StopIteration) as stop:
            flow.send(_answer(asked, 200, _WIRE))
        assert stop.value.value == 3


def test_range_that_is_refused_is_asked_for_whole(tmp_path: Path) -> None:
    """
    After 416 the download starts anew, once.
    """
    with FileSink(path=tmp_path / "a") as sink:
        flow = _PROVIDER.download_file("f", sink)
        first = _first(flow)
        sink.begin(200, Headers({"Content-Length": "6"}))
        sink.write(memoryview(b"abc"))
        second = _poured(flow, first, 416, b"")
        assert (second.url, sink.done, sink.request_headers()) == (first.url, 0, {})
        assert _poured(flow, second, 200, b"xy", Content_Length="2") == 2
    with FileSink(path=tmp_path / "a") as sink:
        flow = _PROVIDER.download_file("f", sink)
        again = _poured(flow, _first(flow), 416, b"")
        with pytest.raises(OpenAIError) as caught:
            _poured(flow, again, 416, b"")
        assert caught.value.status == 416


@pytest.mark.parametrize("status", [201, 202, 203, 204])
def test_success_without_content_is_no_download(status: int, tmp_path: Path) -> None:
    """
    A status that brings no content is an error, never an empty file.
    """
    with FileSink(path=tmp_path / "a") as sink:
        error = _error(_PROVIDER.download_file("f", sink), status)
    assert (error.code, error.status) == ("invalid_response", status)


def test_settings_become_headers() -> None:
    """
    Key, organization and project are sent as OpenAI names them; custom headers win.
    """
    settings = ProviderSettings(
        api_key=" sk-0123456789\n",
        base_url=" https://api.example/v1// ",
        organization="org",
        project="proj",
        custom_headers={"openai-project": "other", "X-A": "b"},
    )
    provider = OpenAIProvider.from_settings(settings)
    sent = {name.lower(): value for name, value in provider.headers.items()}
    agent = sent.pop("user-agent")
    assert agent.startswith("aikit/")
    assert sent == {
        "authorization": "Bearer sk-0123456789",
        "openai-organization": "org",
        "openai-project": "other",
        "x-a": "b",
    }
    assert provider.base_url == "https://api.example/v1"
    assert "0123456789" not in f"{provider!r} {settings!r} {_first(provider.retrieve_file('f'))!r}"


def test_without_settings_it_is_openai() -> None:
    """
    No address means OpenAI's, with its limits; an empty key sends none; other addresses have limits of their own.
    """
    provider = OpenAIProvider.from_settings(ProviderSettings(api_key=""))
    assert (provider.base_url, "authorization" in provider.headers) == (OPENAI_URL, False)
    assert provider.limits.has_other_purposes is False
    assert _PROVIDER.limits.has_other_purposes is True


@pytest.mark.parametrize(
    "base_url",
    [
        "api.example/v1",
        "ftp://api.example",
        "https://",
        "https:///v1",
        "https://[::1",
        "https://api.example:port/v1",
        "https://api.example:99999/v1",
        "https://user:s3cr3tpw@api.example/v1",
        "https://user:s3cr3tpw/@api.example/v1",
        "https://user@api.example/v1",
        "https://api.example/v1?key=s3cr3tpw",
        "https://api.example/v1#x",
        "https://api.example/v 1",
        "https://api.example\n/v1",
        "https://evil.example\\@api.example/v1",
        "https://api.example/\x00",
    ],
)
def test_address_that_cannot_be_used_is_refused(base_url: str) -> None:
    """
    An address without scheme or host, or with parts that belong elsewhere, is a ValueError that shows no password.
    """
    with pytest.raises(ValueError, match="base_url") as caught:
        OpenAIProvider.from_settings(ProviderSettings(base_url=base_url))
    assert "s3cr3tpw" not in str(caught.value)


@pytest.mark.parametrize("field", ["api_key", "organization", "project"])
def test_setting_that_no_header_can_carry_is_refused(field: str) -> None:
    """
    A key that was copied with something else is refused without being shown.
    """
    for value in ("sk-0123\r\nX-Evil: 1", "sk-ü0123", "sk-\x000123"):
        with pytest.raises(ValueError, match=field) as caught:
            OpenAIProvider.from_settings(ProviderSettings(**{field: value}))  # type: ignore[arg-type]  # a name of text
        assert "0123" not in str(caught.value)
    with pytest.raises(TypeError, match=f"{field} must be a string, not int"):
        OpenAIProvider.from_settings(ProviderSettings(**{field: 5}))  # type: ignore[arg-type]  # that is the test
