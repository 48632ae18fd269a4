"""
The lines of a batch file, checked while they come, and what they ask for.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

import attrs
import orjson

from aikit.gateway.incoming.line_facts import FactsCounter, LineFacts
from aikit.gateway.incoming.refusals import file_refused, too_many_records
from aikit.gateway.incoming.spool import Spool, SpoolFile
from aikit.gateway.values import Deployment
from aikit.validation import MakeLineRules, no_line_rules
from aikit.validation.batch_lines import BatchRules
from aikit.validation.limits import Limits, limits_for
from aikit.validation.lines import Objects, make_decoder, parsed
from aikit.validation.problems import Problems

_BLOCK_BYTES: Final = 256 * 1024
_HELD_MAX_BYTES: Final = 512 * 1024
_LARGE_BYTES: Final = 4 * 1024 * 1024
_NAMES_MAX: Final = 1_000
_one_large_line: Final = threading.Lock()
"""What a line says can take twenty times its bytes of memory, so that of the very long ones one is read at a time."""


class _QuickDecoder(json.JSONDecoder):
    """
    A decoder in a third of the time; what it refuses, Python's own looks at, which says in its words what is wrong.
    """

    # Numbers of more than 64 bits become floats here, and no check looks at any. The lines go on as they came.

    _strict: Final = make_decoder()

    def raw_decode(self, s: str, idx: int = 0) -> tuple[Any, int]:
        """
        Return the value of all of *s*.
        """
        try:
            return orjson.loads(s), len(s)
        except orjson.JSONDecodeError:
            return self._strict.raw_decode(s, idx)

    def decode(self, s: str, *_: Any) -> Any:
        """
        Return the value of *s*, or tell what is wrong with it.
        """
        return self._strict.decode(s)


_QUICK: Final = _QuickDecoder()


def _unknown_limits() -> Limits:
    return limits_for("compatible")


@attrs.frozen(kw_only=True)
class FileRules:
    """
    What a file must obey, which depends on where it goes and who sends it.

    Attributes:
        limits: The provider's.

        line_rules: The provider's own rules for lines of batches.

        deployment: The account: names of models in lines become those that it has for them.

        max_records: The most lines of a batch file, and where that is set, in LiteLLM's words.
    """

    limits: Limits = attrs.field(factory=_unknown_limits)
    line_rules: MakeLineRules = no_line_rules
    deployment: Deployment | None = None
    max_records: int | None = None
    max_records_source: str = "in general_settings"

    @property
    def is_renaming(self) -> bool:
        """Whether there is a model that has another name at the provider."""
        models = {} if self.deployment is None else self.deployment.models
        return any(name != model for name, model in models.items())


class LineCheck:
    """
    The check of a batch file that comes in blocks, in memory that the length of its lines does not determine.

    Attributes:
        problems: What was found.

        renamed: The file with other names of models, if there are other names.
    """

    def __init__(self, rules: FileRules, spool: Spool) -> None:
        self.rules = rules
        self.problems = Problems()
        self.renamed = spool.new_file() if rules.is_renaming else None
        self._names: dict[str, str | None] = {}
        self._batch = BatchRules(rules.limits, self.problems)
        self._own = rules.line_rules(self.problems)
        decoder = _QUICK if self._own is None else self._own.decoder
        # https://docs.litellm.ai/docs/batches (read 2026-11-30): blank lines pass, and count
        self._objects = Objects((), rules.limits, self.problems, decoder=decoder, skips_blanks=True)
        self._last = 0
        self._held = _Held(rules.limits.line_max_bytes, spool)
        self._facts = FactsCounter()

    def feed(self, block: bytes) -> None:
        """
        Check the lines that end in *block*.

        Raises:
            OpenAIError: There are more lines than are allowed; or the disk is full.
        """
        lines = block.split(b"\n")
        rest = lines.pop()
        if lines:
            self._check(self._held.lines_with(lines))
        self._held.add(rest)

    def finish(self) -> None:
        """
        Check the last line, and the file as a whole.

        Raises:
            OpenAIError: There are more lines than are allowed; or the disk is full.
        """
        if self._held.size_bytes:
            self._check(self._held.lines_with([b""]))
        self._take(self._objects.finish())
        if not self._objects.is_empty:
            self._batch.finish()

    def result(self) -> SpoolFile | None:
        """
        Return the file with other names of models, whole; ``None`` if there are no other names.

        Raises:
            OpenAIError: The file is refused, with all its problems.
        """
        if self.problems.count:
            raise file_refused(self.problems.shown())
        renamed, self.renamed = self.renamed, None
        if renamed is not None:
            renamed.close()
        return renamed

    def close(self) -> None:
        """
        Leave nothing of it.
        """
        self._held.close()
        if self.renamed is not None:
            self.renamed.remove()

    @property
    def facts(self) -> LineFacts:
        """What the lines so far ask for."""
        return self._facts.facts

    def _check(self, lines: list[bytes | None]) -> None:
        is_large = len(lines[0] or b"") > _LARGE_BYTES
        with _one_large_line if is_large else nullcontext():
            self._take(self._objects.feed(lines))

    def _take(self, objects: Iterable[tuple[int, bytes, dict[str, Any]]]) -> None:
        renamed: list[bytes] = []
        problems, check, own, facts = self.problems, self._batch.check, self._own, self._facts
        most, is_renaming = self.rules.max_records, self.renamed is not None
        for number, line, value in objects:
            if most is not None and facts.lines >= most:
                raise too_many_records(most, self.rules.max_records_source)
            known = problems.count
            check(value, number)
            if own is not None and problems.count == known:
                own.check(self._as_sent(value), number)
            model = facts.add(value, len(line), is_good=problems.count == known)
            if is_renaming:
                renamed += (b"\n" * (number - self._last - 1), self._renamed(line, model), b"\n")
                self._last = number
        renamed.append(b"\n" * (self._objects.number - self._last))  # blank ones stay, and with them all numbers
        self._last = self._objects.number
        if self.renamed is not None and not problems.count:
            self.renamed.write(b"".join(renamed))

    def _as_sent(self, value: dict[str, Any]) -> dict[str, Any]:
        """
        Return the object of a line as the provider will read it, whose rules are about its own names of models.
        """
        body = value.get("body")
        name = body.get("model") if self.renamed is not None and type(body) is dict else None
        model = self._model_for(name) if type(name) is str else None
        return value if model is None else {**value, "body": {**body, "model": model}}  # type: ignore[dict-item]  # it is one

    def _renamed(self, line: bytes, name: str) -> bytes:
        model = self._model_for(name)
        return line if model in {None, name} else with_model(line, name, model or "")

    def _model_for(self, name: str) -> str | None:
        if name not in self._names and self.rules.deployment is not None:
            if len(self._names) > _NAMES_MAX:
                self._names.clear()
            self._names[name] = self.rules.deployment.model_for(name)
        return self._names[name]


def check_file(check: LineCheck, path: Path) -> SpoolFile | None:
    """
    Check a batch file that is here; return what `LineCheck.result` does.

    Raises:
        OpenAIError: It is refused, with all its problems; or the disk is full.
    """
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK_BYTES):
            check.feed(block)
    check.finish()
    return check.result()


@attrs.define
class _Held:
    """
    The beginning of a line whose end has not come: in memory, or in a file when it is long.
    """

    _max_bytes: int
    _spool: Spool
    _pieces: list[bytes] = attrs.field(factory=list)
    _file: SpoolFile | None = None
    size_bytes: int = 0

    def add(self, piece: bytes) -> None:
        """
        Hold *piece*, too.

        Raises:
            OpenAIError: The disk is full.
        """
        self.size_bytes += len(piece)
        if self.size_bytes > self._max_bytes or not piece:
            return
        self._pieces.append(piece)
        if sum(map(len, self._pieces)) > _HELD_MAX_BYTES:
            self._file = self._file or self._spool.new_file()
            self._file.write(b"".join(self._pieces))
            self._pieces.clear()

    def lines_with(self, lines: list[bytes]) -> list[bytes | None]:
        """
        Return *lines*, of which the first goes on with what is held; ``None`` for those that are too long.
        """
        most = self._max_bytes
        found: list[bytes | None] = [line if len(line) <= most else None for line in lines]
        found[0] = self._taken() + lines[0] if self.size_bytes + len(lines[0]) <= most else None
        self.close()
        return found

    def close(self) -> None:
        """
        Forget all of it.
        """
        if self._file is not None:
            self._file.remove()
        self._file, self.size_bytes = None, 0
        self._pieces.clear()

    def _taken(self) -> bytes:
        before = b"" if self._file is None else self._file.read(0, self._file.size_bytes)
        return b"".join((before, *self._pieces))


def with_model(line: bytes, name: str, model: str) -> bytes:
    """
    Return *line*, whose ``body.model`` is *name*, with *model* instead, and with nothing else changed.
    """
    is_only_key = line.count(b'"model"') == 1 and b"\\u00" not in line
    wanted = None
    for changed in _replacements(line, name, model):
        if is_only_key:
            return changed
        wanted = wanted or _with_model(parsed(line), model)
        if parsed(changed) == wanted:
            return changed
    wanted = wanted or _with_model(parsed(line), model)
    return json.dumps(wanted, separators=(",", ":")).encode()


def _with_model(value: dict[str, Any], model: str) -> dict[str, Any]:
    value["body"]["model"] = model
    return value


def _replacements(line: bytes, name: str, model: str) -> Iterator[bytes]:
    """
    Yield *line* with one of the places replaced where *name* is the value of a ``model``.
    """
    new = json.dumps(model).encode()
    spellings = {json.dumps(name), json.dumps(name, ensure_ascii=False)}
    old = b"|".join(re.escape(spelling.encode()) for spelling in spellings)
    for found in re.finditer(rb'"model"\s*:\s*(' + old + rb")", line):
        yield line[: found.start(1)] + new + line[found.end(1) :]
