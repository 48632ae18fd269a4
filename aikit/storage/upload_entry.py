"""
One upload in parts: its content, the parts that have arrived, and its row in the journal.
"""

from __future__ import annotations

from typing import Protocol

import attrs


@attrs.frozen(kw_only=True)
class UploadKey:
    """
    The content of an upload, as far as it is known before it is read.

    Attributes:
        account: Key of the provider's account; no secret is in it.

        options: Other options of the file, as text.

        place: Where it lies on this machine; ``None`` for bytes and streams.
    """

    account: str
    purpose: str
    filename: str
    options: str
    part_bytes: int
    size_bytes: int
    place: str | None

    @property
    def same(self) -> tuple[str | int, ...]:
        """The values that every upload of the content shares with it."""
        return (self.account, self.purpose, self.filename, self.options, self.part_bytes)


@attrs.frozen
class SentPart:
    """
    A part that has arrived.

    Attributes:
        id: The provider's.

        digest: SHA-256 of the part, in hexadecimal; empty without a checksum, and then it cannot be resumed.
    """

    id: str
    digest: str


class RecordHandle(Protocol):
    """
    The row of an upload in the journal.
    """

    def add(self, number: int, part: SentPart) -> None:
        """Note that a part has arrived."""
        ...

    def end(self) -> None:
        """Note that the provider is about to be asked to make the file."""
        ...

    def forget(self, file_id: str | None) -> None:
        """Forget the upload, and note which file it became."""
        ...

    def release(self) -> None:
        """Release the upload to other calls."""
        ...


@attrs.define(kw_only=True, eq=False)
class UploadRecord:
    """
    An upload in parts that this call has claimed.

    Attributes:
        created_at: Unix seconds of the provider.

        place: Path of the file on this machine; ``None`` for bytes and streams.

        is_ending: Whether the provider was asked to make the file, which it may have done.

        parts: The parts that have arrived, by number from 0.
    """

    upload_id: str
    created_at: int
    size_bytes: int
    place: str | None = None
    is_ending: bool = False
    parts: dict[int, SentPart] = attrs.field(factory=dict)
    _kept: RecordHandle | None = None

    @property
    def is_kept(self) -> bool:
        """Whether a later call can resume it."""
        return self._kept is not None

    def keep(self, handle: RecordHandle) -> None:
        """
        From here on, note changes in the journal through *handle*.
        """
        self._kept = handle

    def add(self, number: int, part: SentPart) -> None:
        """
        Note that a part has arrived.
        """
        self.parts[number] = part
        if self._kept is not None and part.digest:
            self._kept.add(number, part)

    def end(self) -> None:
        """
        Note that the provider is about to be asked to make the file.
        """
        self.is_ending = True
        if self._kept is not None:
            self._kept.end()

    def forget(self, file_id: str | None = None) -> None:
        """
        Forget the upload: it has become the file of that id, or is cancelled.
        """
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.forget(file_id)

    def release(self) -> None:
        """
        Release the upload to other calls.
        """
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.release()
