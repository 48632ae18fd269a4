"""
What the lines of a batch file ask for, counted while they are checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from aikit.jsonl.tokens import answer_count, estimate_body, names_of_bounds

_EACH: Final = 256
_EVERY: Final = 128
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
    """
    What the lines of one model and endpoint ask for.
    """

    url: str
    bounds: tuple[str, ...]
    requests: int = 0
    size_bytes: int = 0
    estimated_bytes: int = 0
    estimated_tokens: int = 0
    output_tokens: int = 0

    def add(self, body: dict[str, Any], size_bytes: int) -> None:
        """
        Count a line.
        """
        self.requests = number = self.requests + 1
        self.size_bytes += size_bytes
        if number <= _EACH or not number % _EVERY:
            # without the model, whose tokenizer would take more memory than all else here
            estimate, _ = estimate_body(self.url, {name: value for name, value in body.items() if name != "model"})
            self.estimated_bytes += size_bytes
            self.estimated_tokens += estimate.low
        for name in self.bounds:
            most = body.get(name)
            if type(most) is int and most >= 0:
                self.output_tokens += most * answer_count(body)
                return


@attrs.define(eq=False)
class FactsCounter:
    """
    Counts what lines ask for, in constant memory.
    """

    lines: int = 0
    _counts: dict[tuple[str, str], _Counts] = attrs.field(factory=dict)

    def add(self, line: dict[str, Any], size_bytes: int, *, is_good: bool) -> str:
        """
        Count *line*; return the model that it asks, ``""`` if none. What is wrong is not estimated.
        """
        self.lines += 1
        body, url = line.get("body"), line.get("url", "")
        if type(body) is not dict:
            return ""
        model = body.get("model", "")
        if type(model) is not str:
            return ""
        if is_good and type(url) is str:
            counts = self._counts.get((model, url)) or self._new(model, url)
            counts.add(body, size_bytes)
        return model

    @property
    def facts(self) -> LineFacts:
        """What the lines so far ask for."""
        endpoints = dict.fromkeys(url for _, url in self._counts)
        by_model: dict[str, list[_Counts]] = {}
        for (model, _), counts in self._counts.items():
            by_model.setdefault(model, []).append(counts)
        models = {model: _sum(every) for model, every in by_model.items()}
        return LineFacts(lines=self.lines, models=models, endpoints=tuple(endpoints))

    def _new(self, model: str, url: str) -> _Counts:
        if len(self._counts) >= _KINDS_MAX:
            model, url = _OTHER, ""
        return self._counts.setdefault((model, url), _Counts(url, names_of_bounds(url)))


def _sum(every: list[_Counts]) -> ModelFacts:
    return ModelFacts(
        requests=sum(one.requests for one in every),
        input_tokens=sum(one.estimated_tokens * one.size_bytes // max(one.estimated_bytes, 1) for one in every),
        output_tokens=sum(one.output_tokens for one in every),
    )
