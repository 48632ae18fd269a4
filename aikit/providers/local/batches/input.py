"""
The input of a batch: checked as a whole, then read line by line.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from io import FileIO
from typing import Any, Final

import attrs

from aikit.providers.local.batches.answerer import Task
from aikit.types.errors import OpenAIError
from aikit.types.interruptions import suppress
from aikit.validation.batch_lines import BatchRules
from aikit.validation.limits import limits_for
from aikit.validation.lines import check_lines, iter_lines, parsed
from aikit.validation.problems import Problems

_ORGANIZATION: Final = "org-local"


class DamagedInput(Exception):  # noqa: N818  a state, not a fault of this program
    """
    The input has changed since it was checked.
    """


@attrs.frozen(kw_only=True)
class InputCheck:
    """
    The result of checking an input.

    Attributes:
        total: Number of requests.

        model: Model of the requests.

        problems: Reasons why the batch fails; empty if it can run.
    """

    total: int
    model: str | None
    problems: tuple[OpenAIError, ...]

    def errors(self) -> str:
        """
        Return the problems in JSON, as the row of a batch keeps them.
        """
        fields = ("code", "message", "param", "line")
        return json.dumps([{name: getattr(error, name) for name in fields} for error in self.problems])


def check_input(file: FileIO, endpoint: str, on_read: Callable[[int], None]) -> InputCheck:
    """
    Check all lines of *file* by the rules of batch inputs, and that each is for *endpoint*.

    Args:
        file: Input, read to its end and left open.

        endpoint: Endpoint of the batch.

        on_read: Called with the bytes read so far; it may raise to end the check.
    """
    limits, problems = limits_for("local"), Problems()
    size = os.fstat(file.fileno()).st_size
    rules = BatchRules.for_endpoint(endpoint, limits, problems)
    check_lines("batch", file, limits, problems, on_read, rules=rules, skips_blanks=True)  # as vLLM's run-batch
    if size > limits.batch_max_bytes:
        problems.add(_too_large(limits.batch_max_bytes, rules.model))
    return InputCheck(total=rules.lines, model=rules.model, problems=tuple(problems.shown()))


def missing_input(file_id: str) -> InputCheck:
    """
    Return the check of an input file that does not exist.
    """
    message = f"Cannot find file {file_id}, or organization {_ORGANIZATION} does not have access to it."
    return refused_input(OpenAIError(message=message, code="invalid_request", param="file_id"))


def damaged_input(file_id: str, trouble: DamagedInput) -> InputCheck:
    """
    Return the check of an input file that was damaged after it had passed.
    """
    message = f"File {file_id} cannot be read any more: {trouble}."
    return refused_input(OpenAIError(message=message, code="invalid_request", param="file_id"))


def unfit_input(purpose: str) -> InputCheck:
    """
    Return the check of a file that was uploaded for another purpose.
    """
    message = f"The file was uploaded with purpose '{purpose}'; upload it with purpose 'batch' to use it as input."
    return refused_input(OpenAIError(message=message, code="invalid_request", param="file_id"))


def refused_input(error: OpenAIError) -> InputCheck:
    """
    Return the check of an input that *error* keeps from being run.
    """
    return InputCheck(total=0, model=None, problems=(error,))


def tasks(file: FileIO, is_done: Callable[[int], bool], endpoint: str, batch_id: str = "") -> Iterator[Task]:
    """
    Yield the tasks of the lines of *file* that are not done, read from its position; all are for *endpoint*.

    Raises:
        DamagedInput: A line is no longer a request.
    """
    for number, place, line in _requests(file):
        try:
            if is_done(number):
                continue
            value = parsed(line)
            custom_id, body = value["custom_id"], _json(value["body"])
        except (LookupError, TypeError, ValueError) as error:
            raise DamagedInput(f"line {place} is damaged") from error
        yield Task(line=number, custom_id=custom_id, url=endpoint, body=body, batch_id=batch_id)


def custom_ids(file: FileIO, is_done: Callable[[int], bool]) -> Iterator[tuple[int, str]]:
    """
    Yield number and custom_id of the lines of *file* that are neither done nor damaged, read from its position.
    """
    for number, _, line in _requests(file):
        with suppress(LookupError, TypeError, ValueError):
            if not is_done(number):
                yield number, str(parsed(line)["custom_id"])


def _requests(file: FileIO) -> Iterator[tuple[int, int, bytes]]:
    """
    Yield the lines that are not blank, each after its number among them, which a journal goes by, and in the file.
    """
    number = 0
    for place, line in enumerate(iter_lines(file, limits_for("local").line_max_bytes), start=1):
        if line is not None and not line.isspace() and line:
            number += 1
            yield number, place, line


def _json(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # a lone surrogate, which JSON can only escape
        return json.dumps(value, separators=(",", ":")).encode()


def _too_large(most: int, model: str | None) -> OpenAIError:
    message = (
        f"The batch input file is larger than the {most} maximum for the {model} model. Please try again with a "
        "smaller batch."
    )
    return OpenAIError(message=message, code="file_too_large")
