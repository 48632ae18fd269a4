"""
``aikit demo``: a batch's whole life on the embedded provider, told as it goes.
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

from aikit.cli.options import Command, settings_of_context
from aikit.cli.output import Exit, Output
from aikit.cli.output.batch_text import cost_to_json, counts_text, money
from aikit.cli.output.formats import counted, human_seconds, human_size, safe
from aikit.cli.output.progress import bars, batch_bars
from aikit.client import OpenAIClient
from aikit.runtime.result import OpenAIResult
from aikit.types.batches import OpenAIBatch
from aikit.types.errors import OpenAIError, error_to_json
from aikit.types.files import OpenAIFile

_CHUNK: Final = 1024 * 1024
_TOPICS: Final = ("tides", "bridges", "bees", "volcanoes", "lighthouses", "sourdough", "comets", "harbours")
_HINT: Final = """\
The same in Python:

    from aikit import OpenAIClient

    client = OpenAIClient(provider="local")
    file = client.files.create("requests.jsonl", "batch").throw().file
    batch = client.batches.create(file.id, "/v1/chat/completions").throw().batch
    client.batches.wait(batch.id)
    for row in client.batches.results(batch.id):
        print(row.custom_id, row.status, row.text)

Next: aikit files --help, aikit batch run --help
With OPENAI_API_KEY set, the same commands go to OpenAI."""
_ENDPOINT: Final = "/v1/chat/completions"
_POLL_S: Final = 0.1
_SHOWN: Final = 60
INDENT: Final = 9


@click.command(cls=Command)
@click.option(
    "--lines",
    type=click.IntRange(3, 50_000),
    metavar="N",
    default=10_000,
    show_default=True,
    help="Requests to make up.",
)
def demo(lines: int) -> int:
    """
    Show the whole job, without key or network.

    On the embedded provider a file is checked, uploaded, listed, fetched and compared. Then a batch of it is answered
    by a model that is built in, and its results are read in the input's order. Nothing is left behind; with --home,
    store and files stay there.
    """
    output = Output(settings_of_context())
    began = time.monotonic()
    with _home(output.settings.home) as home:
        story = DemoReporter(output, home)
        try:
            with OpenAIClient(provider="local", home=home) as client:
                _tell(story, client, lines)
        except OpenAIError as error:
            return story.fail(error)
        story.end(time.monotonic() - began, _HINT, is_kept=output.settings.home is not None)
    return Exit.DONE


def _tell(story: DemoReporter, client: OpenAIClient, lines: int) -> None:
    story.say("A batch's life on aikit's embedded provider: no key, no server, no network.\n")
    path = _make(story, lines)
    _mistake(story, client, path)
    file = _upload(story, client, path)
    _list(story, client, file)
    back = _fetch(story, client, file)
    _compare(story, path, back)
    batch = run_all(story, client, file, path)
    _delete(story, client, [file.id, *(one for one in (batch.output_file_id, batch.error_file_id) if one)])


def _make(story: DemoReporter, lines: int) -> Path:
    path = story.home / "requests.jsonl"
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(_line(number, number) for number in range(1, lines + 1))
    story.tell("make", f"{path.name}: {counted(lines, 'request')} for a chat model, {human_size(path.stat().st_size)}")
    return path


def _line(number: int, custom_number: int) -> str:
    topic = _TOPICS[number % len(_TOPICS)]
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": f"Say one true thing about {topic}."}]}
    request = {"custom_id": f"request-{custom_number}", "method": "POST", "url": "/v1/chat/completions", "body": body}
    return json.dumps(request) + "\n"


def _mistake(story: DemoReporter, client: OpenAIClient, path: Path) -> None:
    """
    Try to upload a copy in which one line has the custom_id of another.
    """
    broken = path.with_name("broken.jsonl")
    with path.open(encoding="utf-8", newline="\n") as good, broken.open("w", encoding="utf-8", newline="\n") as bad:
        bad.writelines(_line(number, min(number, 2)) if number == 3 else line for number, line in enumerate(good, 1))
    result = client.files.create(broken, "batch")
    broken.unlink()
    if result.success or result.request is not None:
        raise OpenAIError(message="a broken file was not found out before it was sent", code="demo_failed")
    error = result.errors[0]
    story.tell("check", "a copy with one custom_id twice is refused, and nothing is sent:")
    story.say(f"{'':{INDENT}}line {error.line}, {error.code}")


def _upload(story: DemoReporter, client: OpenAIClient, path: Path) -> OpenAIFile:
    size = path.stat().st_size
    if story.is_told:
        story.tell("upload", f"{path.name} is checked line by line, then sent")
    with bars(story.output, [size], keeps=True) as shown:
        bar = shown.file(path.name, size)
        result = good(client.files.create(path, "batch", {"on_progress": bar}))
    file: OpenAIFile = result.file
    story.facts["file"] = file.to_wire()
    story.say(f"{'':{INDENT}}stored as {file.id}")
    return file


def _list(story: DemoReporter, client: OpenAIClient, file: OpenAIFile) -> None:
    listed = good(client.files.list()).files
    if file.id not in [one.id for one in listed]:
        raise OpenAIError(message=f"{file.id} is not in the list", code="demo_failed")
    story.tell("list", f"{counted(len(listed), 'file')}: {file.filename}, {human_size(file.bytes)}, {file.status}")


def _fetch(story: DemoReporter, client: OpenAIClient, file: OpenAIFile) -> Path:
    path = story.home / "fetched.jsonl"
    result = good(client.files.download(file.id, path))
    story.tell("fetch", f"{human_size(result.bytes_written)} back, to {path.name}")
    return path


def _compare(story: DemoReporter, sent: Path, back: Path) -> None:
    hashes = [_sha256(path) for path in (sent, back)]
    story.facts |= {"sha256_sent": hashes[0], "sha256_fetched": hashes[1]}
    if hashes[0] != hashes[1]:
        raise OpenAIError(message=f"what came back is not what was sent: {hashes}", code="demo_failed")
    story.tell("compare", f"the same byte for byte, sha256 {hashes[0][:16]}…")


def _delete(story: DemoReporter, client: OpenAIClient, file_ids: list[str]) -> None:
    for file_id in file_ids:
        good(client.files.delete(file_id))
    left = good(client.files.list()).files
    if {file.id for file in left} & set(file_ids):
        raise OpenAIError(message=f"{', '.join(file_ids)} are still in the list", code="demo_failed")
    story.facts["deleted"] = True
    story.tell("delete", f"{counted(len(file_ids), 'file')} gone; the list has {counted(len(left), 'file')} now")


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
    folder = Path(tempfile.mkdtemp(prefix="aikit-demo-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_all(story: DemoReporter, client: OpenAIClient, file: OpenAIFile, path: Path) -> OpenAIBatch:
    """
    Have the requests of *file*, which is here at *path*, answered; return the batch.

    Raises:
        OpenAIError: Something failed, or the results are not what they must be.
    """
    batch: OpenAIBatch = good(client.batches.create(file.id, _ENDPOINT)).batch
    story.tell("batch", f"{batch.id} is created, and {batch.status}")
    with batch_bars(story.output, keeps=True) as shown:
        options = {"poll_interval": _POLL_S, "on_progress": shown.batch("batch")}
        ended: OpenAIBatch = good(client.batches.wait(batch.id, options)).batch
    counts = ended.request_counts
    story.tell("wait", f"{ended.status}: {counts.completed:,} of {counts.total:,} answered, {counts.failed:,} failed")
    _read(story, client, ended, path)
    _tell_cost(story, client, ended)
    return ended


def _read(story: DemoReporter, client: OpenAIClient, batch: OpenAIBatch, path: Path) -> None:
    """
    Read the results; they come in the order of the input, whatever order the answers came in.
    """
    counts: Counter[str] = Counter()
    first = ""
    with good(client.batches.results(batch, {"input_file": path})) as rows:
        for number, row in enumerate(rows, 1):
            counts[row.status] += 1
            first = first or f"{row.custom_id} has the echo {row.text!r}"
            if row.custom_id != f"request-{number}":
                raise OpenAIError(message=f"line {number} has the row of {row.custom_id}", code="demo_failed")
    story.facts |= {"batch_id": batch.id, "status": batch.status, "counts": dict(counts)}
    story.tell("results", f"in the order of the input, {counts_text(counts)}")
    story.say(f"{'':{INDENT}}{safe(first[:_SHOWN])}{'…' if len(first) > _SHOWN else ''}")


def _tell_cost(story: DemoReporter, client: OpenAIClient, batch: OpenAIBatch) -> None:
    cost = good(client.batches.cost(batch)).cost
    story.facts["cost"] = cost_to_json(cost)
    usage = cost.usage
    tokens = f"{usage.input_tokens:,} tokens in, {usage.output_tokens:,} out"
    story.tell("cost", f"{money(cost.total)}, for the built-in model is free; {tokens}")


@attrs.define(eq=False)
class DemoReporter:
    """
    Says what happens while it happens; with ``--json``, in one document at the end.

    Attributes:
        home: Where everything is.

        facts: What the document will have.
    """

    output: Output
    home: Path
    facts: dict[str, Any] = attrs.field(factory=lambda: {"object": "demo", "success": True})

    @property
    def is_told(self) -> bool:
        """Whether words are wanted."""
        return not (self.output.settings.quiet or self.output.settings.json)

    def tell(self, title: str, text: str) -> None:
        """
        Say what was done in one step.
        """
        padded = title.ljust(INDENT)
        self.say(f"\x1b[1m{padded}\x1b[0m{text}" if self.output.has_color(sys.stdout) else padded + text)

    def say(self, text: str = "") -> None:
        """
        Say something, at once also when stdout is a pipe.
        """
        if self.is_told:
            self.output.line(text)
            sys.stdout.flush()

    def fail(self, error: OpenAIError) -> int:
        """
        Tell what went wrong, and return the exit code.
        """
        if self.output.settings.json:
            self.output.document(self.facts | {"success": False, "error": error_to_json(error)})
        else:
            self.output.error(error)
        return Exit.REFUSED

    def end(self, seconds: float, hint: str, *, is_kept: bool) -> None:
        """
        Say that all went well, and *hint* what to do next.
        """
        if self.output.settings.json:
            self.output.document(self.facts | {"seconds": round(seconds, 3)})
        where = f"; the files are in {self.home}" if is_kept else ", and nothing is left behind"
        self.say(f"\nAll well in {human_seconds(seconds)}{where}.\n\n{hint}")


def good(result: OpenAIResult[Any]) -> Any:
    """
    Return *result*, which is a success.

    Raises:
        OpenAIError: It is none.
    """
    return result.throw()
