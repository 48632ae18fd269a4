"""
Counting tokens, line by line, in the files that a batch gives back.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import attrs

from aikit.billing.rates import FREE, Price
from aikit.types.batch_rows import answer_of, body_of, read_line, says_nothing, status_of, usage_of
from aikit.types.errors import OpenAIError
from aikit.types.interruptions import let_through
from aikit.types.usage import Usage
from aikit.types.usage_reader import Tokens, read_plainly, read_tokens, sides_told
from aikit.types.wire import NOTHING

PriceOf = Callable[[str], Price | None]

_BOM: Final = b"\xef\xbb\xbf"
_MAX_PROBLEMS: Final = 100
_MAX_MODELS: Final = 1_000
_LONGEST_NAME: Final = 1_000
OTHER_MODELS: Final = "(more models)"


@attrs.define(eq=False)
class Counts:
    """
    Tokens of the answers of one model that have the same rates.

    Attributes:
        other_tokens: Kind → tokens that are no plain text, see `aikit.types.usage.Usage`.

        notes: How uncommon counts were understood → in how many answers.

        vague: Answers that do not tell how many of their tokens are of kinds with a price of their own.

        is_lower_bound: Whether some answers tell not all of their tokens, or contradict themselves.
    """

    price: Price | None
    requests: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    other_tokens: Counter[str] = attrs.field(factory=Counter)
    notes: Counter[str] = attrs.field(factory=Counter)
    vague: int = 0
    is_lower_bound: bool = False

    @property
    def usage(self) -> Usage:
        """All tokens."""
        return Usage(
            input_tokens=self.input_tokens,
            cached_tokens=self.cached_tokens,
            output_tokens=self.output_tokens,
            reasoning_tokens=self.reasoning_tokens,
            other_tokens=dict(self.other_tokens) or NOTHING,
            is_lower_bound=self.is_lower_bound,
        )

    def add(self, tokens: Tokens) -> None:
        """
        Add the tokens of one answer.
        """
        asked, cached, answered, reasoned, others, notes, is_lower_bound = tokens
        self.requests += 1
        self.input_tokens += asked
        self.cached_tokens += cached
        self.output_tokens += answered
        self.reasoning_tokens += reasoned
        if others:
            self.other_tokens.update(others)
        if notes:
            self.notes.update(notes)
            self.is_lower_bound |= is_lower_bound

    def merge(self, other: Counts) -> None:
        """
        Add those of other answers.
        """
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.is_lower_bound |= other.is_lower_bound


_SUMS: Final = tuple(field.name for field in attrs.fields(Counts))[1:-1]


@attrs.define(eq=False)
class UsageCounter:
    """
    Token counts of the lines of one file or several, in constant memory.

    Attributes:
        price_of: Tells what a model costs, asked once for each.

        default_model: Of lines that tell tokens and no model.

        counts: Tokens by model and step of its rates.

        answered: Lines with a good answer, see `aikit.types.batch_rows.status_of`.

        failed: All other lines.

        untold: Lines with a success that do not tell their tokens, also those whose body cannot be read, and lines that
            tell nothing.

        problem_count: Lines that could not be read.

        problems: The first 100 of these.
    """

    price_of: PriceOf
    default_model: str = ""
    counts: dict[tuple[str, int], Counts] = attrs.field(factory=dict)
    answered: int = 0
    failed: int = 0
    untold: int = 0
    problem_count: int = 0
    problems: list[OpenAIError] = attrs.field(factory=list)
    _first: dict[str, Counts] = attrs.field(factory=dict)

    @property
    def lines(self) -> int:
        """All lines, whatever they say."""
        return self.answered + self.failed + self.problem_count

    @property
    def unpriced(self) -> list[str]:
        """Models that told tokens and have no price."""
        return sorted({model for (model, _), counts in self.counts.items() if counts.price is None and counts.requests})

    def add_lines(self, lines: bytes, number: int) -> int:
        """
        Count whole lines that follow line *number*; see `CountingSink`.
        """
        return _count_lines(self, lines, number)

    def add(self, value: Any, number: int) -> None:
        """
        Count line *number*, decoded: an answer with tokens, whatever its status, costs what it says.
        """
        # A line without tokens that is no object, or neither answer nor error, is a problem of the file.
        try:
            response = value["response"]
            body, status = (response["body"], response["status_code"]) if response is not None else (None, None)
        except (TypeError, KeyError):
            self._add_odd(value, number)
            return
        if (
            type(body) is dict
            and type(status) is int
            and status == 200
            and "usage" in body
            and value.get("error") is body.get("error") is None
        ):
            is_answer = True  # as most are
        else:
            body = body_of(response or {})
            body, is_answer = answer_of(body) if type(body) is dict else {}, status_of(value) == "ok"
        if is_answer:
            self.answered += 1
        else:
            self.failed += 1
        usage = usage_of(body)
        if type(usage) is not dict or not self._add_usage(usage, body.get("model")):
            is_paid = is_answer or says_nothing(value)
            self.untold += is_paid and not self._is_free(body.get("model"))

    def _is_free(self, model: Any) -> bool:
        """
        Return whether *model* costs nothing, so that tokens it does not tell are nothing missing: moderations.
        """
        price = self.price_of(model if type(model) is str and model else self.default_model)
        return price is not None and price.batch == FREE

    def add_problem(self, number: int, message: str) -> None:
        """
        Note that line *number* cannot be read.
        """
        self.problem_count += 1
        if len(self.problems) < _MAX_PROBLEMS:
            error = OpenAIError(message=f"{message} What it cost is missing.", code="invalid_json_line", line=number)
            self.problems.append(error)

    def merge(self, other: UsageCounter) -> None:
        """
        Add the counts of another file.
        """
        for key, counts in other.counts.items():
            self.counts.setdefault(key, Counts(counts.price)).merge(counts)
        self.answered += other.answered
        self.failed += other.failed
        self.untold += other.untold
        self.problem_count += other.problem_count
        self.problems = [*self.problems, *other.problems][:_MAX_PROBLEMS]

    def _add_odd(self, value: Any, number: int) -> None:
        """
        Count a line that has not the shape of most: without a response, or with one that is cut short.
        """
        if type(value) is not dict or ("response" not in value and "error" not in value):
            self.add_problem(number, "This is no line of a batch's output.")
            return
        response = value.get("response")
        if response is not None and type(response) is not dict:
            self.add_problem(number, "The response of this line is no object.")
            return
        response = response or {}
        self.add({**value, "response": {"body": None, "status_code": None, **response}}, number)

    def _add_usage(self, usage: dict[str, Any], model: Any) -> bool:
        """
        Add *usage* to that of *model*; false if it tells no tokens.
        """
        plain = read_plainly(usage)
        if plain is not None:
            asked, cached, answered, reasoned = plain
            counts = self._counts(model, asked)
            counts.requests += 1
            counts.input_tokens += asked
            counts.cached_tokens += cached
            counts.output_tokens += answered
            counts.reasoning_tokens += reasoned
        else:
            tokens = read_tokens(usage)
            if tokens is None:
                return False
            counts = self._counts(model, tokens.asked)
            counts.add(tokens)
        if counts.price is not None and counts.price.batch.kinds:
            counts.vague += counts.price.is_vague(sides_told(usage))
        return True

    def _counts(self, model: Any, input_tokens: int) -> Counts:
        name = model[:_LONGEST_NAME] if type(model) is str and model else self.default_model
        first = self._first.get(name)
        if first is None:
            if len(self._first) >= _MAX_MODELS:
                name = OTHER_MODELS
            first = self._first.get(name) or self._add_counts(name, 0, self.price_of(name))
            self._first[name] = first
        if first.price is None or not first.price.batch_above:
            return first
        step = first.price.step(input_tokens)
        return self.counts.get((name, step)) or self._add_counts(name, step, first.price)

    def _add_counts(self, name: str, step: int, price: Price | None) -> Counts:
        counts = self.counts[name, step] = Counts(price)
        return counts


def _count_lines(counter: UsageCounter, lines: bytes, number: int) -> int:
    """
    Count whole lines, each with its newline, that follow line *number*; return the number of the last.
    """
    # Decoding UTF-8 takes a fifth of the time and is not needed: tokens are ASCII, and so are the models' names, or the
    # line is decoded after all. Each byte is taken for a character (Latin-1), which leaves the quotation marks and
    # brackets where they are; that the bytes are UTF-8 is checked apart. What is not plainly a line is read again.
    if not _is_utf8(lines):
        return _count_slowly(counter, lines, number)
    text = lines.decode("latin-1")
    position, size, find = 0, len(text), text.find
    while position < size:
        number += 1
        end = find("\n", position)
        try:
            value, stop = _scan(text, position)
            is_plain = stop == end and _has_plain_model(value)
        except (StopIteration, ValueError, RecursionError) as error:
            let_through(error)
            is_plain = False
        if is_plain:
            counter.add(value, number)
        else:
            _count_fully(counter, lines[position:end], number)
        position = end + 1
    return number


def _has_plain_model(value: Any) -> bool:
    try:
        return bool(value["response"]["body"]["model"].isascii())
    except (TypeError, KeyError, AttributeError):
        return False  # few lines: with an error, or never asked


def _count_slowly(counter: UsageCounter, lines: bytes, number: int) -> int:
    for line in lines[:-1].split(b"\n"):
        number += 1
        _count_fully(counter, line, number)
    return number


def _count_fully(counter: UsageCounter, line: bytes, number: int) -> None:
    if number == 1:
        line = line.removeprefix(_BOM)
    if not line.strip():
        return
    try:
        value = read_line(line)
    except ValueError as error:
        let_through(error)
        counter.add_problem(number, f"This line is not parseable as valid JSON. {error}")
    else:
        counter.add(value, number)


def _is_utf8(lines: bytes) -> bool:
    try:
        return lines.isascii() or bool(lines.decode())
    except UnicodeDecodeError:
        return False


def _no_constant(name: str) -> Any:
    raise ValueError(name)


_scan: Final[Callable[[str, int], tuple[Any, int]]] = json.JSONDecoder(parse_constant=_no_constant).scan_once  # type: ignore[attr-defined]  # the scanner itself, without what only makes messages of its errors
