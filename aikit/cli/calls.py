"""
Calls for several ids at once, and printing their results, errors and lists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from aikit.cli.output import INVALID_ID, Answer, Exit, Output, exit_of
from aikit.cli.safety import safe
from aikit.resources.batches.results import OpenAIBatchResult
from aikit.resources.files.results import OpenAIFileResult
from aikit.runtime.result import OpenAIListResult, OpenAIResult
from aikit.types.errors import OpenAIError
from aikit.types.files import OpenAIFileDeleted

Start = Callable[[str], OpenAIResult[Any]]


class Refused(Exception):  # noqa: N818  what it carries are the errors
    """
    A step failed, so the steps after it are not taken.

    Attributes:
        errors: Its errors.

        was_sent: Whether a request left this program.
    """

    def __init__(self, errors: Sequence[OpenAIError], *, was_sent: bool) -> None:
        super().__init__("; ".join(str(error) for error in errors))
        self.errors = tuple(errors)
        self.was_sent = was_sent


def require_success(result: OpenAIResult[Any]) -> Any:
    """
    Return *result*.

    Raises:
        Refused: *result* has errors.
    """
    if result.errors:
        raise Refused(result.errors, was_sent=result.request is not None)
    return result


def call_each(ids: Sequence[str], start: Start, param: str) -> Iterator[Answer]:
    """
    Start a call for each id, then yield the answer of each, in their order.

    Args:
        ids: As they were given.

        start: Starts a call in the background.

        param: The name of an id in errors.
    """
    started = [_start(one, start, param) for one in ids]
    for one, result in zip(ids, started, strict=True):
        if isinstance(result, Answer):
            yield result
            continue
        result.wait()
        yield _answer(one, result)


def show_card(output: Output, answer: Answer) -> int:
    """
    Print one answer field by field, for a person; return the exit code.
    """
    if answer.value is not None:
        output.card(answer.value)
    for error in answer.errors:
        output.error(error)
    return answer.exit


def show(output: Output, answers: Iterator[Answer], *, is_many: bool) -> int:
    """
    Print answers; on a terminal a single one field by field. Return the exit code.
    """
    if is_many or output.is_plain or output.settings.json:
        return exit_of(output.answers(answers, is_many=is_many))
    return show_card(output, next(answers))


def show_list(
    output: Output,
    result: OpenAIListResult[Any],
    none: str,
) -> int:
    """
    Print a list, one page or all; return the exit code.

    Args:
        output: Prints it.

        result: The result of the list call.

        none: The message for an empty list.
    """
    if not result.success:
        return tell_errors(output, result)
    items = result.unwrap()
    if output.settings.json:
        ids = {"first_id": result.first_id, "last_id": result.last_id, "has_more": result.has_more}
        output.document({"object": "list", "data": [item.to_dict() for item in items]} | ids)
        tell_notes(output, result)
        return Exit.DONE
    if output.is_plain:
        for item in items:
            output.row(item)
    elif not items:
        output.say(none)
    else:
        output.table(items)
    tell_notes(output, result)
    if result.has_more:
        output.say(f"there are more: --after {safe(result.last_id or '')} shows the next page, --all shows all")
    return Exit.DONE


def tell_notes(output: Output, result: OpenAIResult[Any]) -> None:
    """
    Print the notes of *result*.
    """
    for note in result.notes:
        output.say(safe(note))


def tell_errors(output: Output, result: OpenAIResult[Any]) -> int:
    """
    Print the errors of *result*; return the exit code.
    """
    return tell_refusal(output, Refused(result.errors, was_sent=True))


def tell_refusal(output: Output, refusal: Refused) -> int:
    """
    Print the errors of a step that failed; return the exit code.
    """
    answer = Answer(subject="", errors=refusal.errors, was_sent=refusal.was_sent)
    return exit_of(output.answers([answer], is_many=False))


def _start(one: str, start: Start, param: str) -> OpenAIResult[Any] | Answer:
    try:
        return start(one)
    except ValueError as error:
        wrong = OpenAIError(message=str(error), code=INVALID_ID, param=param)
        return Answer(subject=one, errors=(wrong,), was_sent=False)


def _answer(one: str, result: OpenAIResult[Any]) -> Answer:
    value = _value_of(result)
    if isinstance(value, OpenAIFileDeleted) and not value.deleted:
        wrong = OpenAIError(message=f"the provider did not delete {one}", code="not_deleted")
        return Answer(subject=one, errors=(wrong,))
    return Answer(subject=one, value=value, errors=result.errors)


def _value_of(result: OpenAIResult[Any]) -> Any:
    if isinstance(result, OpenAIBatchResult):
        return result.batch
    return result.file if isinstance(result, OpenAIFileResult) else getattr(result, "deleted", None)
