"""
OpenAI's description of its API, with what is known to be wrong in it or in its reader set right, one thing a function.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

Document: TypeAlias = dict[str, Any]
Amendment: TypeAlias = Callable[[Document], None]

PATH: Final = Path(__file__).with_name("openai-files-batches.json")


def amended(amendments: Iterable[Amendment]) -> Document:
    """
    Return the document with *amendments* made.
    """
    document: Document = copy.deepcopy(_ORIGINAL)
    for amend in amendments:
        amend(document)
    return document


def refusals_are_described(document: Document) -> None:
    """
    The document lists answers with status 200 only; refusals have the four fields that OpenAI's error page shows.
    """
    # https://developers.openai.com/api/docs/guides/error-codes (read 2026-11-21)
    text, text_or_null = {"type": "string"}, {"type": ["string", "null"]}
    fields = {"message": text, "type": text, "param": text_or_null, "code": text_or_null}
    error = {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}
    whole = {"type": "object", "properties": {"error": error}, "required": ["error"], "additionalProperties": False}
    refusal = {"description": "Refused", "content": {"application/json": {"schema": whole}}}
    for operation in _operations(document):
        operation["responses"] |= {"4XX": refusal, "5XX": refusal}


def content_is_bytes(document: Document) -> None:
    """
    The document calls a file's content a JSON string; it is bytes, and after ``Range`` a part of them (RFC 9110).
    """
    responses = document["paths"]["/files/{file_id}/content"]["get"]["responses"]
    for status in ("200", "206"):
        responses[status] = {"description": "Content", "content": {"application/octet-stream": {}}}


def evals_is_a_purpose(document: Document) -> None:
    """
    The document takes ``evals`` in a request and forgets it in the File that comes back.
    """
    document["components"]["schemas"]["OpenAIFile"]["properties"]["purpose"]["enum"].append("evals")


def a_file_in_a_form_is_bytes(document: Document) -> None:
    """
    ``type: string, format: binary`` is OpenAPI 3.0's way; in 3.1 the type is left out, or openapi-core wants text.
    """
    document["components"]["schemas"]["CreateFileRequest"]["properties"]["file"] = {}


def brackets_name_the_fields_of_an_object(document: Document) -> None:
    """
    A form has no objects: OpenAI reads ``expires_after[anchor]``, and openapi-core knows no such names.
    """
    # https://developers.openai.com/api/reference/resources/files/methods/create (read 2026-11-21)
    form = document["components"]["schemas"]["CreateFileRequest"]
    expiry = document["components"]["schemas"]["FileExpirationAfter"]["properties"]
    del form["properties"]["expires_after"]
    names = {f"expires_after[{name}]": schema for name, schema in expiry.items()}
    form["properties"] |= names
    form["dependentRequired"] = {name: list(names) for name in names}
    media = document["paths"]["/files"]["post"]["requestBody"]["content"]["multipart/form-data"]
    media["encoding"] = {"expires_after[seconds]": {"contentType": "application/json"}}  # digits are a number there


def what_a_batch_has_not_is_null(document: Document) -> None:
    """
    The document leaves out what a batch has not (yet); OpenAI sends null, and newer pages say "optional or null".
    """
    # https://developers.openai.com/api/reference/resources/batches (read 2026-11-21)
    batch = document["components"]["schemas"]["Batch"]
    for name, schema in batch["properties"].items():
        if name not in batch["required"] and "$ref" not in schema:
            schema["type"] = [schema["type"], "null"]


def nothing_is_sent_that_is_not_described(document: Document) -> None:
    """
    The document lets answers have further fields; the embedded provider is to have none that OpenAI has not.
    """
    for name in ("OpenAIFile", "ListFilesResponse", "DeleteFileResponse", "Batch", "BatchError", "ListBatchesResponse"):
        document["components"]["schemas"][name]["additionalProperties"] = False


FALSE_ALARMS: Final[tuple[Amendment, ...]] = (
    refusals_are_described,
    content_is_bytes,
    evals_is_a_purpose,
    a_file_in_a_form_is_bytes,
    brackets_name_the_fields_of_an_object,
    what_a_batch_has_not_is_null,
)
"""What the document as it is complains of, though it is right."""

STRICTER: Final[tuple[Amendment, ...]] = (nothing_is_sent_that_is_not_described,)
"""What the document as it is does not complain of, though it is wrong."""


def _operations(document: Document) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from path.values()


_ORIGINAL: Final[Document] = json.loads(PATH.read_text("utf-8"))
