"""
What OpenAI refuses when a file is uploaded, listed or fetched.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from aikit.providers.local.api.refusals import Refusal, integer, missing, require_known, unsupported
from aikit.types.interruptions import let_through
from aikit.validation.limits import limits_for
from aikit.validation.lines import parsed

_BATCH_FORMAT: Final = "Invalid file format for Batch API. Must be .jsonl"
_FINE_TUNE_FORMAT: Final = "Expected file to have JSONL format, where every line is a valid JSON dictionary."
_NOT_DOWNLOADABLE: Final = frozenset(("assistants", "user_data"))
_FIELDS: Final = frozenset(("purpose", "expires_after[anchor]", "expires_after[seconds]"))
_LIST_FIELDS: Final = frozenset(("purpose", "limit", "order", "after"))
_MAX_LINE: Final = 1 << 20
_DEFAULT_EXPIRY_S: Final = {"batch": 2_592_000, "batch_output": 2_592_000}


@attrs.frozen(kw_only=True)
class NewFile:
    """
    A new file that has passed the checks of its form.

    Attributes:
        expires_after_s: Seconds it is kept; ``None`` until deleted.
    """

    filename: str
    purpose: str
    expires_after_s: int | None


@attrs.frozen(kw_only=True)
class ListQuery:
    """
    The query of a list of files.
    """

    limit: int
    newest_first: bool
    purpose: str | None
    after: str | None


def parse_form(fields: Mapping[str, str], filename: str | None, size_bytes: int | None) -> NewFile:
    """
    Parse the form of an upload.

    Raises:
        Refusal: OpenAI would not have it.
    """
    # https://developers.openai.com/api/reference/resources/files (read 2026-11-21)
    require_known(fields, _FIELDS)
    purpose = _purpose(fields.get("purpose"))
    expires_after_s = _expiry(fields, purpose)
    name = _name(filename)
    _require_fitting_extension(name, purpose)
    if size_bytes is not None:
        require_size(size_bytes, purpose)
    return NewFile(filename=name, purpose=purpose, expires_after_s=expires_after_s)


def parse_list_query(fields: Mapping[str, str]) -> ListQuery:
    """
    Parse the query of a list.

    Raises:
        Refusal: OpenAI would not have it.
    """
    # https://developers.openai.com/api/reference/resources/files (read 2026-11-21)
    require_known(fields, _LIST_FIELDS)
    limits = limits_for("local")
    limit = integer(fields.get("limit", str(limits.list_max)), "limit", limits.list_min, limits.list_max)
    order = fields.get("order", "desc")
    if order not in {"asc", "desc"}:
        raise unsupported(order, "order", ("asc", "desc"))
    return ListQuery(
        limit=limit,
        newest_first=order == "desc",
        purpose=fields.get("purpose") or None,
        after=fields.get("after") or None,
    )


def require_size(size_bytes: int, purpose: str, *, in_parts: bool = False) -> None:
    """
    Refuse more bytes than a file of *purpose* may have.
    """
    limit = limits_for("local").size_limit(purpose, in_parts=in_parts)
    if size_bytes > limit:
        raise Refusal(
            f"File is too large: files of purpose '{purpose}' may have up to {limit} bytes. Split it, or send less.",
            param="file",
            code="file_too_large",
            status=413,
        )


def require_downloadable(purpose: str) -> None:
    """
    Refuse to hand out files of purposes that OpenAI keeps to itself.
    """
    if purpose in _NOT_DOWNLOADABLE:
        raise Refusal(f"Not allowed to download files of purpose: {purpose}")


def no_such_file(file_id: str, param: str = "id") -> Refusal:
    """
    Return the refusal for a file that does not exist, or no longer.
    """
    return Refusal(f"No such File object: {file_id}", param=param, status=404)


@attrs.define
class ContentCheck:
    """
    The checks of incoming content: its size, for batch the first line, for fine-tune every line.

    Of a line longer than a megabyte only the ends are checked, so that memory stays bounded. Blank lines at the end of
    a training file are allowed, as `aikit.validation.lines.check_lines` allows them.
    """

    purpose: str
    is_in_parts: bool = False
    _size: int = 0
    _line: int = 1
    _start: bytearray = attrs.field(factory=bytearray)
    _end: bytes = b""
    _is_long: bool = False
    _blank: int = 0

    def feed(self, chunk: bytes) -> None:
        """
        Check the next bytes.

        Raises:
            Refusal: The content is too large, or a line is not what the purpose asks for.
        """
        self._size += len(chunk)
        require_size(self._size, self.purpose, in_parts=self.is_in_parts)
        if not self._is_looking():
            return
        *complete, rest = chunk.split(b"\n")
        for piece in complete:
            self._extend(piece)
            self._check_line()
            if not self._is_looking():
                return
        self._extend(rest)

    def finish(self) -> None:
        """
        Check the last line, after all bytes.

        Raises:
            Refusal: The content is empty, or the last line is not what the purpose asks for.
        """
        if not self._size:
            raise Refusal(_BATCH_FORMAT) if self.purpose == "batch" else Refusal("File is empty.", "file", "empty_file")
        if self._is_looking() and (self._start or self._line == 1):
            self._check_line()
        if self._blank == 1:  # and so are all others
            raise _no_dictionary(1)

    def _is_looking(self) -> bool:
        return self.purpose == "fine-tune" or (self.purpose == "batch" and self._line == 1)

    def _extend(self, piece: bytes) -> None:
        if not self._start:
            piece = piece.lstrip(b" \t\r")  # what JSON passes over
        room = _MAX_LINE - len(self._start)
        self._is_long |= len(piece) > room
        self._start += piece[:room]
        self._end = piece.rstrip()[-1:] or self._end

    def _check_line(self) -> None:
        if self.purpose == "batch":
            if not self._is_fine():
                raise Refusal(_BATCH_FORMAT)
        elif not self._end:
            self._blank = self._blank or self._line
        elif self._blank or not self._is_fine():
            raise _no_dictionary(self._blank or self._line)
        self._line += 1
        self._start.clear()
        self._end, self._is_long = b"", False

    def _is_fine(self) -> bool:
        return self._is_enclosed() if self._is_long else self._is_json()

    def _is_enclosed(self) -> bool:
        return self._start.lstrip()[:1] == b"{" and self._end == b"}"

    def _is_json(self) -> bool:
        try:
            value = parsed(bytes(self._start))
        except ValueError as error:
            let_through(error)
            return False
        return self.purpose == "batch" or isinstance(value, dict)


def _no_dictionary(line: int) -> Refusal:
    return Refusal(f"{_FINE_TUNE_FORMAT} Line {line} is not a valid JSON dictionary.", param="file")


def _purpose(purpose: str | None) -> str:
    if not purpose:
        raise missing("purpose")
    purposes = limits_for("local").purposes
    if purpose not in purposes:
        raise unsupported(purpose, "purpose", tuple(purposes))
    return purpose


def _expiry(fields: Mapping[str, str], purpose: str) -> int | None:
    anchor, seconds = fields.get("expires_after[anchor]"), fields.get("expires_after[seconds]")
    if anchor is None and seconds is None:
        return _DEFAULT_EXPIRY_S.get(purpose)
    if anchor is None:
        raise missing("expires_after.anchor")
    if seconds is None:
        raise missing("expires_after.seconds")
    if anchor != "created_at":
        raise unsupported(anchor, "expires_after.anchor", ("created_at",))
    limits = limits_for("local")
    return integer(seconds, "expires_after.seconds", limits.expires_min_s, limits.expires_max_s)


def _name(filename: str | None) -> str:
    """
    Return *filename* without folders, in characters that can be stored.
    """
    if not filename:
        raise missing("file")
    name = filename.replace("\\", "/").rsplit("/", 1)[-1].encode("utf-8", "replace").decode()
    longest = limits_for("local").filename_max_bytes
    has_control = any(char < " " or char == "\x7f" for char in name)
    if name in {"", ".", ".."} or has_control or len(name.encode()) > longest:
        raise Refusal(
            f"Invalid file name: {name[:40]!r}. Give a name of up to {longest} bytes without control characters.",
            param="file",
            code="invalid_filename",
        )
    return name


def _require_fitting_extension(name: str, purpose: str) -> None:
    extension = name[name.rfind(".") :].lower() if "." in name else ""
    if purpose == "batch" and extension != ".jsonl":
        raise Refusal(_BATCH_FORMAT)
    if purpose == "assistants" and extension not in limits_for("local").extensions[purpose]:
        raise Refusal(f"Files with extensions [{extension or 'none'}] are not supported for retrieval.")
