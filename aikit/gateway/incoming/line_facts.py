"""
What the lines of a batch file ask for, counted while they are checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from aikit.jsonl.tokens import estimate_body, output_bound

_EACH: Final = 256
_EVERY: Final = 64
"""The first lines of a model are all estimated, then one in so many: it takes ten times as long as checking a line."""

_KINDS_MAX: Final = 1_000
_OTHER: Final = "(more models)"


@attrs.frozen(kw_only=True)
class ModelFacts:
    """
    The lines that ask one model.

    Attributes:
        input_tokens: Of the prompts, at least, about: of many lines some are estimated, and the others by their size.

        output_tokens: Of the answers, at most, where the lines bound them.
    """

    requests: int
    input_tokens: int
    output_tokens: int


@attrs.frozen(kw_only=True)
class LineFacts:
    """
    What the lines of a batch file ask for.

    Attributes:
        lines: Their number.

        models: By the model as the lines name it, ``""`` where they name none.

        endpoints: Their urls, in the order in which they first come.
    """

    lines: int
    models: Mapping[str, ModelFacts]
    endpoints: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """
        Return it as the registry keeps it.
        """
        return attrs.asdict(self) | {"endpoints": list(self.endpoints)}


@attrs.define(eq=False)
class _Counts:
    requests: int = 0
    size_bytes: int = 0
    estimated_bytes: int = 0
    estimated_tokens: int = 0
    output_tokens: int = 0

    @property
    def facts(self) -> ModelFacts:
        tokens = self.estimated_tokens * self.size_bytes // max(self.estimated_bytes, 1)
        return ModelFacts(requests=self.requests, input_tokens=tokens, output_tokens=self.output_tokens)


@attrs.define(eq=False)
class FactsCounter:
    """
    Counts what lines ask for, in constant memory.
    """

    lines: int = 0
    _models: dict[str, _Counts] = attrs.field(factory=dict)
    _endpoints: dict[str, None] = attrs.field(factory=dict)

    def add(self, line: dict[str, Any], size_bytes: int, *, is_good: bool) -> str:
        """
        Count *line*; return the model that it asks, ``""`` if none. What is wrong is not estimated.
        """
        self.lines += 1
        body, url = line.get("body"), line.get("url")
        model = body.get("model") if type(body) is dict else None
        name = model if type(model) is str else ""
        if is_good and type(body) is dict:
            url = url if type(url) is str else ""
            if url not in self._endpoints and len(self._endpoints) < _KINDS_MAX:
                self._endpoints[url] = None
            self._count(self._models.get(name) or self._counts_of(name), url, body, size_bytes)
        return name

    @property
    def facts(self) -> LineFacts:
        """What the lines so far ask for."""
        models = {name: counts.facts for name, counts in self._models.items()}
        return LineFacts(lines=self.lines, models=models, endpoints=tuple(self._endpoints))

    def _counts_of(self, name: str) -> _Counts:
        if name not in self._models and len(self._models) >= _KINDS_MAX:
            name = _OTHER
        return self._models.setdefault(name, _Counts())

    def _count(self, counts: _Counts, url: str, body: dict[str, Any], size_bytes: int) -> None:
        counts.requests += 1
        counts.size_bytes += size_bytes
        if counts.requests <= _EACH or not counts.requests % _EVERY:
            # without the model, whose tokenizer would take more memory than all else here
            estimate, most = estimate_body(url, {name: value for name, value in body.items() if name != "model"})
            counts.estimated_bytes += size_bytes
            counts.estimated_tokens += estimate.low
        else:
            most = output_bound(url, body)
        counts.output_tokens += most or 0
