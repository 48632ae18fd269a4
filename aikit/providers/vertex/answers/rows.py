"""
One row that a batch prediction gives back, as a line of OpenAI's output or error file.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from aikit.providers.vertex.answers import claude, embeddings, gemini
from aikit.providers.vertex.answers.failures import failed_response, is_told, response_with_error
from aikit.providers.vertex.answers.ids import RowIds
from aikit.providers.vertex.answers.misfits import MisfitError, compact_json, decoded
from aikit.types.batch_rows import status_of
from aikit.types.interruptions import let_through
from aikit.types.wire import NOTHING

KEY_LABEL: Final = "aikit_key"
_LITELLMS: Final = "litellm_custom_id_raw"
_LITELLMS_MARK: Final = "b32_"
_MISFIT: Final = 502
_NOT_IN_LINES: Final = (b"NaN", b"Infinity", b"\r")
_OBJECTS: Final = frozenset(("chat.completion", "list", "text_completion", "response"))


@attrs.define(eq=False, kw_only=True)
class Rows:
    """
    The rows of one batch while they become lines.

    Attributes:
        ids: The custom_ids; ``None`` for a batch that another program made, whose rows have their own.

        model: Of the batch.

        wants_errors: Whether the lines of the error file are wanted, and not those of the output.

        wants_all: Whether lines of both are, for there is no other file.

        unanswered: Code and message for requests without a row.

        has_own_ids: Whether the requests went as they were, with their own custom_ids.
    """

    ids: RowIds | None
    model: str
    wants_errors: bool
    unanswered: tuple[str, str]
    wants_all: bool = False
    has_own_ids: bool = False
    _is_numbered: bool = True

    def line(self, raw: bytes | bytearray, number: int, name: str) -> bytes:
        """
        Return the line for the row *raw*, with its newline; nothing if it belongs to the other file.

        Args:
            raw: The row, not blank.

            number: Of its line.

            name: Of the file that has it.
        """
        try:
            row = _read(raw)
        except ValueError as error:
            let_through(error)
            return self.problem("invalid_json_line", f"line {number:,} of {name} cannot be read: {error}")
        if _is_openais(row):
            return self._as_it_is(raw, row)
        custom_id, own_name = self._whose(row)
        is_ok, response = _response(row, own_name, self.model)
        if is_ok == self.wants_errors and not self.wants_all:
            return b""
        line = {"id": f"batch_req_{own_name}", "custom_id": custom_id, "response": response, "error": None}
        if custom_id is None:  # whoever reads it may know it by this
            line["key"] = row.get("key")
        return _encoded(line)

    def rest(self) -> Iterator[bytes]:
        """
        Yield the lines of the error file for requests that no row was about.
        """
        if not self.wants_errors or self.ids is None or not self._is_numbered:
            return
        error = dict(zip(("code", "message"), self.unanswered, strict=True))
        for number, is_seen in enumerate(self.ids.seen):
            if not is_seen:
                yield _error_line(f"batch_req_{_name(number)}", self.ids.custom_id(number), error)

    def problem(self, code: str, message: str) -> bytes:
        """
        Return the line of the error file for a row of which it is not known whose it is.
        """
        is_wanted = self.wants_errors or self.wants_all
        return _error_line(None, None, {"code": code, "message": message}) if is_wanted else b""

    def _whose(self, row: Mapping[str, Any]) -> tuple[str | None, str]:
        """
        Return the custom_id of a row, ``None`` if it is not known, and a name for what has none of its own.
        """
        key, labels = row.get("key"), _labels(row)
        if self.has_own_ids:
            self._is_numbered = False
            own = _text(self._own_id(row))
            return own, own or "row"
        if self.ids is None:
            others = (row.get("custom_id"), row.get("requestId"))
            told = next((text for one in (key, *others) if (text := _text(one)) is not None), _litellms(labels))
            return told, told or "row"
        number, label = self.ids.number_of(key), labels.get(KEY_LABEL)
        if label is not None and (labelled := self.ids.number_of(label)) is not None:
            number = labelled if number in {None, labelled} else None  # one that contradicts itself is nobody's
        elif number is None:
            others = (row.get("custom_id"), row.get("requestId"))
            found = {self.ids.number_of(one) for one in others} | {self.ids.number_like(one) for one in others}
            number = found.pop() if len(found := found - {None}) == 1 else None
        if number is None:
            return None, "row"
        self.ids.seen[number] = 1
        return self.ids.custom_id(number), _name(number)

    def _as_it_is(self, raw: bytes | bytearray, row: dict[str, Any]) -> bytes:
        """
        Return the line for a row in OpenAI's format: unchanged, but for an answer that stands there bare.
        """
        self._is_numbered = False
        response = row.get("response")
        is_bare = False
        if isinstance(response, dict) and "body" not in response and "status_code" not in response:
            is_bare = True
            row["response"] = {"status_code": 200, "request_id": response.get("id"), "body": response}
        row.setdefault("error", None)
        if (status_of(row) == "ok") == self.wants_errors and not self.wants_all:
            return b""
        if type(row.get("custom_id")) is str and not is_bare and not any(odd in raw for odd in _NOT_IN_LINES):
            return bytes(raw) + b"\n"
        row["custom_id"] = self._own_id(row)
        return _encoded(row)

    def _own_id(self, row: Mapping[str, Any]) -> Any:
        """
        Return the custom_id in a row; where it became a number, what it was.
        """
        custom_id = row.get("custom_id")
        number = self.ids.number_like(custom_id) if self.ids is not None else None
        return custom_id if self.ids is None or number is None else self.ids.custom_id(number)


def _response(row: Mapping[str, Any], name: str, model: str) -> tuple[bool, dict[str, Any]]:
    """
    Return whether the request of *row* was answered, and the response of its line.
    """
    response = row.get("response")
    answer: Mapping[str, Any] = response if isinstance(response, dict) else NOTHING
    told = _told(row, answer)
    try:
        if told is not None:
            return False, _with_usage(failed_response(told, answer.get("responseId")), answer)
        body = _body(row, answer, name, model)
    except MisfitError as error:
        message = f"the answer of Vertex AI is not understood: {error}"
        return False, _with_usage(response_with_error(_MISFIT, "invalid_response", message, None), answer)
    return True, {"status_code": 200, "request_id": body.get("id", name), "body": body}


def _told(row: Mapping[str, Any], answer: Mapping[str, Any]) -> Any:
    """
    Return what says that a row failed; ``None`` if nothing does.
    """
    for name in ("status", "error"):
        if row.get(name) and is_told(row[name]):
            return row[name]
    return answer if answer.get("type") == "error" else None


def _body(row: Mapping[str, Any], answer: Mapping[str, Any], name: str, model: str) -> dict[str, Any]:
    predictions = row.get("predictions")
    if isinstance(predictions, list) and predictions:
        return embeddings.embedding_list_of_predictions(predictions, model)
    if not answer:
        raise MisfitError("there is none, and no status that says why")
    if answer.get("embedding") is not None:
        return embeddings.embedding_list(answer, model)
    if answer.get("type") == "message":
        return claude.chat_completion(answer, row, name, model)
    return gemini.chat_completion(answer, row, name, model)


def _with_usage(response: dict[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return *response* with the tokens that were told though it is an error: they may be paid.
    """
    usage = embeddings.usage_of(answer) if "tokenCount" in answer else gemini.usage_of(answer.get("usageMetadata"))
    usage = usage or claude.usage_of(answer.get("usage"))
    if usage is not None:
        response["body"] |= {"usage": usage, "model": answer.get("modelVersion") or answer.get("model")}
    return response


def _read(raw: bytes | bytearray) -> dict[str, Any]:
    value = decoded(raw)
    if type(value) is not dict:
        raise ValueError("it is no object")
    return value


def _is_openais(row: Mapping[str, Any]) -> bool:
    response = row.get("response")
    if isinstance(response, dict) and response:
        if "candidates" in response:
            return False  # as most
        is_line = "body" in response or "status_code" in response
        return is_line or "choices" in response or response.get("object") in _OBJECTS
    is_translated = "status" in row or "request" in row
    return "custom_id" in row and not is_translated and isinstance(row.get("error"), dict)


def _labels(row: Mapping[str, Any]) -> Mapping[str, Any]:
    request = row.get("request")
    labels = request["labels"] if isinstance(request, dict) and "labels" in request else None
    return labels if isinstance(labels, dict) else NOTHING


def _litellms(labels: Mapping[str, Any]) -> str | None:
    """
    Return the custom_id that LiteLLM has put in the labels of a request, in base 32 in several of them.
    """
    names = [_LITELLMS, *(f"{_LITELLMS}_{index}" for index in range(1, len(labels)))]
    chunks = [text for name in names if isinstance(text := labels.get(name), str)]
    if not chunks or not all(chunk.startswith(_LITELLMS_MARK) for chunk in chunks):
        return None
    told = "".join(chunk.removeprefix(_LITELLMS_MARK) for chunk in chunks).upper()
    try:
        return base64.b32decode(told + "=" * (-len(told) % 8)).decode()
    except ValueError:
        return None


def _text(told: Any) -> str | None:
    """
    Return what names a row, of which Google may have made a number.
    """
    if isinstance(told, float) and told.is_integer():
        told = int(told)
    return str(told) if type(told) in {int, str} else None


def _name(number: int) -> str:
    return f"r-{number + 1:06d}"


def _error_line(line_id: str | None, custom_id: str | None, error: Mapping[str, str]) -> bytes:
    return _encoded({"id": line_id, "custom_id": custom_id, "response": None, "error": error})


def _encoded(line: Mapping[str, Any]) -> bytes:
    return compact_json(line).encode() + b"\n"
