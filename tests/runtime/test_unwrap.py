"""
Results: what a call is about, typed and never ``None``, or the error; and what a result says of itself.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, assert_type

import pytest

import aikit
from aikit.resources.batches.results import (
    OpenAIBatchCostResult,
    OpenAIBatchEstimateResult,
    OpenAIBatchListResult,
    OpenAIBatchResult,
    OpenAIBatchRowsResult,
)
from aikit.resources.files.results import (
    ManyOutcome,
    OpenAIFileContentResult,
    OpenAIFileDeletedResult,
    OpenAIFileDownloadResult,
    OpenAIFileListResult,
    OpenAIFileManyResult,
    OpenAIFilePruneResult,
    OpenAIFileResult,
    OpenAIFileUsageResult,
    PruneOutcome,
    Saved,
    SpooledResults,
)
from aikit.resources.uploads.results import OpenAIUploadPartResult, OpenAIUploadResult
from aikit.runtime.call_state import Outcome
from aikit.runtime.result import OpenAIResult
from aikit.types.batches import BatchPage, OpenAIBatch
from aikit.types.bulk_files import (
    OpenAIFileHousekeepingProgress,
    OpenAIFileItem,
    OpenAIFileManyCounts,
    OpenAIFileManyProgress,
    OpenAIFilePruneCounts,
    OpenAIFilePruneItem,
    OpenAIFileTotals,
    OpenAIFileUsage,
)
from aikit.types.costs import OpenAIBatchCost, OpenAIBatchEstimate
from aikit.types.errors import OpenAIError
from aikit.types.files import FilePage, OpenAIFile, OpenAIFileDeleted
from aikit.types.uploads import OpenAIUpload, OpenAIUploadPart

_FILE = OpenAIFile("file-1", 3, 1, "a.txt", "user_data")
_BATCH = OpenAIBatch(
    id="batch_1", endpoint="/v1/x", input_file_id="file-1", completion_window="24h", status="completed", created_at=1
)
_SUMS = OpenAIFileUsage(total=OpenAIFileTotals(), expiring=OpenAIFileTotals(), never_expiring=OpenAIFileTotals())
_UPLOAD = OpenAIUpload(id="upload_1", bytes=3, created_at=1, filename="a", purpose="batch", status="pending")
_PART = OpenAIUploadPart(id="part_1", created_at=1, upload_id="upload_1")
_CALLS: tuple[tuple[type[OpenAIResult[Any]], Any, Any], ...] = (
    (OpenAIFileResult, _FILE, _FILE),
    (OpenAIFileDeletedResult, OpenAIFileDeleted("file-1", deleted=True), OpenAIFileDeleted("file-1", deleted=True)),
    (OpenAIFileListResult, FilePage((_FILE,)), (_FILE,)),
    (OpenAIFileListResult, FilePage(()), ()),
    (OpenAIFileContentResult, b"abc", b"abc"),
    (OpenAIFileContentResult, b"", b""),
    (OpenAIFileDownloadResult, Saved(Path("a"), 0), Path("a")),
    (OpenAIFileUsageResult, _SUMS, _SUMS),
    (OpenAIUploadResult, _UPLOAD, _UPLOAD),
    (OpenAIUploadPartResult, _PART, _PART),
    (OpenAIBatchResult, _BATCH, _BATCH),
    (OpenAIBatchListResult, BatchPage((_BATCH,)), (_BATCH,)),
    (OpenAIBatchEstimateResult, OpenAIBatchEstimate(), OpenAIBatchEstimate()),
    (OpenAIBatchCostResult, OpenAIBatchCost(), OpenAIBatchCost()),
)


def _ended(result: Any, value: Any = None, *errors: OpenAIError) -> Any:
    result._state.settle(Outcome(value=value, errors=errors))
    return result


def _many(count: int, *errors: OpenAIError) -> OpenAIFileManyResult:
    items = SpooledResults(OpenAIFileItem.from_dict)
    for number in range(count):
        items.spool.put(number, OpenAIFileItem(path=f"{number}.txt", status="uploaded", file=_FILE).to_dict())
    progress = OpenAIFileManyProgress(files=count, files_total=count, failed=0, bytes=0, bytes_total=0)
    counts = OpenAIFileManyCounts(uploaded=count)
    return _ended(OpenAIFileManyResult(), ManyOutcome(items, counts, progress), *errors)  # type: ignore[no-any-return]


def _pruned(*errors: OpenAIError) -> OpenAIFilePruneResult:
    items = SpooledResults(OpenAIFilePruneItem.from_dict)
    items.spool.put(0, OpenAIFilePruneItem(file=_FILE, status="deleted", reasons=("old",)).to_dict())
    progress = OpenAIFileHousekeepingProgress(phase="deleting")
    outcome = PruneOutcome(items, OpenAIFilePruneCounts(deleted=1), progress)
    return _ended(OpenAIFilePruneResult(), outcome, *errors)  # type: ignore[no-any-return]


@pytest.mark.parametrize(("cls", "value", "wanted"), _CALLS)
def test_unwrap_is_what_the_call_is_about(cls: type[OpenAIResult[Any]], value: Any, wanted: Any) -> None:
    """
    After success each result gives its value, which is never None, and is true.
    """
    result = _ended(cls(), value)
    assert result.unwrap() == wanted
    assert result.unwrap() is not None
    assert bool(result) is True


@pytest.mark.parametrize("cls", [*(cls for cls, _, _ in _CALLS), OpenAIFileManyResult, OpenAIFilePruneResult])
def test_unwrap_raises_the_first_error(cls: type[OpenAIResult[Any]]) -> None:
    """
    A failed call has nothing to unwrap: its first error is raised, and tells of the others; the result is false.
    """
    result = _ended(cls(), None, OpenAIError(message="first"), OpenAIError(message="second"))
    with pytest.raises(OpenAIError, match="first") as caught:
        result.unwrap()
    assert caught.value.__notes__ == ["also: second"]
    assert bool(result) is False


def test_unwrap_of_a_running_call_says_what_to_do() -> None:
    """
    There is nothing yet, which is another thing than None; the sentence names three ways to have it.
    """
    for cls, _, _ in _CALLS:
        with pytest.raises(
            RuntimeError, match=r"still running; wait\(\) for it, await it, or unwrap it in its callback"
        ):
            cls().unwrap()
        assert not cls()


def test_a_batch_that_failed_is_not_unwrapped() -> None:
    """
    A batch that is there beside an error is in ``batch``; unwrapping it raises all the same.
    """
    result = _ended(OpenAIBatchResult(), _BATCH, OpenAIError(message="it failed"))
    assert result.batch == _BATCH
    with pytest.raises(OpenAIError, match="it failed"):
        result.unwrap()


def test_lists_are_sequences() -> None:
    """
    A list result is iterated, counted, indexed and sliced as the tuple in it; an empty list is a success all the same.
    """
    other = OpenAIFile("file-2", 3, 1, "b.txt", "user_data")
    result: OpenAIFileListResult = _ended(OpenAIFileListResult(), FilePage((_FILE, other)))
    assert ([*result], len(result), result[0], result[-1], result[:1]) == ([_FILE, other], 2, _FILE, other, (_FILE,))
    assert other in result
    assert list(reversed(result)) == [other, _FILE]
    empty = _ended(OpenAIFileListResult(), FilePage(()))
    assert (bool(empty), len(empty)) == (True, 0)


@pytest.mark.parametrize("use", [list, len, lambda result: result[0]])
def test_a_list_that_failed_is_not_taken_for_an_empty_one(use: Any) -> None:
    """
    What came before the error is in ``files``; iterating, counting and indexing raise it.
    """
    result = _ended(OpenAIFileListResult(), FilePage((_FILE,)), OpenAIError(message="page two failed"))
    assert result.files == (_FILE,)
    with pytest.raises(OpenAIError, match="page two failed"):
        use(result)


def test_many_files_are_iterated_and_indexed_failed_ones_too() -> None:
    """
    Outcomes are there to be looked at when something failed; only unwrapping raises.
    """
    error = OpenAIError(message="x")
    for result in (_many(2), _pruned()):
        assert [*result.unwrap()] == [*result] == [*result.items]
        assert (len(result), bool(result)) == (len(result.items), True)
        assert (result[0], result[-1], [*result[:1]]) == (result.items[0], [*result][-1], [result.items[0]])
    for failed in (_many(2, error), _pruned(error)):
        assert (len([*failed]), len(failed), bool(failed)) == (len(failed.items), len(failed.items), False)
        assert [failed[number] for number in range(len(failed))] == [*failed]
        with pytest.raises(OpenAIError, match="x"):
            failed.unwrap()


def test_repr_shows_what_a_result_carries() -> None:
    """
    What is known of the object is there, of many the first three, and of a content its size alone.
    """
    assert repr(_ended(OpenAIFileResult(), _FILE)) == (
        "OpenAIFileResult(terminated=True, success=True, "
        "file=OpenAIFile(id='file-1', bytes=3, created_at=1, filename='a.txt', purpose='user_data'))"
    )
    assert repr(_ended(OpenAIFileContentResult(), b"secret" * 9)) == (
        "OpenAIFileContentResult(terminated=True, success=True, size=54)"
    )
    shown = repr(_ended(OpenAIFileListResult(), FilePage((_FILE,) * 10_000, has_more=True)))
    assert "and 9,997 more]" in shown
    assert shown.count("OpenAIFile(") == 3
    assert "and 9 more]" in repr(_many(12))
    assert "deleted=1" in repr(_pruned())


def test_repr_is_bounded() -> None:
    """
    Neither long names nor many items nor long messages make a long text.
    """
    long = OpenAIFile("file-1", 3, 1, "n" * 100_000, "user_data", extra={"more": ["x"] * 10_000})
    results = (
        _ended(OpenAIFileResult(), long),
        _ended(OpenAIFileListResult(), FilePage((long,) * 10_000)),
        _ended(OpenAIFileDownloadResult(), Saved(Path("n" * 100_000), 3)),
        _ended(OpenAIBatchResult(), _BATCH, *[OpenAIError(message="m" * 100_000)] * 100),
        _many(10_000),
    )
    assert max(len(repr(result)) for result in results) < 1_500
    assert "purpose='user_data'" in repr(results[0])


def test_results_are_told_as_json() -> None:
    """
    Every result goes through json with the one hook, and has its values under the names of its attributes.
    """
    for cls, value, _ in _CALLS:
        for result in (cls(), _ended(cls(), value), _ended(cls(), None, OpenAIError(message="m", code="c"))):
            told = json.loads(json.dumps(result, default=aikit.to_json))
            assert told == json.loads(json.dumps(result.to_dict()))
            assert told["success"] is bool(result)
            assert told["errors"] == [error.to_dict() for error in result.errors]
    assert _ended(OpenAIFileResult(), _FILE).to_dict()["file"] == _FILE.to_wire()
    assert _ended(OpenAIFileDownloadResult(), Saved(Path("a"), 3)).to_dict()["path"] == "a"
    assert _many(2).to_dict()["items"][1]["path"] == "1.txt"
    assert "abc" not in json.dumps(_ended(OpenAIFileContentResult(), b"abc").to_dict())
    assert OpenAIBatchRowsResult().to_dict()["batch"] is None


def test_types_are_those_of_the_values(tmp_path: Path) -> None:
    """
    Type checkers know what each call gives; it works as they say with the embedded provider.
    """
    client = aikit.OpenAIClient(provider="local", home=tmp_path)
    line = '{"custom_id": "q", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "gpt-4o-mini", '
    (tmp_path / "q.jsonl").write_text(line + '"messages": [{"role": "user", "content": "Why?"}]}}\n')
    assert_type(client.files.create(tmp_path / "q.jsonl", "batch").unwrap(), OpenAIFile)
    file = client.files.create(tmp_path / "q.jsonl", "batch").unwrap()
    assert assert_type(client.files.retrieve(file.id).unwrap(), OpenAIFile) == file
    assert file.id in {one.id for one in assert_type(client.files.list().unwrap(), tuple[OpenAIFile, ...])}
    content = assert_type(client.files.content(file.id).unwrap(), bytes)
    path = assert_type(client.files.download(file.id, tmp_path / "copy").unwrap(), Path)
    assert path.read_bytes() == content
    assert assert_type(client.files.usage().unwrap(), OpenAIFileUsage).total.files == 2
    many = assert_type(
        client.files.create_many([tmp_path / "q.jsonl"], "batch").unwrap(), SpooledResults[OpenAIFileItem]
    )
    assert many[0].success
    with client.files.stream(file.id).unwrap() as stream:
        assert b"".join(stream) == content
    batch = assert_type(client.batches.create(file.id, "/v1/chat/completions").unwrap(), OpenAIBatch)
    assert assert_type(client.batches.wait(batch.id).unwrap(), OpenAIBatch).is_ended
    with assert_type(client.batches.results(batch.id).unwrap(), OpenAIBatchRowsResult) as rows:
        assert (len(rows), [row.to_dict()["status"] for row in rows], len(rows.to_dict()["batch"]["id"]) > 0) == (
            1,
            ["ok"],
            True,
        )
    assert assert_type(client.batches.cost(batch.id).unwrap(), OpenAIBatchCost).answered == 1
    assert assert_type(client.files.delete(file.id).unwrap(), OpenAIFileDeleted).deleted
    client.close()


def test_a_stream_that_failed_is_not_unwrapped(tmp_path: Path) -> None:
    """
    What there is to stream is known when the answer has begun: a file there is not is told before the first chunk.
    """
    with (
        aikit.OpenAIClient(provider="local", home=tmp_path) as client,
        pytest.raises(OpenAIError, match="No such File"),
    ):
        client.files.stream("file-none").unwrap()


def test_an_attribute_of_what_a_call_is_about_leads_to_unwrap(tmp_path: Path) -> None:
    """
    Who asks the result for the id of the file that it carries is told of ``unwrap``, or why there is none.
    """
    with aikit.OpenAIClient(provider="local", home=tmp_path) as client:
        made: Any = client.files.create(b"a", "user_data", filename="a.txt")
        failed: Any = client.files.retrieve("file-absent")
        rows: Any = client.files.list()
    with pytest.raises(AttributeError, match=r"has no attribute 'id'; unwrap\(\) gives the OpenAIFile, which has it$"):
        made.id  # noqa: B018  asking for it is the test
    with pytest.raises(AttributeError, match="has no attribute 'id'; the call failed: No such File"):
        failed.id  # noqa: B018  likewise
    for result, name in ((made, "ids"), (rows, "data"), (OpenAIFileResult(), "id")):
        with pytest.raises(AttributeError, match=f"Result' object has no attribute '{name}'$"):
            getattr(result, name)
