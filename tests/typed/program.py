"""
A user's program: files, batches, callbacks and options of every kind, as type checkers see them.
"""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import aikit
from aikit import (
    OpenAIBatchParameters,
    OpenAIBatchProgress,
    OpenAIBatchRunProgress,
    OpenAIClient,
    OpenAIError,
    OpenAIFile,
    OpenAIFileDeletedResult,
    OpenAIFileListParameters,
    OpenAIFileManyProgress,
    OpenAIFileParameters,
    OpenAIFileResult,
    OpenAIParameters,
    Progress,
    jsonl,
)

if TYPE_CHECKING:
    from typing import Unpack

    from aikit.resources.files.options import FileCreateOptions


def say(*words: object) -> None:
    """
    Write a line.
    """
    sys.stdout.write(" ".join(map(str, words)) + "\n")


class Desk:
    """What a program keeps: its client, and what it was told."""

    def __init__(self, client: OpenAIClient) -> None:
        self.client = client
        self.told: list[str] = []

    def on_bytes(self, progress: Progress) -> None:
        """Note how far a file is."""
        self.told.append(f"{progress.phase} {progress.bytes}")

    def on_many(self, progress: OpenAIFileManyProgress) -> None:
        """Note how far many files are."""
        self.told.append(f"{progress.bytes} bytes of many")

    def on_batch(self, progress: OpenAIBatchProgress) -> None:
        """Note how far a batch is."""
        self.told.append(progress.batch.status)

    def on_run(self, progress: OpenAIBatchRunProgress) -> None:
        """Note how far a run is."""
        self.told.append(f"{progress.phase} {progress.fraction or 0:.0%}")

    def on_stored(self, result: OpenAIFileResult) -> None:
        """Note that a file is stored, or why not."""
        self.told.append(result.unwrap().id if result else json.dumps(result.errors, default=aikit.to_json))

    async def on_deleted(self, result: OpenAIFileDeletedResult) -> None:
        """Note that a file is gone."""
        await asyncio.sleep(0)
        self.told.append(result.unwrap().id)

    def upload(self, path: Path, **options: Unpack[FileCreateOptions]) -> OpenAIFile:
        """Upload a file for a day, unless *options* say otherwise."""
        parameters = OpenAIFileParameters()
        parameters.expires_after["anchor"] = "created_at"
        parameters.expires_after["seconds"] = 86_400
        parameters.extra_headers["X-Team"] = "sales"
        parameters.on_progress = self.on_bytes
        return self.client.files.create(path, "batch", parameters, **options).unwrap()

    async def replace(self, path: Path, old: OpenAIFile) -> OpenAIFile:
        """Upload a file, delete the one it replaces, and leave the loop free meanwhile."""
        result = await self.client.files.create(path, "batch", background=True, deadline=20)
        gone = await self.client.files.delete(old.id, {"on_terminate": self.on_deleted})
        self.told.append(f"{gone.unwrap().deleted}")
        async with await self.client.files.stream(result.unwrap().id, background=True) as chunks:
            self.told.append(f"{sum([len(chunk) async for chunk in chunks])} bytes back")
        return result.unwrap()

    def names(self, purpose: str) -> Iterator[str]:
        """Walk over the names of the stored files, page by page."""
        parameters = OpenAIFileListParameters(purpose=purpose, order="desc", limit=100)
        page = self.client.files.list(parameters)
        yield from (file.filename for file in page.unwrap())
        while page.has_more:
            parameters.after = page.last_id
            page = self.client.files.list(parameters)
            yield from (file.filename for file in page)

    def ask(self, path: Path) -> Iterator[tuple[str, str | None]]:
        """Have each line of a file answered."""
        file = self.upload(path, checksum=False, timeout=30, max_retries=2)
        file = self.client.files.wait(file.id, poll_interval=0.1).unwrap()
        options = OpenAIBatchParameters(metadata={"job": "nightly"}, max_cost=5)
        batch = self.client.batches.create(file.id, "/v1/chat/completions", options, completion_window="24h").unwrap()
        batch = self.client.batches.wait(batch.id, poll_interval=0.05, on_progress=self.on_batch).unwrap()
        with self.client.batches.results(batch, {"input_file": path}) as rows:
            for row in rows:
                yield row.custom_id or "", row.text
        cost = self.client.batches.cost(batch, prices={"gpt-4o-mini": {"input": 1, "output": 2}}).unwrap()
        self.told.append("free" if cost.total is None else f"{cost.total:.2f}")

    def tidy(self, folder: Path) -> None:
        """Send a folder, and delete all again."""
        many = self.client.files.create_many(folder, "user_data", recursive=False, on_progress=self.on_many)
        self.told.append(many[0].status if many else "none")
        for item in many.unwrap():
            self.told.append(item.status)
        pruned = self.client.files.prune(name="*", dry_run=False, on_terminate=lambda result: say(result.counts))
        pruned.wait(20)
        usage = self.client.files.usage({"purpose": "user_data", "timeout": 5}).unwrap()
        self.told.append(f"{usage.total.files} files")

    def run(self, path: Path, answers: Path) -> Iterator[str]:
        """Have a whole file answered in one call, and a table."""
        run = self.client.batches.run(path, answers, metadata={"job": "whole"}, on_progress=self.on_run).unwrap()
        yield f"{run.lines} lines, {run.counts}, {run.path}"
        rows = [{"review": "good"}, {"review": "bad"}]
        table = self.client.batches.run(
            jsonl.from_records(rows, prompt="Summarise: {review}", model="gpt-4o-mini"), answers.with_suffix(".csv")
        )
        yield f"{table.unwrap().lines} rows"

    def stream(self, file_id: str, size: int) -> bytes:
        """Return the first bytes of a file."""
        with self.client.files.stream(file_id, end=size) as chunks:
            return b"".join(chunks)


def streams(folder: Path) -> Iterator[IO[bytes]]:
    """
    Open what bytes can be read from: files, members of archives, what decompresses, and temporary files.
    """
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr("a.txt", "abc")
    with gzip.open(folder / "a.gz", "wb") as packed:
        packed.write(b"abc")
    with zipfile.ZipFile(folder / "a.zip") as archive, gzip.open(folder / "a.gz") as unpacked:
        yield from (archive.open("a.txt"), (folder / "a.gz").open("rb"), io.BytesIO(b"abc"))
        say(OpenAIClient(provider="local", home=folder / "home").files.create(("d.txt", unpacked), "user_data").success)
    with tempfile.NamedTemporaryFile() as named, tempfile.SpooledTemporaryFile[bytes]() as spooled:
        for file in (named, spooled):
            file.write(b"abc")
            file.seek(0)
            yield file


async def in_a_loop(folder: Path, path: Path) -> None:
    """
    Do it from asyncio, whose loop runs the callbacks.
    """
    with OpenAIClient(provider="local", home=folder / "home", dispatcher="asyncio") as client:
        desk = Desk(client)
        old = (await client.files.create(path, "batch", {"background": True})).unwrap()
        say((await desk.replace(path, old)).filename, desk.told[-1])


def main(folder: Path) -> None:
    """
    Do all of it, in *folder*, on the embedded provider.
    """
    plain: dict[str, Any] = {"timeout": 5}
    with OpenAIClient(provider="local", home=folder / "home") as client:
        desk, path = Desk(client), folder / "questions.jsonl"
        jsonl.write(path, [jsonl.chat_line("Why?", model="gpt-4o-mini", custom_id="q1", max_tokens=50)])
        say(list(desk.ask(path)), list(desk.names("batch")))
        file = client.files.create(path, "batch", on_terminate=desk.on_stored, **plain)
        assert file.wait(20)
        say(desk.stream(file.unwrap().id, 5), client.files.content(file.unwrap().id).text[:5])
        say(client.files.download(file.unwrap().id, folder / "copy.jsonl", {"replace": True}).path)
        say(*desk.run(path, folder / "answers.jsonl"))
        for content in (b"%PDF-1.4", ("a.txt", b"abc"), ("b.txt", b"abc", "text/plain"), path):
            named = client.files.create(content, "user_data", {"timeout": 5})
            say(bool(named), named.unwrap().filename, named.rate_limit.limit.requests)
        for stream in streams(folder):
            with stream:
                say(client.files.create(("c.txt", stream), "user_data").unwrap().bytes)
        common = OpenAIParameters(timeout=5, max_retries=0, throw=True)
        upload = client.uploads.create("a.bin", "user_data", 3, common, mime_type="text/plain").unwrap()
        part = client.uploads.add_part(upload.id, b"abc", common).unwrap()
        stored = client.uploads.complete(upload.id, [part.id], {"md5": "900150983cd24fb0d6963f7d28e17f72"})
        say(stored.unwrap().status, stored.file, client.files.list(common, limit=1).unwrap())
        try:
            client.files.retrieve("file-absent", common)
        except OpenAIError as error:
            say(error.code, error.status)
        asyncio.run(in_a_loop(folder, path))
        desk.tidy(folder)
        say(desk.told)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
