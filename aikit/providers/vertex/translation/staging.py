"""
The input of a batch translated to files on this machine, checked to its last line before any of it is sent.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import attrs

from aikit.http.context import CallContext
from aikit.http.sources import Source
from aikit.providers.vertex.checksum import digest_of
from aikit.providers.vertex.translation.claude import claude_request
from aikit.providers.vertex.translation.embeddings import embedding_request
from aikit.providers.vertex.translation.models import ANTHROPIC, EMBEDDINGS, OPENAI, Model, model_named
from aikit.providers.vertex.translation.refusals import RefusedError
from aikit.providers.vertex.translation.requests import gemini_request
from aikit.providers.vertex.translation.shared import Shared, is_plain
from aikit.storage.temporary import TemporaryFolder
from aikit.types.errors import OpenAIError, Rejected
from aikit.types.interruptions import let_through
from aikit.validation.batch_lines import BatchRules
from aikit.validation.limits import Limits
from aikit.validation.lines import Objects, iter_lines, make_decoder
from aikit.validation.problems import Problems

log: Final = logging.getLogger("aikit")

_BUFFER: Final = 1024 * 1024


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in members if names.count(name) > 1)
        raise ValueError(f'An object has the name "{twice[:60]}" twice.')
    return members


_DECODER: Final = make_decoder(object_pairs_hook=_unique)


@attrs.frozen(kw_only=True)
class Staged:
    """
    The translated input of a batch, in a private temporary folder.

    Attributes:
        requests: The lines for Vertex AI.

        ids: The custom_id of each, as a JSON string on a line.

        model: Path of the model that all lines ask.

        endpoint: OpenAI's endpoint of all lines.

        shape: Of the lines: ``"gemini"``, ``"anthropic"`` or ``"openai"``.

        lines: Their number.

        digest: Of the custom_ids.
    """

    requests: Path
    ids: Path
    model: str
    endpoint: str
    shape: str
    lines: int
    digest: str
    _folder: TemporaryFolder

    @property
    def metadata(self) -> Mapping[str, str]:
        """What is to be known of the lines wherever they are stored."""
        told = {"model": self.model, "endpoint": self.endpoint, "shape": self.shape}
        return {**told, "lines": str(self.lines), "ids": self.digest}

    @property
    def size_bytes(self) -> int:
        """Of both files."""
        return self.requests.stat().st_size + self.ids.stat().st_size

    def discard(self) -> None:
        """
        Remove the files.
        """
        self._folder.remove()


def stage(source: Source, context: CallContext, *, limits: Limits) -> Staged:
    """
    Translate *source*, the input of a batch; `Staged.discard` is then the caller's.

    Raises:
        Rejected: Lines break rules, cannot be translated, or would not be imported; up to a hundred are told.
        OpenAIError: The model is unknown; the source cannot be read; there is no room (code ``"temporary_storage"``).
        CancelledError: *context* was cancelled.
    """
    folder = TemporaryFolder.make()
    try:
        return _staged(source, context, limits, folder)
    except OSError as error:
        folder.remove()
        let_through(error)
        raise _no_room(folder.path, error) from error
    except BaseException:
        folder.remove()
        raise


def _staged(source: Source, context: CallContext, limits: Limits, folder: TemporaryFolder) -> Staged:
    requests, ids = folder.path / "requests.jsonl", folder.path / "ids.jsonl"
    problems = Problems()
    with requests.open("wb", _BUFFER) as file, ids.open("wb", _BUFFER) as names:
        translation = _Translation(file, names, problems)
        lines = _translate_all(source, context, limits, translation)
    if requests.stat().st_size > limits.batch_max_bytes:
        message = (
            f"the translated lines have more than {limits.batch_max_bytes:,} bytes, the limit of a job; split the file"
        )
        problems.add(OpenAIError(message=message, code="file_too_large", param="file"))
    shared = translation.shared
    if problems.count or shared is None:
        raise Rejected(problems.shown())
    if shared.left_out:
        log.info("%s: Vertex AI has no %s, which was left out", source.name, ", ".join(sorted(shared.left_out)))
    return Staged(
        requests=requests,
        ids=ids,
        model=shared.model.path,
        endpoint=translation.endpoint,
        shape=shared.model.shape,
        lines=lines,
        digest=digest_of(ids),
        folder=folder,
    )


def _translate_all(source: Source, context: CallContext, limits: Limits, translation: _Translation) -> int:
    """
    Translate each line that obeys the rules of batches; return how many lines there are.
    """
    problems = translation.problems
    rules = BatchRules(attrs.evolve(limits, batch_endpoints=()), problems)  # which ones, the model says

    def on_read(done: int) -> None:
        context.report("checking", done, source.size_bytes)

    reader = source.open()
    try:
        lines = iter_lines(reader, limits.line_max_bytes, on_read)
        objects = Objects(lines, limits, problems, decoder=_DECODER, skips_blanks=True)  # they are not sent
        for number, line, value in objects:
            before = problems.count
            rules.check(value, number)
            if problems.count == before:
                translation.add(number, line, value)
    finally:
        reader.close()
    if not objects.is_empty:
        rules.finish()
    return rules.lines


@attrs.define
class _Translation:
    """
    The translation of one file, line by line.

    Attributes:
        problems: What is wrong with them.

        endpoint: Of its lines.

        shared: What they have in common; ``None`` before the first.
    """

    _requests: BinaryIO
    _ids: BinaryIO
    problems: Problems
    endpoint: str = ""
    shared: Shared | None = None
    _count: int = 0

    def add(self, number: int, line: bytes, value: Mapping[str, Any]) -> None:
        """
        Add a line that obeys the rules of batches.

        Raises:
            OpenAIError: Its model is unknown, or does not take such lines.
        """
        if self.shared is None:
            self.endpoint = value["url"]
            self.shared = Shared(_model(value["body"].get("model"), self.endpoint, number))
        self._count += 1
        with _refusals(self.problems, number):
            if self.shared.model.shape == OPENAI:
                translated = line + b"\n"
            else:
                request = _translated(value["body"], self._count, self.endpoint, self.shared)
                translated = self.shared.written(request, is_plain=is_plain(line))
            self._requests.write(translated)
            self._ids.write(json.dumps(value["custom_id"]).encode() + b"\n")


@attrs.define
class TranslationRules:
    """
    The rules that lines obey which can be translated; a file that is yet to be split may ask several models.

    Attributes:
        decoder: Reads the lines.
    """

    _problems: Problems
    decoder: json.JSONDecoder = _DECODER
    _shared: dict[tuple[str, str | None], Shared | None] = attrs.field(factory=dict)

    def check(self, line: Mapping[str, Any], number: int) -> None:
        """
        Check a line that obeys the rules of batches; of a model that is unknown, the first.
        """
        body, asked = line["body"], (line["url"], line["body"].get("model"))
        if asked not in self._shared:
            self._shared[asked] = None
            try:
                self._shared[asked] = Shared(_model(asked[1], asked[0], number))
            except OpenAIError as error:
                self._problems.add_line(number, error.code or "unsupported", error.message, error.param)
        shared = self._shared[asked]
        if shared is not None and shared.model.shape != OPENAI:
            with _refusals(self._problems, number):
                shared.written(_translated(body, number, asked[0], shared), is_plain=False)


@contextmanager
def _refusals(problems: Problems, number: int) -> Iterator[None]:
    """
    Make a problem of line *number* of why it cannot be translated.
    """
    try:
        yield
    except RefusedError as error:
        problems.add_line(number, error.code, error.message, f"body.{error.param}")
    except UnicodeEncodeError:
        message = "A text has half of a surrogate pair, which is no character; remove it."
        problems.add_line(number, "invalid_value", message, "body")
    except RecursionError:
        problems.add_line(number, "unsupported", "The request is nested too deeply.", "body")


def _translated(body: Mapping[str, Any], number: int, endpoint: str, shared: Shared) -> dict[str, Any]:
    name = "key"
    shared.begin()
    if shared.model.shape == ANTHROPIC:
        name, request = "custom_id", claude_request(body, shared)
    elif endpoint == EMBEDDINGS:
        request = embedding_request(body, shared)
    else:
        request = gemini_request(body, shared)
    return {name: f"r-{number}", "request": request}


def _model(name: str | None, endpoint: str, number: int) -> Model:
    if not name:  # which chat completions and embeddings have, by the rules
        message = f"Vertex AI takes no batch lines for {endpoint[:60]}"
        raise OpenAIError(message=message, code="unsupported", param="url", line=number)
    try:
        model = model_named(name)
        model.require(endpoint)
    except OpenAIError as error:
        raise attrs.evolve(error, line=number) from None
    return model


def _no_room(folder: Path, error: OSError) -> OpenAIError:
    message = f"the temporary folder {folder} cannot be used: {error.strerror or error}; free some space on that disk"
    return OpenAIError(
        message=f"{message}, or set TMPDIR to a folder with room for the translated lines", code="temporary_storage"
    )
