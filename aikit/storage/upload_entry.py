"""
One upload in parts: what it is of, what has arrived, and its place in the journal.
"""

from __future__ import annotations

from typing import Protocol

import attrs


@attrs.frozen(kw_only=True)
class UploadKey:
    """
    What is to be uploaded, as far as it is known before it is read.

    Attributes:
        account: Digest of the provider's address and of who asks; never the key itself.

        options: What else was asked of the file, as text.

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
        """What an upload of it certainly has in common with it."""
        return (self.account, self.purpose, self.filename, self.options, self.part_bytes)


@attrs.frozen
class SentPart:
    """
    A part that has arrived.

    Attributes:
        id: The provider's.

        digest: Of what was sent, in hexadecimal; empty if nobody hashed it, which nobody can go on with.
    """

    id: str
    digest: str


class Place(Protocol):
    """
    Where an entry is kept.
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
        """Leave it to others."""
        ...


@attrs.define(kw_only=True, eq=False)
class UploadRecord:
    """
    An upload in parts that this call has for itself.

    Attributes:
        created_at: Unix seconds of the provider.

        place: Where what it is of lies; ``None`` for bytes and streams.

        is_ending: Whether the provider was asked to make the file, which it may have done.

        parts: What has arrived, by number from 0.
    """

    upload_id: str
    created_at: int
    size_bytes: int
    place: str | None = None
    is_ending: bool = False
    parts: dict[int, SentPart] = attrs.field(factory=dict)
    _kept: Place | None = None

    @property
    def is_kept(self) -> bool:
        """Whether a later call can go on with it."""
        return self._kept is not None

    def keep(self, place: Place) -> None:
        """
        From here on, note in *place* what becomes of it.
        """
        self._kept = place

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
        Forget it: it has become the file of that id, or is given up.
        """
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.forget(file_id)

    def release(self) -> None:
        """
        Leave it to the next call.
        """
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.release()
