"""
The check of a batch input file, as its upload does it.
"""

from __future__ import annotations

import warnings

import attrs

from aikit.http.context import CallContext
from aikit.http.messages import Reader
from aikit.http.sources import FileSource, Source, release, source_of
from aikit.types.errors import CancelledError, OpenAIError
from aikit.validation import check_file
from aikit.validation.limits import limits_for


def check(
    file: FileSource, *, provider: str = "openai", filename: str | None = None, context: CallContext | None = None
) -> tuple[OpenAIError, ...]:
    """
    Return all problems for which a provider would refuse a batch input file; empty when there is none.

    Args:
        file: Path, bytes, or binary stream; a stream is read from where it stands to its end.

        provider: Kind of the provider whose limits apply: ``"openai"``, ``"local"``, or ``"compatible"`` for others.

        filename: Name of the upload. Default: that of the path, else ``file.jsonl``.

        context: Gets the progress, in the phase ``"checking"``; its cancellation ends the check.

    Returns:
        Problems of the whole file, then those of its lines in their order; at most a hundred, the last of which
        tells how many more there are. What is no problem and may yet be a mistake, such as a misspelt parameter, is
        a Python warning, or is among the notes of *context*.

    Raises:
        TypeError: *file* is none of the three kinds.
        ValueError: *file* is empty as a path, or closed as a stream or being read by a call, *filename* is no plain
            name, or *provider* is unknown.
        CancelledError: *context* was cancelled.
    """
    limits = limits_for(provider)
    source = source_of(file, filename=filename, purpose="batch")
    noted = context or CallContext()
    try:
        return tuple(check_file(_ReadOnce(source.resolved()), "batch", limits, noted))
    except CancelledError:
        raise
    except OpenAIError as error:
        return (error,)
    finally:
        release(source)
        for note in noted.notes if context is None else ():
            warnings.warn(note, stacklevel=2)


@attrs.frozen
class _ReadOnce:
    """
    A source that is read once and not sent, so that it counts as replayable.
    """

    _source: Source

    @property
    def name(self) -> str:
        return self._source.name

    @property
    def size_bytes(self) -> int | None:
        return self._source.size_bytes

    @property
    def is_replayable(self) -> bool:
        return True

    @property
    def mime_type(self) -> str | None:
        return self._source.mime_type

    def resolved(self) -> Source:
        return self

    def open(self, start: int = 0) -> Reader:
        return self._source.open(start)
