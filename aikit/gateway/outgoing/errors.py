"""
Errors as answers, in OpenAI's shape: those of the gateway, and those of providers with their own code and param.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

import attrs
from starlette.responses import Response

from aikit.gateway.incoming.refusals import FileRefused
from aikit.gateway.outgoing.objects import json_answer, printable
from aikit.gateway.registry.errors import UnfitValueError
from aikit.providers.local.api.refusals import Refusal
from aikit.storage.errors import StoreError
from aikit.types.errors import UNEXPECTED, ExchangeError, OpenAIError, Rejected

_MAX_ECHOED: Final = 256  # characters of an id or a name that an error repeats
_LISTED: Final = 100
_LEAST_NAME: Final = 8  # of an id without what it begins with; a shorter one may stand for other things
_ADDRESS: Final = re.compile(r"https?://[\w.:@\[\]-]+[^\s\"'<>,;)]*")
_KEPT_HEADERS: Final = ("retry-after", "retry-after-ms", "x-should-retry", "allow", "www-authenticate", "content-range")
_STATUSES: Final = {
    500: (UNEXPECTED,),
    502: (
        "answer_lost",
        "connection_error",
        "invalid_response",
        "mismatched_id",
        "not_deleted",
        "proxy_error",
        "redirect_refused",
        "size_mismatch",
        "tls_error",
        "token_unavailable",
    ),
    503: (
        "cancelled",
        "dependency_too_old",
        "keyring_unavailable",
        "storage_busy",
        "storage_damaged",
        "storage_too_new",
        "storage_unavailable",
        "temporary_storage",
    ),
    504: ("deadline_exceeded", "timeout"),
    507: ("insufficient_storage",),
    413: ("file_too_large", "part_too_large"),
}
_STATUS_OF_CODE: Final = {code: status for status, codes in _STATUSES.items() for code in codes}


def no_such(kind: str, identifier: str, param: str = "id") -> OpenAIError:
    """
    Return the refusal of an id that is unknown, deleted or another key's: all three read the same.

    Args:
        kind: ``"File"``, ``"Batch"`` or ``"Upload"``.

        identifier: As it was asked for.

        param: The parameter that held it.
    """
    if kind == "Batch":
        return OpenAIError(message=f"No batch found with id '{shown(identifier)}'.", status=404)
    return OpenAIError(message=f"No such {kind} object: {shown(identifier)}", status=404, param=param)


def shown(text: str) -> str:
    """
    Return of *text* what an error repeats.
    """
    return text if len(text) <= _MAX_ECHOED else f"{text[:_MAX_ECHOED]}…"


def errors_of(error: BaseException) -> tuple[OpenAIError, ...]:
    """
    Return what *error* says, as values.
    """
    if isinstance(error, Rejected) and error.errors:
        return error.errors
    if isinstance(error, OpenAIError):
        return (error,)
    if isinstance(error, Refusal):
        return (OpenAIError(**attrs.asdict(error, recurse=False)),)
    if isinstance(error, StoreError):  # where it keeps things is not for callers to know
        return (OpenAIError(message="The gateway's own storage cannot be used now; try again.", code=error.code),)
    if isinstance(error, UnfitValueError):
        return (OpenAIError(message=str(error), status=400, code="invalid_value"),)
    message = "The gateway failed at this request; its log says why, under the x-litellm-call-id of this answer."
    return (OpenAIError(message=message, status=500, code=UNEXPECTED),)


def error_answer(error: BaseException) -> Response:
    """
    Return *error* as an answer.
    """
    errors = errors_of(error)
    first, status = errors[0], status_of(errors[0])
    said = {
        "message": str(first),
        "type": first.type or ("server_error" if status >= 500 else "invalid_request_error"),
        "param": first.param,
        "code": first.code,
    }
    each_one = errors[1:] if isinstance(error, FileRefused) else errors if len(errors) > 1 else ()
    more = {"errors": [each.to_dict() for each in each_one[:_LISTED]]} if each_one else {}
    answer = json_answer({"error": said | more}, status)
    answer.headers.update(_headers_of(first, status))
    return answer


def of_provider(errors: tuple[OpenAIError, ...], own_ids: Mapping[str, str], address: str) -> Rejected:
    """
    Return *errors* of a provider as those that the caller may see.

    Args:
        errors: As they came.

        own_ids: A provider's id → the gateway's.

        address: Of the account, which is for the people who run the gateway to know.
    """
    return Rejected([attrs.evolve(each, message=_message(each, own_ids, address)) for each in errors])


def _message(error: OpenAIError, own_ids: Mapping[str, str], address: str) -> str:
    if error.status == 401:  # providers repeat parts of the key that they refuse, and it is not the caller's
        return "The provider refuses the key that the gateway has for it; tell the people who run the gateway."
    host = urlsplit(address).netloc
    is_ours = isinstance(error, ExchangeError)
    message = _ADDRESS.sub(
        lambda found: "the provider" if is_ours or urlsplit(found[0]).netloc == host else found[0], error.message
    )
    for upstream_id, own_id in own_ids.items():
        message = _place_of(upstream_id).sub(own_id, message)
    return message


@lru_cache(1_000)
def _place_of(upstream_id: str) -> re.Pattern[str]:
    """
    Return what finds an id in a message, also as its provider writes it: ``files/NAME``, ``gs://bucket/folder/NAME``.
    """
    name = re.split("[-_/]", upstream_id, maxsplit=1)[-1]
    return re.compile(rf"[\w./:-]*{re.escape(name)}" if len(name) >= _LEAST_NAME else re.escape(upstream_id))


def status_of(error: OpenAIError) -> int:
    """
    Return the status of the answer that tells *error*.
    """
    if error.status is not None and 400 <= error.status < 600:  # servers break off with what is no status
        return error.status
    is_of_network = error.status is not None or isinstance(error, ExchangeError)
    return _STATUS_OF_CODE.get(error.code or "", 502 if is_of_network else 400)


def _headers_of(error: OpenAIError, status: int) -> dict[str, str]:
    kept = {name: value for name in _KEPT_HEADERS if (value := printable(error.headers.get(name)))}
    # the client behind the gateway has tried again already, so that OpenAI's SDKs need not
    is_tried = error.is_ambiguous or (status >= 500 and status != 503)
    return {"x-should-retry": "false"} | kept if is_tried else kept
