"""
The one reader of ``usage`` in answers, whichever provider tells it and by whichever names.

Two things differ between providers: the names, and what is told *inside* of what. OpenAI's prompt has the cached tokens
inside, and its completion those of reasoning; Anthropic's ``input_tokens`` has what was read from and written to the
cache beside it, and xAI and Gemini have the reasoning beside. ``total_tokens``, where there is one, tells which it is.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from aikit.types.usage_names import in_openai_names, mapping
from aikit.types.wire import NOTHING, whole_number

# Chat Completions and Responses: https://developers.openai.com/api/reference/resources/batches (read 2026-11-21)
# Anthropic: https://docs.claude.com/en/api/messages · xAI: https://docs.x.ai/docs/guides/reasoning
# Gemini: https://ai.google.dev/api/generate-content#UsageMetadata · DeepSeek: https://api-docs.deepseek.com/guides/kv_cache
_FAMILIES: Final = (("prompt_tokens", "completion_tokens"), ("input_tokens", "output_tokens"))
_INSIDE: Final = (
    "cached_tokens",
    "prompt_cache_hit_tokens",
    "num_cached_tokens",
    "cached_prompt_tokens",
    "cached_input_tokens",
)
_CACHE_READ: Final = "cache_read_input_tokens"
_WRITES: Final = ("cache_creation_input_tokens", "cache_write_input_tokens")
_WRITES_IN_DETAILS: Final = ("cache_creation_tokens", "cache_write_tokens", "cached_creation_tokens", *_WRITES)
_READS_IN_DETAILS: Final = ("cached_tokens", "cache_read_tokens", _CACHE_READ)
_REASONED: Final = ("reasoning_tokens", "thinking_tokens")
_NO_KINDS: Final = frozenset((*_READS_IN_DETAILS, *_WRITES_IN_DETAILS, *_REASONED))
_PLAIN_KINDS: Final = frozenset(("text", "accepted_prediction", "rejected_prediction"))
_PAID_APART: Final = ("num_sources_used", "num_search_queries", "citation_tokens", "prompt_audio_seconds")
_KNOWN: Final = frozenset((*_INSIDE, _CACHE_READ, *_WRITES, *_REASONED, *itertools.chain(*_FAMILIES)))
_KNOWN_TOO: Final = frozenset(("total_tokens", "prompt_cache_miss_tokens", "text_tokens", *_PAID_APART))
_MAX_KINDS: Final = 20
_MAX_TOKENS: Final = 10**15

BESIDE: Final = "total_tokens has more than prompt and completion: the rest is counted as output"
IN_CACHE: Final = "total_tokens has more than prompt and completion: the rest is what was read from or put into a cache"
BESIDE_CACHE: Final = "what was read from or put into a cache is told beside the prompt, and added to it"
REASONED_BESIDE: Final = "reasoning is told beside the completion, and added to it"
_CONTRADICTS: Final = "total_tokens contradicts the sum of the others"
_TWO: Final = "tokens are told twice, and differently: the larger count is taken, or that with the total"
_NO_COMPLETION: Final = "the tokens of the answer are not told"
_NO_PROMPT: Final = "the tokens of the prompt are not told"
_ONLY_TOTAL: Final = "only total_tokens is told: all are counted as input"
_UNREADABLE: Final = "a count of tokens is no whole number, is negative, or is more than there can be"
_DETAILS: Final = "details of the tokens are no object"
_INSIDE_OR_BESIDE: Final = (
    "whether the prompt has in it what was read from or put into a cache is not told: it is taken to"
)
_TOO_MANY: Final = "there are more tokens of a kind than there are in all"


class Tokens(NamedTuple):
    """
    What one usage tells; the fields are those of `aikit.types.usage.Usage`.
    """

    asked: int
    cached: int
    answered: int
    reasoned: int
    others: Mapping[str, int] = NOTHING
    notes: tuple[str, ...] = ()
    is_lower_bound: bool = False


def read_tokens(usage: dict[str, Any]) -> Tokens | None:
    """
    Return what *usage* tells, ``None`` if it tells no tokens.
    """
    plain = read_plainly(usage)
    return _Reader(usage).read() if plain is None else Tokens(*plain)


def read_plainly(usage: dict[str, Any]) -> tuple[int, int, int, int] | None:
    """
    Return what *usage* tells if it has just OpenAI's own form and no tokens but text; ``None`` for all others.

    Returns:
        The tokens of the prompt, of these the cached ones, those of the answer, and of these the reasoning.
    """
    # for most lines of most batches, so that there is no more in it than must be; what is of another type is no plain
    # one, whatever a comparison of it says
    try:
        if "prompt_tokens" in usage:
            asked, answered = usage["prompt_tokens"], usage["completion_tokens"]
            of_prompt, of_answer = usage["prompt_tokens_details"], usage["completion_tokens_details"]
        else:
            asked, answered = usage["input_tokens"], usage["output_tokens"]
            of_prompt, of_answer = usage["input_tokens_details"], usage["output_tokens_details"]
        cached, reasoned = of_prompt["cached_tokens"], of_answer["reasoning_tokens"]
        if (
            usage["total_tokens"] == asked + answered > 0
            and len(usage) == 5
            and (len(of_prompt) == 1 or (len(of_prompt) == 2 and of_prompt["audio_tokens"] == 0))
            and (len(of_answer) == 1 or _is_plain_answer(of_answer))
            and type(asked) is type(answered) is type(cached) is type(reasoned) is int
            and 0 <= cached <= asked <= _MAX_TOKENS
            and 0 <= reasoned <= answered <= _MAX_TOKENS
        ):
            return asked, cached, answered, reasoned
    except (ArithmeticError, KeyError, TypeError):  # of hundreds of digits and a fraction there is no sum
        pass
    return None


def sides_told(usage: Mapping[str, Any]) -> tuple[str, ...]:
    """
    Return for which of ``"input"`` and ``"output"`` *usage* tells how many tokens are of which kind.
    """
    named = in_openai_names(usage)
    return tuple(
        side
        for side, names in zip(("input", "output"), zip(*_FAMILIES, strict=True), strict=True)
        if any(_tells_kinds(mapping(named.get(f"{name}_details"))) for name in names)
    )


def _tells_kinds(details: Mapping[str, Any]) -> bool:
    return any(name.endswith("_tokens") and name not in _NO_KINDS for name in details)


def _is_plain_answer(details: dict[str, Any]) -> bool:
    return (
        len(details) == 4
        and details["audio_tokens"] == 0
        and "accepted_prediction_tokens" in details
        and "rejected_prediction_tokens" in details
    )


class _Reader:
    """
    One usage while it is read.
    """

    def __init__(self, usage: dict[str, Any]) -> None:
        self._usage = in_openai_names(usage)
        self._notes: list[str] = []
        self._is_lower_bound = False

    def read(self) -> Tokens | None:
        total = self._count(self._usage, "total_tokens")
        asked, answered = self._choose(total)
        if asked is None and answered is None:
            if total is None:
                return None
            self._doubt(_ONLY_TOTAL)
            return Tokens(total, 0, 0, 0, NOTHING, tuple(self._notes), is_lower_bound=True) if total else None
        inside, beside, written = self._cache()
        reasoned = self._largest([*self._answer_details(), self._usage], _REASONED)
        cached = max(inside, beside)
        asked, answered = self._whole(asked, answered, total, cached=cached, written=written, reasoned=reasoned)
        if not asked + answered + cached + written + reasoned and not self._is_lower_bound:
            return None
        asked, cached = self._with_cache(asked, total, inside=inside, cached=cached, written=written)
        if reasoned > answered:
            self._note(REASONED_BESIDE)
            self._is_lower_bound |= total is not None
            answered += reasoned
        others = self._others(asked, cached, answered, written)
        self._note_what_is_paid_apart()
        return Tokens(asked, cached, answered, reasoned, others, tuple(self._notes), self._is_lower_bound)

    def _with_cache(self, asked: int, total: int | None, *, inside: int, cached: int, written: int) -> tuple[int, int]:
        """
        Return the prompt with what of the cache is beside it, and what of it is cached.
        """
        if cached + written > asked and total is not None and not self._is_named_beside():
            self._doubt(_TOO_MANY)
            return asked, min(cached, asked)
        if cached + written > asked or (total is None and not inside and self._is_anthropics()):
            self._note(BESIDE_CACHE)
            self._is_lower_bound |= total is not None
            return asked + cached + written, cached
        is_told = inside or IN_CACHE in self._notes or (total is not None and "prompt_tokens" in self._usage)
        if self._is_named_beside() and not is_told:
            self._doubt(_INSIDE_OR_BESIDE)
        return asked, cached

    def _note(self, text: str) -> None:
        if text not in self._notes:
            self._notes.append(text)

    def _doubt(self, text: str) -> None:
        self._note(text)
        self._is_lower_bound = True

    def _count(self, source: Mapping[str, Any], name: str) -> int | None:
        value = source.get(name)
        if value is None:
            return None
        count = whole_number(value)
        if count is None or not 0 <= count <= _MAX_TOKENS:
            self._doubt(_UNREADABLE)
            return None
        return count

    def _largest(self, sources: list[Mapping[str, Any]], names: tuple[str, ...]) -> int:
        return max((self._count(source, name) or 0 for source in sources for name in names), default=0)

    def _choose(self, total: int | None) -> tuple[int | None, int | None]:
        """
        Return prompt and completion by the names that have tokens, where both names are there.
        """
        pairs = [(self._count(self._usage, asked), self._count(self._usage, answered)) for asked, answered in _FAMILIES]
        sides = [[count for count in side if count is not None] for side in zip(*pairs, strict=True)]
        if all(len(set(filter(None, side))) < 2 for side in sides):
            asked, answered = (max(side, default=None) for side in sides)
            return asked, answered
        sums = [sum(count or 0 for count in pair) for pair in pairs]
        if total != max(sums) or sums[0] == sums[1]:  # the larger one may have in the prompt what the other has beside
            self._doubt(_TWO)
        return pairs[sums.index(total if total in sums else max(sums))]

    def _cache(self) -> tuple[int, int, int]:
        """
        Return the tokens read from a cache, by names for what is in the prompt and beside it, and those put into one.
        """
        details = self._prompt_details()
        inside = max(self._largest([self._usage], _INSIDE), self._largest(details, _READS_IN_DETAILS))
        written = max(
            self._largest([self._usage], _WRITES),
            self._largest(details, _WRITES_IN_DETAILS),
            sum(self._written_by_age(self._usage, *details).values()),
        )
        return inside, self._largest([self._usage], (_CACHE_READ,)), written

    def _written_by_age(self, *sources: Mapping[str, Any]) -> dict[str, int]:
        found: dict[str, int] = {}
        for ages in (mapping(source.get("cache_creation")) for source in sources):
            for name in ages:
                age = re.fullmatch(r"ephemeral_(\w{1,9})_input_tokens", name)
                if age is not None:
                    found[age[1]] = max(found.get(age[1], 0), self._count(ages, name) or 0)
        return found

    def _whole(
        self, asked: int | None, answered: int | None, total: int | None, *, cached: int, written: int, reasoned: int
    ) -> tuple[int, int]:
        """
        Return prompt and completion with what *total* has beyond them.
        """
        if total is None:
            if answered is None:
                self._doubt(_NO_COMPLETION)
            if asked is None:
                self._doubt(_NO_PROMPT)
            return asked or 0, answered or 0
        if asked is None:
            asked = self._rest_of(total, answered or 0)
        more = total - asked - (answered or 0)
        if more < 0:
            self._doubt(_CONTRADICTS)
            return asked, answered or 0
        if not more:
            return asked, answered or 0
        in_cache = self._share_of_cache(more, asked, cached=cached, written=written, reasoned=reasoned)
        if in_cache:
            self._note(IN_CACHE)
        if more > in_cache:
            self._note_output(more - in_cache, reasoned)
        return asked + in_cache, (answered or 0) + more - in_cache

    def _rest_of(self, total: int, answered: int) -> int:
        """
        Return what *total* leaves for the prompt, which has some tokens.
        """
        if total <= answered:
            self._doubt(_NO_PROMPT)
        return max(total - answered, 0)

    def _share_of_cache(self, more: int, asked: int, *, cached: int, written: int, reasoned: int) -> int:
        """
        Return how many of the *more* tokens that the total has are those of the cache.
        """
        shares = [share for share in dict.fromkeys((cached + written, cached, written)) if 0 < share <= more]
        exact = [share for share in shares if more in {share, share + reasoned}]
        is_named_beside = self._is_named_beside()
        if more == reasoned and not is_named_beside and cached + written <= asked:
            return 0
        if exact:
            return exact[0]
        return shares[0] if shares and (is_named_beside or cached + written > asked) else 0

    def _note_output(self, count: int, reasoned: int) -> None:
        """
        Note that *count* tokens are taken for output; that is a guess where two families of names have other counts.
        """
        self._note(BESIDE)
        first, second = ([self._count(self._usage, name) for name in family] for family in _FAMILIES)
        if count != reasoned and first != second and None not in (first[0], second[0]):
            self._doubt(_CONTRADICTS)

    def _is_named_beside(self) -> bool:
        """
        Return whether the cache is told by Anthropic's names.
        """
        names = (_CACHE_READ, *_WRITES)
        return any(self._usage.get(name) for name in names) or any(self._written_by_age(self._usage).values())

    def _is_anthropics(self) -> bool:
        """
        Return whether the cache and the prompt are told by Anthropic's names, so that the one is beside the other.
        """
        return "input_tokens" in self._usage and "prompt_tokens" not in self._usage and self._is_named_beside()

    def _prompt_details(self) -> list[Mapping[str, Any]]:
        return [self._details(asked) for asked, _ in _FAMILIES]

    def _answer_details(self) -> list[Mapping[str, Any]]:
        return [self._details(answered) for _, answered in _FAMILIES]

    def _details(self, name: str) -> Mapping[str, Any]:
        details = self._usage.get(f"{name}_details")
        if details is not None and not isinstance(details, dict):
            self._doubt(_DETAILS)
        return mapping(details)

    def _others(self, asked: int, cached: int, answered: int, written: int) -> Mapping[str, int]:
        """
        Return the tokens that may have a price of their own, by their kinds.
        """
        ages = self._written_by_age(self._usage, *self._prompt_details())
        by_age = {f"cache_write_{age}": count for age, count in ages.items() if age != "5m" and count}
        found = {"cache_write": max(written - sum(by_age.values()), 0), **by_age}
        found |= self._kinds("input", self._prompt_details(), asked)
        found |= self._kinds("output", self._answer_details(), answered)
        found |= self._cached_kinds(found, asked, cached)
        return {kind: count for kind, count in found.items() if count} or NOTHING

    def _kinds(self, side: str, details: list[Mapping[str, Any]], whole: int) -> dict[str, int]:
        names = [name for one in details for name in one if name.endswith("_tokens") and name not in _NO_KINDS]
        kinds: dict[str, int] = {}
        for name in dict.fromkeys(names[:_MAX_KINDS]):
            kind = name.removesuffix("_tokens")
            count = self._largest(details, (name,))
            if count and kind not in _PLAIN_KINDS:
                kinds[f"{side}_{kind}"] = count
        if sum(kinds.values()) > whole:
            self._doubt(_TOO_MANY)
        return kinds

    def _cached_kinds(self, found: Mapping[str, int], asked: int, cached: int) -> dict[str, int]:
        """
        Return those that were read from the cache and are no text: as told, else those that must be for want of text.
        """
        told = [mapping(details.get("cached_tokens_details")) for details in self._prompt_details()]
        kinds = self._kinds("cached", told, cached)
        if kinds or not cached:
            return kinds
        rest = cached + sum(count for kind, count in found.items() if kind.startswith("input_")) - asked
        for kind, count in found.items():
            if kind.startswith("input_") and rest > 0:
                kinds[f"cached_{kind.removeprefix('input_')}"] = min(rest, count)
                rest -= count
        return kinds

    def _note_what_is_paid_apart(self) -> None:
        for name in sorted(name for name in self._usage if name.endswith("_tokens"))[:_MAX_KINDS]:
            if name not in _KNOWN and name not in _KNOWN_TOO and self._count(self._usage, name):
                self._doubt(f"{name[:50]} may have another price, and are counted as text at most")
        tools = mapping(self._usage.get("server_tool_use"))
        for source, name in [*((self._usage, name) for name in _PAID_APART), *((tools, name) for name in tools)]:
            value = source.get(name)
            if isinstance(value, int | float) and value > 0:
                self._doubt(f"{str(name)[:50]} may be paid apart from tokens, and is not in it")
