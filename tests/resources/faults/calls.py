"""
Calls at random, each compared with the truth as soon as it is over.
"""

from __future__ import annotations

import io
import json
import random
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import attrs

from aikit import OpenAIClient
from aikit.http.retry import may_have_been_applied
from aikit.types.errors import UNEXPECTED, OpenAIError
from tests.resources.faults.server import FaultyServer
from tests.resources.faults.truth import Truth

LONGEST_S: Final = 30.0
SMALL_BYTES: Final = 30_000
_DOUBTS: Final = frozenset(("answer_lost", "created_twice", "size_mismatch"))
_ENDPOINT: Final = "/v1/chat/completions"
_TIMES: Final = {"poll_interval": 0.001, "max_wait": 1.0}


def is_doubtful(errors: Iterable[OpenAIError]) -> bool:
    """
    Return whether *errors* say that it may have been done all the same.
    """
    return any(
        may_have_been_applied(error) or error.code in _DOUBTS or "may exist" in error.message for error in errors
    )


@attrs.define
class Calls:
    """
    A caller that knows what it was told, and what is true.

    Attributes:
        kept: File → content, of all that were created and not deleted as far as the caller was told.

        batches: Those that the caller was told of.

        done: Name and success of each call.
    """

    server: FaultyServer
    client: OpenAIClient
    folder: Path
    dice: random.Random
    kept: dict[str, bytes] = attrs.field(factory=dict)
    batches: list[str] = attrs.field(factory=list)
    done: list[tuple[str, bool]] = attrs.field(factory=list)
    _count: int = 0

    @property
    def truth(self) -> Truth:
        """What there is."""
        return self.server.truth

    def make(self, count: int) -> None:
        """
        Make so many calls.
        """
        for name in self.dice.choices([*_CALLS], [weight for _, weight in _CALLS.values()], k=count):
            self.done.append((name, False))
            self.done[-1] = (name, bool(_CALLS[name][0](self)))

    def _called(self, call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """
        Call; nothing is raised, and it is over in time.
        """
        began = time.monotonic()
        result = call(*arguments, options) if options else call(*arguments)
        assert time.monotonic() - began < LONGEST_S
        assert result.terminated
        assert UNEXPECTED not in [error.code for error in result.errors], result.errors
        assert all(error.message for error in result.errors)
        return result

    def _fresh(self, *, is_large: bool = False) -> tuple[str, bytes]:
        """
        Return a name and a content of a size that no other file of this run has.
        """
        self._count += 1
        size = (SMALL_BYTES + 7_000 if is_large else 10) + 150 * self._count
        return f"{self._count}.bin", self.dice.randbytes(size)

    def _on_disk(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path

    def _require_stored(self, name: str, content: bytes, file: Any, errors: Iterable[OpenAIError]) -> None:
        """
        Check that a file is there as the caller was told, and no more often than answers were lost.
        """
        stored = self.truth.stored(name)
        assert all(self.truth.versions[file_id][0] == content for file_id in stored)
        if file is None:
            assert not stored or is_doubtful(errors), errors
        elif not errors:
            assert file.id in stored
            assert (file.filename, file.bytes) == (name, len(content))
            self.kept[file.id] = content
        assert len(stored) <= (file is not None) + self.server.untold[name]

    def create(self) -> object:
        """Upload bytes, a path or a stream."""
        name, content = self._fresh(is_large=self.dice.random() < 0.1)
        path = self._on_disk(name, content)
        source: Any = self.dice.choice((content, path, io.BytesIO(content)))
        result = self._called(self.client.files.create, source, "user_data", filename=name)
        self._require_stored(name, content, result.file, result.errors)
        return result.success

    def create_many(self) -> object:
        """Upload several files."""
        files = dict(self._fresh() for _ in range(self.dice.randint(2, 5)))
        paths = [self._on_disk(name, content) for name, content in files.items()]
        result = self._called(self.client.files.create_many, paths, "user_data", at_a_time=3)
        counts = result.counts
        assert counts.uploaded + counts.failed + counts.cancelled == len(paths) == len(result.items)
        for path, item in zip(paths, result.items, strict=True):
            assert item.path == str(path)
            assert item.success or item.errors
            self._require_stored(path.name, files[path.name], item.file, item.errors)
        assert counts.uploaded == sum(item.status == "uploaded" for item in result.items)
        return result.success

    def upload(self) -> object:
        """Upload in parts, by hand."""
        name, content = self._fresh()
        place = self.dice.randint(1, len(content) - 1)
        upload = self._called(self.client.uploads.create, name, "user_data", len(content)).upload
        if upload is None:
            return False
        assert self.truth.uploads[upload.id]["filename"] == name
        parts = []
        for piece in (content[:place], content[place:]):
            result = self._called(self.client.uploads.add_part, upload.id, piece)
            if not result.success:
                self._called(self.client.uploads.cancel, upload.id)
                return False
            assert self.truth.parts[result.part.id] == piece
            parts.append(result.part.id)
        result = self._called(self.client.uploads.complete, upload.id, parts)
        self._require_stored(name, content, result.file, result.errors)
        return result.success

    def retrieve(self) -> object:
        """Ask for a file, one that is there or one that is not."""
        file_id = self.dice.choice([*self.kept, "file-none"])
        call = self.dice.choice((self.client.files.retrieve, self.client.files.wait))
        options = _TIMES if call == self.client.files.wait else {}
        result = self._called(call, file_id, **options)
        assert not result.success or result.file.bytes == len(self.kept[file_id])
        assert not result.success or result.file.filename == self.truth.files[file_id]["filename"]
        return result.success

    def list(self) -> object:
        """List all files, or all batches."""
        kind = self.dice.choice(("files", "batches"))
        objects, listed = getattr(self.truth, kind), self.truth.listed(kind)
        result = self._called(getattr(self.client, kind).list, limit=self.dice.randint(1, 7), all_pages=True)
        told = [one.id for one in getattr(result, kind)]
        assert len(told) == len(set(told))
        assert set(told) <= objects.keys()
        assert not result.success or result.notes or listed <= set(told)
        return result.success

    def usage(self) -> object:
        """Sum up the files."""
        listed = self.truth.listed("files")
        result = self._called(self.client.files.usage)
        if result.success:
            files = self.truth.files
            assert result.notes or len(listed) <= result.stored.total.files
            assert result.stored.total.files <= len(files)
            assert result.stored.total.bytes <= sum(file["bytes"] for file in files.values())
        return result.success

    def content(self) -> object:
        """Fetch a file into memory."""
        if not self.kept:
            return True
        file_id = self.dice.choice([*self.kept])
        result = self._called(self.client.files.content, file_id)
        assert not result.success or result.content in self.truth.versions[file_id]
        return result.success

    def download(self) -> object:
        """Fetch a file to disk, where another one is already or not."""
        if not self.kept:
            return True
        file_id = self.dice.choice([*self.kept])
        path = self.folder / f"saved-{self.dice.randint(1, 3)}"
        before = path.read_bytes() if path.exists() else None
        result = self._called(self.client.files.download, file_id, path)
        after = path.read_bytes() if path.exists() else None
        if result.success:
            assert after in self.truth.versions[file_id]
        else:
            assert after == before
        assert [*self.folder.glob(".*.part")] == []
        return result.success

    def delete(self) -> object:
        """Delete a file."""
        if not self.kept:
            return True
        file_id = self.dice.choice([*self.kept])
        result = self._called(self.client.files.delete, file_id)
        is_gone = file_id not in self.truth.files
        assert is_gone if result.success else not is_gone or is_doubtful(result.errors), result.errors
        if is_gone:
            del self.kept[file_id]
        return result.success

    def prune(self) -> object:
        """Delete the files of a pattern."""
        pattern = f"{self.dice.randint(1, 9)}?.bin"
        fitting = {name for name, file in self.truth.files.items() if Path(file["filename"]).match(pattern)}
        others = self.truth.files.keys() - fitting
        result = self._called(self.client.files.prune, name=pattern, dry_run=False)
        assert others <= self.truth.files.keys()
        ids = [item.file.id for item in result.items]
        assert len(ids) == len(set(ids))
        for item in result.items:
            is_gone = item.file.id not in self.truth.files
            assert is_gone if item.status == "deleted" else not is_gone or is_doubtful(item.errors), item
        self.kept = {name: content for name, content in self.kept.items() if name in self.truth.files}
        return result.success

    def batch(self) -> object:
        """Have a batch made, with an intent or without."""
        lines = [
            {"custom_id": f"q{number}", "method": "POST", "url": _ENDPOINT, "body": {"model": "m", "messages": []}}
            for number in range(self.dice.randint(1, 12))
        ]
        self._count += 1
        content = "".join(json.dumps(line) + "\n" for line in lines).encode()
        with self.server.lock:
            file = self.truth.add(f"{self._count}.jsonl", "batch", content)
        options = self.dice.choice(({}, {"intent": f"intent {self._count}"}))
        result = self._called(self.client.batches.create, file["id"], _ENDPOINT, **options)
        self._require_batch(result, self.truth.live("input_file_id", file["id"]))
        if options:
            again = self._called(self.client.batches.create, file["id"], _ENDPOINT, **options)
            live = self.truth.live("input_file_id", file["id"])
            if not result.success or again.success:
                self._require_batch(again, live)
            assert not (result.success and again.success) or live == [result.batch.id] == [again.batch.id]
        return result.success

    def _require_batch(self, result: Any, live: Any) -> None:
        """
        Check that there is one batch if the caller was told so, never two, and otherwise none without a word.
        """
        if result.success:
            assert live == [result.batch.id], (live, result.batch)
            self.batches.append(result.batch.id)
        else:
            assert len(live) < 2 or "created_twice" in [error.code for error in result.errors]
            assert not live or is_doubtful(result.errors), result.errors

    def wait(self) -> object:
        """Wait for a batch."""
        if not self.batches:
            return True
        batch_id = self.dice.choice(self.batches)
        result = self._called(self.client.batches.wait, batch_id, **_TIMES)
        assert not result.success or self.truth.batches[batch_id]["status"] == "completed"
        if result.batch is not None:
            assert result.batch.id == batch_id
        return result.success

    def results(self) -> object:
        """Compare the rows of a batch with the truth."""
        if not self.batches:
            return True
        batch_id = self.dice.choice(self.batches)
        with self._called(self.client.batches.results, batch_id) as result:
            if not result.success:
                return False
            rows = [(row.custom_id, row.status, row.text) for row in result]
        assert result.problems == ()
        assert rows == [(line.custom_id, line.status, line.text) for line in self.truth.lines[batch_id]]
        return True

    def cost(self) -> object:
        """Compare the cost of a batch with the truth."""
        if not self.batches:
            return True
        batch_id = self.dice.choice(self.batches)
        result = self._called(self.client.batches.cost, batch_id)
        if result.success:
            usage = result.cost.usage
            assert (usage.input_tokens, usage.output_tokens) == self.truth.usage(batch_id)
            assert (result.cost.total or 0) == self.truth.cost(batch_id)
            assert not result.cost.is_lower_bound
        return result.success

    def cancel(self) -> object:
        """Stop a batch."""
        if not self.batches:
            return True
        batch_id = self.dice.choice(self.batches)
        was_stopped = self.truth.batches[batch_id]["status"].startswith("cancel")
        result = self._called(self.client.batches.cancel, batch_id)
        is_stopped = self.truth.batches[batch_id]["status"].startswith("cancel")
        assert is_stopped if result.success else was_stopped or not is_stopped or is_doubtful(result.errors)
        return result.success

    def resubmit(self) -> object:
        """Have what failed answered once more."""
        if not self.batches:
            return True
        parent = self.dice.choice(self.batches)
        before = set(self.truth.live("aikit_parent", parent))
        result = self._called(self.client.batches.resubmit, parent)
        new = [batch_id for batch_id in self.truth.live("aikit_parent", parent) if batch_id not in before]
        self._require_batch(result, new)
        for batch_id in new:
            content = self.truth.versions[self.truth.batches[batch_id]["input_file_id"]][0]
            asked = [json.loads(line)["custom_id"] for line in content.splitlines()]
            assert asked == [line.custom_id for line in self.truth.lines[parent] if line.status == "failed"]
        return result.success


_CALLS: Final[dict[str, tuple[Callable[[Calls], object], int]]] = {
    "create": (Calls.create, 4),
    "create_many": (Calls.create_many, 1),
    "upload": (Calls.upload, 2),
    "retrieve": (Calls.retrieve, 1),
    "list": (Calls.list, 2),
    "usage": (Calls.usage, 1),
    "content": (Calls.content, 3),
    "download": (Calls.download, 3),
    "delete": (Calls.delete, 1),
    "prune": (Calls.prune, 1),
    "batch": (Calls.batch, 4),
    "wait": (Calls.wait, 3),
    "results": (Calls.results, 3),
    "cost": (Calls.cost, 2),
    "cancel": (Calls.cancel, 1),
    "resubmit": (Calls.resubmit, 2),
}
