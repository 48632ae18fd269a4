"""
``aikit demo``: a batch's whole life on the embedded provider, told as it goes.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from aikit.cli.demo_batch import answered
from aikit.cli.options import Command, settings_of_context
from aikit.cli.output import Exit, Output
from aikit.cli.output.progress import bars
from aikit.cli.output.text import counted, human_size
from aikit.cli.story import INDENT, DemoReporter, good
from aikit.client import OpenAIClient
from aikit.types.errors import OpenAIError
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
    batch = answered(story, client, file, path)
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
