"""
The Files API as its callers see it, on the embedded provider and on scripted servers.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aikit import OpenAIClient, OpenAIFile, OpenAIFileListParameters, OpenAIParameters
from tests.scripted_server import FILE, answer, serving
from tests.stopwatch import Stopwatch
from tests.systems import posix_only

LINE = json.dumps(
    {
        "custom_id": "a",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "m", "messages": [{"role": "user", "content": "hi"}]},
    }
)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[OpenAIClient]:
    """
    A client of the embedded provider.
    """
    with OpenAIClient(provider="local", home=tmp_path / "home") as made:
        yield made


def stored(client: OpenAIClient, content: bytes = b"abc", name: str = "a.txt") -> OpenAIFile:
    """
    Upload and return the file.
    """
    file = client.files.create(content, "user_data", {"filename": name}).throw().file
    assert file is not None
    return file


def test_file_goes_up_and_comes_back_byte_for_byte(client: OpenAIClient, tmp_path: Path) -> None:
    """
    The main job: upload, list, fetch back, delete.
    """
    path = tmp_path / "in.jsonl"
    path.write_bytes(f"{LINE}\n".encode())
    file = client.files.create(path, "batch").throw().file
    assert file is not None
    assert (file.filename, file.bytes, file.purpose) == ("in.jsonl", path.stat().st_size, "batch")
    assert client.files.list().files == (file,)
    assert client.files.content(file.id).content == path.read_bytes()
    assert client.files.content(file.id).text == LINE + "\n"
    result = client.files.download(file.id, tmp_path / "back.jsonl")
    assert (result.path, result.bytes_written) == (tmp_path / "back.jsonl", path.stat().st_size)
    assert (tmp_path / "back.jsonl").read_bytes() == path.read_bytes()
    deleted = client.files.delete(file.id).deleted
    assert deleted is not None
    assert deleted.deleted
    assert client.files.list().files == ()


def test_stream_is_read_from_where_it_stands_and_stays_open(client: OpenAIClient) -> None:
    """
    A stream in the middle sends its rest, and is the caller's to close.
    """
    stream = io.BytesIO(LINE.encode() + b"\n" + LINE.replace('"a"', '"b"').encode() + b"\n")
    stream.readline()
    file = client.files.create(stream, "batch").throw().file
    assert file is not None
    assert client.files.content(file.id).text == LINE.replace('"a"', '"b"') + "\n"
    assert (file.filename, stream.closed) == ("file.jsonl", False)


def test_all_problems_are_told_at_once_and_nothing_is_sent(client: OpenAIClient, tmp_path: Path) -> None:
    """
    Each bad line is named with its number, and the provider never hears of the file.
    """
    path = tmp_path / "bad.jsonl"
    path.write_text("\n".join([LINE, "{", LINE, '{"custom_id": "c"}']) + "\n", "utf-8")
    result = client.files.create(path, "batch")
    assert {error.line for error in result.errors} == {2, 3, 4}
    assert {"invalid_json_line", "duplicate_custom_id", "missing_required_parameter"} <= {
        error.code for error in result.errors
    }
    assert result.request is None
    assert client.files.list().files == ()


def test_check_can_be_skipped() -> None:
    """
    With validate=False the provider decides.
    """
    with serving(answer(200, FILE)) as server, OpenAIClient("k", base_url=server.url) as client:
        assert client.files.create(b"{", "batch", {"validate": False}).success
        assert client.files.create(b"{", "made-up", {"validate": False, "filename": "x"}).success
    assert len(server.received) == 2


@pytest.mark.parametrize(
    ("told", "is_right"), [(5_000, True), (None, True), (0, True), (1, False), (4_999, False), (5_001, False)]
)
def test_a_file_of_another_size_is_an_error_that_names_it(tmp_path: Path, told: int | None, is_right: bool) -> None:  # noqa: FBT001  a parameter of pytest
    """
    It is stored, so that the file comes along; a size that is not known yet is no other, nor that of a gateway's file.
    """
    body = json.dumps(json.loads(FILE) | {"bytes": told}).encode()
    (tmp_path / "a.txt").write_bytes(b"x" * 5_000)
    with serving(answer(200, body)) as server, OpenAIClient("k", base_url=server.url) as client:
        one = client.files.create(tmp_path / "a.txt", "user_data")
        (item,) = client.files.create_many(tmp_path / "a.txt", "user_data").items
    for errors in (one.errors, item.errors):
        assert [(error.code, "file-1" in error.message) for error in errors] == [("size_mismatch", True)] * (
            not is_right
        )
    assert (one.file and one.file.id, item.success) == ("file-1", is_right)
    encoded = json.dumps(json.loads(body) | {"id": "file-bGl0ZWxsbTpmaWxlLTE"}).encode()
    with serving(answer(200, encoded)) as server, OpenAIClient("k", base_url=server.url) as client:
        assert client.files.create(tmp_path / "a.txt", "user_data").success


def test_file_of_9_gb_is_refused_before_a_byte_is_sent(tmp_path: Path) -> None:
    """
    The size limit is checked here, on a sparse file, without reading it.
    """
    path = tmp_path / "big.txt"
    with path.open("wb") as file:
        file.truncate(9 * 1024**3)
    watch = Stopwatch()
    with OpenAIClient("k") as client:
        (error,) = client.files.create(path, "user_data").errors
    assert error.code == "file_too_large"
    assert watch.stop() < 1


@pytest.mark.parametrize(
    ("file", "code"),
    [("missing.txt", "file_not_found"), (".", "is_a_directory"), ("empty.txt", "empty_file")],
)
def test_unusable_file_is_a_result_with_an_error(client: OpenAIClient, tmp_path: Path, file: str, code: str) -> None:
    """
    What is wrong with a file on disk is told in the result, not raised.
    """
    (tmp_path / "empty.txt").touch()
    result = client.files.create(tmp_path / file, "user_data")
    assert [error.code for error in result.errors] == [code]
    assert result.file is None


@pytest.mark.parametrize("file", [5, None, [b"x"], object()])
def test_what_is_no_file_raises_also_with_a_callback(client: OpenAIClient, file: Any) -> None:
    """
    The caller's fault ends in the caller's thread, and no callback runs.
    """
    seen: list[object] = []
    with pytest.raises(TypeError, match="path, bytes or a binary stream"):
        client.files.create(file, "user_data", {"on_terminate": seen.append})
    assert seen == []


@pytest.mark.parametrize("file_id", ["", " ", "a b", "..", "../files", "a/../b", "a\nb", ".", "a\x00"])
def test_what_cannot_be_an_id_is_refused_before_sending(client: OpenAIClient, file_id: str) -> None:
    """
    Empty ids, white space, control characters and dot segments never become part of a URL.
    """
    for call in (client.files.retrieve, client.files.delete, client.files.content, client.files.wait):
        with pytest.raises(ValueError, match="file_id"):
            call(file_id)
    with pytest.raises(ValueError, match="file_id"):
        client.files.download(file_id, "out")


@pytest.mark.parametrize("file_id", ["a/b", "a%2Fb", "%2e%2e", "ä", "a?b=c", "a#b", "a:b"])
def test_odd_id_is_one_escaped_segment_of_the_path(file_id: str) -> None:
    """
    Whatever an id holds, it stays one segment and reaches the server as it was.
    """
    with serving(answer(200, FILE)) as server, OpenAIClient("k", base_url=server.url) as client:
        client.files.retrieve(file_id)
    (request,) = server.received
    assert request.path.startswith("/v1/files/")
    assert request.path.count("/") == 3
    assert "?" not in request.path


def test_pages_follow_each_other(client: OpenAIClient) -> None:
    """
    next_page() goes on with the same parameters; all_pages gives all in one result.
    """
    ids = [stored(client, name=f"{number}.txt").id for number in range(7)]
    page = client.files.list({"limit": 3, "order": "asc"})
    seen = [file.id for file in page.files]
    while page.has_more:
        page = page.next_page()
        seen += [file.id for file in page.files]
    assert seen == ids
    with pytest.raises(ValueError, match="has_more"):
        page.next_page()
    everything = client.files.list(OpenAIFileListParameters(limit=2, all_pages=True))
    assert [file.id for file in everything.files] == ids[::-1]
    assert (everything.first_id, everything.last_id, everything.has_more) == (ids[-1], ids[0], False)


def test_list_without_end_is_noticed() -> None:
    """
    A server that gives the same page for ever does not keep us for ever.
    """
    page = b'{"object":"list","data":[%s],"first_id":"file-1","last_id":"file-1","has_more":true}' % FILE
    with serving(answer(200, page)) as server, OpenAIClient("k", base_url=server.url) as client:
        result = client.files.list({"all_pages": True})
    assert [error.code for error in result.errors] == ["invalid_response"]
    assert [file.id for file in result.files] == ["file-1"]
    assert len(server.received) == 2


def _page(*ids: str, has_more: bool) -> bytes:
    data = [json.loads(FILE) | {"id": file_id} for file_id in ids]
    return json.dumps({"object": "list", "data": data, "has_more": has_more}).encode()


def test_files_that_came_stay_when_a_later_page_fails() -> None:
    """
    All pages so far stand beside the error, and the next page goes on where it broke.
    """
    answers = (
        answer(200, _page("file-1", "file-2", has_more=True)),
        answer(200, _page("file-3", has_more=True)),
        answer(400, b'{"error": {"message": "no", "code": "broken"}}'),
        answer(200, _page("file-4", has_more=False)),
    )
    with serving(*answers) as server, OpenAIClient("k", base_url=server.url) as client:
        result = client.files.list({"all_pages": True})
        rest = result.next_page()
    assert ([error.code for error in result.errors], result.success) == (["broken"], False)
    assert [file.id for file in result.files] == ["file-1", "file-2", "file-3"]
    assert (result.first_id, result.last_id, result.has_more) == ("file-1", "file-3", True)
    assert ([file.id for file in rest.files], rest.success, rest.has_more) == (["file-4"], True, False)
    assert "after=file-3" in server.received[3].path


def test_first_page_that_fails_is_an_error_alone() -> None:
    """
    Where nothing came, nothing is beside the error.
    """
    with serving(answer(400, b"{}")) as server, OpenAIClient("k", base_url=server.url) as client:
        result = client.files.list({"all_pages": True})
    assert (len(result.errors), result.files, result.has_more) == (1, (), False)


def test_ten_thousand_files_are_listed() -> None:
    """
    The largest page there is becomes ten thousand objects.
    """
    data = ",".join(FILE.decode().replace("file-1", f"file-{number}") for number in range(10_000))
    page = f'{{"object":"list","data":[{data}],"first_id":"file-0","last_id":"file-9999","has_more":false}}'
    with serving(answer(200, page.encode())) as server, OpenAIClient("k", base_url=server.url) as client:
        result = client.files.list()
    assert (len(result.files), result.files[9999].id) == (10_000, "file-9999")


@pytest.mark.parametrize(
    "name", ["../../evil.txt", "/etc/evil", "..", "a\\..\\b.txt", "\x00x", "C:x", "x" * 400, "\ud800"]
)
def test_download_into_a_folder_stays_in_it(tmp_path: Path, name: str) -> None:
    """
    The provider's file name cannot lead out of the folder that was given.
    """
    file = json.loads(FILE) | {"filename": name}
    folder = tmp_path / "folder"
    folder.mkdir()
    with (
        serving(answer(200, json.dumps(file).encode()), answer(200, b"abc")) as server,
        OpenAIClient("k", base_url=server.url) as client,
    ):
        result = client.files.download("file-1", folder)
    assert result.success, result.errors
    assert result.path is not None
    assert result.path.resolve().parent == folder.resolve()
    assert result.path.read_bytes() == b"abc"
    assert list(tmp_path.iterdir()) == [folder]


def named_server(name: str, contents: int = 1) -> Iterator[Any]:
    """
    Return the answers of a server all of whose files have *name*.
    """
    about = json.dumps(json.loads(FILE) | {"filename": name}).encode()
    return (answer(200, body) for number in range(contents) for body in (about, b"abc"))


def test_a_name_of_the_servers_choice_replaces_nothing(tmp_path: Path) -> None:
    """
    Neither a file, nor a link to one or to nothing, unless it is asked for; a path of one's own replaces as ever.
    """
    mine = tmp_path / "mine.txt"
    mine.write_bytes(b"mine")
    (tmp_path / "dangling.txt").symlink_to("made.txt")
    (tmp_path / "link.txt").symlink_to("mine.txt")
    for name in ("mine.txt", "dangling.txt", "link.txt", "mine.txt. "):
        with serving(*named_server(name)) as server, OpenAIClient("k", base_url=server.url) as client:
            (error,) = client.files.download("file-1", tmp_path).errors
            assert (error.code, error.param, "replace=True" in error.message) == ("file_exists", "path", True)
    assert (mine.read_bytes(), (tmp_path / "made.txt").exists()) == (b"mine", False)
    with serving(*named_server("mine.txt")) as server, OpenAIClient("k", base_url=server.url) as client:
        assert client.files.download("file-1", tmp_path, {"replace": True}).path == mine
    assert mine.read_bytes() == b"abc"
    with serving(answer(200, b"two")) as server, OpenAIClient("k", base_url=server.url) as client:
        assert client.files.download("file-1", mine).path == mine
    assert (mine.read_bytes(), len(list(tmp_path.iterdir()))) == (b"two", 3)


def test_a_file_that_appears_under_way_is_not_replaced(tmp_path: Path) -> None:
    """
    What another program makes while the content comes stays, and no half of the download is left.
    """

    def make(_: Any) -> None:
        (tmp_path / "a.txt").write_bytes(b"mine")

    with serving(*named_server("a.txt")) as server, OpenAIClient("k", base_url=server.url) as client:
        (error,) = client.files.download("file-1", tmp_path, {"on_progress": make}).errors
    assert error.code == "file_exists"
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("a.txt", b"mine")]


def test_files_of_one_name_get_different_names(client: OpenAIClient, tmp_path: Path) -> None:
    """
    Side by side or in turn, also where only the case differs; the same file again is there already.
    """
    names = ("a.jsonl", "a.jsonl", "A.jsonl", "e\u0301.jsonl", "\u00e9.jsonl")
    contents = [LINE.replace('"a"', f'"{number}"').encode() for number in range(5)]
    made: list[Any] = [
        client.files.create(one, "batch", {"filename": name}) for one, name in zip(contents, names, strict=True)
    ]
    files = [one.throw().file.id for one in made]
    folder = tmp_path / "folder"
    folder.mkdir()
    results = [client.files.download(one, folder, {"background": True}) for one in files]
    assert all(result.wait(10) and result.success for result in results)
    paths = {str(result.path).casefold() for result in results}
    assert (len(paths), {one.read_bytes() for one in folder.iterdir()}) == (5, set(contents))
    assert client.files.download(files[0], folder).errors[0].code == "file_exists"
    assert client.files.download(files[0], folder, {"replace": True}).path == results[0].path


def test_download_to_a_missing_folder_is_an_error(client: OpenAIClient, tmp_path: Path) -> None:
    """
    A path that cannot be written is told in the result, before anything is fetched.
    """
    result = client.files.download(stored(client).id, tmp_path / "missing" / "out.txt")
    assert [error.code for error in result.errors] == ["unwritable_file"]
    assert result.response is None


@pytest.mark.parametrize("ending", ["/", "/.", "//"])
def test_missing_folder_is_not_taken_for_a_file(client: OpenAIClient, tmp_path: Path, ending: str) -> None:
    """
    A path that ends in a separator means a folder; when there is none, nothing is fetched and nothing made.
    """
    result = client.files.download(stored(client).id, f"{tmp_path}/newfolder{ending}")
    assert [(error.code, error.param) for error in result.errors] == [("unwritable_file", "path")]
    assert "is no folder; create it" in result.errors[0].message
    assert (result.response, (tmp_path / "newfolder").exists()) == (None, False)


@posix_only
def test_pipe_is_not_downloaded_to(client: OpenAIClient, tmp_path: Path) -> None:
    """
    A pipe of that name stays a pipe, and nothing is fetched.
    """
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    result = client.files.download(stored(client).id, pipe)
    assert [error.code for error in result.errors] == ["not_a_regular_file"]
    assert (result.response, pipe.is_fifo()) == (None, True)


def test_wait_asks_until_the_file_is_processed() -> None:
    """
    The pauses grow, and the processed file is the result's.
    """
    pending = FILE.replace(b'"processed"', b'"uploaded"')
    with (
        serving(answer(200, pending), answer(200, pending), answer(200, FILE)) as server,
        OpenAIClient("k", base_url=server.url) as client,
    ):
        result = client.files.wait("file-1", {"poll_interval": 0.05})
    assert result.file is not None
    assert result.file.status == "processed"
    assert len(server.received) == 3


def test_wait_gives_up_when_time_is_over() -> None:
    """
    max_wait is kept, and the error says how to wait longer.
    """
    with (
        serving(answer(200, FILE.replace(b'"processed"', b'"uploaded"'))) as server,
        OpenAIClient("k", base_url=server.url) as client,
    ):
        (error,) = client.files.wait("file-1", {"poll_interval": 0.05, "max_wait": 0.3}).errors
    assert (error.code, "max_wait" in error.message) == ("timeout", True)


def test_wait_uses_all_of_its_time() -> None:
    """
    The last pause is as long as the time that is left, so what is ready at the end is not missed.
    """
    pending = FILE.replace(b'"processed"', b'"uploaded"')
    with (
        serving(answer(200, pending), answer(200, pending), answer(200, FILE)) as server,
        OpenAIClient("k", base_url=server.url) as client,
    ):
        watch = Stopwatch()
        result = client.files.wait("file-1", {"poll_interval": 0.4, "max_wait": 0.6})
    assert (result.success, len(server.received)) == (True, 3)
    assert watch.stop() < 0.9
    assert watch.wall_s >= 0.6


def test_file_without_a_status_needs_no_waiting() -> None:
    """
    The field is deprecated: a server that leaves it out, or has null there, has nothing to process.
    """
    plain = {name: value for name, value in json.loads(FILE).items() if name != "status"}
    for file in (plain, plain | {"status": None}):
        with (
            serving(answer(200, json.dumps(file).encode())) as server,
            OpenAIClient("k", base_url=server.url) as client,
        ):
            result = client.files.wait("file-1", {"poll_interval": 0.05, "max_wait": 0.3})
        assert (result.success, len(server.received)) == (True, 1)


def test_failed_processing_gives_the_file_and_the_reason() -> None:
    """
    The file is there, and so is an error with the provider's words.
    """
    failed = json.dumps(json.loads(FILE) | {"status": "error", "status_details": "bad PDF"}).encode()
    with serving(answer(200, failed)) as server, OpenAIClient("k", base_url=server.url) as client:
        result = client.files.wait("file-1")
    assert result.file is not None
    assert (result.success, result.errors[0].code) == (False, "processing_failed")
    assert "bad PDF" in result.errors[0].message


def test_expiry_is_sent_in_brackets_and_honoured(client: OpenAIClient) -> None:
    """
    expires_after reaches the provider as the SDKs send it.
    """
    expiry = {"anchor": "created_at", "seconds": 3600}
    file = client.files.create(b"abc", "user_data", {"filename": "a.txt", "expires_after": expiry}).throw().file
    assert file is not None
    assert file.expires_at == file.created_at + 3600
    with serving(answer(200, FILE)) as server, OpenAIClient("k", base_url=server.url) as other:
        other.files.create(b"abc", "user_data", {"filename": "a.txt", "expires_after": expiry})
    body = server.received[0].body
    assert b'name="expires_after[anchor]"\r\n\r\ncreated_at\r\n' in body
    assert b'name="expires_after[seconds]"\r\n\r\n3600\r\n' in body
    assert body.index(b'name="purpose"') < body.index(b'name="file"')


def test_unknown_option_names_the_nearest(client: OpenAIClient) -> None:
    """
    A misspelt option is refused instead of ignored.
    """
    with pytest.raises(TypeError, match='did you mean "expires_after"'):
        client.files.create(b"abc", "user_data", expire_after={})  # type: ignore[call-arg]  # what is tried


def test_plain_parameters_fit_every_call(client: OpenAIClient) -> None:
    """
    OpenAIParameters are taken wherever a more special class is.
    """
    options: Any = OpenAIParameters(timeout=5, max_retries=0)  # checkers ask for the class of the call
    assert client.files.create(b"%PDF-1.4", "user_data", options).success
    assert client.files.list(options).success


def test_rate_limits_are_told() -> None:
    """
    The x-ratelimit headers become counts and times.
    """
    headers = {
        "x-ratelimit-limit-requests": "1000",
        "x-ratelimit-remaining-requests": "999",
        "x-ratelimit-reset-requests": "60ms",
        "x-ratelimit-limit-tokens": "many",
    }
    with serving(answer(200, FILE, headers)) as server, OpenAIClient("k", base_url=server.url) as client:
        limit = client.files.retrieve("file-1").rate_limit
    assert (limit.limit, limit.remaining, limit.reset) == ({"requests": 1000}, {"requests": 999}, {"requests": "60ms"})


def test_file_that_grows_while_it_is_sent_is_not_stored(client: OpenAIClient, tmp_path: Path) -> None:
    """
    A file that changes under way is refused whole: nothing half is listed.
    """
    path = tmp_path / "log.txt"
    path.write_bytes(b"x" * 5_000_000)

    def grow(_: object) -> None:
        with path.open("ab") as file:
            file.write(b"more")

    result = client.files.create(path, "user_data", {"on_progress": grow})
    assert [error.code for error in result.errors] == ["file_changed"]
    assert client.files.list().files == ()
