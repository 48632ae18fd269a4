"""
What became of one line of a batch, read from the line of an output or error file on demand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

import attrs

from aikit.types.error_words import is_page, name_of, plain, read_error
from aikit.types.errors import OpenAIError
from aikit.types.json_form import Jsonable, as_json
from aikit.types.usage import Usage
from aikit.types.wire import whole_number

LINE_MAX_BYTES: Final = 256 * 1024 * 1024
"""The longest line of a batch's files that is read; answers with images have many megabytes."""

STATUSES: Final = ("ok", "failed", "expired", "cancelled", "missing")
"""What can have become of a line."""

_USUAL_ENDS: Final = frozenset(("stop", "end_turn", "eos", "eos_token", "stop_sequence", "complete", "completed"))
_SAID: Final = ("message", "reasoning")  # no set: the value in an odd answer may have no hash
_CALLS: Final = ("tool_calls", "function_call", "audio")
_COLUMNS: Final = ("line", "custom_id", "status", "status_code", "model", "text", "note", "error", "usage")
_UNREAD: Final = frozenset(("invalid_response", "invalid_json_line", "line_too_long"))
_NEVER_RAN: Final = {"batch_expired": "expired", "batch_cancelled": "cancelled"}


@attrs.frozen
class OpenAIBatchProblem(Jsonable):
    """
    Something in a batch's files that could not be joined as it stands; each line of the input has its row all the same.

    Attributes:
        file: ``"input"``, ``"output"`` or ``"error"``.

        line: 1-based line of that file; ``None`` if it is about the whole.

        code: ``"invalid_json_line"``, ``"line_too_long"``, ``"missing_custom_id"``, ``"duplicate_custom_id"``,
            ``"unknown_custom_id"``, ``"invalid_response"`` or ``"file_gone"``.

        message: What is wrong, and how it was treated.

        batch_id: The batch whose file it is.
    """

    file: str
    line: int | None
    code: str
    message: str
    batch_id: str


@attrs.frozen(kw_only=True)
class OpenAIBatchRow(Jsonable):
    """
    What became of one line of a batch's input.

    Attributes:
        line: 1-based line of the input file; blank lines count, and have no row.

        custom_id: The line's own; ``None`` if it has none that is a string.

        status: ``"ok"``, or ``"failed"``, ``"expired"`` or ``"cancelled"``, or ``"missing"``: neither file tells. Where
            a batch expired or was cancelled and has no error file, lines without an answer are that. Of lines with one
            custom_id that ask different things, each is what is known of all of them, or missing.

        batch_id: The batch that the answer is from.

        input_line: The line of the input, without what ends it.

        output_line: The provider's line about it; empty if there is none.
    """

    # The lines of both files: https://developers.openai.com/api/docs/guides/batch (read 2026-11-21)

    line: int
    custom_id: str | None
    status: str
    batch_id: str
    input_line: bytes = attrs.field(default=b"", repr=False)
    output_line: bytes = attrs.field(default=b"", repr=False)
    _fault: OpenAIError | None = attrs.field(default=None, repr=False, eq=False)

    @property
    def is_ok(self) -> bool:
        """Whether it was answered with success."""
        return self.status == "ok"

    @cached_property
    def request(self) -> Any:
        """What was asked: ``body`` of the input line; ``None`` if that cannot be read."""
        try:
            return read_line(self.input_line).get("body")
        except ValueError:
            return None

    @property
    def status_code(self) -> int | None:
        """HTTP status of the answer; ``None`` if none came."""
        return whole_number(self._response.get("status_code"))

    @property
    def request_id(self) -> str | None:
        """What the provider calls this request; worth quoting to its support."""
        return name_of(self._response.get("request_id"))

    @cached_property
    def body(self) -> Any:
        """The answer, as its endpoint gives it, also one in a string; that of an error too; ``None`` if none came."""
        return body_of(self._response)

    @property
    def model(self) -> str | None:
        """The model that answered."""
        return name_of(self._answer.get("model"))

    @property
    def usage(self) -> Usage | None:
        """Tokens of the answer; ``None`` if it does not tell."""
        return Usage.from_wire(usage_of(self._answer))

    @property
    def text(self) -> str | None:
        """What the model said: of chats the first choice, of responses all texts; ``None`` if it said nothing."""
        return text_of(self._answer) if self.is_ok else None

    @property
    def note(self) -> str | None:
        """Why an answer that is ok has no text, or not all: refused, filtered, cut; in the words of `note_of`."""
        if self._fault is not None:  # answered, and it is not known with what
            return self._fault.message if self.is_ok else None
        return note_of(self._answer) if self.is_ok else None

    @cached_property
    def error(self) -> OpenAIError | None:
        """Why it is not ok; *line* is that of the input."""
        if self.is_ok:
            return None
        return self._fault or self._told_error()

    def to_dict(self) -> dict[str, Any]:
        """
        Return what `write_csv` has in its columns, by their attributes' names: not the whole request, nor the answer.
        """
        return {name: as_json(getattr(self, name)) for name in (*_COLUMNS, "request_id", "batch_id")}

    @cached_property
    def _data(self) -> dict[str, Any]:
        return read_line(self.output_line) if self.output_line else {}

    @property
    def _response(self) -> Mapping[str, Any]:
        return _mapping(self._data.get("response"))

    @property
    def _answer(self) -> Mapping[str, Any]:
        return answer_of(_mapping(self.body))

    def _told_error(self) -> OpenAIError:
        own, answered = _told(self._data.get("error")), _told(self._answer.get("error"))
        told, body = own or answered, None if is_unreadable(self._response) else self.body
        words = read_error(own)
        if not words.message:
            words = read_error([own, answered or body] if own else answered or body)
        return OpenAIError(
            message=(plain(words.message) if is_page(words.message) else words.message) or self._wordless(told),
            code=words.code or (None if self._has_reason(told) else "invalid_response"),
            type=words.type,
            param=words.param,
            status=self.status_code,
            line=self.line,
            request_id=self.request_id,
            body=self.body,
        )

    def _has_reason(self, told: Any) -> bool:
        if is_unreadable(self._response):
            return False
        return bool(told or self._response)

    def _wordless(self, told: Any) -> str:
        if told:
            return json.dumps(told)
        if is_unreadable(self._response):
            return f"the body of the answer, with status {self.status_code}, is no JSON object"
        if self._response:
            return f"the request was answered with status {self.status_code} and no explanation"
        return "the provider's line has neither a response nor an error"


def read_line(line: bytes) -> dict[str, Any]:
    """
    Return the object that *line* says; more than JSON allows is let pass, for what came cannot be mended.

    Raises:
        ValueError: It is no JSON object.
    """
    try:
        value = json.loads(line.decode("utf-8", "surrogatepass"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if type(value) is not dict:
        raise ValueError("it is no object")
    return value


def status_of(answer: Mapping[str, Any]) -> str:
    """
    Return what became of the request that a line of an output or error file is about.

    Both files have the same lines: a *response* with an HTTP status and a body, which in the case of an error is that
    of the endpoint, or no response but an *error* of the batch. An answer that says of itself that it is an error, as
    Responses do with status 200, is one; an error whose members are all null, empty or 0 is none. A status may be a
    number in a string, and where there is none, a body that is an object is an answer, unless it is the words of an
    error and tells no tokens. What is counted as paid reads this too.
    """
    error = _told(answer.get("error"))
    if error:
        code = error.get("code") if isinstance(error, dict) else None
        return _NEVER_RAN.get(code, "failed") if isinstance(code, str) else "failed"
    response = _mapping(answer.get("response"))
    body, code = body_of(response), whole_number(response.get("status_code"))
    answered = answer_of(_mapping(body))
    if _told(answered.get("error")) or _is_error(answered, code):
        return "failed"
    is_success = isinstance(body, dict) and (code is None or 200 <= code <= 299)
    return "ok" if is_success else "failed"


def usage_of(body: Mapping[str, Any]) -> Any:
    """
    Return what the *body* of an answer tells of its tokens, by OpenAI's name for that or by one of Gemini's.
    """
    return body.get("usage") or body.get("usageMetadata") or body.get("usage_metadata")


def body_of(response: Mapping[str, Any]) -> Any:
    """
    Return the body of a response; some servers write it as a string of JSON, which is read.
    """
    body = response.get("body")
    if type(body) is not str or not body.lstrip().startswith("{"):
        return body
    try:
        return read_line(body.encode("utf-8", "surrogatepass"))
    except ValueError:
        return body


def answer_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    Return the answer in *body*: itself, or of the last event of a stream, ``response.completed``, the response in it.
    """
    inner = body.get("response")
    return inner if isinstance(inner, dict) and str(body.get("type")).startswith("response.") else body


def is_unreadable(response: Mapping[str, Any]) -> bool:
    """
    Return whether *response* is a success whose body is no JSON object.
    """
    code = whole_number(response.get("status_code"))
    return code is not None and 200 <= code <= 299 and type(body_of(response)) is not dict


def says_nothing(answer: Mapping[str, Any]) -> bool:
    """
    Return whether a line tells neither what was answered nor why nothing was: it may be paid.

    So may an answer of which the line says that it could not be read where the line was made.
    """
    response = _mapping(answer.get("response"))
    for error in (answer.get("error"), _mapping(body_of(response)).get("error")):
        if name_of(_mapping(error).get("code")) in _UNREAD:
            return True
    reasons = (_told(answer.get("error")), response.get("body"), whole_number(response.get("status_code")))
    return is_unreadable(response) or not any(reason is not None for reason in reasons)


def text_of(body: Mapping[str, Any]) -> str | None:
    """
    Return what the model said, in the body of a chat completion, a completion or a response.
    """
    choices = _choices(body)
    if choices:
        choice = _mapping(choices[0])
        return _joined(_mapping(choice.get("message")).get("content", choice.get("text")))
    output = body.get("output")
    if not isinstance(output, list):
        return None
    said = [_joined(item.get("content")) for item in map(_mapping, output) if item.get("type") == "message"]
    return "".join(text for text in said if text is not None) if any(said) else None


def note_of(body: Mapping[str, Any]) -> str | None:
    """
    Return what is to be known of the *body* of a chat completion, a completion or a response beside its text.

    A refusal in its own words; an end that is none of the usual, by its name, such as ``content_filter``, ``length`` or
    ``tool_calls``; what there is instead of a text. ``None`` if there is nothing to say.
    """
    choices, output = _choices(body), body.get("output")
    if choices is not None:
        choice = _mapping(choices[0] if choices else None)
        said, end = _mapping(choice.get("message")), choice.get("finish_reason")
        parts = [{**said, "type": "refusal"}, *_list(said.get("content"))]
        found = [name for name in _CALLS if said.get(name)]
    elif isinstance(output, list):
        items, end = list(map(_mapping, output)), _mapping(body.get("incomplete_details")).get("reason")
        end = end or body.get("status")
        parts = [part for item in items for part in _list(item.get("content"))]
        found = [str(item.get("type")) for item in items if item.get("type") not in (*_SAID, "")]
    else:
        return None
    refusals = [part.get("refusal") for part in map(_mapping, parts) if part.get("type") == "refusal"]
    notes = [f"refusal: {words}" for words in refusals if isinstance(words, str) and words]
    if (name := name_of(end)) is not None and name.lower() not in _USUAL_ENDS:
        notes.append(name)
    if not notes and not text_of(body):
        notes = list(dict.fromkeys(found)) or ["no text"]
    return "; ".join(notes) or None


def _choices(body: Mapping[str, Any]) -> list[Any] | None:
    """
    Return the choices of a chat; the one of Ollama, Cohere or Anthropic is the *body*. ``None`` if it is no chat.
    """
    choices, message = body.get("choices"), body.get("message")
    if isinstance(choices, list):
        return choices
    end = body.get("finish_reason") or body.get("done_reason") or body.get("stop_reason")
    message = body if isinstance(body.get("content"), list) else message
    return [{"message": message, "finish_reason": end}] if isinstance(message, dict) else None


def _joined(content: Any) -> str | None:
    """
    Return the text of *content*, which is one or has parts that are.
    """
    if not isinstance(content, list):
        return content if isinstance(content, str) else None
    texts = [part.get("text") for part in map(_mapping, content)]
    found = [text for text in texts if isinstance(text, str)]
    return "".join(found) if found else None


def _told(error: Any) -> Any:
    """
    Return *error*, or ``None`` if it says nothing: some servers send one with empty members beside each answer.
    """
    is_told = any(error.values()) if isinstance(error, dict) else error
    return error if is_told else None


def _is_error(answered: Mapping[str, Any], code: int | None) -> bool:
    """
    Return whether what was *answered* is an error in a form of others than OpenAI: by its name, or without a status.
    """
    if usage_of(answered) is not None:
        return False
    words = answered.get("message") or answered.get("detail")  # an object may be what the model said
    return answered.get("object") == "error" or (code is None and isinstance(words, str | list))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
