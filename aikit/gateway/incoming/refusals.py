"""
Errors about requests, as OpenAI and LiteLLM tell them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aikit.types.errors import OpenAIError, Rejected

NOT_FORWARDED: Final = "The file was not forwarded to the provider."
_MIB: Final = 1024 * 1024
_KEYS: Final = ("custom_id", "method", "url", "body")
_TOO_LARGE: Final = frozenset(("file_too_large", "part_too_large", "too_many_tasks"))


def request_refused(status: int, message: str, code: str, param: str | None = None) -> OpenAIError:
    """
    Return the error that answers a request with *status*.
    """
    return OpenAIError(message=message, status=status, code=code, param=param, type="invalid_request_error")


def body_too_large(most: int) -> OpenAIError:
    """
    Return the error of a body with more than *most* bytes.
    """
    message = f"The body of the request is larger than {_mib(most)} MiB, the limit of this gateway; send less at once."
    return request_refused(413, message, "request_too_large")


def file_too_large(size: int, most: int, *, is_batch: bool) -> OpenAIError:
    """
    Return the error of a file with more than *most* bytes; *size* is known to be in it.
    """
    # https://docs.litellm.ai/docs/batches (read 2026-11-30)
    if is_batch:
        what = f"Batch input file is {size / _MIB:.1f} MB, which exceeds the configured max_batch_file_size_mb of"
        message = f"{what} {_mib(most)} MB. {NOT_FORWARDED}"
        return request_refused(413, message, "file_too_large", "file")
    read = f"(read stopped at {size / _MIB:.1f} MB)"
    message = f"Uploaded file exceeds the configured max_file_size_mb of {_mib(most)} MB {read}. {NOT_FORWARDED}"
    return request_refused(413, message, "file_too_large", "file")


def too_many_records(most: int, source: str, outcome: str = NOT_FORWARDED, param: str = "file") -> OpenAIError:
    """
    Return the error of a batch file with more than *most* requests, a bound that is set in *source*.
    """
    message = f"Batch input file has more than {most} records, which exceeds the max_batch_file_records of {most} set"
    return request_refused(413, f"{message} {source}. {outcome}", "too_many_tasks", param)


class FileRefused(Rejected):
    """
    All problems of a file; the first error sums up the others.
    """


def file_refused(errors: Sequence[OpenAIError]) -> FileRefused:
    """
    Return all problems of a file as one refusal: LiteLLM's sentence for the first, all with their lines, then each.
    """
    first = errors[0]
    status = 413 if first.code in _TOO_LARGE else 400
    message = f"{_sentence(first)} {NOT_FORWARDED}"
    if len(errors) > 1 or first.line is not None:
        message = "\n".join([message, *map(str, errors)])
    summary = request_refused(status, message, first.code or "invalid_file", _param(first))
    return FileRefused([summary, *errors])


def _sentence(error: OpenAIError) -> str:
    """
    Return *error* in the words that LiteLLM's users know, where it has some.
    """
    line = f"Batch input file line {error.line}"
    if error.code == "empty_file":
        return "Batch input file has no request lines."
    if error.code == "missing_required_parameter" and error.param in _KEYS:
        where = f"(batch input file line {error.line})"
        keys = ", ".join(_KEYS)
        return f"Missing required parameter: '{error.param}' {where}. Each line must be a JSON object with keys {keys}."
    if error.code == "invalid_json_line":
        is_value = "one object in braces" in error.message
        return f"{line} must be a JSON object." if is_value else f"{line} is not valid JSON."
    text = error.message if error.message.endswith(".") else f"{error.message}."
    return f"{line}: {text}" if error.line is not None else f"{text[:1].upper()}{text[1:]}"


def _param(error: OpenAIError) -> str | None:
    return "file" if error.code in {"empty_file", "invalid_json_line"} else error.param


def _mib(size: int) -> str:
    return f"{size / _MIB:.10g}"
