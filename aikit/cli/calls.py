"""
Calls for each of several ids, and what is said of them.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from aikit.cli.options import Settings
from aikit.cli.output import INVALID_ID, Answer, Exit, Output, exit_of
from aikit.cli.output.formats import safe
from aikit.resources.batches.results import OpenAIBatchResult
from aikit.resources.files.results import OpenAIFileResult
from aikit.runtime.result import OpenAIListResult, OpenAIResult
from aikit.types.errors import OpenAIError
from aikit.types.files import OpenAIFileDeleted

Start = Callable[[str], OpenAIResult[Any]]


class Refused(Exception):  # noqa: N818  what it carries are the errors
    """
    A step that something else was to follow has failed.

    Attributes:
        errors: Why.

        was_sent: Whether a request left this program.
    """

    def __init__(self, errors: Sequence[OpenAIError], *, was_sent: bool) -> None:
        super().__init__("; ".join(str(error) for error in errors))
        self.errors = tuple(errors)
        self.was_sent = was_sent


def good(result: OpenAIResult[Any]) -> Any:
    """
    Return *result*, which is a success.

    Raises:
        Refused: It is none.
    """
    if result.errors:
        raise Refused(result.errors, was_sent=result.request is not None)
    return result


def called(ids: Sequence[str], start: Start, param: str) -> Iterator[Answer]:
    """
    Start a call for each id, then yield what came of each, in their order.

    Args:
        ids: As they were given.

        start: Begins a call in the background.

        param: What an id is called in errors.
    """
    started = [_started(one, start, param) for one in ids]
    for one, result in zip(ids, started, strict=True):
        if isinstance(result, Answer):
            yield result
            continue
        waited_for(result)
        yield _answer(one, result)


def waited_for(result: OpenAIResult[Any]) -> None:
    """
    Wait for *result*, in a way that Ctrl-C gets through everywhere.
    """
    while not result.wait(1):
        pass


def card(output: Output, answer: Answer) -> int:
    """
    Show one answer to a person, field by field; return the exit code.
    """
    if answer.value is not None:
        output.card(answer.value)
    for error in answer.errors:
        output.error(error)
    return answer.exit


def shown(output: Output, answers: Iterator[Answer], *, is_many: bool) -> int:
    """
    Show what is known of each: of a single one to a person field by field; return the exit code.
    """
    if is_many or output.is_plain or output.settings.json:
        return exit_of(output.answers(answers, is_many=is_many))
    return card(output, next(answers))


def listed(
    output: Output,
    result: OpenAIListResult[Any],
    items: Sequence[Any],
    to_json: Callable[[Any], dict[str, Any]],
    none: str,
) -> int:
    """
    Show one page, or all; return the exit code.

    Args:
        output: Where to.

        result: Of the call that listed.

        items: What it found.

        to_json: Makes an item what ``--json`` prints.

        none: What to say when there is nothing.
    """
    if not result.success:
        return told(output, result)
    if output.settings.json:
        ids = {"first_id": result.first_id, "last_id": result.last_id, "has_more": result.has_more}
        output.document({"object": "list", "data": [to_json(item) for item in items]} | ids)
        return Exit.DONE
    if output.is_plain:
        for item in items:
            output.row(item)
    elif not items:
        output.say(none)
    else:
        output.table(items)
    if result.has_more:
        output.say(f"there are more: --after {safe(result.last_id or '')} shows the next page, --all shows them all")
    return Exit.DONE


def told(output: Output, result: OpenAIResult[Any]) -> int:
    """
    Tell the errors of *result*; return the exit code.
    """
    return refused(output, Refused(result.errors, was_sent=True))


def refused(output: Output, refusal: Refused) -> int:
    """
    Tell why a step failed; return the exit code.
    """
    answer = Answer(subject="", errors=refusal.errors, was_sent=refusal.was_sent)
    return exit_of(output.answers([answer], is_many=False))


def command(settings: Settings, *words: str) -> str:
    """
    Return a command line with *words* that asks the same provider; without the key, which is nobody's to read.
    """
    said = {"--provider": settings.provider, "--base-url": settings.base_url, "--home": settings.home}
    shared = [part for name, value in said.items() if value is not None for part in (name, str(value))]
    return shlex.join(["aikit", *words, *shared])


def _started(one: str, start: Start, param: str) -> OpenAIResult[Any] | Answer:
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
