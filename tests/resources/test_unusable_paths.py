"""
Paths that no file can have, in every call that takes one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from aikit import OpenAIClient, jsonl
from aikit.types.errors import OpenAIError, Rejected
from tests.jsonl.split_cases import request_line

_LONG: Final = "a" * 300


@pytest.fixture
def client(tmp_path: Path) -> Iterator[OpenAIClient]:
    """
    Return a client of the embedded provider, with the file ``file_id`` and the ended batch ``batch_id``.
    """
    with OpenAIClient(provider="local", home=tmp_path / "home") as client:
        yield client


@pytest.fixture
def made(client: OpenAIClient) -> tuple[str, str]:
    """
    Return the ids of a file and of a batch that has ended.
    """
    file = client.files.create(request_line("a"), "batch").throw().file
    assert file is not None
    batch = client.batches.create(file.id, "/v1/chat/completions").throw().batch
    assert batch is not None
    client.batches.wait(batch.id, {"poll_interval": 0.05}).throw()
    return file.id, batch.id


def _split(path: Path) -> Any:
    source = path.with_name("good.jsonl")
    source.write_bytes(request_line("a"))
    return jsonl.split(source, path)


_CALLS: Final[dict[str, Callable[[OpenAIClient, tuple[str, str], Path], Any]]] = {
    "create": lambda client, _, path: client.files.create(path, "batch"),
    "create_many": lambda client, _, path: client.files.create_many([path], "batch"),
    "manifest": lambda client, _, path: client.files.create_many([b"{}"], "batch", {"manifest": path}),
    "download": lambda client, made, path: client.files.download(made[0], path),
    "download into": lambda client, made, path: client.files.download(made[0], path / "x"),
    "estimate": lambda client, _, path: client.batches.estimate(path),
    "estimate by name": lambda client, _, path: client.batches.estimate(str(path.name)),
    "write_csv": lambda client, made, path: client.batches.results(made[1]).write_csv(path),
    "write_jsonl": lambda client, made, path: client.batches.results(made[1]).write_jsonl(path / "x"),
    "input file": lambda client, made, path: client.batches.results(made[1], {"input_file": path}),
    "check": lambda _, __, path: jsonl.check(path),
    "split": lambda _, __, path: _split(path),
    "write": lambda _, __, path: jsonl.write(path, [jsonl.chat_line("a", model="m")]),
}


def _errors(call: Callable[[], Any]) -> tuple[OpenAIError, ...]:
    try:
        result = call()
    except Rejected as rejected:
        return tuple(rejected.errors)
    except OpenAIError as error:
        return (error,)
    return tuple(result) if isinstance(result, tuple) else tuple(result.errors)


@pytest.mark.parametrize("call", _CALLS.values(), ids=_CALLS)
def test_overlong_path_is_an_error_of_its_own(
    call: Callable[[OpenAIClient, tuple[str, str], Path], Any],
    client: OpenAIClient,
    made: tuple[str, str],
    tmp_path: Path,
) -> None:
    """
    A name that is too long for the file system is told, as one that is not there is, and no fault of the library.
    """
    errors = _errors(lambda: call(client, made, tmp_path / _LONG))
    assert errors
    assert {error.code for error in errors} <= {"unreadable_file", "unwritable_file", "unusable_manifest", None}
