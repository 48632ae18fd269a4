"""
Creating, listing and cancelling batches as flows about jobs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aikit.http.bodies import json_body
from aikit.http.flow import Flow
from aikit.http.messages import Request
from aikit.http.refusals import require_same_id, understood
from aikit.providers.google import batches as google
from aikit.providers.google.paging import MOST_PAGES, endless
from aikit.providers.tokens import unsupported
from aikit.providers.vertex.inputs import Input, input_of
from aikit.providers.vertex.jobs import OWN_NAME, batch_from_wire, in_openai_names
from aikit.providers.vertex.labels import filter_for, labels_for, with_lines
from aikit.providers.vertex.names import JOBS, OUTPUTS, STORED, FileName, job_of, new_name, read_file_id
from aikit.providers.vertex.place import Place
from aikit.types.batches import INTENT_KEY, BatchOrder, BatchPage, OpenAIBatch
from aikit.types.errors import CancelledError, OpenAIError
from aikit.validation.limits import Limits

_ENDPOINTS: Final = (google.CHAT, google.EMBEDDINGS)


def create_batch(place: Place, order: BatchOrder, limits: Limits) -> Flow[OpenAIBatch]:
    """
    Create the job for *order*, or return the one with its intent; never repeated by itself.

    Raises:
        Rejected: Lines of the input cannot be translated, or would not be imported; nothing was created.
        OpenAIError: It was refused, or cannot be done (code ``"unsupported"``), or something went wrong before.
    """
    _require_possible(order)
    labels, name = labels_for(order), _input_name(order.input_file_id)
    try:
        found = yield from _created_before(place, order.intent)
        if found is not None:
            return found
        lines = yield from input_of(place, name, limits)
    except CancelledError:
        raise
    except OpenAIError as error:
        raise google.before_asking(error) from None
    _require_endpoint(lines, order.endpoint)
    body = json_body(_job_of(place, name, lines, with_lines(labels, lines.lines, lines.ids)))
    response = yield place.api("POST", JOBS, body=body, is_idempotent=False)
    return understood(response, lambda data: batch_from_wire(data, place))


def retrieve_batch(place: Place, batch_id: str) -> Flow[OpenAIBatch]:
    """
    Ask what is known of a batch.
    """
    response = yield place.api("GET", f"{JOBS}/{job_of(batch_id)}")
    batch = understood(response, lambda data: batch_from_wire(data, place))
    require_same_id(response, batch_id, batch.id)
    return batch


def list_batches(place: Place, query: Mapping[str, Any]) -> Flow[BatchPage]:
    """
    Ask for one page of batches, whoever created them, in Google's order.
    """
    return _listed(place, query)


def cancel_batch(place: Place, batch_id: str) -> Flow[OpenAIBatch]:
    """
    Ask to stop working on a batch; one that is done first is completed all the same.
    """
    request = place.api("POST", f"{JOBS}/{job_of(batch_id)}:cancel", body=json_body({}))
    return (yield from google.cancel_batch(request, lambda: retrieve_batch(place, batch_id)))


def _listed(place: Place, query: Mapping[str, Any], only: str | None = None) -> Flow[BatchPage]:
    def ask(size: int, token: str | None) -> Request:
        return place.api("GET", JOBS, pageSize=size, pageToken=token, filter=only)

    return google.list_batches(query, JOBS, ask, lambda data: in_openai_names(data, place))


def _created_before(place: Place, intent: str) -> Flow[OpenAIBatch | None]:
    """
    Return the oldest batch with this intent: its label is asked for, since who looks through lists may miss it there.

    Raises:
        OpenAIError: It cannot be known, since a job with the label cannot be read, or the list has no end.
    """
    query: dict[str, Any] = {"limit": 100}
    for _ in range(MOST_PAGES):
        page = yield from _listed(place, query, filter_for(intent))
        if any(_has(intent, unread.data.get("metadata")) for unread in page.unread):
            message = f"a job with this intent cannot be read, and there is to be no second one: {page.unread[0].why}"
            raise OpenAIError(message=message, code="invalid_response")
        found = [batch for batch in page.batches if _has(intent, batch.metadata)]
        if found or not page.has_more:
            return min(found, key=lambda batch: batch.created_at, default=None)
        query["after"] = page.last_id  # Google's pages may be empty before the last
    raise endless("batches")


def _has(intent: str, metadata: Any) -> bool:
    """
    Return whether a job in the list of those of an *intent* is one, by its *metadata*; one without any may be.
    """
    return not metadata or metadata.get(INTENT_KEY) == intent


def _require_possible(order: BatchOrder) -> None:
    if order.endpoint not in _ENDPOINTS:
        raise unsupported(f"Vertex AI has batches for {' and '.join(_ENDPOINTS)}, and none for {order.endpoint}")
    if order.output_expires_after is not None:
        raise unsupported(
            "Vertex AI keeps the output of a batch until it is deleted: leave output_expires_after out, or set a rule "
            "for the bucket"
        )


def _input_name(file_id: str) -> FileName:
    name = read_file_id(file_id)
    if name.kind != STORED:
        raise unsupported("the output of a batch is not the input of another; upload the lines with files.create")
    return name


def _require_endpoint(lines: Input, endpoint: str) -> None:
    if lines.endpoint != endpoint:
        message = (
            f"the lines of the file ask {lines.endpoint}, and the batch is to be for {endpoint}; make them the same"
        )
        raise OpenAIError(message=message, code="invalid_url", param="endpoint")


def _job_of(place: Place, name: FileName, lines: Input, labels: Mapping[str, str]) -> dict[str, Any]:
    own = new_name()
    return {
        "displayName": f"{OWN_NAME}{own}",
        "model": lines.model,
        "labels": labels,
        "inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": [place.uri(name.requests)]}},
        "outputConfig": {
            "predictionsFormat": "jsonl",
            # a folder of its own: what Google appends is a time, which two jobs may share
            "gcsDestination": {"outputUriPrefix": place.uri(OUTPUTS + own)},
        },
    }
