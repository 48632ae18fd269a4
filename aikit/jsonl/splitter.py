"""
Splitting a batch input of any size, endpoints and models into parts that a provider accepts, in one pass.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import attrs

from aikit.http.context import CallContext
from aikit.http.sources import FileSource, Source, release, source_of
from aikit.jsonl.parts import GrowingPart, Part, PartsFolder
from aikit.jsonl.tokens import TokenEstimate, estimate_body
from aikit.runtime.callbacks import checked_plain
from aikit.storage.spill import DiskCounter
from aikit.types.errors import CancelledError, OpenAIError, Rejected
from aikit.types.progress import Progress
from aikit.validation.batch_lines import BatchRules, input_count
from aikit.validation.limits import Limits, limits_for
from aikit.validation.lines import Objects, iter_lines
from aikit.validation.problems import Problems

_PARTS_MAX: Final = 10_000
_EMBEDDINGS: Final = "/v1/embeddings"
_EXTENSIONS: Final = (".jsonl", ".json", ".ndjson", ".txt")
_UNCOUNTED: Final = TokenEstimate()


@attrs.frozen(kw_only=True)
class _Bounds:
    """
    The bounds of one part.
    """

    lines: int
    bytes: int
    inputs: int
    tokens: int | None


def split(
    file: FileSource,
    folder: str | os.PathLike[str],
    *,
    provider: str = "openai",
    max_lines: int | None = None,
    max_bytes: int | None = None,
    max_tokens: int | None = None,
    filename: str | None = None,
    replace: bool = False,
    on_progress: Callable[[Progress], object] | None = None,
    context: CallContext | None = None,
) -> tuple[Part, ...]:
    """
    Split a batch input into files that a provider accepts: each of one url and one model, and within its limits.

    All lines are checked on the way, by the rules of the upload. They are copied byte for byte and keep their order
    within the parts. An input that needs no split gives one part. Nothing is held in memory but what waits to be
    written; parts appear in *folder* all at once, when the last is complete, or not at all (a process that is killed
    meanwhile leaves a hidden folder in it).

    Args:
        file: Path, bytes, or binary stream; a stream is read from where it stands to its end.

        folder: The folder of the parts; created if it does not exist. Parts are named after the input:
            ``big.part-00001.jsonl`` and so on, in the order of their first lines.

        provider: Kind of the provider whose limits apply: ``"openai"``, ``"local"``, or ``"compatible"`` for others.

        max_lines: Requests of a part, if fewer than the provider's limit.

        max_bytes: Of a part, if fewer than the provider's limit.

        max_tokens: Of a part's input, by the high estimate, for providers that bound the tokens that may be enqueued;
            parts of requests that cannot be estimated, such as files, do not count.

        filename: Name the parts after this instead of the input.

        replace: Whether to replace parts of an earlier split of the same name; otherwise they are an error.

        on_progress: Called with the progress of reading, in the phase ``"splitting"``, at most ten times a second.

        context: Gets the progress instead of *on_progress*; its cancellation ends the splitting.

    Raises:
        TypeError: An argument has another type, or *on_progress* is an async function.
        ValueError: A bound is less than 1, *file* is a stream that is closed or that a call is reading, *filename* is
            no plain name, or *provider* is unknown.
        Rejected: Lines fit in no part, each with its number, at most a hundred; or *file* cannot be read,
            or *folder* not written to. Nothing is left behind.
        CancelledError: *context* was cancelled; nothing is left behind.
    """
    limits = limits_for(provider)
    bounds = _bounds(limits, max_lines=max_lines, max_bytes=max_bytes, max_tokens=max_tokens)
    tell = checked_plain("on_progress", on_progress)
    folder = _require_folder(folder)
    source = source_of(file, filename=filename, purpose="batch")
    with _rejecting(source):
        source = source.resolved()
        with PartsFolder(folder, _stem(source.name), replace) as parts:
            pass_ = _Pass(bounds=bounds, limits=limits, parts=parts)
            pass_.run(source, context or CallContext(on_progress=tell))
            return pass_.commit()


@contextmanager
def _rejecting(source: Source) -> Iterator[None]:
    try:
        yield
    except CancelledError:
        raise
    except OpenAIError as error:
        raise Rejected([error]) from error
    finally:
        release(source)


def _bounds(limits: Limits, **given: int | None) -> _Bounds:
    for name, value in given.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise TypeError(f"{name} must be a whole number, not {type(value).__name__}")
        if value is not None and value < 1:
            raise ValueError(f"{name} must be 1 or more, not {value}")
    lines, size = given["max_lines"], given["max_bytes"]
    return _Bounds(
        lines=limits.batch_max_lines if lines is None else min(lines, limits.batch_max_lines),
        bytes=limits.batch_max_bytes if size is None else min(size, limits.batch_max_bytes),
        inputs=limits.embeddings_batch_max_inputs,
        tokens=given["max_tokens"],
    )


def _require_folder(folder: Any) -> Path:
    if not isinstance(folder, str | os.PathLike) or isinstance(os.fspath(folder), bytes):
        raise TypeError(f"folder must be a path as a string, not {type(folder).__name__}")
    if not os.fspath(folder) or "\0" in os.fspath(folder):
        raise ValueError("folder must not be empty, nor have a NUL character")
    return Path(folder)


def _stem(name: str) -> str:
    stem, extension = os.path.splitext(name)  # noqa: PTH122  a name, not a path
    return stem if extension.lower() in _EXTENSIONS else name


@attrs.define
class _Group:
    """
    The requests of one url and one model, and the part that gets the next of them.
    """

    rules: BatchRules
    part: GrowingPart | None = None


@attrs.define(kw_only=True, eq=False)
class _Pass:
    """
    One pass over the input; after the first problem it only searches for more.
    """

    bounds: _Bounds
    limits: Limits
    parts: PartsFolder
    problems: Problems = attrs.field(factory=Problems)
    _groups: dict[tuple[str | None, str | None], _Group] = attrs.field(factory=dict)
    _ids: DiskCounter = attrs.field(factory=DiskCounter)

    def run(self, source: Source, context: CallContext) -> None:
        """
        Read *source* to its end, and write its lines to parts.
        """
        line_max = min(self.limits.line_max_bytes, self.bounds.bytes - 1)
        reader = source.open()
        try:
            lines = iter_lines(reader, line_max, lambda done: context.report("splitting", done, source.size_bytes))
            limits = attrs.evolve(self.limits, line_max_bytes=line_max)
            for number, line, value in Objects(lines, limits, self.problems):
                self._add(number, line, value)
                if len(self._groups) > _PARTS_MAX or len(self.parts.parts) > _PARTS_MAX:
                    self._add_too_many(number)
                    break
        except CancelledError:
            raise
        except OpenAIError as error:
            self.problems.add(error)
        finally:
            reader.close()

    def commit(self) -> tuple[Part, ...]:
        """
        Commit the parts, and return them.

        Raises:
            Rejected: There were problems.
        """
        if self.problems.count:
            raise Rejected(self.problems.shown())
        paths = self.parts.commit()
        has_tokens = self.bounds.tokens is not None
        growing = zip(self.parts.parts, paths, strict=True)
        return tuple(part.complete(path, has_tokens=has_tokens) for part, path in growing)

    def _add(self, number: int, line: bytes, value: dict[str, Any]) -> None:
        group, known = self._group_of(value), self.problems.count
        group.rules.check(value, number)
        if self.problems.count > known:
            return
        body = value["body"]
        inputs = input_count(body.get("input")) if value["url"] == _EMBEDDINGS else 0
        tokens = _UNCOUNTED if self.bounds.tokens is None else estimate_body(value["url"], body)[0]
        if self._is_too_much(inputs, tokens, number) or self.problems.count:
            return
        part = group.part
        if part is None or not self._has_room(part, len(line) + 1, inputs, tokens.high):
            part = group.part = self.parts.begin(value["url"], body.get("model"), number)
        self.parts.add(part, line)
        if inputs:
            part.inputs += inputs
        if tokens is not _UNCOUNTED:
            part.tokens += tokens

    def _group_of(self, value: dict[str, Any]) -> _Group:
        url, body = value.get("url"), value.get("body")
        model = body.get("model") if type(body) is dict else None
        key = (url if type(url) is str else None, model if type(model) is str else None)
        group = self._groups.get(key)
        if group is None:
            # custom_ids are unique across all groups: the results of all parts are joined
            group = self._groups[key] = _Group(BatchRules(self.limits, self.problems, ids=self._ids))
        return group

    def _has_room(self, part: GrowingPart, size: int, inputs: int, tokens: int) -> bool:
        bounds = self.bounds
        return (
            part.lines < bounds.lines
            and part.size_bytes + size <= bounds.bytes
            and part.inputs + inputs <= bounds.inputs
            and (bounds.tokens is None or part.tokens.high + tokens <= bounds.tokens)
        )

    def _is_too_much(self, inputs: int, tokens: TokenEstimate, number: int) -> bool:
        """
        Return whether a line is too large for any part, and record the problem.
        """
        most = self.bounds
        if inputs > most.inputs:
            message = f"The request has {inputs:,} embedding inputs, but a batch may have {most.inputs:,}; split it."
            self.problems.add_line(number, "too_many_inputs", message, "body.input")
        elif most.tokens is not None and tokens.high > most.tokens:
            message = f"The request has up to {tokens.high:,} input tokens, more than max_tokens, {most.tokens:,}."
            self.problems.add_line(number, "too_many_tokens", message, "body")
        else:
            return False
        return True

    def _add_too_many(self, number: int) -> None:
        message = (
            f"The lines up to {number:,} give more than {_PARTS_MAX:,} parts; raise the bounds, or look at url and "
            "model of the requests, which have too many different values"
        )
        self.problems.add(OpenAIError(message=message, code="too_many_parts", param="file"))
