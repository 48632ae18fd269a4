"""
Rules for the lines of batch input files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import product
from typing import Any, Final

import attrs

from aikit.storage.seen import SeenTexts
from aikit.storage.spill import DiskCounter
from aikit.types.errors import OpenAIError
from aikit.validation.body_parameters import UnknownParameters
from aikit.validation.limits import Limits
from aikit.validation.problems import Problems, add_missing, add_wrong_type, excerpt

_VIDEOS: Final = "/v1/videos"
_KEYS: Final = ("custom_id", "method", "url", "body")
_KEYS_AT_LEAST: Final = ("custom_id", "body")
_OTHER_MODELS: Final = frozenset(map("".join, product(*zip("model", "MODEL", strict=True)))) - {"model"}
"""What servers that read keys in any case, such as those in Go, take for the model instead of what was checked."""

_LONGEST_URL: Final = 200
_VERSION: Final = re.compile(r"(?:(?:/[\w.-]+)*/v\d\w*)?")
_STORED: Final = {"model": ("prompt",), "input": ("prompt", "conversation", "previous_response_id")}
"""Parameter of a ``/v1/responses`` body → parameters that replace it by an object stored at the provider."""

_TITLES: Final = {
    "/v1/chat/completions": "Chat Completions",
    "/v1/responses": "Responses",
    "/v1/completions": "Completions",
    "/v1/images/generations": "Images",
    "/v1/images/edits": "Images",
}
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "/v1/chat/completions": ("model", "messages"),
    "/v1/responses": ("model", "input"),
    "/v1/embeddings": ("model", "input"),
    "/v1/completions": ("model", "prompt"),
    "/v1/moderations": ("input",),
    "/v1/images/generations": ("prompt",),
    "/v1/images/edits": ("prompt",),
    _VIDEOS: ("prompt",),
}
"""Body parameters without which an endpoint answers 400; the others have defaults."""


@attrs.define
class BatchRules:
    """
    Rules for batch files: each line is one request; all have one endpoint and one model.
    """

    # Codes, messages and params are the service's own, as its batches list them in errors.data
    # https://developers.openai.com/api/docs/guides/batch (read 2026-11-21)

    _limits: Limits
    _problems: Problems
    _url: str | None = None
    _model: str | None = None
    _needed: tuple[str, ...] = ()
    _parameters: UnknownParameters | None = None
    _lines: int = 0
    _inputs: int = 0
    _ids: SeenTexts | DiskCounter = attrs.field(factory=SeenTexts)

    @classmethod
    def for_endpoint(cls, endpoint: str, limits: Limits, problems: Problems) -> BatchRules:
        """
        Return the rules for a batch with a given endpoint, which each line's url must equal.
        """
        rules = cls(attrs.evolve(limits, batch_endpoints=()), problems)
        rules._begin(endpoint)
        return rules

    @property
    def lines(self) -> int:
        """The number of lines checked."""
        return self._lines

    @property
    def model(self) -> str | None:
        """The model of the lines."""
        return self._model

    def check(self, line: dict[str, Any], number: int) -> None:
        """
        Check one line.
        """
        self._lines += 1
        for key in _KEYS_AT_LEAST if self._limits.has_any_batch_url else _KEYS:
            if key not in line:
                add_missing(self._problems, number, key)
        if "custom_id" in line:
            self._check_custom_id(line["custom_id"], number)
        if line.get("method", "POST") != "POST":
            self._check_method(line["method"], number)
        is_fitting = "url" not in line or self._is_fitting_url(line["url"], number)
        if len(line) > len(_KEYS) and self._parameters is not None:
            self._parameters.look_beside(line, number)
        body = line.get("body")
        if type(body) is dict:
            if is_fitting:  # the needs of another endpoint are not known
                self._check_body(body, number)
        elif "body" in line:
            add_wrong_type(self._problems, number, "body", "an object", body)

    def finish(self) -> None:
        """
        Check the file as a whole, after its last line.
        """
        if self._parameters is not None:
            self._problems.notes += self._parameters.notes()
        most = self._limits.batch_max_lines
        if self._lines > most:
            message = f"The batch input file has {self._lines:,} requests, but at most {most:,} are allowed; split it."
            self._problems.add(OpenAIError(message=message, code="too_many_tasks", param="file"))
        most = self._limits.embeddings_batch_max_inputs
        if self._inputs > most:
            message = (
                f"The batch has {self._inputs:,} embedding inputs in all, but at most {most:,} are allowed; split it."
            )
            self._problems.add(OpenAIError(message=message, code="too_many_inputs", param="body.input"))

    def _begin(self, url: str) -> None:
        self._url, self._needed = url, _NEEDED.get(url, ())
        self._parameters = UnknownParameters(url, self._limits.has_other_parameters)

    def _check_custom_id(self, custom_id: Any, number: int) -> None:
        if type(custom_id) is not str:
            add_wrong_type(self._problems, number, "custom_id", "a string", custom_id)
            return
        if not custom_id:
            message = "Invalid 'custom_id': empty string. Give each request a name of its own."
            self._problems.add_line(number, "invalid_value", message, "custom_id")
            return
        if self._ids.count(custom_id) > 1:
            message = (
                f"The custom_id '{excerpt(custom_id)}' for this request is a duplicate of another request. "
                "The custom_id parameter must be unique for each request in a batch."
            )
            self._problems.add_line(number, "duplicate_custom_id", message, "custom_id")

    def _check_method(self, method: Any, number: int) -> None:
        if type(method) is not str:
            add_wrong_type(self._problems, number, "method", "a string", method)
            return
        message = f"Invalid value: '{excerpt(method)}'. Supported values are: 'POST'."
        self._problems.add_line(number, "invalid_value", message, "method")

    def _is_fitting_url(self, url: Any, number: int) -> bool:
        """
        Return whether *url* is the batch's endpoint, which the first valid url decides.
        """
        if self._limits.has_any_batch_url and type(url) is str:
            url = endpoint_of(url)
        if url == self._url and url is not None:
            return True
        endpoints = self._limits.batch_endpoints
        if type(url) is not str:
            add_wrong_type(self._problems, number, "url", "a string", url)
            return False
        if endpoints and url not in endpoints:
            allowed = ", ".join(f"'{endpoint}'" for endpoint in endpoints)
            message = f"Invalid value: '{excerpt(url)}'. Supported values are: {allowed}."
        elif self._url is None:
            self._begin(url)
            return True
        else:
            message = "The URL provided for this request does not match the batch endpoint."
        self._problems.add_line(number, "invalid_url", message, "url")
        return False

    def _check_body(self, body: dict[str, Any], number: int) -> None:
        model = body.get("model")
        if model != self._model:
            self._check_model(model, number)
        if not _OTHER_MODELS.isdisjoint(body):
            message = "The name of the parameter 'model' is written in small letters; leave other spellings of it out."
            self._problems.add_line(number, "invalid_request", message, "body.model")
        if body.get("stream"):
            self._add_stream(number)
        for name in self._needed:
            if not body.get(name):
                self._check_needed(name, body, number)
        if self._parameters is not None and not self._parameters.known.issuperset(body):
            self._parameters.look(body, number)
        messages = body.get("messages")
        if messages is not None and type(messages) is not list:
            add_wrong_type(self._problems, number, "body.messages", "an array", messages)
        if self._url == "/v1/embeddings":
            self._inputs += input_count(body.get("input"))
        if "input_reference" in body and self._url == _VIDEOS:
            self._check_reference(body["input_reference"], number)

    def _check_model(self, model: Any, number: int) -> None:
        if model is None or model == "":
            return
        if type(model) is not str:
            add_wrong_type(self._problems, number, "body.model", "a string", model)
        elif self._model is None:
            self._model = model
        else:
            message = (
                f"The model '{excerpt(model)}' for this request does not match the rest of the batch. "
                "Each batch must contain requests for a single model."
            )
            self._problems.add_line(number, "mismatched_model", message, "body.model")

    def _check_needed(self, name: str, body: dict[str, Any], number: int) -> None:
        if self._url == "/v1/responses" and any(body.get(key) for key in _STORED[name]):
            return
        if name in body and (name == "prompt" or (name != "model" and body[name] not in (None, []))):
            return  # the endpoint itself judges an empty text
        message = f"{name.capitalize()} parameter is required."
        self._problems.add_line(number, "invalid_request", message, f"body.{name}")

    def _check_reference(self, reference: Any, number: int) -> None:
        if reference is None:
            return
        if type(reference) is not dict:
            add_wrong_type(self._problems, number, "body.input_reference", "an object", reference)
        elif not any(type(reference.get(key)) is str and reference[key] for key in ("file_id", "image_url")):
            message = "Invalid 'input_reference': it must be an object with the string file_id or image_url."
            self._problems.add_line(number, "invalid_value", message, "body.input_reference")

    def _add_stream(self, number: int) -> None:
        title = _TITLES.get(self._url or "")
        message = "Streaming is not supported in the Batch API."
        self._problems.add_line(
            number, "streaming_unsupported", f"{title}: {message}" if title else message, "body.stream"
        )


def endpoint_of(url: str) -> str:
    """
    Return OpenAI's endpoint for *url* as other providers write it: ``/v4/…``, ``/openai/v1/…``; others unchanged.
    """
    if len(url) > _LONGEST_URL:
        return url
    for endpoint in _NEEDED:
        path = endpoint.removeprefix("/v1")
        if url.endswith(path) and _VERSION.fullmatch(url.removesuffix(path)):
            return endpoint
    return url


def input_count(value: Any) -> int:
    """
    Return the number of embedding inputs: a string is one, and so is an array of tokens.
    """
    if type(value) is not list:
        return 1
    return 1 if value and type(value[0]) is int else len(value)
