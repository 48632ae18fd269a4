"""
Batch prediction jobs are read leniently: what Google leaves out, writes as text or has not told anybody of.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from aikit import OpenAIBatch
from aikit.providers.vertex.jobs import batch_from_wire, output_folder
from aikit.providers.vertex.labels import labels_for, with_lines
from aikit.providers.vertex.names import ERRORS, OUTPUT, FileName, stored_in
from aikit.providers.vertex.place import Place
from aikit.types.batches import INTENT_KEY, BatchOrder
from aikit.types.errors import OpenAIError

_PLACE: Final = Place(
    project="my-project-1", location="us-central1", bucket="bkt", prefix="aikit", api_url="http://127.0.0.1:1"
)
_ORDER: Final = BatchOrder(input_file_id="file-1", endpoint="/v1/embeddings", metadata={"a": "ü"}, intent="i")
_OUTPUT: Final = FileName(OUTPUT, "7001").id
_ERRORS: Final = FileName(ERRORS, "7001").id
_FOLDER: Final = "gs://bkt/aikit/outputs/b1/prediction-model-2026-09-02T20:06:30.166279Z"
_JOB: Final[dict[str, Any]] = {
    "name": "projects/424242/locations/us-central1/batchPredictionJobs/7001",
    "displayName": "aikit-x",
    "model": "publishers/google/models/gemini-2.5-flash",
    "labels": with_lines(labels_for(_ORDER), 5),
    "inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": ["gs://bkt/aikit/requests/abc.jsonl"]}},
    "state": "JOB_STATE_SUCCEEDED",
    "createTime": "2026-11-30T08:00:00.123456789Z",
    "startTime": "2026-11-30T08:01:00Z",
    "endTime": "2026-11-30T09:00:00Z",
    "updateTime": "2026-11-30T09:00:01Z",
    "outputInfo": {"gcsOutputDirectory": _FOLDER},
}
_CREATED_AT: Final = 1796025600


def _batch(**changes: Any) -> OpenAIBatch:
    job = {name: value for name, value in (_JOB | changes).items() if value is not None}
    return batch_from_wire(job, _PLACE)


def test_a_job_is_a_batch() -> None:
    """
    Times are whole seconds, counts are numbers, and endpoint, lines and metadata come from the labels.
    """
    stored = stored_in("files/abc")
    assert stored is not None
    stats = {"successfulCount": "3", "failedCount": "2"}
    batch = _batch(completionStats=stats)
    assert batch == OpenAIBatch(
        id="batch_7001",
        endpoint="/v1/embeddings",
        input_file_id=stored.id,
        completion_window="24h",
        status="completed",
        created_at=_CREATED_AT,
        in_progress_at=_CREATED_AT + 60,
        completed_at=_CREATED_AT + 3600,
        model="gemini-2.5-flash",
        output_file_id=_OUTPUT,
        error_file_id=_ERRORS,
        request_counts=batch.request_counts,
        metadata={"a": "ü", INTENT_KEY: "i"},
        extra={"state": "JOB_STATE_SUCCEEDED"},
    )
    assert (batch.request_counts.total, batch.request_counts.completed, batch.request_counts.failed) == (5, 3, 2)


@pytest.mark.parametrize(
    ("state", "status", "time"),
    [
        (None, "validating", None),
        ("JOB_STATE_UNSPECIFIED", "validating", None),
        ("JOB_STATE_QUEUED", "validating", None),
        ("JOB_STATE_PENDING", "validating", None),
        ("JOB_STATE_RUNNING", "in_progress", None),
        ("JOB_STATE_UPDATING", "in_progress", None),
        ("JOB_STATE_PAUSED", "in_progress", None),
        ("JOB_STATE_SUCCEEDED", "completed", "completed_at"),
        ("JOB_STATE_PARTIALLY_SUCCEEDED", "completed", "completed_at"),
        ("JOB_STATE_FAILED", "failed", "failed_at"),
        ("JOB_STATE_CANCELLING", "cancelling", None),
        ("JOB_STATE_CANCELLED", "cancelled", "cancelled_at"),
        ("JOB_STATE_EXPIRED", "expired", "expired_at"),
        ("JOB_STATE_MIGRATING", "migrating", None),
        (7, "7", None),
    ],
)
def test_states_are_statuses(state: Any, status: str, time: str | None) -> None:
    """
    The end has its time; a state that is not known is not over.
    """
    batch = _batch(state=state)
    assert (batch.status, batch.is_ended) == (status, time is not None)
    ends = {name: getattr(batch, name) for name in ("completed_at", "failed_at", "cancelled_at", "expired_at")}
    assert {name for name, at in ends.items() if at} == ({time} if time else set())


@pytest.mark.parametrize(
    ("stats", "counts", "files"),
    [
        ({"successfulCount": "3", "failedCount": "2", "incompleteCount": "0"}, (5, 3, 2), (_OUTPUT, _ERRORS)),
        ({"successfulCount": "5"}, (5, 5, 0), (_OUTPUT, None)),
        ({"failedCount": "5"}, (5, 0, 5), (None, _ERRORS)),
        ({"successfulCount": "5", "failedCount": "0"}, (5, 5, 0), (_OUTPUT, None)),
        ({"successfulCount": "3", "incompleteCount": "-1"}, (5, 3, 0), (_OUTPUT, _ERRORS)),
        ({"successfulCount": 3, "failedCount": 2, "incompleteCount": -1}, (5, 3, 2), (_OUTPUT, _ERRORS)),
        ({"successfulCount": "6", "failedCount": "1"}, (7, 6, 1), (_OUTPUT, _ERRORS)),
        ({"successfulCount": "x", "failedCount": []}, (5, 0, 0), (_OUTPUT, _ERRORS)),
        ({}, (5, 0, 0), (_OUTPUT, _ERRORS)),
        (None, (5, 0, 0), (_OUTPUT, _ERRORS)),
        ("?", (5, 0, 0), (_OUTPUT, _ERRORS)),
    ],
)
@pytest.mark.parametrize("state", ["SUCCEEDED", "CANCELLED", "EXPIRED"])
def test_counts_may_be_missing_or_unknown(stats: Any, counts: Any, files: Any, state: str) -> None:
    """
    The whole is at least the number of lines; files are named unless it is known that they have nothing.
    """
    batch = _batch(completionStats=stats, state=f"JOB_STATE_{state}")
    told = batch.request_counts
    assert (told.total, told.completed, told.failed) == counts
    assert (batch.output_file_id, batch.error_file_id) == files


def test_no_file_is_named_before_the_end_or_where_nothing_was_written() -> None:
    """
    Rows are written while a job runs, and are not all of them; of a failed job one file has all that may be there.
    """
    stats = {"successfulCount": "3"}
    assert _batch(state="JOB_STATE_RUNNING", completionStats=stats).output_file_id is None
    assert _batch(outputInfo=None, completionStats=stats).output_file_id is None
    failed = _batch(state="JOB_STATE_FAILED")
    assert (failed.output_file_id, failed.error_file_id) == (_OUTPUT, None)
    failed = _batch(state="JOB_STATE_FAILED", outputInfo=None)
    assert (failed.output_file_id, failed.error_file_id) == (None, None)
    assert _batch(state="JOB_STATE_FAILED", completionStats=stats).output_file_id == _OUTPUT


_OWN: Final = {"gcsDestination": {"outputUriPrefix": "gs://bkt/aikit/outputs/abcdefghij0123456789-_"}}


@pytest.mark.parametrize(
    ("changes", "is_named"),
    [
        ({}, True),
        ({"state": "JOB_STATE_EXPIRED"}, True),
        ({"startTime": None}, False),
        ({"state": "JOB_STATE_SUCCEEDED"}, False),
        ({"state": "JOB_STATE_FAILED"}, False),
        ({"outputConfig": {"gcsDestination": {"outputUriPrefix": "gs://bkt/aikit/outputs/theirs"}}}, False),
        (
            {
                "outputConfig": {
                    "gcsDestination": {"outputUriPrefix": "gs://other/aikit/outputs/abcdefghij0123456789-_"}
                }
            },
            False,
        ),
        ({"outputConfig": {"bigqueryDestination": {}}}, False),
    ],
)
def test_a_job_that_was_stopped_after_its_start_may_have_written_into_its_own_folder(
    changes: dict[str, Any], *, is_named: bool
) -> None:
    """
    Google charges for these rows, whether or not it says where they are; others write into folders they share.
    """
    stopped = {"state": "JOB_STATE_CANCELLED", "outputInfo": None, "outputConfig": _OWN, **changes}
    batch = _batch(**stopped)
    assert (batch.output_file_id, batch.error_file_id) == ((_OUTPUT, _ERRORS) if is_named else (None, None))
    job = {name: value for name, value in {**_JOB, **stopped}.items() if value is not None}
    assert output_folder(job, _PLACE) == ("outputs/abcdefghij0123456789-_/" if is_named else None)


def test_a_count_of_zero_is_believed_only_where_all_lines_are_counted() -> None:
    """
    A job that was stopped may tell counts of an earlier moment.
    """
    early = _batch(state="JOB_STATE_CANCELLED", completionStats={"successfulCount": "0", "incompleteCount": "-1"})
    assert (early.output_file_id, early.error_file_id) == (_OUTPUT, _ERRORS)


def test_times_that_are_missing_are_taken_from_others() -> None:
    """
    An end without its time has that of the last change, a job without its creation that of its beginning.
    """
    assert _batch(endTime=None).completed_at == _CREATED_AT + 3601
    assert _batch(endTime="soon", updateTime=None).completed_at is None
    assert _batch(createTime=None).created_at == _CREATED_AT + 60
    assert _batch(createTime=None, startTime=None, endTime=None).created_at == _CREATED_AT + 3601
    with pytest.raises(OpenAIError, match="created_at"):
        _batch(createTime=None, startTime=None, endTime=None, updateTime=None)


@pytest.mark.parametrize(
    ("code", "name", "mend"),
    [
        (3, "INVALID_ARGUMENT", "files.create"),
        (5, "NOT_FOUND", "location"),
        (7, "PERMISSION_DENIED", "service-424242@gcp-sa-aiplatform.iam.gserviceaccount.com"),
        (8, "RESOURCE_EXHAUSTED", "quota"),
        (9, "FAILED_PRECONDITION", "bucket"),
        (13, "INTERNAL", "again"),
        ("13", "INTERNAL", "again"),
        (99, "99", ""),
        (None, None, ""),
        ({}, None, ""),
    ],
)
def test_a_failure_says_what_to_do(code: Any, name: str | None, mend: str) -> None:
    """
    Google's words come first, however many; a code that is not known is shown.
    """
    (error,) = _batch(state="JOB_STATE_FAILED", error={"code": code, "message": "It went wrong." + "x" * 5000}).errors
    assert error.code == name
    assert error.message.startswith("It went wrong.x")
    assert mend in error.message
    assert len(error.message) < 1_500


def test_failures_are_told_of_failed_jobs() -> None:
    """
    What is no error, or says only that the caller cancelled, is left out; parts speak where the whole is silent.
    """
    assert _batch(error={}).errors == ()
    assert _batch(error={"code": 0}).errors == ()
    assert _batch(error="?").errors == ()
    assert _batch(state="JOB_STATE_CANCELLED", error={"code": 1, "message": "Cancelled."}).errors == ()
    parts = [{"code": 13, "message": "one"}, {"code": 13, "message": "two"}, None]
    assert [error.code for error in _batch(state="JOB_STATE_FAILED", partialFailures=parts).errors] == ["INTERNAL"] * 2
    partly = _batch(state="JOB_STATE_PARTIALLY_SUCCEEDED", partialFailures=parts)
    assert (partly.errors, partly.extra["partial_failures"]) == ((), parts)
    (error,) = _batch(state="JOB_STATE_FAILED", error={"code": 9}, name=_JOB["name"].replace("424242", "my-p")).errors
    assert error.message.startswith("Vertex AI does not say why; ")


@pytest.mark.parametrize(
    ("changes", "endpoint", "metadata"),
    [
        ({"labels": None}, "/v1/chat/completions", {"display_name": "aikit-x"}),
        ({"labels": {"team": "a"}}, "/v1/chat/completions", {"team": "a", "display_name": "aikit-x"}),
        ({"labels": {}, "displayName": None}, "/v1/chat/completions", {}),
        ({"labels": {}, "displayName": 7}, "/v1/chat/completions", {}),
        ({"labels": [], "model": "publishers/google/models/gemini-embedding-001"}, "/v1/embeddings", None),
    ],
)
def test_jobs_of_other_programs_are_batches_too(
    changes: dict[str, Any], endpoint: str, metadata: dict[str, str] | None
) -> None:
    """
    Their labels and their name are the metadata, and their model tells the endpoint.
    """
    batch = _batch(**changes)
    assert batch.endpoint == endpoint
    assert batch.metadata == ({"display_name": "aikit-x"} if metadata is None else metadata)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("projects/424242/locations/us-central1/models/123@1", "123@1"),
        ("publishers/anthropic/models/claude-sonnet-4-5@20250929", "claude-sonnet-4-5@20250929"),
        ("gemini-x", "gemini-x"),
        ("", None),
        (7, "7"),
    ],
)
def test_models_are_named_without_their_path(model: Any, name: str | None) -> None:
    """
    As lines ask them.
    """
    assert _batch(model=model).model == name


@pytest.mark.parametrize(
    "config",
    [
        None,
        {"bigquerySource": {"inputUri": "bq://p.d.t"}},
        {"gcsSource": {"uris": []}},
        {"gcsSource": {"uris": "gs://bkt/aikit/files/a"}},
        {"gcsSource": {"uris": [7]}},
        {"gcsSource": {"uris": ["gs://other/aikit/files/a"]}},
        {"gcsSource": {"uris": ["gs://bkt/aikit-evil/files/a"]}},
        {"gcsSource": {"uris": ["gs://bkt/aikit/files/../../secret"]}},
        {"gcsSource": {"uris": ["gs://bkt/aikit/uploads/a"]}},
    ],
)
def test_inputs_elsewhere_have_no_id(config: Any) -> None:
    """
    An id names what lies below the prefix, and nothing else.
    """
    assert _batch(inputConfig=config).input_file_id == ""


@pytest.mark.parametrize("name", ["files/a", "files/in/b.jsonl"])
def test_an_input_that_another_program_stored_has_its_id(name: str) -> None:
    """
    Where it lies among our files.
    """
    stored = stored_in(name)
    assert stored is not None
    assert _batch(inputConfig={"gcsSource": {"uris": [f"gs://bkt/aikit/{name}"]}}).input_file_id == stored.id


@pytest.mark.parametrize(
    ("told", "folder"),
    [
        (_FOLDER, "outputs/b1/prediction-model-2026-09-02T20:06:30.166279Z/"),
        (f"{_FOLDER}/", "outputs/b1/prediction-model-2026-09-02T20:06:30.166279Z/"),
        ("gs://bkt/aikit", None),
        ("gs://bkt/aikit/", None),
        ("gs://bkt/aikit-evil/outputs/b1", None),
        ("gs://bkt/aikit/files", None),
        ("gs://bkt/aikit/requests/", None),
        ("gs://bkt/aikit/outputs", None),
        ("gs://bkt/aikit/uploads", None),
        ("gs://other/aikit/outputs/b1", None),
        ("gs://bkt.evil/aikit/outputs/b1", None),
        ("gs://bkt/aikit/outputs/../../b1", None),
        ("gs://bkt/aikit/outputs//b1", None),
        ("gs://bkt/aikit/outputs/b1\n", None),
        ("bkt/aikit/outputs/b1", None),
        (7, None),
        (None, None),
    ],
)
def test_an_output_elsewhere_is_not_read(told: Any, folder: str | None) -> None:
    """
    Who created the job said where, and that may be any place that the service can write to.
    """
    assert output_folder(_JOB | {"outputInfo": {"gcsOutputDirectory": told}}, _PLACE) == folder


@pytest.mark.parametrize("job", [{}, {"outputInfo": None}, {"outputInfo": {"bigqueryOutputDataset": "bq://p.d"}}])
def test_a_job_without_objects_has_no_folder(job: dict[str, Any]) -> None:
    """
    It may have written nothing yet, or tables.
    """
    assert output_folder(job, _PLACE) is None


@pytest.mark.parametrize(
    "data", [None, [], "x", {}, {"name": 7}, {"name": "projects/p/locations/l/customJobs/1"}, {"name": "x/1"}]
)
def test_what_is_no_job_is_told(data: Any) -> None:
    """
    Another server's answer is one clear error.
    """
    with pytest.raises(OpenAIError, match="BatchPredictionJob") as raised:
        batch_from_wire(data, _PLACE)
    assert raised.value.code == "invalid_response"
