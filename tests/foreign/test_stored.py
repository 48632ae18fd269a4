"""
Files that a foreign server keeps: described, listed, fetched back, waited for and deleted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aikit import OpenAIClient, OpenAIFile, OpenAIFileDeleted, Progress
from tests.foreign.aimock import Aimock
from tests.foreign.conftest import Manner, noise

pytestmark = pytest.mark.foreign

Task = Callable[[OpenAIClient, Path], tuple[Any, ...]]
"""Returns the method to call and its arguments, for a file that is not there."""

MISSING: dict[str, Task] = {
    "retrieve": lambda client, _: (client.files.retrieve, "file-missing"),
    "delete": lambda client, _: (client.files.delete, "file-missing"),
    "content": lambda client, _: (client.files.content, "file-missing"),
    "download": lambda client, folder: (client.files.download, "file-missing", folder / "x.bin"),
    "download to a folder": lambda client, folder: (client.files.download, "file-missing", folder),
    "wait": lambda client, _: (client.files.wait, "file-missing"),
}


def stored(client: OpenAIClient, content: bytes = b"content", purpose: str = "user_data", name: str = "x.txt") -> str:
    """Upload *content* and return its id."""
    file = client.files.create(content, purpose, {"filename": name}).throw().file
    assert file is not None
    return file.id


def ids(files: tuple[OpenAIFile, ...]) -> list[str]:
    """Return the ids of *files* in their order."""
    return [file.id for file in files]


def test_retrieve_tells_what_create_told(client: OpenAIClient, manner: Manner) -> None:
    """A file is described later just as it was when it was stored."""
    created = client.files.create(b"content", "user_data", {"filename": "x.txt"}).throw().file
    assert created is not None

    result = manner(client.files.retrieve, created.id)

    assert result.errors == ()
    assert result.file == created
    assert result.file.status == "processed"


@pytest.mark.parametrize("missing", MISSING.values(), ids=MISSING)
def test_a_missing_file_is_an_error_not_an_exception(
    client: OpenAIClient, aimock: Aimock, manner: Manner, missing: Task, tmp_path: Path
) -> None:
    """Every call on a file that is not there ends with the server's 404 and leaves nothing on disk; waiting asks on."""
    call, *arguments = missing(client, tmp_path)

    result = manner(call, *arguments)

    assert not result.success
    assert [error.is_not_found_error for error in result.errors] == [True]
    assert result.errors[0].message == "No such file: file-missing"
    assert result.errors[0].type == "invalid_request_error"
    assert result.errors[0].request_id == result.headers["X-Request-Id"]
    assert set(aimock.statuses()) == {404}
    assert (len(aimock.statuses()) == 1) is (call != client.files.wait)
    assert list(tmp_path.iterdir()) == []


def test_content_comes_back_byte_for_byte(client: OpenAIClient, manner: Manner) -> None:
    """What was uploaded is what is fetched into memory."""
    content = noise(1_000_000)
    file_id = stored(client, content)

    result = manner(client.files.content, file_id)

    assert result.errors == ()
    assert result.content == content


def test_text_comes_back_as_text(client: OpenAIClient, manner: Manner) -> None:
    """Content in UTF-8 can be had as a string."""
    file_id = stored(client, "Grüße\n日本語\n".encode())

    assert manner(client.files.content, file_id).text == "Grüße\n日本語\n"


@pytest.mark.parametrize("size", [1, 262_143, 262_144, 262_145, 10_000_000])
def test_a_download_is_the_file_byte_for_byte(client: OpenAIClient, manner: Manner, tmp_path: Path, size: int) -> None:
    """What was uploaded is what lies on disk, under the name that was asked for, and nothing lies beside it."""
    content = noise(size)
    file_id = stored(client, content)
    path = tmp_path / "saved.bin"
    path.write_bytes(b"an older file")

    result = manner(client.files.download, file_id, path)

    assert result.errors == ()
    assert (result.path, result.bytes_written) == (path, size)
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_download_to_a_folder_takes_the_files_own_name(client: OpenAIClient, manner: Manner, tmp_path: Path) -> None:
    """Given a folder, the file is saved there as it is called at the server."""
    file_id = stored(client, b"content", name="own name.txt")

    result = manner(client.files.download, file_id, tmp_path)

    assert result.errors == ()
    assert result.path == tmp_path / "own name.txt"
    assert result.path.read_bytes() == b"content"


def test_a_download_reports_its_progress(client: OpenAIClient, manner: Manner, tmp_path: Path) -> None:
    """Reports of a download never go backwards and end at the size of the file."""
    file_id = stored(client, noise(5_000_000))
    reports: list[Progress] = []

    result = manner(client.files.download, file_id, tmp_path / "x.bin", on_progress=reports.append)

    assert result.errors == ()
    assert [report.bytes for report in reports] == sorted(report.bytes for report in reports)
    assert (reports[-1].phase, reports[-1].bytes) == ("downloading", 5_000_000)


def test_an_empty_list_has_no_cursors(client: OpenAIClient, manner: Manner) -> None:
    """A server without files has no first, no last and no next."""
    result = manner(client.files.list)

    assert result.errors == ()
    assert (result.files, result.first_id, result.last_id, result.has_more) == ((), None, None, False)


def test_a_list_is_newest_first_unless_asked_otherwise(client: OpenAIClient, manner: Manner) -> None:
    """Both orders name all files, each with first and last id at its ends."""
    uploaded = [stored(client, name=f"{number}.txt") for number in range(3)]

    newest_first = manner(client.files.list)
    oldest_first = manner(client.files.list, order="asc")

    assert ids(newest_first.files) == uploaded[::-1]
    assert ids(oldest_first.files) == uploaded
    assert (oldest_first.first_id, oldest_first.last_id) == (uploaded[0], uploaded[-1])


def test_limit_and_after_cut_a_page_out(client: OpenAIClient, manner: Manner) -> None:
    """A page has as many files as asked for, from behind the one that is named."""
    uploaded = [stored(client, name=f"{number}.txt") for number in range(5)]

    result = manner(client.files.list, order="asc", limit=2, after=uploaded[0])

    assert ids(result.files) == uploaded[1:3]
    assert result.has_more


def test_next_page_leads_through_all_files(client: OpenAIClient, manner: Manner) -> None:
    """Page after page names every file once, and the last one says that it is the last."""
    uploaded = [stored(client, name=f"{number}.txt") for number in range(5)]

    page = manner(client.files.list, order="asc", limit=2)
    pages = [ids(page.files)]
    while page.has_more and len(pages) < 10:
        page = page.next_page()
        assert page.wait(10)
        pages.append(ids(page.files))

    assert pages == [uploaded[0:2], uploaded[2:4], uploaded[4:5]]
    with pytest.raises(ValueError, match="no next page"):
        page.next_page()


def test_all_pages_come_in_one_result(client: OpenAIClient, aimock: Aimock, manner: Manner) -> None:
    """All files are in one result, fetched in pages of the size asked for."""
    uploaded = [stored(client, name=f"{number}.txt") for number in range(7)]

    result = manner(client.files.list, order="asc", limit=3, all_pages=True)

    assert result.errors == ()
    assert ids(result.files) == uploaded
    assert (result.first_id, result.last_id, result.has_more) == (uploaded[0], uploaded[-1], False)
    assert len([entry for entry in aimock.journal() if entry["method"] == "GET"]) == 3


def test_a_list_of_one_purpose_has_no_other(client: OpenAIClient, manner: Manner) -> None:
    """Asked for a purpose, the server lists its files only."""
    stored(client, purpose="user_data")
    wanted = stored(client, purpose="assistants")

    result = manner(client.files.list, purpose="assistants")

    assert [(file.id, file.purpose) for file in result.files] == [(wanted, "assistants")]
    assert manner(client.files.list, purpose="vision").files == ()


def test_an_unknown_cursor_is_the_servers_error(client: OpenAIClient, manner: Manner) -> None:
    """A cursor that names no file is refused there, and the result says so."""
    result = manner(client.files.list, after="file-missing")

    assert [error.status for error in result.errors] == [400]
    assert "'file-missing' does not match any file" in result.errors[0].message
    assert result.files == ()


def test_a_deleted_file_is_gone(client: OpenAIClient, manner: Manner) -> None:
    """After a deletion the file is neither listed nor found, and its content is not given out."""
    kept, file_id = stored(client), stored(client)

    result = manner(client.files.delete, file_id)

    assert result.errors == ()
    assert result.deleted == OpenAIFileDeleted(file_id, deleted=True)
    assert ids(client.files.list().files) == [kept]
    for call in (client.files.retrieve, client.files.content, client.files.delete):
        assert [error.is_not_found_error for error in call(file_id).errors] == [True], call


def test_waiting_for_a_processed_file_asks_once(client: OpenAIClient, aimock: Aimock, manner: Manner) -> None:
    """This server processes at once, so that the first question is the last."""
    file_id = stored(client)

    result = manner(client.files.wait, file_id)

    assert result.errors == ()
    assert (result.file.id, result.file.status) == (file_id, "processed")
    assert len(aimock.journal()) == 2


def test_the_whole_way_of_a_file_in_callbacks(client: OpenAIClient) -> None:
    """Each call made in the callback of the one before, a file is stored, fetched and deleted."""
    content = noise(200_000)
    seen: list[Any] = []
    is_over = threading.Event()

    def fetch(created: Any) -> None:
        seen.append(created.file.filename)
        client.files.content(created.file.id, {"on_response": lambda fetched: remove(created, fetched)})

    def remove(created: Any, fetched: Any) -> None:
        seen.append(fetched.content == content)
        client.files.delete(created.file.id, {"on_response": end})

    def end(removed: Any) -> None:
        seen.append(removed.deleted.deleted)
        is_over.set()

    client.files.create(content, "user_data", {"filename": "x.bin", "on_response": fetch})

    assert is_over.wait(30)
    assert seen == ["x.bin", True, True]
