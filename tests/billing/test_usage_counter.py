"""
Counting tokens: the fast way comes to what reading each line fully comes to, whatever the lines hold.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aikit.billing.rates import Price, Rates
from aikit.billing.usage_counter import OTHER_MODELS, UsageCounter
from aikit.types.batch_rows import answer_of, body_of, says_nothing, status_of, usage_of
from aikit.types.usage import Usage
from tests.billing.lines import answer, file_of, never_asked, usage


def _tally(content: bytes, price_of: Callable[[str], Price | None] = lambda _: None) -> UsageCounter:
    tally = UsageCounter(price_of)
    tally.add_lines(content, 0)
    return tally


def _found(tally: UsageCounter) -> Any:
    counts = {
        key: (found.requests, found.input_tokens, found.cached_tokens, found.output_tokens, found.reasoning_tokens)
        for key, found in tally.counts.items()
    }
    lines = [problem.line for problem in tally.problems]
    return counts, tally.answered, tally.failed, tally.untold, tally.problem_count, lines


def _read_fully(content: bytes) -> Any:
    """
    Return what each line comes to by the plainest reading there is, with `Usage.from_wire`.
    """
    counts: dict[tuple[str, int], tuple[int, ...]] = {}
    answered = failed = untold = 0
    bad = []
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n")[:-1], 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line.decode("utf-8", "surrogatepass"))
        except (ValueError, RecursionError):
            value = None
        response = value.get("response") if isinstance(value, dict) else None
        if not _is_line(value):
            bad.append(number)
            continue
        body, is_answer = body_of(response or {}), status_of(value) == "ok"
        body = answer_of(body) if isinstance(body, dict) else body
        answered, failed = answered + is_answer, failed + (not is_answer)
        told = Usage.from_wire(usage_of(body)) if isinstance(body, dict) else None
        if told is None or not isinstance(body, dict):
            untold += is_answer or says_nothing(value)
            continue
        model = body.get("model")
        key = (model if isinstance(model, str) else "", 0)
        more = (1, told.input_tokens, told.cached_tokens, told.output_tokens, told.reasoning_tokens)
        counts[key] = tuple(a + b for a, b in zip(counts.get(key, (0,) * 5), more, strict=True))
    return counts, answered, failed, untold, len(bad), bad[:100]


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    """
    As where results are joined.
    """
    marked = _tally(b"\xef\xbb\xbf" + file_of(answer("m", usage(3)), answer("m", usage(4))))
    assert _found(marked) == _found(_tally(file_of(answer("m", usage(3)), answer("m", usage(4)))))


def _is_line(value: Any) -> bool:
    is_one = isinstance(value, dict) and ("response" in value or "error" in value)
    return is_one and isinstance(value.get("response"), dict | None)


_HOSTILE = st.sampled_from([
    '"usage":{"prompt_tokens":999}',
    '\\"}}}},{"usage":{"prompt_tokens":7}}',
    '", "usage": {"prompt_tokens": 1}, "x": "',
    "\\u0022usage\\u0022",
    "\\",
    "\u2028\x85\x1c",
    "naïve 模型 😀",
    "\ud800",
    "}\r\n{",
    "\x00",
])  # fmt: skip
_TEXT = st.one_of(st.text(max_size=20), _HOSTILE)
_COUNT = st.one_of(st.integers(-2, 2**70), st.none(), st.booleans(), st.floats(), _TEXT)
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _TEXT),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)
_DETAILS = st.one_of(_JSON, st.fixed_dictionaries({}, optional={"cached_tokens": _COUNT, "reasoning_tokens": _COUNT}))
_KEYS = ("prompt_tokens", "completion_tokens", "input_tokens", "output_tokens")
_USAGE = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(_KEYS, _COUNT) | {f"{key}_details": _DETAILS for key in _KEYS} | {"usage": _JSON}
)
_BODY = st.fixed_dictionaries(
    {},
    optional={"model": st.one_of(st.just("gpt-4o-mini"), _TEXT, _JSON), "usage": st.one_of(_USAGE, _JSON), "t": _TEXT},
)
_RESPONSE = st.fixed_dictionaries({}, optional={"status_code": st.one_of(st.just(200), _COUNT), "body": _BODY | _JSON})
_LINE = st.fixed_dictionaries({}, optional={"response": _RESPONSE | _JSON, "error": _JSON, "custom_id": _TEXT})


@st.composite
def _lines(draw: st.DrawFn) -> bytes:
    """
    Return one physical line or several: good, odd, cut short, broken in the middle, or garbage.
    """
    value = draw(st.one_of(_LINE, _LINE, _JSON))
    text = json.dumps(value, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, None, 1])))
    line = text.encode("utf-8", "surrogatepass")
    kind = draw(st.sampled_from(["whole", "whole", "whole", "cut", "byte", "twice", "blank", "mark"]))
    if kind == "cut":
        line = line[: draw(st.integers(0, len(line)))]
    elif kind == "byte":
        place = draw(st.integers(0, len(line)))
        line = line[:place] + draw(st.binary(max_size=2)) + line[place:]
    elif kind == "twice":
        line += draw(st.sampled_from([b"", b" ", b",", b"\r"])) + line
    elif kind == "blank":
        line = draw(st.sampled_from([b"", b" \t\r", b"\xff"]))
    elif kind == "mark":
        line = b"\xef\xbb\xbf" + line
    return line + draw(st.sampled_from([b"\n", b"\r\n", b" \n"]))


@given(st.lists(_lines(), max_size=6).map(b"".join))
@example(
    file_of(answer("模型-ü", usage())) + json.dumps(answer("模型-ü", usage()), ensure_ascii=False).encode() + b"\n"
)
@example(b'{"response": {"status_code": 200, "body": {"model": "m", "usage": {"prompt_tokens": NaN}}}}\n')
@example(b'{"response":\n{"status_code": 200, "body": {"model": "m", "usage": {"prompt_tokens": 3}}}}\n')
@example(b'{"a": 1}{"response": null}\n' + b'{"error": {}}\n')
@example(b"[" * 100_000 + b"\n")
@example(b'{"error": ' + b"9" * 5_000 + b"}\n")
def test_counts_are_those_of_reading_every_line_fully(content: bytes) -> None:
    """
    Texts that look like usage, escapes, other scripts, broken UTF-8 and lines cut anywhere change nothing.
    """
    assert _found(_tally(content)) == _read_fully(content)


def test_answers_of_all_endpoints_are_read() -> None:
    """
    Chat, responses and embeddings tell the same things by other names.
    """
    responses = {
        "input_tokens": 7,
        "output_tokens": 2,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens_details": {"reasoning_tokens": 1},
    }
    lines = file_of(
        answer("m", usage(3, 2, 1, 1)), answer("m", responses), answer("m", {"prompt_tokens": 5, "total_tokens": 5})
    )
    assert _found(_tally(lines))[0] == {("m", 0): (3, 15, 5, 4, 2)}


def test_an_error_that_tells_tokens_costs_them() -> None:
    """
    An answer with an HTTP error counts as failed, and what it says it took counts all the same.
    """
    tally = _tally(file_of(answer("m", usage(3), status=500), answer("m", status=429), never_asked()))
    assert _found(tally) == ({("m", 0): (1, 3, 0, 5, 0)}, 0, 3, 0, 0, [])


def test_only_the_first_hundred_problems_are_kept() -> None:
    """
    All unreadable lines are counted, a hundred are told with their number.
    """
    tally = _tally(b"garbage\n" * 250)
    assert (tally.problem_count, len(tally.problems), tally.problems[99].line) == (250, 100, 100)
    assert tally.problems[0].code == "invalid_json_line"


def test_models_without_end_take_memory_with_end() -> None:
    """
    Of a file that names another model in each line, a thousand are kept apart.
    """
    tally = _tally(file_of(*(answer(f"m{number}", usage()) for number in range(1_500))))
    assert len(tally.counts) == 1_001
    assert tally.counts[OTHER_MODELS, 0].requests == 500


def test_names_without_end_are_cut() -> None:
    """
    A thousand characters tell a model from another.
    """
    tally = _tally(file_of(answer("m" * 100_000, usage()), answer("m" * 200_000, usage())))
    assert [(model, counts.requests) for (model, _), counts in tally.counts.items()] == [("m" * 1_000, 2)]


def test_long_requests_are_counted_apart_where_they_cost_more() -> None:
    """
    Each request has the rates of its own size, not of all together; a bound itself is not above it.
    """
    price = Price(model="m", batch=Rates(input=Decimal(1)), batch_above=((100, Rates(input=Decimal(2))),))
    tally = _tally(file_of(*(answer("m", usage(asked, 0)) for asked in (99, 100, 101))), lambda _: price)
    assert {key: counts.input_tokens for key, counts in tally.counts.items()} == {("m", 0): 199, ("m", 1): 101}


def test_the_price_of_a_model_is_asked_once() -> None:
    """
    However many lines it has.
    """
    asked: list[str] = []
    _tally(file_of(*[answer("m", usage())] * 5), asked.append)
    assert asked == ["m"]


def test_two_files_come_to_their_sum() -> None:
    """
    What the error file holds is added to what the output file holds.
    """
    first, second = (
        file_of(answer("m", usage(1)), b"x\n"),
        file_of(answer("m", usage(2)), answer("m"), never_asked(), b"y\n"),
    )
    tally = _tally(first)
    tally.merge(_tally(second))
    assert _found(tally) == ({("m", 0): (2, 3, 0, 10, 0)}, 3, 1, 1, 2, [2, 4])


@pytest.mark.parametrize("line", [answer(None, usage(4)), answer("", usage(4)), answer(7, usage(4))])
def test_a_line_that_names_no_model_is_the_batchs_own(line: Any) -> None:
    """
    It counts to the model that the provider tells of the whole batch.
    """
    tally = UsageCounter(lambda _: None, "gpt-4o")
    tally.add_lines(file_of(line), 0)
    assert list(tally.counts) == [("gpt-4o", 0)]
