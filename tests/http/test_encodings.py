"""
Encoded answers: decoded to their end or asked for again, within bounds, and never half or raw as a success.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.exceptions import DecodeError

from aikit import OpenAIClient, OpenAIFileResult
from aikit.http import receiving
from aikit.http.receiving import Decoder
from tests.scripted_server import FILE, Exchange, Step, answer, cut, rendered, serving

_TEXT = "".join(f"line {number} of the output\n" for number in range(2000)).encode()
_PACKED = gzip.compress(_TEXT)
_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0004\r\nabcd\r\n"


def _deflated(content: bytes, window: int = zlib.MAX_WBITS) -> bytes:
    packer = zlib.compressobj(wbits=window)
    return packer.compress(content) + packer.flush()


def _decoded(data: bytes, *, is_gzip: bool, pieces: int = 1 << 30) -> tuple[bytes, bool]:
    decoder = Decoder(is_gzip=is_gzip)
    content = b"".join(
        block for start in range(0, len(data), pieces) for block in decoder.blocks(data[start : start + pieces])
    )
    return content, decoder.is_whole


def _file(size: int) -> Step:
    return answer(200, json.dumps(json.loads(FILE) | {"bytes": size}).encode())


def _content(*steps: Step, max_retries: int = 0) -> object:
    with serving(*steps) as server, OpenAIClient("sk-test", base_url=server.url, max_retries=max_retries) as client:
        result = client.files.content("file-1")
    return result.content if result.success else result.errors[0].code


@given(st.binary(max_size=3000), st.integers(1, 400), st.sampled_from(["gzip", "two", "padded", "zlib", "raw"]))
def test_what_is_decoded_is_what_was_encoded(content: bytes, pieces: int, how: str) -> None:
    """
    Wherever the pieces end, for all that is called gzip or deflate; one byte less is not whole.
    """
    packed: Mapping[str, Callable[[], bytes]] = {
        "gzip": lambda: gzip.compress(content),
        "two": lambda: gzip.compress(content[:10]) + gzip.compress(content[10:]),
        "padded": lambda: gzip.compress(content) + bytes(700),
        "zlib": lambda: _deflated(content),
        "raw": lambda: _deflated(content, -zlib.MAX_WBITS),
    }
    data, is_gzip = packed[how](), how not in {"zlib", "raw"}
    assert _decoded(data, is_gzip=is_gzip, pieces=pieces) == (content, True)
    if how != "padded":
        assert not _decoded(data[:-1], is_gzip=is_gzip, pieces=pieces)[1]


def test_blocks_are_small_however_much_they_unpack_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A block is never larger than those that are read, and what makes nothing of very much is refused.
    """
    decoder = Decoder(is_gzip=True)
    assert max(map(len, decoder.blocks(gzip.compress(bytes(20_000_000))))) <= 256 * 1024
    monkeypatch.setattr(receiving, "_SLACK_BYTES", 1_000_000)
    empty, decoder = gzip.compress(b"") * 5_000, Decoder(is_gzip=True)
    with pytest.raises(DecodeError, match="hardly any content"):
        list(chain.from_iterable(decoder.blocks(empty) for _ in range(12)))


@pytest.mark.parametrize("missing", [1, 8, 9, len(_PACKED) // 2, len(_PACKED) - 1])
def test_cut_content_is_asked_for_again(missing: int) -> None:
    """
    An encoded answer that ends too early, though its length is right, is tried again, and never a success.
    """
    short, whole = (answer(200, body, {"Content-Encoding": "gzip"}) for body in (_PACKED[:-missing], _PACKED))
    assert _content(short, whole, _file(len(_TEXT)), max_retries=1) == _TEXT
    assert _content(short) == "connection_error"
    ended = cut(b"HTTP/1.0 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + _PACKED[:-missing])
    assert _content(ended) == "connection_error"


@pytest.mark.parametrize("encoding", ["br", "zstd", "aws-chunked", "gzip, gzip", "gzip, br", "x" * 5000])
@pytest.mark.parametrize("call", ["content", "download", "retrieve", "list"])
def test_unknown_encodings_are_told(encoding: str, call: str, tmp_path: Path) -> None:
    """
    What cannot be decoded, or not within bounds, is an error that names the encoding, and no content.
    """
    with (
        serving(answer(200, b"raw", {"Content-Encoding": encoding})) as server,
        OpenAIClient("sk-test", base_url=server.url) as client,
    ):
        files = client.files
        calls: dict[str, Callable[[], Any]] = {
            "content": lambda: files.content("file-1"),
            "download": lambda: files.download("file-1", tmp_path / "a"),
            "retrieve": lambda: files.retrieve("file-1"),
            "list": files.list,
        }
        result = calls[call]()
        assert [error.code for error in result.errors] == ["invalid_response"]
        assert encoding[:60] in result.errors[0].message
        assert len(server.received) == 1
        if call in {"content", "download"}:
            assert server.received[0].headers["accept-encoding"] == "identity"
    assert list(tmp_path.iterdir()) == []


def test_unknown_transfer_codings_are_told() -> None:
    """
    What is not chunked as it should be is not taken for the content.
    """
    packed = _PACKED
    body = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(packed), packed)
    assert _content(cut(body)) == "invalid_response"


def test_the_status_of_a_refusal_counts_whatever_its_body_is() -> None:
    """
    A refusal whose body cannot be decoded, or is cut, is still a refusal.
    """
    for headers, body in (({"Content-Encoding": "br"}, b"xx"), ({"Content-Encoding": "gzip"}, _PACKED[:20])):
        with serving(answer(404, body, headers)) as server, OpenAIClient("sk-test", base_url=server.url) as client:
            assert client.files.retrieve("file-1").errors[0].is_not_found_error


def test_an_empty_encoded_answer_is_empty() -> None:
    """
    A length of 0 is an end of its own.
    """
    assert _content(answer(200, b"", {"Content-Encoding": "gzip"}), _file(0)) == b""


@pytest.mark.parametrize("call", ["content", "download"])
@pytest.mark.parametrize(
    ("step", "code"),
    [
        (cut(b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 400), "size_mismatch"),
        (answer(206, b"x" * 400, {"Content-Range": "bytes 0-399/1000"}), "size_mismatch"),
        (answer(206, b"x" * 400, {"Content-Range": "bytes 600-999/1000"}), "invalid_response"),
        (answer(206, b"x" * 400), "invalid_response"),
        (answer(202, b"x" * 1000), "invalid_response"),
        (answer(204, headers={"Content-Length": ""}), "invalid_response"),
        (answer(205, headers={"Content-Length": "0"}), "invalid_response"),
        (answer(206, b"x" * 1200, {"Content-Range": "bytes 0-999/1000"}), "size_mismatch"),
    ],
    ids=["cut", "part", "other part", "no range", "202", "204", "205", "more"],
)
def test_content_is_checked_as_a_download_is(call: str, step: Step, code: str, tmp_path: Path) -> None:
    """
    Parts, other statuses and answers that end early are errors of both, and nothing is saved.
    """
    with (
        serving(step, _file(1000)) as server,
        OpenAIClient("sk-test", base_url=server.url, max_retries=0) as client,
    ):
        result = (
            client.files.content("file-1") if call == "content" else client.files.download("file-1", tmp_path / "a")
        )
    assert [error.code for error in result.errors] == [code]
    assert call == "download" or "saved" not in result.errors[0].message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("first", [{"Content-Encoding": "gzip"}, {"Content-Encoding": "deflate", "ETag": '"one"'}])
def test_a_broken_encoded_download_begins_anew(first: dict[str, str], tmp_path: Path) -> None:
    """
    Its ranges would count other bytes: the next attempt asks for no range, and an unasked one is refused.
    """
    packed = _PACKED if first["Content-Encoding"] == "gzip" else _deflated(_TEXT)
    broken = cut(rendered(200, packed, first)[:-2000])
    part = answer(206, _TEXT[-500:], {"Content-Range": f"bytes {len(_TEXT) - 500}-{len(_TEXT) - 1}/{len(_TEXT)}"})
    with (
        serving(broken, part, answer(200, _TEXT)) as server,
        OpenAIClient("sk-test", base_url=server.url, max_retries=2) as client,
    ):
        result = client.files.download("file-1", tmp_path / "a")
        assert result.success, result.errors
        assert [received.headers.get("range") for received in server.received] == [None] * 3
    assert (tmp_path / "a").read_bytes() == _TEXT


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ({"ETag": 'W/"one"'}, {"ETag": 'W/"two"'}),
        ({"ETag": '"one"'}, {"ETag": '"two"'}),
        ({"ETag": '"one"'}, {"ETag": 'W/"one"'}),
        ({"Last-Modified": "Mon, 30 Nov 2026 00:00:00 GMT"}, {"Last-Modified": "Mon, 30 Nov 2026 00:00:01 GMT"}),
        ({"ETag": '"one"', "Last-Modified": "Mon, 30 Nov 2026 00:00:00 GMT"}, {"Last-Modified": "yesterday"}),
        ({"ETag": '"one"'}, {}),
        ({"ETag": 'W/"one"'}, {}),
        ({}, {"ETag": '"two"'}),
        ({"Last-Modified": "Mon, 30 Nov 2026 00:00:00 GMT"}, {}),
        ({}, {"Last-Modified": "Mon, 30 Nov 2026 00:00:00 GMT"}),
        ({}, {"Content-Encoding": "gzip"}),
    ],
    ids=str,
)
def test_parts_of_another_version_are_not_mixed(before: dict[str, str], now: dict[str, str], tmp_path: Path) -> None:
    """
    Another tag, weak ones too, or another date, or none any more, or one at last: the download begins anew.
    """
    new = bytes(reversed(_TEXT))
    broken = cut(rendered(200, _TEXT, before)[:-500])
    done = len(_TEXT) - 500
    part = answer(206, new[-500:], {"Content-Range": f"bytes {done}-{len(new) - 1}/{len(new)}"} | now)
    with (
        serving(broken, part, answer(200, new, now | {"Content-Encoding": ""})) as server,
        OpenAIClient("sk-test", base_url=server.url, max_retries=2) as client,
    ):
        result = client.files.download("file-1", tmp_path / "a")
        assert result.success, result.errors
        assert [received.headers.get("range") for received in server.received] == [None, f"bytes={done}-", None]
    assert (tmp_path / "a").read_bytes() == new


def test_a_part_need_not_tell_the_date_where_its_tag_is_strong(tmp_path: Path) -> None:
    """
    The tag alone says that it is the same; a second break goes on all the same.
    """
    size, date = len(_TEXT), {"Last-Modified": "Mon, 30 Nov 2026 00:00:00 GMT"}
    steps = [cut(rendered(200, _TEXT, {"ETag": '"one"'} | date)[:-500])]
    for rest in (500, 200):
        told = {"ETag": '"one"', "Content-Range": f"bytes {size - rest}-{size - 1}/{size}"}
        steps.append(
            cut(rendered(206, _TEXT[-rest:], told | (date if rest == 200 else {}))[: -200 if rest > 200 else None])
        )
    with serving(*steps) as server, OpenAIClient("sk-test", base_url=server.url, max_retries=2) as client:
        assert client.files.download("file-1", tmp_path / "a").success
        assert len(server.received) == 3
    assert (tmp_path / "a").read_bytes() == _TEXT


def test_an_empty_answer_is_none_of_a_file_that_has_something() -> None:
    """
    A length of 0 is compared with what the provider says of the file.
    """
    assert _content(answer(200, b""), _file(9)) == "size_mismatch"
    assert _content(answer(200, b""), _file(0)) == b""


@pytest.mark.parametrize("last", [b"", b"0", b"-5\r\n", b"0x5\r\nabcde\r\n0\r\n\r\n", b"1_0\r\n", b"\r\n", b"f" * 5000])
def test_a_chunk_without_a_size_is_a_break(last: bytes) -> None:
    """
    Also one whose size is cut to 0, or that only Python takes for a number.
    """
    assert _content(cut(_CHUNKED + last), _file(4), max_retries=0) == "connection_error"
    assert _content(lambda exchange: exchange.sock.sendall(_CHUNKED + b"0 ;a=b\r\n\r\n"), _file(4)) == b"abcd"


def test_a_cut_json_answer_is_asked_for_again() -> None:
    """
    Calls whose answer is JSON try again too.
    """
    packed = gzip.compress(FILE)
    steps = (answer(200, packed[:-5], {"Content-Encoding": "gzip"}), answer(200, packed, {"Content-Encoding": "gzip"}))
    with serving(*steps) as server, OpenAIClient("sk-test", base_url=server.url, max_retries=1) as client:
        result: OpenAIFileResult = client.files.retrieve("file-1")
        assert result.success
        assert len(server.received) == 2


def test_a_download_of_a_size_that_nothing_tells_is_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    However much it is, unless it is encoded, which makes much of little.
    """
    monkeypatch.setattr("aikit.providers.openai._MOST_UNANNOUNCED", 1_000)
    whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n"
    for encoding, body in ((b"", _TEXT), (b"Content-Encoding: gzip\r\n", _PACKED)):

        def content(exchange: Exchange, told: bytes = whole % (encoding, len(body), body)) -> None:
            exchange.sock.sendall(told)

        with (
            serving(content, answer(200, FILE), content, answer(200, FILE)) as server,
            OpenAIClient("sk-test", base_url=server.url, max_retries=0) as client,
        ):
            result = client.files.download("file-1", tmp_path / "a", {"replace": True})
            assert [error.code for error in result.errors] == (["invalid_response"] if encoding else [])
    assert (tmp_path / "a").read_bytes() == _TEXT
