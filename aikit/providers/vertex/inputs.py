"""
The lines of a batch as objects of the bucket, translated before a job is created of them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

import attrs

from aikit.http.flow import Flow, Gather, Work
from aikit.http.refusals import raise_for_status, understood
from aikit.http.sinks import FileSink
from aikit.http.sources import PathSource
from aikit.providers.vertex.names import FileName
from aikit.providers.vertex.objects import fetch, file_from_wire, look_up, object_from_wire, require_there
from aikit.providers.vertex.place import Place
from aikit.providers.vertex.translation.staging import Staged, stage
from aikit.providers.vertex.upload import store
from aikit.storage.temporary import TemporaryFolder
from aikit.types.errors import CancelledError, OpenAIError
from aikit.types.wire import whole_number
from aikit.validation.limits import Limits

log: Final = logging.getLogger("aikit")
_JSONL = "application/jsonl"


@attrs.frozen(kw_only=True)
class Input:
    """
    Lines that a job can be created of.

    Attributes:
        model: Path of the model that all of them ask.

        endpoint: OpenAI's, of all of them.

        lines: Their number.

        ids: Digest of their custom_ids; empty where it was not kept.

        source: Generation of the file that they were translated from.
    """

    model: str
    endpoint: str
    lines: int
    ids: str
    source: str

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Input | None:
        """
        Read what is kept with the lines; ``None`` if another program put them there.
        """
        kept = data.get("metadata")
        get = kept.get if isinstance(kept, dict) else {}.get
        model, endpoint, lines = get("model"), get("endpoint"), whole_number(get("lines"))
        if not isinstance(model, str) or not isinstance(endpoint, str) or lines is None:
            return None
        return cls(model=model, endpoint=endpoint, lines=lines, ids=str(get("ids") or ""), source=str(get("source")))


def input_of(place: Place, name: FileName, limits: Limits) -> Flow[Input]:
    """
    Return what is known of the lines of a file; they are translated now where one of the two objects is not there.

    Raises:
        Rejected: Lines cannot be translated, or would not be imported.
        OpenAIError: There is no such file, or it was changed since (code ``"file_changed"``), or it cannot be had or
            stored.
    """
    response = require_there((yield place.storage("GET", name.stored)), name)
    file = understood(response, object_from_wire)
    found = yield from look_up(place, name.requests)
    known = None if found is None else Input.from_wire(found)
    if known is not None:
        _require_current(known, file, place.uri(name.stored))
        if (yield from look_up(place, name.ids)) is not None:  # else nothing tells whose the answers are
            return known
    staged = yield from _staged(place, name, file, limits)
    try:
        return (yield from store_lines(place, name, staged, file))
    finally:
        staged.discard()


def _require_current(known: Input, file: Mapping[str, Any], uri: str) -> None:
    """
    Check that a file is still the one that its lines were translated from.
    """
    if known.source == str(file.get("generation")):
        return
    message = (
        f"{uri} was replaced after its lines had been translated for a batch, whose answers need what was there then; "
        "store it under another name, and create the batch of that file"
    )
    raise OpenAIError(message=message, code="file_changed", param="input_file_id")


def store_lines(place: Place, name: FileName, staged: Staged, file: Mapping[str, Any]) -> Flow[Input]:
    """
    Store the translated lines of a stored *file* beside it; those of which there are ids are whole.
    """
    ids, requests = (PathSource(path=path, name=path.name).resolved() for path in (staged.ids, staged.requests))
    source = str(file.get("generation"))
    metadata = {**staged.metadata, "source": source}
    flows = (
        store(place, ids, name.ids, content_type=_JSONL),
        store(place, requests, name.requests, content_type=_JSONL, metadata=metadata),
    )
    yield Gather(flows, at_a_time=1, total_bytes=staged.size_bytes)
    return Input(model=staged.model, endpoint=staged.endpoint, lines=staged.lines, ids=staged.digest, source=source)


def store_lines_if_possible(place: Place, name: FileName, staged: Staged, file: Mapping[str, Any]) -> Flow[None]:
    """
    Store translated lines, unless that fails: they are translated anew when a batch is created.
    """
    try:
        yield from store_lines(place, name, staged, file)
    except CancelledError:
        raise
    except OpenAIError as error:
        log.warning(
            "the translated lines of a file were not stored, which the next batch of it makes up for: %s", error
        )


def _staged(place: Place, name: FileName, about: Mapping[str, Any], limits: Limits) -> Flow[Staged]:
    file = file_from_wire(about, place)
    folder: TemporaryFolder = yield Work(lambda _: TemporaryFolder.make())
    try:
        path = folder.path / "input.jsonl"
        with FileSink(path=path) as sink:
            raise_for_status((yield from fetch(place, name.stored, sink, generation=about.get("generation"))))
            sink.commit(file.bytes)
        source = PathSource(path=path, name=file.filename).resolved()
        staged: Staged = yield Work(lambda context: stage(source, context, limits=limits))
        return staged
    finally:
        folder.remove()
