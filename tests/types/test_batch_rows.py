"""
What a line of an output or error file says of a request, in whichever shape it says it.
"""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit import OpenAIBatchRow
from aikit.types.batch_rows import note_of, read_line, status_of, text_of
from aikit.types.errors import OpenAIError
from aikit.types.usage import Usage
from tests.resources.batches.rows.files import values_of

_CHAT = {
    "model": "gpt-4o-mini",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Because."}}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
}
_REFUSAL = {"error": {"message": "too long", "type": "invalid_request_error", "param": "messages", "code": "too_long"}}


def _answer(body: Any, status_code: Any = 200, error: Any = None) -> dict[str, Any]:
    response = {"status_code": status_code, "request_id": "req_1", "body": body}
    return {"id": "batch_req_1", "custom_id": "q", "response": response, "error": error}


def _unanswered(error: Any) -> dict[str, Any]:
    return {"id": "batch_req_1", "custom_id": "q", "response": None, "error": error}


def _row(answer: dict[str, Any], **fields: Any) -> OpenAIBatchRow:
    line = json.dumps(answer).encode()
    known: dict[str, Any] = {
        "line": 4,
        "custom_id": "q",
        "status": status_of(answer),
        "batch_id": "batch_1",
        "output_line": line,
    }
    return OpenAIBatchRow(**known | fields)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (_answer(_CHAT), "ok"),
        (_answer(_CHAT, 201), "ok"),
        (_answer(_CHAT, None), "ok"),
        (_answer(_CHAT, error={}), "ok"),
        (_answer({"error": None, "output": []}), "ok"),
        (_answer(_CHAT, error={"code": "", "message": "", "type": "", "param": None}), "ok"),
        (_answer(_CHAT | {"error": {"code": 0, "message": ""}}), "ok"),
        (_answer(_CHAT, error=""), "ok"),
        (_answer({"message": {"role": "assistant", "content": "hi"}, "done": True}, None), "ok"),
        (_answer({"object": "error", "message": "bad", "code": 400}, None), "failed"),
        (_answer({"object": "error", "message": "bad", "code": 400}), "failed"),
        (_answer({"detail": "not found"}, None), "failed"),
        (_answer(_REFUSAL, 400), "failed"),
        (_answer({}, 429), "failed"),
        (_answer(None, 500), "failed"),
        (_answer(None, None), "failed"),
        (_answer(_CHAT, 302), "failed"),
        (_answer(_CHAT, "200"), "ok"),
        (_answer({"status": "failed", "error": {"code": "server_error", "message": "no"}}, 200), "failed"),
        (_answer(_CHAT, error={"code": "late", "message": "x"}), "failed"),
        (_unanswered({"code": "batch_expired", "message": "late"}), "expired"),
        (_unanswered({"code": "batch_cancelled", "message": "stopped"}), "cancelled"),
        (_unanswered({"code": "request_timeout", "message": "slow"}), "failed"),
        (_unanswered({"code": ["odd"]}), "failed"),
        (_unanswered("odd"), "failed"),
        (_unanswered(None), "failed"),
        ({"custom_id": "q", "response": "odd"}, "failed"),
        ({"custom_id": "q"}, "failed"),
    ],
)
def test_status_is_read_from_both_shapes(answer: dict[str, Any], status: str) -> None:
    """
    HTTP errors stand in the body, errors of the batch beside the response, and odd lines are failures.
    """
    assert status_of(answer) == status
    row = _row(answer)
    assert (row.is_ok, row.error is None) == (status == "ok", status == "ok")


def test_answer_is_told() -> None:
    """
    A row has what the provider's line has, under the names of the field.
    """
    row = _row(_answer(_CHAT), input_line=b'{"custom_id": "q", "body": {"model": "gpt"}}\r')
    assert (row.status_code, row.request_id, row.model, row.text) == (200, "req_1", "gpt-4o-mini", "Because.")
    assert (row.body, row.request, row.error) == (_CHAT, {"model": "gpt"}, None)
    assert row.usage == Usage(input_tokens=7, output_tokens=3)


def test_http_error_is_told() -> None:
    """
    What the endpoint said is in the error, with the line of the input.
    """
    row = _row(_answer(_REFUSAL, 400))
    assert values_of(row.error) == values_of(
        OpenAIError(
            message="too long",
            code="too_long",
            type="invalid_request_error",
            param="messages",
            status=400,
            line=4,
            request_id="req_1",
            body=_REFUSAL,
        )
    )
    assert (row.text, row.usage, row.body) == (None, None, _REFUSAL)


def test_error_of_the_batch_is_told() -> None:
    """
    What never ran has a code and a message, and nothing of an answer.
    """
    row = _row(_unanswered({"code": "batch_expired", "message": "late"}))
    assert values_of(row.error) == values_of(OpenAIError(message="late", code="batch_expired", line=4))
    assert (row.status_code, row.request_id, row.body, row.model, row.usage, row.text) == (None,) * 6


@pytest.mark.parametrize(
    ("answer", "message", "code"),
    [
        (_answer({"error": "no"}, 500), "no", None),
        (_answer("<html>", 502), "the request was answered with status 502 and no explanation", None),
        (_answer({"error": {"why": 1}}, 500), '{"why": 1}', None),
        (_unanswered("no"), "no", None),
        (_unanswered(None), "the provider's line has neither a response nor an error", "invalid_response"),
    ],
)
def test_odd_errors_have_words_too(answer: dict[str, Any], message: str, code: str | None) -> None:
    """
    Whatever stands where an error should be, the row's error says something.
    """
    error = _row(answer).error
    assert error is not None
    assert (error.message, error.code) == (message, code)


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        ({"object": "error", "message": "too long", "code": 400}, "too long", "400"),
        ({"detail": [{"loc": ["body", "n"], "msg": "required"}]}, "body.n: required", None),
        ({"message": "no such model"}, "no such model", None),
        ({"error": {"error": {"message": "inner", "code": "in"}, "code": "out"}}, "inner", "in"),
        ({"errors": ["first", {"message": "second"}]}, "first; second", None),
        ({"title": "Bad", "detail": "words"}, "Bad: words", None),
        ("upstream timed out", "upstream timed out", None),
        ("<html><h1>Bad</h1> gateway</html>", "Bad gateway", None),
    ],
)
def test_words_of_a_failed_line_are_read_in_other_shapes(body: Any, message: str, code: str | None) -> None:
    """
    A refusal in the file of a batch is read as one that comes as an answer.
    """
    error = _row({"error": None, "response": {"status_code": 400, "body": body}}).error
    assert error is not None
    assert (error.message, error.code, error.status) == (message, code, 400)


def test_error_of_the_batch_without_words_has_those_of_the_answer() -> None:
    """
    Where the line's own error has a code only, what the endpoint said is told beside it.
    """
    error = _row({"error": {"code": "x"}, "response": {"status_code": 500, "body": {"detail": "words"}}}).error
    assert error is not None
    assert (error.message, error.code) == ('{"code": "x"}; words', "x")


def test_row_without_an_answer_tells_the_fault() -> None:
    """
    A line that no file tells of has the error it was given, and no request where the input is no JSON.
    """
    fault = OpenAIError(message="nobody tells", code="missing", line=9)
    row = OpenAIBatchRow(line=9, custom_id=None, status="missing", batch_id="b", input_line=b"{oops", fault=fault)
    assert (row.error, row.request, row.body, row.text) == (fault, None, None, None)


def test_row_can_be_pickled() -> None:
    """
    Rows go to other processes, read or unread.
    """
    row = _row(_answer(_REFUSAL, 400))
    assert pickle.loads(pickle.dumps(row)) == row  # noqa: S301  our own
    assert row.error is not None
    assert values_of(pickle.loads(pickle.dumps(row)).error) == values_of(row.error)  # noqa: S301  our own


_MESSAGE = {"type": "message", "content": [{"type": "output_text", "text": "a"}, {"type": "refusal"}]}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (_CHAT, "Because."),
        ({"choices": [{"message": {"content": [{"type": "text", "text": "a"}, {"text": "b"}]}}]}, "ab"),
        ({"choices": [{"message": {"content": None, "tool_calls": []}}]}, None),
        ({"choices": [{"text": "old"}]}, "old"),
        ({"choices": []}, None),
        ({"choices": [7]}, None),
        ({"output": [{"type": "reasoning", "content": [{"text": "hm"}]}, _MESSAGE, _MESSAGE]}, "aa"),
        ({"output": [{"type": "message", "content": [{"type": "refusal"}]}]}, None),
        ({"output": []}, None),
        ({"type": "message", "content": [{"type": "thinking"}, {"type": "text", "text": "a"}]}, "a"),
        ({"message": {"role": "assistant", "content": "a"}, "done_reason": "stop"}, "a"),
        ({"message": {"content": [{"type": "text", "text": "a"}]}, "finish_reason": "COMPLETE"}, "a"),
        ({"data": [{"embedding": [0.5]}]}, None),
        ({}, None),
    ],
)
def test_text_is_what_the_model_said(body: dict[str, Any], text: str | None) -> None:
    """
    Chats, completions and responses have one; tool calls, reasoning and embeddings are none.
    """
    assert text_of(body) == text


def _chat(end: Any = "stop", **message: Any) -> dict[str, Any]:
    return {"choices": [{"message": message, "finish_reason": end}]}


def _response(*items: Any, **fields: Any) -> dict[str, Any]:
    return {"output": list(items), **fields}


def _said(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "message", "content": list(parts)}


_NO = {"type": "refusal", "refusal": "I cannot."}
_CUT = {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}


@pytest.mark.parametrize(
    ("body", "note"),
    [
        (_CHAT, None),
        (_chat(content="yes"), None),
        (_chat(None, content="yes"), None),
        (_chat("STOP", content="yes"), None),
        (_chat(content=None, refusal="I cannot."), "refusal: I cannot."),
        (_chat(content="", refusal="I cannot."), "refusal: I cannot."),
        (_chat(content="yes", refusal=None), None),
        (_chat(content=[_NO]), "refusal: I cannot."),
        (_chat("content_filter", content=None), "content_filter"),
        (_chat("content_filter", content="half"), "content_filter"),
        (_chat("content_filter", content=None, refusal="I cannot."), "refusal: I cannot.; content_filter"),
        (_chat("length", content=""), "length"),
        (_chat("tool_calls", content=None, tool_calls=[{}]), "tool_calls"),
        (_chat(content=None, tool_calls=[{}]), "tool_calls"),
        (_chat(content=None, audio={"data": ""}), "audio"),
        (_chat(content=None), "no text"),
        (_chat(content=""), "no text"),
        ({"choices": []}, "no text"),
        ({"choices": [{"text": "old", "finish_reason": "length"}]}, "length"),
        (_response(_said({"type": "output_text", "text": "a"})), None),
        (_response(_said(_NO)), "refusal: I cannot."),
        (_response(_said(_NO, {"type": "output_text", "text": "a"})), "refusal: I cannot."),
        (_response(**_CUT), "content_filter"),
        (_response(_said({"type": "output_text", "text": "half"}), **_CUT), "content_filter"),
        (_response({"type": "reasoning"}, {"type": "function_call"}, {"type": "function_call"}), "function_call"),
        (_response({"type": "reasoning"}), "no text"),
        (_response(status="completed"), "no text"),
        (_response(status="cancelled"), "cancelled"),
        ({"type": "message", "content": [], "stop_reason": "refusal"}, "refusal"),
        ({"type": "message", "content": [{"type": "text", "text": "a"}], "stop_reason": "max_tokens"}, "max_tokens"),
        ({"message": {"content": "a"}, "done_reason": "length"}, "length"),
        ({"data": [{"embedding": [0.5]}]}, None),
        ({"results": [{"flagged": False}]}, None),
        ({}, None),
    ],
)
def test_an_answer_without_all_its_text_has_a_note(body: dict[str, Any], note: str | None) -> None:
    """
    Refused, filtered, cut, or something else than a text: what it was is said, in the row as well.
    """
    row = _row(_answer(body))
    assert (note_of(body), row.status, row.note) == (note, "ok", note)
    assert row.text or row.note or not {"choices", "output"} & body.keys()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                (
                    "choices",
                    "output",
                    "message",
                    "content",
                    "type",
                    "refusal",
                    "finish_reason",
                    "incomplete_details",
                    "reason",
                )
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.fixed_dictionaries({}, optional={"choices": _JSON, "output": _JSON, "incomplete_details": _JSON}))
def test_odd_answers_have_notes_too(body: dict[str, Any]) -> None:
    """
    Whatever stands where, nothing raises, and a list of choices or of items without a text is told.
    """
    assert (
        text_of(body)
        or note_of(body)
        or not (isinstance(body.get("choices"), list) or isinstance(body.get("output"), list))
    )


@pytest.mark.parametrize("line", [b"", b"7", b"[]", b"{", b"\xff{}", b"[" * 100_000, b'{"a": 1} {'])
def test_what_is_no_object_is_refused(line: bytes) -> None:
    """
    Every way to be no JSON object ends in the same kind of error.
    """
    with pytest.raises(ValueError, match=r".+"):
        read_line(line)


def test_more_than_json_allows_is_read() -> None:
    """
    Some servers write NaN and lone surrogates; their answers are paid for.
    """
    assert str(read_line(b'{"a": NaN, "b": "\\ud800"}')["a"]) == "nan"


def test_a_body_that_is_json_in_a_string_is_read() -> None:
    """
    As some servers write it: the row has text, usage and model, and a refusal is one.
    """
    row = _row(_answer(json.dumps(_CHAT)))
    assert (row.status, row.body, row.text, row.model) == ("ok", _CHAT, "Because.", "gpt-4o-mini")
    assert row.usage == Usage(input_tokens=7, output_tokens=3)
    refused = _row(_answer(json.dumps(_REFUSAL)))
    assert refused.error is not None
    assert (refused.status, refused.error.message) == ("failed", "too long")


@pytest.mark.parametrize("body", ["Because.", "", '{"choices": [', None, [], 5, '"twice"', "{" * 100_000])
def test_a_success_whose_body_cannot_be_read_has_failed_and_says_so(body: Any) -> None:
    """
    No row is ok without an answer.
    """
    row = _row(_answer(body))
    assert (row.status, row.text) == ("failed", None)
    assert row.error is not None
    assert (row.error.code, row.error.message) == (
        "invalid_response",
        "the body of the answer, with status 200, is no JSON object",
    )
