"""
A batch input file, checked as its upload checks it.
"""

from __future__ import annotations

import attrs

from aikit.http.context import CallContext
from aikit.http.messages import Reader
from aikit.http.sources import FileSource, Source, source_of
from aikit.types.errors import CancelledError, OpenAIError
from aikit.validation import check_file
from aikit.validation.limits import limits_for


def check(
    file: FileSource, *, provider: str = "openai", filename: str | None = None, context: CallContext | None = None
) -> tuple[OpenAIError, ...]:
    """
    Return everything that a provider would refuse about a batch input file, nothing when all is well.

    Args:
        file: Path, bytes, or binary stream; a stream is read from where it stands to its end.

        provider: Whose limits count: ``"openai"``, ``"local"``, or ``"compatible"`` for any other server.

        filename: Name it is to be uploaded under; for what has none it is ``file.jsonl``.

        context: Told how far the reading has come, in the phase ``"checking"``; also ends it when cancelled.

    Returns:
        Problems of the whole file, then those of its lines in their order; at most a hundred, the last of which
        tells how many more there are.

    Raises:
        TypeError: *file* is none of the three kinds.
        ValueError: *file* is empty as a path or closed as a stream, *filename* is no plain name, or nothing is known
            about *provider*.
        CancelledError: *context* was cancelled.
    """
    limits = limits_for(provider)
    source = source_of(file, filename=filename, purpose="batch")
    try:
        return tuple(check_file(_ReadOnce(source.resolved()), "batch", limits, context))
    except CancelledError:
        raise
    except OpenAIError as error:
        return (error,)


@attrs.frozen
class _ReadOnce:
    """
    A source that is only read, not sent: it need not be there a second time.
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

    def resolved(self) -> Source:
        return self

    def open(self, start: int = 0) -> Reader:
        return self._source.open(start)
