"""
Refusals of providers, whatever their shape, as an `OpenAIError`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, TypeVar
from urllib.parse import unquote

import attrs

from aikit.http.address_hints import address_hint, hint_of_refusal
from aikit.http.headers import Headers, redacted
from aikit.http.messages import Response
from aikit.types.error_words import ErrorWords, is_page, listed, plain, read_error
from aikit.types.errors import OpenAIError, phrase_of
from aikit.types.ids import is_same_id
from aikit.types.suggestions import continued

T = TypeVar("T")

_LARGEST_BYTES: Final = 8 * 1024 * 1024
_LONGEST_SECRET: Final = 16 * 1024
_SHORTEST_SECRET: Final = 6


def raise_for_status(response: Response) -> Response:
    """
    Return *response* if its status is 200 to 299.

    Raises:
        OpenAIError: It is not.
    """
    if not response.is_success:
        raise error_from(response)
    return response


def understood(response: Response, from_wire: Callable[[Any], T]) -> T:
    """
    Return what *from_wire* makes of the JSON of a successful answer.

    Raises:
        OpenAIError: The provider refuses, or its answer is not what it should be (code ``"invalid_response"``).
    """
    data = raise_for_status(response).json()
    try:
        return from_wire(data)
    except OpenAIError as error:
        refusal = error_from(response)
        if isinstance(data, dict) and (data.get("error") or data.get("object") == "error"):
            raise refusal from None  # some servers refuse with status 200
        has_object = isinstance(data, dict) and ("id" in data or "data" in data)
        said = "" if has_object else _words(refusal.body, response).message
        hint = "" if has_object else address_hint(response.request.url)
        message = continued(response.request.hide_in(error.message), f"it says: {said}" if said else "")
        message = continued(message, hint)
        raise attrs.evolve(refusal, message=message, code=error.code, type=None, param=None) from None


def discreet(response: Response, url: str) -> Response:
    """
    Return *response* without *url* and the values in its query, which are secrets and which servers may repeat.
    """
    values = [pair.partition("=")[2] for pair in url.partition("?")[2].split("&")]
    secrets = sorted({url, *values, *map(unquote, values)}, key=len, reverse=True)
    body, headers = response.body, dict(response.headers)
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            body = body.replace(secret.encode(), b"***")
            headers = {name: value.replace(secret, "***") for name, value in headers.items()}
    return attrs.evolve(response, body=body, headers=Headers(headers))


def require_same_id(response: Response, asked: str, told: str) -> None:
    """
    Check that a successful answer is about the object that was asked for.

    Raises:
        OpenAIError: It is about another one (code ``"mismatched_id"``).
    """
    if is_same_id(asked, told):
        return
    method, shown = response.request.method, told[:200]
    doubt = "" if method == "GET" else "; whether it was done is not known: look at that object before you ask again"
    message = (
        f"{method} about {asked!r} was answered with {shown!r}, which is another one{doubt}; is a cache or a gateway "
        "in between that mixes up answers?"
    )
    raise attrs.evolve(error_from(response), message=message, code="mismatched_id", type=None, param=None)


def error_from(response: Response) -> OpenAIError:
    """
    Read a refusal: OpenAI's and Azure's JSON, other servers' JSON, HTML pages and plain text.
    """
    # https://developers.openai.com/api/docs/guides/error-codes (read 2026-11-21)
    is_whole = len(response.body) <= _LARGEST_BYTES
    response = (response if is_whole else attrs.evolve(response, body=response.body[:_LARGEST_BYTES])).without_secrets()
    text = response.body.decode("utf-8-sig", "replace")
    if not is_whole:
        text = text[:-_LONGEST_SECRET]  # of a secret at the cut, the first half would be left
    body = _decoded(text, response)
    told = ErrorWords() if body is text else _words(body, response)
    earlier = "an earlier try was not answered, and may have been acted on" if _is_doubtful_refusal(response) else ""
    url, status = response.request.url, response.status
    is_storage = "x-ms-version" in response.request.headers  # a blob may be called whatever an API's paths are
    hint = "" if is_storage else hint_of_refusal(url, status, told.message if isinstance(body, dict) else "", text)
    return OpenAIError(
        message=continued(continued(_message(told.message, text, response), hint), earlier),
        code=told.code,
        type=told.type,
        param=told.param,
        status=response.status,
        request_id=response.request_id,
        headers=response.headers,
        body=body,
        response=response.kept(),
        is_ambiguous=response.is_ambiguous,
    )


def _is_doubtful_refusal(response: Response) -> bool:
    return response.is_ambiguous and response.request.may_have_been_applied and not response.is_success


def _decoded(text: str, response: Response) -> Any:
    try:
        value = json.loads(text)
        plain = json.dumps(value, ensure_ascii=False)  # where no secret hides behind an escape
        discreetly = response.request.hide_in(plain)
        return value if discreetly == plain else json.loads(discreetly)
    except (ValueError, RecursionError):
        return text


def _words(body: Any, response: Response) -> ErrorWords:
    """
    Return what *body* says; a list that has no objects is shown as it is.
    """
    if isinstance(body, list) and not any(isinstance(entry, dict) for entry in body):
        return ErrorWords(listed(body) if body else "")
    return read_error(body, lambda text: _decoded(text, response), without=phrase_of(response.status))


def _message(words: str, text: str, response: Response) -> str:
    if words and not is_page(words):
        return words
    said = plain(words or text)
    where = f"{response.request.method} {redacted(response.request.url)}"
    phrase = phrase_of(response.status) or "refused"
    return f"{where} was answered with status {response.status} ({phrase})" + (f": {said}" if said else "")
