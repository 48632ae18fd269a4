"""
Objects that Google Cloud Storage puts together of others, where they are.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any, Final

import attrs

from aikit.http.bodies import json_body
from aikit.http.flow import Flow, Gather
from aikit.http.messages import Response
from aikit.http.refusals import error_from, raise_for_status, understood
from aikit.http.sinks import ResumingSink
from aikit.providers.vertex.checksum import joined_crc32c
from aikit.providers.vertex.objects import fetch, look_up, object_from_wire, unreadable
from aikit.providers.vertex.place import Place
from aikit.types.errors import OpenAIError
from aikit.types.wire import whole_number

BYTES: Final = "application/octet-stream"
_AT_ONCE: Final = 32  # objects that one request puts together
_AT_A_TIME: Final = 4
_CRC32C: Final = re.compile(r"[A-Za-z0-9+/]{5}[AQgw]==", re.ASCII)
_MISMATCH: Final = "what was put together of the parts is not what they are; it does not count as stored, try again"


@attrs.frozen
class Piece:
    """
    An object that a larger one is put together of.

    Attributes:
        name: Behind the prefix.

        crc32c: Empty where the server tells none.
    """

    name: str
    size: int
    crc32c: str
    generation: str | None = None

    @classmethod
    def from_wire(cls, data: Any, place: Place) -> Piece:
        """
        Read an object.

        Raises:
            OpenAIError: It is none, or none of ours (code ``"invalid_response"``).
        """
        name, size = place.own_name(object_from_wire(data)["name"]), whole_number(data.get("size"))
        if name is None or size is None:
            raise unreadable("object of the bucket's part", data)
        crc32c = data.get("crc32c")
        is_known = isinstance(crc32c, str) and _CRC32C.fullmatch(crc32c) is not None
        return cls(name, size, crc32c if is_known else "", data.get("generation"))

    def is_of(self, pieces: Sequence[Piece]) -> bool:
        """
        Return whether it has size and checksum of *pieces* together.
        """
        crc32c = joined_crc32c((one.crc32c, one.size) for one in pieces) if all(one.crc32c for one in pieces) else ""
        return self.size == sum(one.size for one in pieces) and (self.crc32c == crc32c or not (self.crc32c and crc32c))


def few_of(place: Place, folder: str, pieces: Sequence[Piece]) -> Flow[Sequence[Piece]]:
    """
    Return as few objects as one request can put together, with the content of *pieces*; new ones are in *folder*.

    Raises:
        OpenAIError: One was refused, or has another size or checksum.
    """
    while len(pieces) > _AT_ONCE:
        groups = [pieces[start : start + _AT_ONCE] for start in range(0, len(pieces), _AT_ONCE)]
        pieces = yield Gather((_joined(place, folder, group) for group in groups), at_a_time=_AT_A_TIME)
    return pieces


def _joined(place: Place, folder: str, pieces: Sequence[Piece]) -> Flow[Piece]:
    """
    Put some pieces together; the name says which, so that another call finds the object.
    """
    digest = hashlib.sha256(json.dumps([one.name for one in pieces]).encode()).hexdigest()
    name = f"{folder}joined-{digest[:32]}"
    made = yield from compose(place, name, pieces, {"contentType": BYTES})
    found = Piece.from_wire(made or (yield from look_up(place, name)), place)
    if not found.is_of(pieces):
        raise OpenAIError(message=_MISMATCH, code="checksum_mismatch")
    return found


def compose(place: Place, name: str, pieces: Sequence[Piece], resource: dict[str, Any]) -> Flow[dict[str, Any] | None]:
    """
    Return the object that is put together of *pieces*; ``None`` if there is one of that name.

    Raises:
        OpenAIError: It was refused, or has another size or checksum, and is deleted.
    """
    # storage.objects.compose in the discovery document of storage v1 (revision 20261009), read 2026-11-30
    sources = [
        {"name": place.full_name(one.name)} | ({"generation": one.generation} if one.generation else {})
        for one in pieces
    ]
    body = json_body({"destination": resource, "sourceObjects": sources})
    response: Response = yield place.storage("POST", name, action="/compose", body=body, ifGenerationMatch=0)
    if response.status == 412:
        return None
    made: dict[str, Any] = understood(response, object_from_wire)
    if not Piece.from_wire(made, place).is_of(pieces):
        yield place.storage("DELETE", name, ifGenerationMatch=made.get("generation"), is_cleanup=True)
        raise attrs.evolve(error_from(response), message=_MISMATCH, code="checksum_mismatch", body=made)
    return made


@attrs.define(kw_only=True)
class _Md5Sink(ResumingSink):
    """
    Takes the MD5 of a content behind that of others.
    """

    undone: str = "nothing was put together"
    before: Any
    digest: Any = None

    def begin(self, status: int, headers: Any) -> int:
        start = super().begin(status, headers)
        self.digest = self.digest if start else self.before.copy()
        return start

    def write(self, chunk: memoryview, /) -> None:
        self.require_room(len(chunk))
        self.digest.update(chunk)
        self.done += len(chunk)


def md5_of(place: Place, pieces: Sequence[Piece]) -> Flow[str]:
    """
    Return the MD5 of *pieces* together, which are read: Google tells none of objects that it puts together.
    """
    digest = hashlib.md5(usedforsecurity=False)
    for one in pieces:
        sink = _Md5Sink(before=digest)
        raise_for_status((yield from fetch(place, one.name, sink, generation=one.generation)))
        sink.require_whole(one.size)
        digest = sink.digest
    return digest.hexdigest()
