"""
Objects of a bucket as files: stored, described, listed and deleted.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import attrs

from aikit.http.flow import Flow
from aikit.http.messages import Request, Response
from aikit.http.refusals import error_from, raise_for_status, require_same_id, understood
from aikit.http.sinks import ResumingSink
from aikit.providers.google.paging import page_of, whole_list
from aikit.providers.vertex.names import FILES, FileName, no_such_file, stored_in
from aikit.providers.vertex.place import Place
from aikit.types.errors import OpenAIError
from aikit.types.files import FileOrder, FilePage, OpenAIFile, OpenAIFileDeleted
from aikit.types.page import Unread
from aikit.types.wire import UnreadableError

_ON_PAGE: Final = 1_000
_FIELDS: Final = (
    "kind,nextPageToken,items(name,size,generation,timeCreated,contentType,contentEncoding,crc32c,metadata)"
)
_JSONL: Final = frozenset(("application/jsonl", "application/x-ndjson", "jsonl"))
_EMPTY: Final = frozenset((b"", b"null", b"{}"))


def file_from_wire(data: Any, place: Place) -> OpenAIFile:
    """
    Read an object of ours.

    Raises:
        OpenAIError: It is none (code ``"invalid_response"``).
    """
    # https://docs.cloud.google.com/storage/docs/json_api/v1/objects#resource (read 2026-11-21)
    fields = _in_openai_names(data, place)
    if "id" not in fields:
        raise unreadable("object of the bucket's part", data)
    return OpenAIFile.from_wire(fields)


def object_from_wire(data: Any) -> dict[str, Any]:
    """
    Return an object as it came.

    Raises:
        OpenAIError: It is none (code ``"invalid_response"``).
    """
    if not isinstance(data, dict) or not isinstance(data.get("name"), str):
        raise unreadable("object", data)
    return data


def unreadable(what: str, data: Any) -> UnreadableError:
    """
    Return the error for an answer that is no *what* of Google Cloud Storage.
    """
    why = f"it is no {what} of Google Cloud Storage"
    return UnreadableError(message=f"the answer is not understood: {why}; is the address right?", body=data, why=why)


def metadata_of(filename: str, order: FileOrder, now: float) -> dict[str, Any]:
    """
    Return what is kept with a file that is stored now: name, purpose, and when it is over.

    Nothing deletes it then but a rule of the bucket for what is older than its custom time, which is the same moment.
    """
    metadata = {"filename": filename, "purpose": order.purpose}
    if order.expires_after is None:
        return {"metadata": metadata}
    expires_at = int(now) + int(order.expires_after["seconds"])
    return {"metadata": {**metadata, "expires_at": str(expires_at)}, "custom_time": custom_time(expires_at)}


def custom_time(seconds: float) -> str:
    """
    Return a moment as objects have it, which a rule of the bucket may delete them after.
    """
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def retrieve(place: Place, name: FileName) -> Flow[OpenAIFile]:
    """
    Ask what is known of a file that was stored.
    """
    response: Response = require_there((yield place.storage("GET", name.stored)), name)
    file = understood(response, lambda data: file_from_wire(data, place))
    require_same_id(response, name.id, file.id)
    return file


def look_up(place: Place, name: str) -> Flow[dict[str, Any] | None]:
    """
    Return the object called *name*; ``None`` if there is none.
    """
    response: Response = yield place.storage("GET", name)
    return None if response.status == 404 else understood(response, object_from_wire)


def objects_under(place: Place, start: str) -> Flow[dict[str, dict[str, Any]]]:
    """
    Return all objects whose names begin so, by these names without the prefix, in their order.
    """
    objects = yield from _all_under(place, start)
    named = ((place.own_name(each.get("name")), each) for each in objects if isinstance(each, dict))
    found = {name: each for name, each in named if name is not None and name.startswith(start)}
    return {name: found[name] for name in sorted(found)}


def list_files(place: Place, query: Mapping[str, Any]) -> Flow[FilePage]:
    """
    Return one page of files; an object whose name no id can have is told as one that could not be read.
    """
    entries = [_in_openai_names(one, place) for one in (yield from _all_under(place, FILES))]
    page = page_of([entry for entry in entries if "id" in entry], query)
    odd = [Unread(None, f"the object {entry.get('name')!r} has a name that no id can have") for entry in entries]
    unread = tuple(each for each, entry in zip(odd, entries, strict=True) if entry.get("name"))
    return attrs.evolve(page, unread=(*page.unread, *unread))


def delete(place: Place, name: FileName) -> Flow[OpenAIFileDeleted]:
    """
    Delete a file, and first its lines translated for jobs; what an earlier attempt may have deleted counts as deleted.

    The custom_ids of these lines stay: nothing else tells whose the answers of a batch are. They go with its output.
    """
    yield from delete_object(place, name.requests)
    response: Response = yield place.storage("DELETE", name.stored)
    if response.status == 404 and not response.request.may_have_been_applied:
        require_there(response, name)
    _require_deleted(response)
    return OpenAIFileDeleted(name.id, deleted=True)


def delete_object(place: Place, name: str) -> Flow[None]:
    """
    Delete the object called *name*, if there is one.
    """
    _require_deleted((yield place.storage("DELETE", name)))


def fetch(place: Place, name: str, sink: ResumingSink, *, generation: Any = None) -> Flow[Response]:
    """
    Fetch the content of the object called *name* into *sink*, and return the last answer, whatever its status.

    Of several contents that it had, the one of a *generation*.
    """
    request = place.storage("GET", name, sink=sink, alt="media", generation=generation)
    response: Response = yield request
    if response.status == 416:  # the break came after the last byte, or the object is another one now
        sink.restart()
        response = yield request
    return response


def require_there(response: Response, name: FileName) -> Response:
    """
    Return *response*, unless it says that there is no such file.

    Raises:
        OpenAIError: It does, in the words that there are for ids that cannot be.
    """
    if response.status != 404 or b"bucket does not exist" in response.body:
        return response
    said, told = no_such_file(name.id), error_from(response)
    raise OpenAIError(
        message=said.message,
        type=said.type,
        param=said.param,
        status=404,
        request_id=told.request_id,
        headers=told.headers,
    )


def _all_under(place: Place, start: str) -> Flow[list[Any]]:
    def ask(token: str | None) -> Request:
        return place.storage("GET", prefix=place.full_name(start), maxResults=_ON_PAGE, fields=_FIELDS, pageToken=token)

    return whole_list(ask, _objects_in, "objects")


def _objects_in(data: Any) -> tuple[list[Any], str | None]:
    is_list = isinstance(data, dict) and (data.get("kind") == "storage#objects" or "items" in data or not data)
    entries, token = (data.get("items") or [], data.get("nextPageToken")) if is_list else (None, None)
    if not isinstance(entries, list) or not isinstance(token, str | None):
        raise unreadable("list of objects", data)
    return entries, token or None


def _require_deleted(response: Response) -> None:
    """
    Check that an object is gone: Google says so with status 204, emulators with an answer that is empty.
    """
    if response.status != 404:
        raise_for_status(response)
        if response.status != 204 and response.body.strip() not in _EMPTY:
            message = "the answer to a deletion is not understood; look whether the file is still there"
            raise attrs.evolve(error_from(response), message=message, code="invalid_response")


def _in_openai_names(data: Any, place: Place) -> dict[str, Any]:
    """
    Return an object as OpenAI would write a file; of what is none, as much as can be read.
    """
    own = place.own_name(data.get("name")) if isinstance(data, dict) else None
    name = stored_in(own)
    if name is None:
        return {"name": own.removeprefix(FILES)} if own is not None and own.startswith(FILES) else {}
    told = data.get("metadata")
    metadata = told if isinstance(told, dict) else {}
    fields = {
        "id": name.id,
        "object": "file",
        "bytes": data.get("size"),
        "created_at": data.get("timeCreated"),
        "expires_at": metadata.get("expires_at"),
        "filename": metadata.get("filename") or name.text.rpartition("/")[2],
        "purpose": metadata.get("purpose") or _likely_purpose(name.text, data.get("contentType")),
        "status": "processed",
        "uri": place.uri(name.stored),
    }
    return {key: value for key, value in fields.items() if value is not None or key == "bytes"}


def _likely_purpose(name: str, content_type: Any) -> str:
    """
    Return what an object may be for that another program stored.
    """
    return "batch" if content_type in _JSONL or name.endswith(".jsonl") else "user_data"
