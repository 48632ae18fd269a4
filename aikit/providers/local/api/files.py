"""
OpenAI's Files API on a store: plain values in, a status, headers and a body out, whatever carries them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

import attrs

from aikit.providers.local.api.file_rules import (
    ContentCheck,
    no_such_file,
    parse_form,
    parse_list_query,
    require_downloadable,
)
from aikit.providers.local.api.refusals import Refusal
from aikit.providers.local.api.replies import Reply, answering, json_reply
from aikit.providers.local.store.blobs import Content
from aikit.providers.local.store.files import Store, StoredFile

_RANGE: Final = re.compile(r"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))", re.ASCII)


@attrs.frozen(kw_only=True)
class FilesService:
    """
    The operations of OpenAI's Files API; a refusal is an answer, not an exception.
    """

    # https://developers.openai.com/api/reference/resources/files (read 2026-11-21)

    store: Store

    @answering
    def create(
        self, fields: Mapping[str, str], filename: str | None, chunks: Iterable[bytes], size_bytes: int | None = None
    ) -> Reply:
        """
        Store a file.

        Args:
            fields: The form without its file: purpose, ``expires_after[anchor]``, ``expires_after[seconds]``.

            filename: The file's name; folders in it are dropped. ``None`` when the form has no file.

            chunks: The content; an exception it raises undoes everything.

            size_bytes: Size, if known: a file that is too large is refused unread.
        """
        wanted = parse_form(fields, filename, size_bytes)
        check = ContentCheck(wanted.purpose)
        with self.store.receiving(size_bytes) as incoming:
            for chunk in chunks:
                check.feed(chunk)
                incoming.write(chunk)
            check.finish()
            file = self.store.keep(incoming, **attrs.asdict(wanted))
        return json_reply(200, file_to_wire(file))

    @answering
    def retrieve(self, file_id: str) -> Reply:
        """
        Return a file.
        """
        file = self.store.retrieve(file_id)
        if file is None:
            raise no_such_file(file_id)
        return json_reply(200, file_to_wire(file))

    @answering
    def list(self, query: Mapping[str, str]) -> Reply:
        """
        Return a page of files; on an empty page ``first_id`` and ``last_id`` are empty strings.
        """
        # OpenAI's schema requires both ids as strings and does not say what an empty page has.
        wanted = parse_list_query(query)
        found = self.store.list(
            limit=wanted.limit + 1,
            newest_first=wanted.newest_first,
            purpose=wanted.purpose,
            after=wanted.after,
        )
        if found is None:
            raise no_such_file(wanted.after or "", param="after")
        data = [file_to_wire(file) for file in found[: wanted.limit]]
        page = {
            "object": "list",
            "data": data,
            "first_id": data[0]["id"] if data else "",
            "last_id": data[-1]["id"] if data else "",
            "has_more": len(found) > wanted.limit,
        }
        return json_reply(200, page)

    @answering
    def delete(self, file_id: str) -> Reply:
        """
        Delete a file.
        """
        if not self.store.delete(file_id):
            raise no_such_file(file_id)
        return json_reply(200, {"id": file_id, "object": "file", "deleted": True})

    @answering
    def content(self, file_id: str, headers: Mapping[str, str]) -> Reply:
        """
        Open a file's content, or the part of it that Range in *headers* (names in lower case) asks for.
        """
        opened = self.store.open(file_id)
        if opened is None:
            raise no_such_file(file_id)
        file, stream = opened
        try:
            require_downloadable(file.purpose)
            part = _asked_part(headers, file.bytes, _etag(file))
        except BaseException:
            stream.close()
            raise
        start, size = part or (0, file.bytes)
        reply_headers = _content_headers(file, size)
        if part is not None:
            reply_headers["content-range"] = f"bytes {start}-{start + size - 1}/{file.bytes}"
        return Reply(status=200 if part is None else 206, headers=reply_headers, content=Content(stream, start, size))


def file_to_wire(file: StoredFile) -> dict[str, Any]:
    """
    Return OpenAI's File object; keys that have no value are left out, as its schema has no null there.
    """
    data: dict[str, Any] = {
        "object": "file",
        "id": file.id,
        "purpose": file.purpose,
        "filename": file.filename,
        "bytes": file.bytes,
        "created_at": file.created_at,
        "status": "processed",
    }
    if file.expires_at is not None:
        data["expires_at"] = file.expires_at
    return data


def _asked_part(headers: Mapping[str, str], size_bytes: int, etag: str) -> tuple[int, int] | None:
    """
    Return start and size of the part that Range and If-Range in *headers* (lower case) ask for, ``None`` for the whole.

    Raises:
        Refusal: There is no such part (status 416).
    """
    # RFC 9110 sections 13.1.5 and 14.2: what is not understood, several ranges among it, is answered with the whole.
    found = _RANGE.fullmatch(headers.get("range", "").replace(" ", ""))
    if found is None or headers.get("if-range", etag) != etag:
        return None
    first, last, suffix = found.groups()
    if suffix is not None:
        start, end = max(size_bytes - int(suffix), 0), size_bytes
    elif last and int(last) < int(first):
        return None
    else:
        start, end = int(first), min(int(last) + 1, size_bytes) if last else size_bytes
    if start >= size_bytes:
        raise _no_such_part(size_bytes)
    return start, end - start


def _no_such_part(size_bytes: int) -> Refusal:
    return Refusal(
        f"The range asked for starts behind the file's last byte; the file has {size_bytes} bytes.",
        param="range",
        code="range_not_satisfiable",
        status=416,
        headers={"content-range": f"bytes */{size_bytes}"},
    )


def _content_headers(file: StoredFile, size_bytes: int) -> dict[str, str]:
    # Content-Disposition: RFC 6266 with RFC 8187; the quoted name is for readers that know no other.
    plain = "".join(char if char.isascii() and char not in '"\\%' else "_" for char in file.filename)
    encoded = quote(file.filename, safe="")
    return {
        "content-type": "application/octet-stream",
        "content-length": str(size_bytes),
        "content-disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}",
        "accept-ranges": "bytes",
        "etag": _etag(file),
    }


def _etag(file: StoredFile) -> str:
    return f'"{file.sha256}"'
