"""
``aikit batches``: the calls of the Batches API; results, cost and resubmit are in batches_results.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import click

from aikit.cli.calls import Refused, call_each, require_success, show, show_card, show_list, tell_refusal
from aikit.cli.inputs import STDIN, Input, InputPath, inputs_of
from aikit.cli.option_types import Dollars, Duration, Endpoint, Pairs
from aikit.cli.options import Command, Group, settings_of_context, usage_errors
from aikit.cli.output import Answer, Output, exit_of
from aikit.cli.output.formats import counted
from aikit.cli.output.messages import begin_line
from aikit.cli.output.progress import bars, batch_bars, telling_troubles
from aikit.cli.safety import safe
from aikit.client import OpenAIClient
from aikit.http.sources import source_of
from aikit.resources.batches.parameters import (
    MAX_BATCH_LIST_LIMIT,
    OpenAIBatchListParameters,
    OpenAIBatchParameters,
    OpenAIBatchWaitParameters,
)
from aikit.resources.batches.run.plan import first_url
from aikit.resources.files.wait import UNREADY
from aikit.storage import exists, is_folder
from aikit.storage.temporary import temporary_folder
from aikit.types.errors import OpenAIError
from aikit.types.files import OpenAIFile

_ids: Final = click.argument("batch_ids", metavar="ID...", nargs=-1, required=True)

_AFTERWARDS: Final = {name: f"aikit.cli.batches_results:{name}" for name in ("results", "cost", "resubmit")}
_MARKS: Final = ("/", "\\", ".")


@click.group(cls=Group, on_demand=_AFTERWARDS)
def batches() -> None:
    """
    Create, list and cancel batches, and read results.

    Off a terminal a batch is a line of fields separated by tabs: id, status, requests, completed, failed, endpoint,
    input file, output file, error file, created, expires. To have a whole file answered: aikit batch run.
    """


@batches.command(cls=Command)
@click.argument("source", metavar="INPUT_OR_FILE_ID", type=InputPath(allow_dash=True))
@click.option("--endpoint", type=Endpoint(), help="Endpoint of all requests. Default: that of the first line.")
@click.option("--metadata", type=Pairs(), metavar="K=V", multiple=True, help="A pair to store with it; up to 15.")
@click.option(
    "--output-expires-after", type=Duration(), help="Let the output file expire this long after it was made: 30d."
)
@click.option("--max-cost", type=Dollars(), metavar="USD", help="Do not create a batch that may cost more.")
@click.option(
    "--intent", metavar="KEY", help="Idempotency key: a batch created with it before is returned, not created again."
)
@click.option("--max-queue-wait", type=Duration(), help="While too many tokens are enqueued, try again for so long.")
def create(source: str, endpoint: str | None, **asked: Any) -> int:
    """
    Create a batch, and print it.

    INPUT_OR_FILE_ID is a file here, which is checked and uploaded first, - for standard input, or the id of a file at
    the provider. Even if the network fails in between, the batch is created only once.
    """
    settings = settings_of_context()
    output = Output(settings)
    with usage_errors():
        options = create_options(**asked)
    given = BatchInput.of(source)
    with settings.connected() as client:
        try:
            with usage_errors():
                file_id = given.upload(client, output)
                asks = endpoint or given.endpoint(client)
                result = require_success(client.batches.create(file_id, asks, options))
        except Refused as refusal:
            return tell_refusal(output, refusal)
        code = exit_of(output.answers([Answer(subject=source, value=result.batch)], is_many=False))
        is_here = client.provider.is_embedded
        why = "the embedded provider works on it only while a command waits for it:" if is_here else "to wait for it:"
        output.say(why, settings.command_line("batches", "wait", result.batch.id))
    return code


def create_options(
    *,
    metadata: Sequence[tuple[str, str]] = (),
    output_expires_after: int | None = None,
    max_cost: float | None = None,
    intent: str | None = None,
    max_queue_wait: int | None = None,
) -> OpenAIBatchParameters:
    """
    Return the parameters for creating a batch; options that are not given keep their defaults.
    """
    said: dict[str, Any] = {"metadata": dict(metadata) or None, "max_cost": max_cost, "intent": intent}
    said["max_queue_wait"] = max_queue_wait
    if output_expires_after is not None:
        said["output_expires_after"] = {"anchor": "created_at", "seconds": output_expires_after}
    return OpenAIBatchParameters(**{name: value for name, value in said.items() if value is not None})


@batches.command("list", cls=Command)
@click.option("--limit", type=click.IntRange(1, MAX_BATCH_LIST_LIMIT), metavar="N", help="Batches on a page.")
@click.option("--after", metavar="ID", help="The page after this batch.")
@click.option("--all", "all_pages", is_flag=True, help="Page after page, to the end.")
def list_(**asked: Any) -> int:
    """
    List batches, newest first.
    """
    settings = settings_of_context()
    output = Output(settings)
    with settings.connected() as client, usage_errors():
        result = client.batches.list(OpenAIBatchListParameters(**asked))
    return show_list(output, result, "no batches")


@batches.command(cls=Command)
@_ids
def retrieve(batch_ids: Sequence[str]) -> int:
    """
    Print the details of batches.
    """
    settings = settings_of_context()
    output = Output(settings)
    with settings.connected() as client:
        answers = call_each(batch_ids, lambda one: client.batches.retrieve(one, {"background": True}), "batch_id")
        return show(output, answers, is_many=len(batch_ids) > 1)


@batches.command(cls=Command)
@_ids
def cancel(batch_ids: Sequence[str]) -> int:
    """
    Ask the provider to stop working on batches.

    It may take ten minutes. Responses that are complete by then are kept, and paid for.
    """
    settings = settings_of_context()
    with settings.connected() as client:
        answers = call_each(batch_ids, lambda one: client.batches.cancel(one, {"background": True}), "batch_id")
        return exit_of(Output(settings).answers(answers, is_many=len(batch_ids) > 1))


@batches.command(cls=Command)
@_ids
@click.option(
    "--poll-interval",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Between the first two requests; later up to ten times as long. Default: 10; embedded provider 0.1.",
)
@click.option("--max-wait", type=Duration(), help="Stop waiting after: 600 (seconds), 12h. Default: two days.")
def wait(batch_ids: Sequence[str], **asked: Any) -> int:
    """
    Wait until batches have ended, and print them.

    The exit code is 0 when each was completed, though single requests may have failed, and 1 when one failed, expired
    or was cancelled. Ctrl-C ends the waiting, not the batch.
    """
    settings = settings_of_context()
    output = Output(settings)
    try:
        with telling_troubles(output), settings.connected() as client, batch_bars(output) as shown:
            options = wait_options(client, **asked)

            def start(one: str) -> Any:
                return client.batches.wait(one, attrs.evolve(options, on_progress=shown.batch(one)))

            answers = list(call_each(batch_ids, start, "batch_id"))
    except KeyboardInterrupt:
        begin_line()
        what = "the batch is" if len(batch_ids) == 1 else "the batches are"
        output.say(f"{what} not cancelled; to continue waiting:", settings.command_line("batches", "wait", *batch_ids))
        raise
    if len(batch_ids) == 1 and not output.is_plain and not settings.json:
        code = show_card(output, answers[0])
    else:
        code = exit_of(output.answers(answers, is_many=len(batch_ids) > 1))
    _say_ends(output, answers)
    return code


def wait_options(
    client: OpenAIClient, *, poll_interval: float | None, max_wait: int | None
) -> OpenAIBatchWaitParameters:
    """
    Return the parameters for waiting; the embedded provider is polled more often.
    """
    quick = 0.1 if client.provider.is_embedded else None
    said: dict[str, Any] = {"poll_interval": poll_interval or quick, "max_wait": max_wait}
    with usage_errors():
        return OpenAIBatchWaitParameters(
            background=True, **{name: value for name, value in said.items() if value is not None}
        )


def _say_ends(output: Output, answers: Sequence[Answer]) -> None:
    """
    Print how many requests of each ended batch succeeded, and the command that shows its results.
    """
    for answer in answers:
        batch = answer.value
        if batch is None or not batch.is_ended:
            continue
        counts = batch.request_counts
        words = f"{safe(batch.id)} {safe(batch.status)}: {counts.completed:,} of {counted(counts.total, 'request')} ok"
        failures = f", {counts.failed:,} failed" if counts.failed else ""
        next_words = output.settings.command_line("batches", "results", batch.id)
        if counts.total:
            output.say(f"{words}{failures}; results:", next_words)
        else:
            output.say(words)


@attrs.frozen
class BatchInput:
    """
    The input of a batch: a file on this machine, or the id of a file at the provider.

    Attributes:
        word: The argument.

        here: The file on this machine; ``None`` when *word* is an id.
    """

    word: str
    here: Input | None

    @classmethod
    def of(cls, word: str) -> BatchInput:
        """
        Return the input that *word* names.

        Raises:
            click.UsageError: *word* names a folder, or standard input twice.
        """
        if not _is_path(word):
            return cls(word, None)
        if word and is_folder(word):
            raise click.UsageError(f"{word} is a folder; a batch is made of one file")
        (one,) = inputs_of([word], filename=None, purpose="batch")
        return cls(word, one)

    def upload(self, client: OpenAIClient, output: Output) -> str:
        """
        Check and upload a file of this machine; return its id at the provider once a batch can be made of it.

        Raises:
            Refused: The check found problems, or the upload or its processing failed.
        """
        if self.here is None:
            return self.word
        with bars(output, [self.here.size_bytes]) as shown:
            bar = shown.file(self.here.name, self.here.size_bytes)
            result = client.files.create(self.here.file, "batch", {"on_progress": bar})
            bar.close()
        file: OpenAIFile = require_success(result).file
        if file.status in UNREADY:
            require_success(client.files.wait(file.id))
        return file.id

    def endpoint(self, client: OpenAIClient) -> str:
        """
        Return the endpoint of the first request; a file at the provider is downloaded for it.

        Raises:
            Refused: The first line has no url, or the file cannot be downloaded.
        """
        if self.here is not None and self.here.source is not None:
            found = first_url(self.here.source.resolved())
        else:
            with temporary_folder() as folder:
                path = Path(folder) / "input.jsonl"
                require_success(client.files.download(self.word, path))
                found = first_url(source_of(path).resolved())
        if found is not None:
            return found
        message = f"the first line of {self.word} has no url; correct it, or pass --endpoint"
        raise Refused([OpenAIError(message=message, code="missing_endpoint", param="endpoint", line=1)], was_sent=False)


def _is_path(word: str) -> bool:
    """
    Return whether *word* is a path: it exists, or has a dot or slash, which ids that are no addresses do not have.
    """
    return word in {STDIN, ""} or ("://" not in word and any(mark in word for mark in _MARKS)) or exists(word)
