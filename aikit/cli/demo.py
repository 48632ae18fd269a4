"""
``aikit demo``: a batch from its input file to its results, on the embedded provider.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import attrs
import click

from aikit.cli.calls import Refused, require_success
from aikit.cli.options import Command, settings_of_context
from aikit.cli.output import Exit, Output
from aikit.cli.output.batch_text import counts_text, money
from aikit.cli.output.formats import counted, human_seconds, human_size
from aikit.cli.output.messages import paragraphs
from aikit.cli.output.progress import bars, batch_bars
from aikit.cli.safety import Styled, safe, styled
from aikit.client import OpenAIClient
from aikit.storage.temporary import temporary_root
from aikit.types.batches import OpenAIBatch
from aikit.types.errors import OpenAIError
from aikit.types.files import OpenAIFile

_CHUNK: Final = 1024 * 1024
_TOPICS: Final = ("tides", "bridges", "bees", "volcanoes", "lighthouses", "sourdough", "comets", "harbours")
_HINT: Final = """\
The same in Python:

    from aikit import OpenAIClient

    client = OpenAIClient(provider="local")
    with client.batches.run("requests.jsonl") as rows:
        for row in rows:
            print(row.custom_id, row.status, row.text)

Next: aikit docs, aikit files --help, aikit batch run --help
With OPENAI_API_KEY set, the same commands go to OpenAI."""
_ENDPOINT: Final = "/v1/chat/completions"
_POLL_S: Final = 0.1
_SHOWN: Final = 60
_INDENT: Final = 9


@click.command(cls=Command)
@click.option(
    "--lines",
    type=click.IntRange(3, 50_000),
    metavar="N",
    default=10_000,
    show_default=True,
    help="Requests in the batch.",
)
def demo(lines: int) -> int:
    """
    Run a whole batch, without key or network.

    On the embedded provider a file is checked, uploaded, listed, downloaded and compared. Then a built-in model answers
    a batch of it, and the results are read in the input's order. Nothing is left behind; with --home, store and files
    stay there.
    """
    output = Output(settings_of_context())
    began = time.monotonic()
    with _home(output.settings.home) as home:
        reporter = DemoReporter(output, home)
        try:
            with OpenAIClient(provider="local", home=home) as client:
                _run(reporter, client, lines)
        except Refused as refusal:
            return reporter.fail(refusal.errors[0])
        except OpenAIError as error:  # while the rows are read
            return reporter.fail(error)
        reporter.end(time.monotonic() - began, _HINT, is_kept=output.settings.home is not None)
    return Exit.DONE


def _run(reporter: DemoReporter, client: OpenAIClient, lines: int) -> None:
    reporter.say("A batch's life on aikit's embedded provider: no key, no server, no network.\n")
    path = _make(reporter, lines)
    _upload_broken(reporter, client, path)
    file = _upload(reporter, client, path)
    _list(reporter, client, file)
    back = _fetch(reporter, client, file)
    _compare(reporter, path, back)
    batch = _run_batch(reporter, client, file, path)
    _delete(reporter, client, [file.id, *(one for one in (batch.output_file_id, batch.error_file_id) if one)])


def _make(reporter: DemoReporter, lines: int) -> Path:
    path = reporter.home / "requests.jsonl"
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(_line(number, number) for number in range(1, lines + 1))
    reporter.tell(
        "make", f"{path.name}: {counted(lines, 'request')} for a chat model, {human_size(path.stat().st_size)}"
    )
    return path


def _line(number: int, custom_number: int) -> str:
    topic = _TOPICS[number % len(_TOPICS)]
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": f"Say one true thing about {topic}."}]}
    request = {"custom_id": f"request-{custom_number}", "method": "POST", "url": "/v1/chat/completions", "body": body}
    return json.dumps(request) + "\n"


def _upload_broken(reporter: DemoReporter, client: OpenAIClient, path: Path) -> None:
    """
    Try to upload a copy in which one line has the custom_id of another.
    """
    broken = path.with_name("broken.jsonl")
    with path.open(encoding="utf-8", newline="\n") as good, broken.open("w", encoding="utf-8", newline="\n") as bad:
        bad.writelines(_line(number, min(number, 2)) if number == 3 else line for number, line in enumerate(good, 1))
    result = client.files.create(broken, "batch")
    broken.unlink()
    if result.success or result.request is not None:
        raise _failure("a broken file was not found out before it was sent")
    error = result.errors[0]
    reporter.tell("check", "a copy with one custom_id twice is refused, and nothing is sent:")
    reporter.say(f"{'':{_INDENT}}line {error.line}, {error.code}")


def _upload(reporter: DemoReporter, client: OpenAIClient, path: Path) -> OpenAIFile:
    size = path.stat().st_size
    if reporter.is_told:
        reporter.tell("upload", f"{path.name} is checked line by line, then sent")
    with bars(reporter.output, [size], keeps=True) as shown:
        bar = shown.file(path.name, size)
        result = require_success(client.files.create(path, "batch", {"on_progress": bar}))
    file: OpenAIFile = result.file
    reporter.facts["file"] = file.to_wire()
    reporter.say(f"{'':{_INDENT}}stored as {file.id}")
    return file


def _list(reporter: DemoReporter, client: OpenAIClient, file: OpenAIFile) -> None:
    listed = require_success(client.files.list()).files
    if file.id not in [one.id for one in listed]:
        raise _failure(f"{file.id} is not in the list")
    reporter.tell("list", f"{counted(len(listed), 'file')}: {file.filename}, {human_size(file.bytes)}, {file.status}")


def _fetch(reporter: DemoReporter, client: OpenAIClient, file: OpenAIFile) -> Path:
    path = reporter.home / "fetched.jsonl"
    result = require_success(client.files.download(file.id, path))
    reporter.tell("fetch", f"{human_size(result.bytes_written)} back, to {path.name}")
    return path


def _compare(reporter: DemoReporter, sent: Path, back: Path) -> None:
    hashes = [_sha256(path) for path in (sent, back)]
    reporter.facts |= {"sha256_sent": hashes[0], "sha256_fetched": hashes[1]}
    if hashes[0] != hashes[1]:
        raise _failure(f"what came back is not what was sent: {hashes}")
    reporter.tell("compare", f"the same byte for byte, sha256 {hashes[0][:16]}…")


def _delete(reporter: DemoReporter, client: OpenAIClient, file_ids: list[str]) -> None:
    for file_id in file_ids:
        require_success(client.files.delete(file_id))
    left = require_success(client.files.list()).files
    if {file.id for file in left} & set(file_ids):
        raise _failure(f"{', '.join(file_ids)} are still in the list")
    reporter.facts["deleted"] = True
    reporter.tell("delete", f"{counted(len(file_ids), 'file')} gone; the list has {counted(len(left), 'file')} now")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for chunk in iter(lambda: file.read(_CHUNK), b""):
            digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def _home(kept: Path | None) -> Iterator[Path]:
    """
    Yield *kept*, made if need be, or a folder that is gone afterwards.
    """
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept
        return
    folder = Path(tempfile.mkdtemp(dir=temporary_root(), prefix="aikit-demo-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run_batch(reporter: DemoReporter, client: OpenAIClient, file: OpenAIFile, path: Path) -> OpenAIBatch:
    """
    Create a batch of *file*, whose content is at *path*, and wait for it; print its results and cost.

    Raises:
        Refused: A call failed, or the results are not in the order of the input.
    """
    batch: OpenAIBatch = require_success(client.batches.create(file.id, _ENDPOINT)).batch
    reporter.tell("batch", f"{batch.id} is created, and {batch.status}")
    with batch_bars(reporter.output, keeps=True) as shown:
        options: dict[str, Any] = {"poll_interval": _POLL_S, "on_progress": shown.batch("batch")}
        ended: OpenAIBatch = require_success(client.batches.wait(batch.id, **options)).batch
    counts = ended.request_counts
    reporter.tell(
        "wait", f"{ended.status}: {counts.completed:,} of {counts.total:,} answered, {counts.failed:,} failed"
    )
    _read(reporter, client, ended, path)
    _print_cost(reporter, client, ended)
    return ended


def _read(reporter: DemoReporter, client: OpenAIClient, batch: OpenAIBatch, path: Path) -> None:
    """
    Read the results, and check that they come in the order of the input.
    """
    counts: Counter[str] = Counter()
    first = ""
    with require_success(client.batches.results(batch, {"input_file": path})) as rows:
        for number, row in enumerate(rows, 1):
            counts[row.status] += 1
            first = first or f"{row.custom_id} has the echo {row.text!r}"
            if row.custom_id != f"request-{number}":
                raise _failure(f"line {number} has the row of {row.custom_id}")
    reporter.facts |= {"batch_id": batch.id, "status": batch.status, "counts": dict(counts)}
    reporter.tell("results", f"in the order of the input, {counts_text(counts)}")
    reporter.say(f"{'':{_INDENT}}{safe(first[:_SHOWN])}{'…' if len(first) > _SHOWN else ''}")


def _print_cost(reporter: DemoReporter, client: OpenAIClient, batch: OpenAIBatch) -> None:
    cost = require_success(client.batches.cost(batch)).cost
    reporter.facts["cost"] = cost.to_dict()
    usage = cost.usage
    tokens = f"{usage.input_tokens:,} tokens in, {usage.output_tokens:,} out"
    reporter.tell("cost", f"{money(cost.total)}, for the built-in model is free; {tokens}")


@attrs.define(eq=False)
class DemoReporter:
    """
    Prints the steps of the demo as they happen; with ``--json``, one document at the end.

    Attributes:
        home: The folder of the store and the files.

        facts: The fields of the document.
    """

    output: Output
    home: Path
    facts: dict[str, Any] = attrs.field(factory=lambda: {"object": "demo", "success": True})

    @property
    def is_told(self) -> bool:
        """Whether steps are printed, that is without ``--quiet`` and ``--json``."""
        return not (self.output.settings.quiet or self.output.settings.json)

    def tell(self, title: str, text: str) -> None:
        """
        Print one step.
        """
        padded = title.ljust(_INDENT)
        shown = paragraphs(padded + text, sys.stdout, indent=_INDENT)
        self.say(Styled(styled(padded, "1", has_color=self.output.has_color(sys.stdout)) + shown[_INDENT:]))

    def say(self, text: str = "") -> None:
        """
        Print a line, and flush it, also when stdout is a pipe.
        """
        if self.is_told:
            self.output.line(paragraphs(text, sys.stdout))
            sys.stdout.flush()

    def fail(self, error: OpenAIError) -> int:
        """
        Print *error*, and return the exit code.
        """
        if self.output.settings.json:
            self.output.document(self.facts | {"success": False, "error": error.to_dict()})
        else:
            self.output.error(error)
        return Exit.REFUSED

    def end(self, seconds: float, hint: str, *, is_kept: bool) -> None:
        """
        Print that the demo succeeded, and *hint*.
        """
        if self.output.settings.json:
            self.output.document(self.facts | {"seconds": round(seconds, 3)})
        where = f"; the files are in {self.home}" if is_kept else ", and nothing is left behind"
        self.say(f"\nAll well in {human_seconds(seconds)}{where}.\n")
        self.say(Styled(hint))  # code, whose lines stay whole


def _failure(message: str) -> Refused:
    return Refused([OpenAIError(message=message, code="demo_failed")], was_sent=True)
