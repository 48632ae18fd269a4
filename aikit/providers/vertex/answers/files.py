"""
What came of a job, as the output file and the error file of a batch: described, downloaded, deleted.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

from aikit.http.flow import Flow, Room, Work
from aikit.http.messages import Response
from aikit.http.refusals import raise_for_status, require_same_id, understood
from aikit.http.sinks import FileSink, ResumingSink
from aikit.providers.google.paging import entries_in
from aikit.providers.tokens import unsupported
from aikit.providers.vertex.answers.ids import RowIds
from aikit.providers.vertex.answers.rows import Rows
from aikit.providers.vertex.answers.sink import Output, RowSink
from aikit.providers.vertex.checksum import digest_of
from aikit.providers.vertex.jobs import batch_from_wire, output_folder, translated_name
from aikit.providers.vertex.labels import JobLabels, filter_for_lines
from aikit.providers.vertex.names import ERRORS, JOBS, FileName, no_such_file
from aikit.providers.vertex.objects import delete_object, fetch, look_up, objects_under
from aikit.providers.vertex.place import Place
from aikit.storage.temporary import TemporaryFolder
from aikit.types.batches import OpenAIBatch
from aikit.types.errors import OpenAIError
from aikit.types.files import OpenAIFile, OpenAIFileDeleted
from aikit.types.wire import whole_number

_OF_OPENAI: Final = re.compile(r"\bpublishers/(?!google/|anthropic/)")  # models that take OpenAI's lines
_VERSION: Final = 2  # of the translation: another one makes other bytes
_UNANSWERED: Final = {
    "expired": ("batch_expired", "The batch ended before this request was answered."),
    "cancelled": ("batch_cancelled", "The batch was cancelled before this request was answered."),
}
_NO_ROW: Final = ("no_answer", "Vertex AI wrote no row for this request; send it again.")
_SAME: Final = "the errors of a batch on Vertex AI are in the same objects as its output; delete the output file"


@attrs.frozen(kw_only=True)
class Job:
    """
    A job that is over, and where its rows are.

    Attributes:
        file: The output or error file that is made of them.

        data: The job, as Vertex AI tells it.

        objects: What it has written, by name and in the order of these.
    """

    place: Place
    file: FileName
    batch: OpenAIBatch
    data: Mapping[str, Any]
    objects: Mapping[str, Mapping[str, Any]]

    @property
    def shards(self) -> list[tuple[str, Mapping[str, Any]]]:
        """The objects with rows."""
        return [(name, about) for name, about in self.objects.items() if name.endswith(".jsonl")]

    @property
    def has_one_file(self) -> bool:
        """Whether rows of both kinds are in one file: where counts say that there are none of a kind, and are wrong."""
        return None in {self.batch.output_file_id, self.batch.error_file_id}

    @classmethod
    def of(cls, place: Place, file: FileName) -> Flow[Job]:
        """
        Ask for the job whose output or errors *file* is.

        Raises:
            OpenAIError: There is no such file (status 404), also when all of it was deleted.
        """
        response: Response = yield place.api("GET", f"{JOBS}/{file.text}")
        if response.status == 404:
            raise no_such_file(file.id)
        batch = understood(response, lambda data: batch_from_wire(data, place))
        require_same_id(response, f"batch_{file.text}", batch.id)
        data = response.json()
        folder = output_folder(data, place)
        objects = {} if folder is None else (yield from objects_under(place, folder))
        named = batch.error_file_id if file.kind == ERRORS else batch.output_file_id
        is_counted = batch.status != "failed" or batch.request_counts.completed + batch.request_counts.failed > 0
        is_written = data.get("outputInfo") and is_counted  # else it may have come to nothing
        if file.id != named or (is_written and not objects):
            raise no_such_file(file.id)
        return cls(place=place, file=file, batch=batch, data=data, objects=objects)

    def ids(self, folder: TemporaryFolder) -> Flow[tuple[RowIds | None, str]]:
        """
        Fetch the custom_ids of the batch into *folder*; return them and their version, ``None`` where rows have theirs.

        Raises:
            OpenAIError: They are gone (code ``"file_gone"``), or not those of this batch (``"file_changed"``).
        """
        asked = translated_name(self.data, self.place)
        if asked is None:
            return None, ""
        found = yield from look_up(self.place, asked.ids)
        if found is None:
            message = f"{self.place.uri(asked.ids)} is gone, and nothing else tells the custom_ids of the batch"
            raise OpenAIError(message=message, code="file_gone")
        path = folder.path / "ids.jsonl"
        with FileSink(path=path) as sink:
            raise_for_status((yield from fetch(self.place, asked.ids, sink)))
            sink.commit(whole_number(found.get("size")))
        labels = JobLabels.from_wire(self.data.get("labels"))
        digest: str = yield Work(lambda _: digest_of(path) if labels.ids else "")
        ids: RowIds = yield Work(lambda _: RowIds.of(path))
        if labels.lines not in {None, len(ids)} or labels.ids != digest:
            ids.close()
            message = (
                f"{self.place.uri(asked.ids)} has no more the custom_ids of the batch, but {len(ids):,} others; "
                "it was changed, and nothing else tells whose the answers are"
            )
            raise OpenAIError(message=message, code="file_changed")
        return ids, str(found.get("generation"))


def retrieve(place: Place, file: FileName) -> Flow[OpenAIFile]:
    """
    Return what is known of an output or error file; its size is not, before it is made.
    """
    job = yield from Job.of(place, file)
    batch = job.batch
    ended_at = batch.completed_at or batch.cancelled_at or batch.expired_at or batch.failed_at or batch.created_at
    return OpenAIFile(
        id=file.id,
        bytes=None,
        created_at=ended_at,
        filename=f"{batch.id}_{'error' if file.kind == ERRORS else 'output'}.jsonl",
        purpose="batch_output",
        status="processed",
    )


def download(place: Place, file: FileName, sink: ResumingSink) -> Flow[int]:
    """
    Make an output or error file in *sink*, while the rows come; return its size.

    Raises:
        OpenAIError: There is no such file, or it did not come whole.
    """
    job = yield from Job.of(place, file)
    folder: TemporaryFolder = yield Work(lambda _: TemporaryFolder.make())
    ids = None
    try:
        ids, version = yield from job.ids(folder)
        output = Output.begun(sink, _tag(job, version))
        rows = Rows(
            ids=ids,
            model=job.batch.model or "",
            wants_errors=file.kind == ERRORS,
            wants_all=job.has_one_file,
            unanswered=_UNANSWERED.get(job.batch.status, _NO_ROW),
            has_own_ids=_OF_OPENAI.search(str(job.data.get("model"))) is not None,
        )
        for name, about in job.shards:
            yield from _read(place, RowSink(name=name, rows=rows, output=output), about)
        for line in rows.rest():
            output.write(line)
            if sink.is_full:
                yield Room(sink)
        return output.finish()
    finally:
        if ids is not None:
            ids.close()
        folder.remove()


def delete(place: Place, file: FileName) -> Flow[OpenAIFileDeleted]:
    """
    Delete what a job has written, and its custom_ids where its input is gone already and no other job has the same.

    Raises:
        OpenAIError: There is no such file, or it is that of the errors (code ``"unsupported"``).
    """
    if file.kind == ERRORS:
        raise unsupported(_SAME)
    job = yield from Job.of(place, file)
    asked = translated_name(job.data, place)
    is_gone = asked is not None and (yield from look_up(place, asked.stored)) is None
    is_last = is_gone and (yield from _is_last(place, job.data))
    for name in job.objects:
        yield from delete_object(place, name)
    if asked is not None and is_last:
        yield from delete_object(place, asked.ids)
    return OpenAIFileDeleted(file.id, deleted=True)


def _is_last(place: Place, job: Mapping[str, Any]) -> Flow[bool]:
    """
    Return whether it is certain that no other job than *job* has its custom_ids: its answers would be nobody's.
    """
    response = yield place.api("GET", JOBS, pageSize=2, filter=filter_for_lines(job.get("labels")))
    jobs, token = understood(response, lambda data: entries_in(data, JOBS))
    return token is None and [one.get("name") for one in jobs if isinstance(one, dict)] == [job["name"]]


def _read(place: Place, sink: RowSink, about: Mapping[str, Any]) -> Flow[None]:
    """
    Fetch one object with rows.
    """
    size = None if about.get("contentEncoding") else whole_number(about.get("size"))
    sink.expected = size
    response = yield from fetch(place, sink.name, sink, generation=about.get("generation"))
    raise_for_status(response)
    sink.finish(size)


def _tag(job: Job, version: str) -> str:
    """
    Return a tag that all downloads of the same content have in common.
    """
    told = [(name, about.get("generation"), about.get("size")) for name, about in job.shards]
    content = json.dumps([_VERSION, job.file.kind, job.has_one_file, version, told]).encode()
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'
