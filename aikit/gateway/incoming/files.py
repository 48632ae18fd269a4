"""
A file and the fields beside it, received into the spool.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

import attrs
from multipart import MultipartSegment
from starlette.requests import Request

from aikit.gateway.incoming.forms import Fields, single
from aikit.gateway.incoming.line_check import FileRules
from aikit.gateway.incoming.line_facts import LineFacts
from aikit.gateway.incoming.multipart import parts_of
from aikit.gateway.incoming.names import Extensions, check_extension, filename_of
from aikit.gateway.incoming.refusals import NOT_FORWARDED, file_refused, file_too_large, request_refused
from aikit.gateway.incoming.slow_clients import DEFAULT, Pace, announced_bytes, body_of
from aikit.gateway.incoming.spool import Spool, SpoolFile
from aikit.gateway.incoming.spool_writer import SpoolWriter
from aikit.http.checked_file import CheckedFile
from aikit.http.sources import PathSource
from aikit.types.errors import OpenAIError
from aikit.validation import check_file

_OVERHEAD_BYTES: Final = 2 * 1024 * 1024  # the fields and headers beside a file
RulesOf = Callable[[Mapping[str, Any]], FileRules]
"""Tells what the file must obey from the fields that are known; may refuse the request."""


class Caps(Extensions, Protocol):
    """
    The bounds of the gateway's settings, ``None`` where there is none.
    """

    @property
    def max_request_size_bytes(self) -> int | None: ...  # noqa: D102  told above
    @property
    def max_file_size_bytes(self) -> int | None: ...  # noqa: D102  told above
    @property
    def max_batch_file_size_bytes(self) -> int | None: ...  # noqa: D102  told above


@attrs.define(eq=False)
class Spooled:
    """
    A file that was received whole, and the fields beside it; leaving its ``with`` block removes the file.

    Attributes:
        filename: Its name, without folders.

        content_type: As the client told it.

        fields: Name → text; a list of texts where the name came several times.

        facts: What the lines of a batch file ask for; else ``None``.
    """

    _spool: Spool
    _file: SpoolFile
    filename: str
    content_type: str | None
    fields: Mapping[str, str | list[str]]
    facts: LineFacts | None = None

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._file.path

    @property
    def size_bytes(self) -> int:
        """Its size, with names of models replaced."""
        return self._file.size_bytes

    @property
    def source(self) -> CheckedFile:
        """The file for `files.create`, which then does not read it to check it."""
        purpose = self.fields.get("purpose")
        return CheckedFile.of(self.path, purpose if isinstance(purpose, str) else "")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spool.run_later(self._file.remove)


async def receive_file(
    request: Request,
    spool: Spool,
    settings: Caps,
    rules_of: RulesOf | None = None,
    *,
    part: str = "file",
    pace: Pace = DEFAULT,
) -> Spooled:
    """
    Receive the body of *request*, ``multipart/form-data`` with one file.

    A batch file is checked while it comes, if ``purpose`` came before it and the fields after it change nothing in
    what *rules_of* says; else when all is there. All its problems are one error.

    Args:
        request: The request.

        spool: Where the file is kept.

        settings: The gateway's bounds.

        rules_of: Tells what the file must obey; without it, *part* may be anything, and there need be no ``purpose``.

        part: Name of the part that is the file.

        pace: How slow the client may be.

    Raises:
        OpenAIError: The request is refused; nothing of it is left.
        ClientDisconnect: The client is gone; likewise.
    """
    most = settings.max_file_size_bytes
    if most is not None and (announced_bytes(request) or 0) > most + _OVERHEAD_BYTES:
        raise file_too_large(announced_bytes(request) or 0, most, is_batch=False)
    spool.require_room(announced_bytes(request) or 0)
    reception = _Reception(spool, settings, rules_of, part, announced_bytes(request) or 0)
    try:
        async for event in parts_of(request, body_of(request, settings.max_request_size_bytes, pace)):
            await reception.take(event)
        return await reception.result()
    except BaseException:
        reception.discard()
        raise


@attrs.define(eq=False)
class _Reception:
    """
    What was received so far of one request.
    """

    _spool: Spool
    _caps: Caps
    _rules_of: RulesOf | None
    _part: str
    _announced: int
    _fields: Fields = attrs.field(factory=Fields)
    _segment: MultipartSegment | None = None
    _name: str = ""
    _writer: SpoolWriter | None = None
    _is_in_file: bool = False

    async def take(self, event: MultipartSegment | bytes | None) -> None:
        """
        Take the next piece of the body.
        """
        if isinstance(event, MultipartSegment):
            self._begin(event)
        elif self._writer is None or not self._is_in_file:
            self._fields.take(event)
        elif event is not None:
            self._check_size(self._writer.received + len(event))
            await self._writer.take(event)

    async def result(self) -> Spooled:
        """
        Return the file, checked.
        """
        writer = self._writer
        if writer is None or self._segment is None:
            raise _missing(self._part)
        rules = self._rules()
        self._check_size(writer.received)
        if rules is not None:
            self._check_known(rules, writer.received)
        elif self._rules_of is not None:
            raise _missing("purpose")
        file = await writer.finish(rules if self._is_batch else None)
        content_type = self._segment.header("Content-Type")
        return Spooled(self._spool, file, self._name, content_type, self._fields.values, writer.facts)

    def discard(self) -> None:
        """
        Leave nothing of the file.
        """
        if self._writer is not None:
            self._writer.discard()

    @property
    def _is_batch(self) -> bool:
        return self._rules_of is not None and self._fields.values.get("purpose") == "batch"

    def _begin(self, segment: MultipartSegment) -> None:
        name, part = filename_of(segment), (segment.name or "")[:100]
        self._is_in_file = name is not None
        if name is None and part != self._part:
            self._fields.begin(segment.name or "")
        elif name is None:
            raise request_refused(
                400, f"The part '{part}' must be a file; its headers have no filename.", "invalid_value", part
            )
        elif part != self._part:
            message = f"Unknown file '{part}'; the file must be the part '{self._part}'."
            raise request_refused(400, message, "unknown_parameter", part)
        elif self._writer is not None:
            raise request_refused(400, f"Two parts are called '{part}'; send one file.", "invalid_value", part)
        else:
            self._begin_file(segment, name)

    def _begin_file(self, segment: MultipartSegment, name: str) -> None:
        self._segment, self._name = segment, name
        if self._rules_of is not None:
            check_extension(name, self._caps)
        rules = self._rules()
        if rules is not None:
            self._check_known(rules, None)
        self._writer = SpoolWriter(self._spool, rules if self._is_batch else None)

    def _rules(self) -> FileRules | None:
        """
        Return what the file must obey; ``None`` if that is not known yet, or nothing.
        """
        fields = self._fields.values
        if self._rules_of is None or single(fields, "purpose") is None:
            return None
        return self._rules_of(fields)

    def _check_known(self, rules: FileRules, size: int | None) -> None:
        """
        Refuse a file for what can be told without its content.
        """
        purpose = single(self._fields.values, "purpose") or ""
        if self._is_batch and not self._name.lower().endswith(".jsonl"):
            message = (
                f"Invalid file format for Batch API: '{self._name[:100]}'. Batch input files must be .jsonl files."
            )
            raise request_refused(400, f"{message} {NOT_FORWARDED}", "invalid_extension", "file")
        known = PathSource(path=Path(), name=self._name, size_bytes=size, modified_ns=0, checked_for=purpose)
        if problems := check_file(known, purpose, rules.limits):
            raise file_refused(problems)

    def _check_size(self, received: int) -> None:
        caps = [(self._caps.max_file_size_bytes, False)]
        if self._is_batch:
            caps.append((self._caps.max_batch_file_size_bytes, True))
        for most, is_batch in caps:
            if most is not None and received > most:
                raise file_too_large(max(self._announced, received), most, is_batch=is_batch)


def _missing(name: str) -> OpenAIError:
    return request_refused(400, f"Missing required parameter: '{name}'.", "missing_required_parameter", name)
