"""
``aikit batches``: the verbs of the Batches API, and what follows a batch.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import click

from aikit.cli.calls import Refused, called, card, command, good, listed, refused, shown
from aikit.cli.inputs import STDIN, Input, inputs_of
from aikit.cli.options import (
    Command,
    Dollars,
    Duration,
    Endpoint,
    Group,
    Pairs,
    Settings,
    settings_of_context,
    usage_errors,
)
from aikit.cli.output import Answer, Output, exit_of
from aikit.cli.output.formats import batch_to_json, counted, safe
from aikit.cli.output.progress import bars, batch_bars, telling_troubles
from aikit.client import OpenAIClient
from aikit.http.sources import source_of
from aikit.resources.batches.parameters import (
    MAX_BATCH_LIST_LIMIT,
    OpenAIBatchListParameters,
    OpenAIBatchParameters,
    OpenAIBatchWaitParameters,
)
from aikit.resources.batches.run.plan import first_url
from aikit.types.errors import OpenAIError

_ids: Final = click.argument("batch_ids", metavar="ID...", nargs=-1, required=True)

_AFTERWARDS: Final = {name: f"aikit.cli.batches_results:{name}" for name in ("results", "cost", "resubmit")}
_MARKS: Final = ("/", "\\", ".")


@click.group(cls=Group, on_demand=_AFTERWARDS)
def batches() -> None:
    """
    Create, list, follow and cancel batches, and read their results.

    Off a terminal a batch is a line of fields separated by tabs: id, status, requests, completed, failed, endpoint,
    input file, output file, error file, created, expires. To have a whole file answered: aikit batch run.
    """


@batches.command(cls=Command)
@click.argument("source", metavar="INPUT_OR_FILE_ID")
@click.option("--endpoint", type=Endpoint(), help="What each line asks; else what the first line says.")
@click.option("--metadata", type=Pairs(), metavar="K=V", multiple=True, help="A pair to keep with it; up to 15.")
@click.option(
    "--output-expires-after", type=Duration(), help="Delete the output file that long after it was made: 30d."
)
@click.option("--max-cost", type=Dollars(), metavar="USD", help="Refuse what may cost more.")
@click.option("--intent", metavar="KEY", help="Your own key: a batch that has it already is found, not created again.")
def create(source: str, endpoint: str | None, **asked: Any) -> int:
    """
    Create a batch, and print it.

    INPUT_OR_FILE_ID is a file here, which is checked and uploaded first, - for standard input, or the id of a file at
    the provider. However the network fails, the batch is created once.
    """
    settings = settings_of_context()
    output = Output(settings)
    with usage_errors():
        options = create_options(**asked)
    given = BatchInput.of(source)
    with settings.connected() as client:
        try:
            with usage_errors():
                file_id = given.uploaded(client, output)
                asks = endpoint or given.endpoint(client)
                result = good(client.batches.create(file_id, asks, options))
        except Refused as refusal:
            return refused(output, refusal)
        code = exit_of(output.answers([Answer(subject=source, value=result.batch)], is_many=False))
        output.say(_after_creation(client, settings, result.batch.id))
    return code


def create_options(
    *,
    metadata: Sequence[tuple[str, str]] = (),
    output_expires_after: int | None = None,
    max_cost: float | None = None,
    intent: str | None = None,
) -> OpenAIBatchParameters:
    """
    Return the options of a creation as they were said.
    """
    said: dict[str, Any] = {"metadata": dict(metadata) or None, "max_cost": max_cost, "intent": intent}
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
    return listed(output, result, result.batches, batch_to_json, "no batches")


@batches.command(cls=Command)
@_ids
def retrieve(batch_ids: Sequence[str]) -> int:
    """
    Show what is known of batches.
    """
    settings = settings_of_context()
    output = Output(settings)
    with settings.connected() as client:
        answers = called(batch_ids, lambda one: client.batches.retrieve(one, {"background": True}), "batch_id")
        return shown(output, answers, is_many=len(batch_ids) > 1)


@batches.command(cls=Command)
@_ids
def cancel(batch_ids: Sequence[str]) -> int:
    """
    Ask the provider to stop working on batches.

    It may take ten minutes. Answers that are there by then are kept, and paid for.
    """
    settings = settings_of_context()
    with settings.connected() as client:
        answers = called(batch_ids, lambda one: client.batches.cancel(one, {"background": True}), "batch_id")
        return exit_of(Output(settings).answers(answers, is_many=len(batch_ids) > 1))


@batches.command(cls=Command)
@_ids
@click.option(
    "--poll-interval",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Between the first two questions; later up to ten times that. Default: 10; embedded provider 0.1.",
)
@click.option("--max-wait", type=Duration(), help="Give up after: 600 (seconds), 12h; else after two days.")
def wait(batch_ids: Sequence[str], **asked: Any) -> int:
    """
    Wait until batches are over, and print them.

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

            answers = list(called(batch_ids, start, "batch_id"))
    except KeyboardInterrupt:
        output.say(f"the batch is not cancelled; to go on waiting: {command(settings, 'batches', 'wait', *batch_ids)}")
        raise
    if len(batch_ids) == 1 and not output.is_plain and not settings.json:
        code = card(output, answers[0])
    else:
        code = exit_of(output.answers(answers, is_many=len(batch_ids) > 1))
    _say_ends(output, answers)
    return code


def wait_options(
    client: OpenAIClient, *, poll_interval: float | None, max_wait: int | None
) -> OpenAIBatchWaitParameters:
    """
    Return the options of waiting as they were said; what is embedded here may be asked more often.
    """
    quick = 0.1 if client.provider.is_embedded else None
    said: dict[str, Any] = {"poll_interval": poll_interval or quick, "max_wait": max_wait}
    with usage_errors():
        return OpenAIBatchWaitParameters(
            background=True, **{name: value for name, value in said.items() if value is not None}
        )


def _say_ends(output: Output, answers: Sequence[Answer]) -> None:
    """
    Say of completed batches what their status does not: how many requests failed, and where the answers are.
    """
    for answer in answers:
        batch = answer.value
        if batch is None or not batch.is_ended:
            continue
        counts = batch.request_counts
        words = f"{safe(batch.id)} {safe(batch.status)}: {counts.completed:,} of {counted(counts.total, 'request')} ok"
        failures = f", {counts.failed:,} failed" if counts.failed else ""
        next_words = command(output.settings, "batches", "results", batch.id)
        output.say(f"{words}{failures}; results: {next_words}" if counts.total else words)


def _after_creation(client: OpenAIClient, settings: Settings, batch_id: str) -> str:
    follow = command(settings, "batches", "wait", batch_id)
    if client.provider.is_embedded:
        return f"the embedded provider works on it while somebody waits: {follow}"
    return f"to wait for it: {follow}"


@attrs.frozen
class BatchInput:
    """
    What a batch is made of.

    Attributes:
        word: As it was given.

        here: The file on this machine; ``None`` when *word* is an id.
    """

    word: str
    here: Input | None

    @classmethod
    def of(cls, word: str) -> BatchInput:
        """
        Return what *word* names.

        Raises:
            click.UsageError: It cannot name anything.
        """
        if not _is_path(word):
            return cls(word, None)
        if word and Path(word).is_dir():
            raise click.UsageError(f"{word} is a folder; a batch is made of one file")
        (one,) = inputs_of([word], filename=None, purpose="batch")
        return cls(word, one)

    def uploaded(self, client: OpenAIClient, output: Output) -> str:
        """
        Return the id of the file at the provider, after checking and uploading it if it is here.

        Raises:
            Refused: The check found problems, or the upload failed.
        """
        if self.here is None:
            return self.word
        with bars(output, [self.here.size_bytes]) as shown:
            bar = shown.file(self.here.name, self.here.size_bytes)
            result = client.files.create(self.here.file, "batch", {"on_progress": bar})
            bar.close()
        file_id: str = good(result).file.id
        return file_id

    def endpoint(self, client: OpenAIClient) -> str:
        """
        Return what the first request asks; a file at the provider is fetched for it.

        Raises:
            Refused: There is none to be read, or the file cannot be fetched.
        """
        if self.here is not None and self.here.source is not None:
            found = first_url(self.here.source.resolved())
        else:
            with tempfile.TemporaryDirectory(prefix="aikit-") as folder:
                path = Path(folder) / "input.jsonl"
                good(client.files.download(self.word, path))
                found = first_url(source_of(path).resolved())
        if found is not None:
            return found
        message = f"the first line of {self.word} does not say what it asks (url); mend it, or say --endpoint"
        raise Refused([OpenAIError(message=message, code="missing_endpoint", param="endpoint", line=1)], was_sent=False)


def _is_path(word: str) -> bool:
    """
    Tell whether *word* names a file here: there is one, or it looks like one; ids have neither dots nor slashes.
    """
    return word in {STDIN, ""} or any(mark in word for mark in _MARKS) or Path(word).exists()
