"""
Batch prediction jobs as `OpenAIBatch`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from aikit.providers.google.batches import CHAT, EMBEDDINGS, ENDS, WINDOW, status_of
from aikit.providers.vertex.labels import JobLabels
from aikit.providers.vertex.names import ERRORS, FILES, OUTPUT, OUTPUTS, UPLOADS, FileName, batch_id, job_of, stored_in
from aikit.providers.vertex.place import Place
from aikit.types.batches import OpenAIBatch
from aikit.types.wire import NOTHING, UnreadableError, unix_time, whole_number

_REQUESTS: Final = re.compile(r"requests/(.+)\.jsonl")
_OF_MANY: Final = frozenset((FILES, OUTPUTS, UPLOADS, "requests/"))
_OWN_FOLDER: Final = re.compile(rf"{OUTPUTS}[A-Za-z][\w-]{{21}}/", re.ASCII)
OWN_NAME: Final = "aikit-"
"""What the names begin with by which the jobs of aikit are shown."""

_OWN_SHOWN: Final = re.compile(rf"{OWN_NAME}[A-Za-z][\w-]{{21}}", re.ASCII)
_STOPPED: Final = frozenset(("cancelled", "expired"))
_MODELS: Final = "/models/"
_NO_FILE: Final = ""
_LONGEST_WORDS: Final = 1_000
_CANCELLED: Final = 1
_AGENT: Final = "service-PROJECT@gcp-sa-aiplatform.iam.gserviceaccount.com"
_AGAIN: Final = "the fault is Google's: create the batch again"

# https://cloud.google.com/apis/design/errors (read 2026-11-30)
_CODES: Final[Mapping[int | None, tuple[str, str]]] = {
    _CANCELLED: ("CANCELLED", "create another batch for what it left undone"),
    2: ("UNKNOWN", _AGAIN),
    3: (
        "INVALID_ARGUMENT",
        "one odd line fails the whole job: create it of a file of files.create, which checks every line",
    ),
    4: ("DEADLINE_EXCEEDED", "split the input, and create a batch of each part"),
    5: ("NOT_FOUND", "check that the model is offered at this location, and that the input is still in the bucket"),
    7: (
        "PERMISSION_DENIED",
        f"give {_AGENT} storage.objects.create and .get on the bucket (the role Storage Object User)",
    ),
    8: ("RESOURCE_EXHAUSTED", "wait until other jobs have ended, or ask Google for more quota"),
    9: ("FAILED_PRECONDITION", "check that the bucket is there, and that its location fits that of the job"),
    13: ("INTERNAL", _AGAIN),
    14: ("UNAVAILABLE", _AGAIN),
}
"""Code of google.rpc.Code → its name, and what to do about a job that failed with it."""


def batch_from_wire(data: Any, place: Place) -> OpenAIBatch:
    """
    Read the job that a batch is.

    Raises:
        OpenAIError: It is none (code ``"invalid_response"``).
    """
    # https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.batchPredictionJobs (rev. 20261106)
    if not isinstance(data, dict) or batch_id(data.get("name")) is None:
        why = "it is no BatchPredictionJob of Vertex AI"
        message = f"the answer is not understood: {why}; is the base URL right?"
        raise UnreadableError(message=message, body=data, why=why)
    return OpenAIBatch.from_wire(in_openai_names(data, place))


def output_folder(data: Any, place: Place) -> str | None:
    """
    Return what the names of the objects begin with that a job has written: ``"outputs/abc/prediction-model-…/"``.

    It is ``None`` where a job has written nothing, or elsewhere than below the prefix of *place*: the API says where,
    and who created the job need not have been aikit. What all jobs have written, or all files, is not one job's.
    One that was stopped may have written and not say where.
    """
    uri = _object(data, "outputInfo").get("gcsOutputDirectory")
    name = place.name_in(f"{uri.rstrip('/')}/") if isinstance(uri, str) else _own_folder(data, place)
    return None if name in _OF_MANY else name


def _own_folder(data: Any, place: Place) -> str | None:
    """
    Return the folder that aikit gave to a job which was stopped after its start: it is that of no other job.
    """
    uri = _object(_object(data, "outputConfig"), "gcsDestination").get("outputUriPrefix")
    is_stopped = status_of(data.get("state")) in _STOPPED and data.get("startTime")
    name = place.name_in(f"{uri}/") if is_stopped else None
    return name if name is not None and _OWN_FOLDER.fullmatch(name) else None


def in_openai_names(data: Any, place: Place) -> dict[str, Any]:
    """
    Return a job as OpenAI would write a batch; of what is none, as much as can be read.
    """
    own_id = batch_id(data.get("name")) if isinstance(data, dict) else None
    if own_id is None:
        return {}
    labels, status = JobLabels.from_wire(data.get("labels")), status_of(data.get("state"))
    model = str(data.get("model") or "")
    fields = {
        "id": own_id,
        "object": "batch",
        "endpoint": labels.endpoint or (EMBEDDINGS if "embed" in model else CHAT),
        "input_file_id": _NO_FILE if (file := input_name(data, place)) is None else file.id,
        "completion_window": WINDOW,
        "status": status,
        "created_at": _first_time(data, "createTime", "startTime", "updateTime", "endTime"),
        "in_progress_at": _first_time(data, "startTime"),
        "model": model.rpartition(_MODELS)[2] or None,
        "errors": {"data": _errors(data, status)},
        "metadata": _metadata(data, labels),
        "state": data.get("state"),
        "partial_failures": data.get("partialFailures"),
        **_results(data, status, labels.lines, job_of(own_id), has_folder=_own_folder(data, place) is not None),
    }
    if status in ENDS:
        fields[ENDS[status]] = _first_time(data, "endTime", "updateTime")
    return {name: value for name, value in fields.items() if value is not None}


def _object(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = data.get(name)
    return value if isinstance(value, dict) else NOTHING


def _first_time(data: Mapping[str, Any], *names: str) -> int | None:
    """
    Return the first of these times that is told.
    """
    return next(filter(None, (unix_time(data.get(name)) for name in names)), None)


def input_name(data: Mapping[str, Any], place: Place) -> FileName | None:
    """
    Return the file that the lines of a job were translated from, or that another program named as its input.
    """
    return translated_name(data, place) or stored_in(_input_object(data, place))


def translated_name(data: Mapping[str, Any], place: Place) -> FileName | None:
    """
    Return the file that the lines of a job were translated from; ``None`` if another program wrote them.
    """
    found = _REQUESTS.fullmatch(_input_object(data, place) or "")
    return stored_in(FILES + found[1]) if found else None


def _input_object(data: Mapping[str, Any], place: Place) -> str | None:
    uris = _object(_object(data, "inputConfig"), "gcsSource").get("uris")
    return place.name_in(uris[0]) if isinstance(uris, list) and uris else None


def _metadata(data: Mapping[str, Any], labels: JobLabels) -> dict[str, str]:
    """
    Return the caller's pairs; of a job that another program created its labels and its name.

    One that has a name of ours has no pair of its own where its labels are not told: it may be any of ours.
    """
    shown = data.get("displayName")
    if labels.endpoint is None and isinstance(shown, str) and shown and not _OWN_SHOWN.fullmatch(shown):
        return {**labels.metadata, "display_name": shown}
    return dict(labels.metadata)


def _results(data: Mapping[str, Any], status: str, lines: int | None, job: str, *, has_folder: bool) -> dict[str, Any]:
    """
    Return how many requests are where and, when a job is over, the files with what came of them.

    Google leaves out counts of 0, those that it does not know yet, and all of them while a job waits: a file is named
    unless the counts of all lines say that it has none. Of a job that failed one has all.
    """
    stats = _object(data, "completionStats")
    counts = (whole_number(stats.get(name)) for name in ("successfulCount", "failedCount", "incompleteCount"))
    done, failed, left = (max(count or 0, 0) for count in counts)
    total = max(done + failed + left, lines or 0)
    fields: dict[str, Any] = {"request_counts": {"total": total, "completed": done, "failed": failed}}
    if status in ENDS and (has_folder or _object(data, "outputInfo")):
        may_be_more = done + failed < max(lines or 0, 1)
        if done or may_be_more:
            fields["output_file_id"] = FileName(OUTPUT, job).id
        if failed or (may_be_more and status != "failed"):
            fields["error_file_id"] = FileName(ERRORS, job).id
    return fields


def _errors(data: Mapping[str, Any], status: str) -> list[dict[str, Any]]:
    """
    Return why a job failed, and what to do about it.
    """
    error, partial = _object(data, "error"), data.get("partialFailures")
    partial = partial if isinstance(partial, list) else []
    told = [error] if error.get("code") or error.get("message") else partial if status == "failed" else []
    project = str(data["name"]).split("/")[1]
    read = (_error(one, project) for one in told if isinstance(one, dict))
    return [one for one in read if (status, one["code"]) != ("cancelled", "CANCELLED")]


def _error(error: Mapping[str, Any], project: str) -> dict[str, Any]:
    code = whole_number(error.get("code"))
    name, mend = _CODES.get(code, (code, ""))
    said = str(error.get("message") or "Vertex AI does not say why")[:_LONGEST_WORDS].rstrip(". ")
    mend = mend.replace("PROJECT", project if project.isdecimal() else "PROJECT_NUMBER")
    return {"code": name, "message": f"{said}; {mend}" if mend else said}
