"""
The ancestor's examples of files, ported line by line: the class library AIKit of 4D.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import aikit
from aikit import (
    OpenAIClient,
    OpenAIFileDeletedResult,
    OpenAIFileListParameters,
    OpenAIFileParameters,
    OpenAIFileResult,
    OpenAIParameters,
)

# https://developer.4d.com/docs/aikit/Classes/openaifilesapi, openaifileparameters, openaifilelistparameters,
# openaifilelistresult, openaiparameters and asynchronous-call (read 2026-11-30)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[OpenAIClient]:
    """A client of the embedded provider."""
    with OpenAIClient(provider="local", home=tmp_path) as client:
        yield client


@pytest.fixture
def training_data(tmp_path: Path) -> Path:
    """Examples to train a model with, ten of them."""
    messages = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because."}]
    path = tmp_path / "training-data.jsonl"
    path.write_text(f"{json.dumps({'messages': messages})}\n" * 10)
    return path


def test_upload_that_expires(client: OpenAIClient, training_data: Path) -> None:
    """
    Parameters made empty and filled by assignment are sent; the example of ``create``, and that of its parameters.
    """
    file = training_data

    params = OpenAIFileParameters()
    params.expires_after = {}
    params.expires_after["anchor"] = "created_at"
    params.expires_after["seconds"] = 2_592_000  # 30 days

    result = client.files.create(file, "fine-tune", params)

    assert result.success
    if result.success:
        uploaded_file = result.file
        assert uploaded_file is not None
        assert uploaded_file.id.startswith("file-")
        assert uploaded_file.filename == "training-data.jsonl"
        assert uploaded_file.bytes == training_data.stat().st_size
        assert uploaded_file.expires_at == uploaded_file.created_at + 2_592_000


def test_upload_that_calls_back(client: OpenAIClient, training_data: Path) -> None:
    """
    With a callback the call returns at once, and the callback gets the very result; the asynchronous example.
    """
    alerts: list[str] = []
    form: dict[str, Any] = {}
    went = threading.Event()

    def my_file_upload_callback(result: OpenAIFileResult) -> None:
        if result.success:
            uploaded_file = result.unwrap()
            alerts.append("File uploaded successfully: " + uploaded_file.filename)
            form["uploaded_file_id"] = uploaded_file.id
        else:
            alerts.append("Upload failed: " + json.dumps(result.errors, default=aikit.to_json))
        went.set()

    params = OpenAIFileParameters()
    params.on_terminate = my_file_upload_callback
    result = client.files.create(training_data, "fine-tune", params)
    params.on_terminate = None  # changes no running call

    assert went.wait(20)
    assert alerts == ["File uploaded successfully: training-data.jsonl"]
    assert form["uploaded_file_id"] == result.unwrap().id


def test_upload_that_fails_is_told_as_json(client: OpenAIClient, tmp_path: Path) -> None:
    """
    The other branch of the same callback writes the errors as JSON.
    """
    alerts: list[str] = []

    def my_file_upload_callback(result: OpenAIFileResult) -> None:
        alerts.append("Upload failed: " + json.dumps(result.errors, default=aikit.to_json))

    params = OpenAIFileParameters()
    params.on_error = my_file_upload_callback
    assert client.files.create(tmp_path / "absent.jsonl", "fine-tune", params).wait(20)
    assert json.loads(alerts[0].removeprefix("Upload failed: "))[0]["message"]


def test_retrieve(client: OpenAIClient, training_data: Path) -> None:
    """
    A file is told by its id.
    """
    file_id = client.files.create(training_data, "fine-tune").unwrap().id

    result = client.files.retrieve(file_id)

    assert result.success
    if result.success:
        file = result.unwrap()
        assert file.filename == "training-data.jsonl"
        assert file.bytes == training_data.stat().st_size
        assert file.purpose == "fine-tune"


def test_list(client: OpenAIClient) -> None:
    """
    Files of a purpose are listed, in the order asked for; that of ``list``, and that of its parameters.
    """
    for name in ("salesOverview.pdf", "handbook.pdf"):
        client.files.create(b"%PDF-1.4 " + name.encode(), "assistants", filename=name).unwrap()
    client.files.create(b"%PDF-1.4", "user_data").unwrap()

    params = OpenAIFileListParameters()
    params.purpose = "assistants"
    params.limit = 50
    params.order = "desc"

    result = client.files.list(params)

    assert result.success
    names = []
    if result.success:
        files = result.files
        assert len(files) == 2
        for file in files:
            names.append(file.filename)  # noqa: PERF401  line by line
    assert sorted(names) == ["handbook.pdf", "salesOverview.pdf"]


def test_pages(client: OpenAIClient) -> None:
    """
    The same parameters are asked with again, with *after* assigned; the example of pagination.
    """
    stored = {client.files.create(bytes(number + 1), "user_data", filename="a.bin").unwrap().id for number in range(5)}

    params = OpenAIFileListParameters()
    params.limit = 2

    result = client.files.list(params)
    all_files = list(result.files)

    while result.has_more:
        params.after = result.last_id
        result = client.files.list(params)
        all_files += result.files

    assert len(all_files) == 5
    assert {file.id for file in all_files} == stored


def test_delete(client: OpenAIClient, training_data: Path) -> None:
    """
    A deleted file is told as deleted.
    """
    file_id = client.files.create(training_data, "fine-tune").unwrap().id
    alerts = []

    result = client.files.delete(file_id)

    if result.success:
        status = result.deleted
        assert status is not None
        if status.deleted:
            alerts.append("File deleted successfully")
    assert alerts == ["File deleted successfully"]


def test_callbacks_in_a_mapping(client: OpenAIClient, training_data: Path) -> None:
    """
    Options may be a mapping; *on_response* is called after success only. As the page of asynchronous calls has it.
    """
    file_id = client.files.create(training_data, "fine-tune").unwrap().id
    form: dict[str, Any] = {}

    def my_receive_method(result: OpenAIFileDeletedResult) -> None:
        assert result.success
        form["deleted"] = result.deleted

    assert client.files.delete(file_id, {"on_response": my_receive_method}).wait(20)
    assert form["deleted"].deleted


def test_common_parameters_are_assigned_too(client: OpenAIClient, training_data: Path) -> None:
    """
    The properties that all parameters have there can all be assigned here.
    """
    params = OpenAIParameters()
    params.timeout = 30
    params.max_retries = 1
    params.http_agent = None
    params.extra_headers["X-Team"] = "sales"
    params.throw = True
    params.on_response = None
    params.on_error = None
    with pytest.raises(aikit.OpenAIError):
        client.files.retrieve("file-absent", params)
    file_id = client.files.create(training_data, "fine-tune").unwrap().id
    assert client.files.retrieve(file_id, params).success


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("formula", "on_terminate"),
        ("onTerminate", "on_terminate"),
        ("onResponse", "on_response"),
        ("onError", "on_error"),
        ("httpAgent", "http_agent"),
        ("maxRetries", "max_retries"),
        ("extraHeaders", "extra_headers"),
    ],
)
def test_their_spelling_leads_to_ours(client: OpenAIClient, theirs: str, ours: str) -> None:
    """
    Where ours is spelled otherwise, it is asked whether that was meant: of objects, mappings, and keywords.
    """
    meant = f'did you mean "{ours}"'
    options: Any = {theirs: None}
    with pytest.raises(AttributeError, match=meant):
        setattr(OpenAIFileParameters(), theirs, None)
    with pytest.raises(TypeError, match=meant):
        OpenAIFileParameters(**options)
    with pytest.raises(TypeError, match=meant):
        client.files.list(options)
    with pytest.raises(TypeError, match=meant):
        client.files.list(**options)


def test_what_throws_there_raises_here(client: OpenAIClient) -> None:
    """
    A purpose or an id that is empty is refused at once.
    """
    with pytest.raises(ValueError, match="must not be empty"):
        client.files.create(b"%PDF-1.4", "")
    with pytest.raises(ValueError, match="must not be empty"):
        client.files.retrieve("")
    with pytest.raises(TypeError):
        client.files.create(5, "batch")  # type: ignore[arg-type]  # what is tried
