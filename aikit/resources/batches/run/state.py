"""
How far a run has come, as frozen values and as JSON.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import attrs

from aikit.types.wire import NOTHING

VERSION: Final = 1
_KEY_DIGITS: Final = 20
_KINDS: Final[Mapping[str, Any]] = {
    "str": str,
    "str | None": str | None,
    "int": int,
    "float": int | float,
    "float | None": int | float | None,
    "bool": bool,
    "Mapping": Mapping,
    "tuple": tuple,
}

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class Attempt:
    """
    One batch of a part: the first, or one more for what the one before left undone.

    Attributes:
        intent: By which the batch is found when its creation was not noted; written down before it.

        batch_id: ``None`` until it is noted.

        status: How it ended; ``None`` until it is over.

        code: Why the provider refused it as a whole, if it did.

        is_begun: Whether lines of a batch that failed may have been answered, and paid, before.

        asked_at: Unix seconds when it was first asked for, noted before, unless that was surely refused.

        file_id: The file at the provider with what the batch before left undone; noted before it is asked for.
    """

    intent: str
    batch_id: str | None = None
    status: str | None = None
    code: str | None = None
    is_begun: bool = False
    asked_at: float | None = None
    file_id: str | None = None

    @property
    def is_refused(self) -> bool:
        """Whether it was refused as a whole, so that nothing was done and nothing is paid."""
        return self.status == "failed" and not self.is_begun


@attrs.frozen(kw_only=True)
class Part:
    """
    What goes into one batch: the whole input, or as much of it as the provider takes at once.

    Attributes:
        number: From 1 on.

        path: The file with its lines.

        endpoint: What they ask.

        lines: How many there are.

        file_id: The file at the provider; ``None`` until it is there.

        attempts: Its batches, the last one counts.

        counts: Status of a line → how many, over all attempts; empty until the results were read.
    """

    number: int
    path: str
    endpoint: str
    lines: int
    file_id: str | None = None
    attempts: tuple[Attempt, ...] = ()
    counts: Mapping[str, int] = attrs.field(default=NOTHING, hash=False)

    @property
    def batch_id(self) -> str | None:
        """The last batch; ``None`` until there is one."""
        return self.attempts[-1].batch_id if self.attempts else None

    @property
    def batch_ids(self) -> tuple[str, ...]:
        """All its batches, from the first on."""
        return tuple(attempt.batch_id for attempt in self.attempts if attempt.batch_id is not None)

    @property
    def last_file_id(self) -> str | None:
        """The file that the last batch is made of; ``None`` until it is there."""
        return self.attempts[-1].file_id if len(self.attempts) > 1 else self.file_id

    @property
    def is_submitted(self) -> bool:
        """Whether there is a batch, and none is still to be created."""
        return self.batch_id is not None

    @property
    def is_asked(self) -> bool:
        """Whether a batch of its file was asked for, and not surely refused."""
        return len(self.attempts) > 1 or any(attempt.asked_at is not None for attempt in self.attempts)

    @property
    def is_ended(self) -> bool:
        """Whether its last batch is over."""
        return bool(self.attempts) and self.attempts[-1].status is not None

    @property
    def is_refused(self) -> bool:
        """Whether its last batch was."""
        return bool(self.attempts) and self.attempts[-1].is_refused

    @property
    def has_undone(self) -> bool:
        """Whether something is left to be sent again."""
        return self.is_refused or sum(self.counts.values()) > self.counts.get("ok", 0)

    def intending(self, intent: str) -> Part:
        """
        Return it with a batch more, still to be created.
        """
        return attrs.evolve(self, attempts=(*self.attempts, Attempt(intent=intent)))

    def with_last(self, **fields: Any) -> Part:
        """
        Return it with more known of its last batch.
        """
        return attrs.evolve(self, attempts=(*self.attempts[:-1], attrs.evolve(self.attempts[-1], **fields)))


@attrs.frozen(kw_only=True)
class RunOrder:
    """
    What a run is to do.

    Attributes:
        provider: Whom it asks, in words that are the same each time.

        input: Absolute path of the input.

        sha256: Of its content.

        size_bytes: Likewise.

        metadata: Kept with each batch.

        output_expires_after: As for `OpenAIBatchParameters`.
    """

    provider: str
    input: str
    sha256: str
    size_bytes: int
    metadata: Mapping[str, str] = attrs.field(default=NOTHING, hash=False)
    output_expires_after: Mapping[str, Any] | None = attrs.field(default=None, hash=False)

    @property
    def key(self) -> str:
        """What the run is known by: the same for the same lines, provider and options, wherever the file lies."""
        expiry = self.output_expires_after
        named = [self.provider, self.sha256, dict(self.metadata), expiry and dict(expiry)]
        return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()[:_KEY_DIGITS]


@attrs.frozen(kw_only=True)
class RunState:
    """
    How far a run has come.

    Attributes:
        created_at: Unix seconds, as *ended_at*.

        results: Paths of the files that the rows went to, or were about to go to.

        marks: Of those that were written to their end, by which they are known to be what they were, see `mark_of`.
    """

    order: RunOrder
    created_at: float
    parts: tuple[Part, ...]
    ended_at: float | None = None
    results: tuple[str, ...] = ()
    marks: Mapping[str, str] = attrs.field(default=NOTHING, hash=False)

    @property
    def is_asked(self) -> bool:
        """Whether a batch was asked for, and not surely refused."""
        return any(part.is_asked or part.is_submitted for part in self.parts)

    @property
    def is_ended(self) -> bool:
        """Whether all its batches are over and its results were written."""
        return self.ended_at is not None

    @property
    def lines(self) -> int:
        """How many requests there are."""
        return sum(part.lines for part in self.parts)

    @property
    def counts(self) -> Mapping[str, int]:
        """Status of a line → how many; empty until the results were read."""
        return dict(sum((Counter(part.counts) for part in self.parts), Counter()))

    @property
    def batch_ids(self) -> tuple[str, ...]:
        """The last batch of each part that has one."""
        return tuple(part.batch_id for part in self.parts if part.batch_id is not None)

    @property
    def intact_results(self) -> tuple[str, ...]:
        """Paths of the files with its rows that are as they were written."""
        return tuple(path for path, mark in self.marks.items() if mark_of(Path(path)) == mark)

    def with_results(self, path: str) -> RunState:
        """
        Return it with one more path that the rows go to.
        """
        return attrs.evolve(self, results=tuple(dict.fromkeys((*self.results, path))))

    def with_written(self, path: str) -> RunState:
        """
        Return it with the rows written to *path*.
        """
        return attrs.evolve(self, marks={**self.marks, path: mark_of(Path(path)) or ""})

    def with_part(self, part: Part) -> RunState:
        """
        Return it with *part* in the place of the one of the same number.
        """
        return attrs.evolve(self, parts=tuple(part if one.number == part.number else one for one in self.parts))

    def to_json(self) -> dict[str, Any]:
        """
        Return it as it is kept.
        """
        values = attrs.asdict(self, value_serializer=lambda _, __, value: _plain(value))
        return {"version": VERSION, "key": self.order.key} | values

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """
        Read what `to_json` returned.

        Raises:
            ValueError: It is something else.
        """
        try:
            version, _, order, parts = data.pop("version"), data.pop("key"), data.pop("order"), data.pop("parts")
            if version != VERSION:
                raise ValueError(f"it is of version {version}, and this aikit knows {VERSION}")
            results = tuple(data.pop("results"))
            order, parts = _checked(RunOrder(**order)), tuple(_part(part) for part in parts)
            state = _checked(cls(order=order, parts=parts, results=results, **data))
            _ = state.counts, "".join(results)
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"it is not what a run keeps: {error!r}") from error
        return state


def mark_of(path: Path) -> str | None:
    """
    Return the size of the file at *path* and the time of its last change; ``None`` if that cannot be told.
    """
    try:
        status = path.stat()
    except (OSError, ValueError):  # a name that none can be
        return None
    return f"{status.st_size} bytes, {status.st_mtime_ns} ns"


def _part(data: dict[str, Any]) -> Part:
    attempts = tuple(_checked(Attempt(**attempt)) for attempt in data.pop("attempts"))
    return _checked(Part(attempts=attempts, **data))


def _checked(value: T) -> T:
    """
    Return *value*, if its fields are what they are declared to be.

    Raises:
        TypeError: One is not.
    """
    for field in attrs.fields(type(value)):  # type: ignore[arg-type]  # of a class of attrs
        found = getattr(value, field.name)
        kind, _, rest = str(field.type).partition("[")
        expected = _KINDS.get(kind, object)
        if not isinstance(found, expected | None if rest.endswith("| None") else expected):
            raise TypeError(f"{field.name} is of type {type(found).__name__}")
    return value


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value
