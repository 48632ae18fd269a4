"""
An API of OpenAI's shape without a socket, which knows for certain what was stored, asked for and answered.
"""

from __future__ import annotations

import collections
import itertools
import json
import random
import re
import time
from decimal import Decimal
from typing import Any, Final

import attrs

INPUT_PRICE: Final = 3
OUTPUT_PRICE: Final = 7
PRICES: Final = {"m": {"batch": {"input": INPUT_PRICE, "cached_input": INPUT_PRICE, "output": OUTPUT_PRICE}}}
_FORM_FIELD: Final = re.compile(rb'name="purpose"\r\n\r\n([\w-]+)')
_FILENAME: Final = re.compile(rb'filename="([^"]*)"')
_RANGE: Final = re.compile(r"bytes=(\d+)-")
_OVER: Final = frozenset(("completed", "cancelled"))


@attrs.frozen
class Reply:
    """
    An answer as it should be.

    Attributes:
        value: What becomes JSON.

        content: Of a file, instead.

        key: Of what was made, changed or deleted by the request.
    """

    status: int = 200
    value: Any = None
    content: bytes | None = None
    headers: dict[str, str] = attrs.field(factory=dict)
    key: str | None = None

    @property
    def body(self) -> bytes:
        """What is sent."""
        return json.dumps(self.value).encode() if self.content is None else self.content


@attrs.frozen
class Answered:
    """
    What a line of a batch truly came to.
    """

    custom_id: str
    status: str
    text: str | None
    tokens: tuple[int, int]


@attrs.define
class Truth:
    """
    All there is at the provider.

    Attributes:
        versions: File → its contents, the newest last; all but the first are of a file that changes meanwhile.

        unlisted: Object → lists that will still lack it.

        unknown: Object → questions about it that will still be answered with 404.

        lines: Batch → what its lines came to.

        tag: Of contents: ``"strong"``, ``"weak"`` or ``"date"``.
    """

    dice: random.Random
    tag: str = "strong"
    lateness: int = 0
    files: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    versions: dict[str, list[bytes]] = attrs.field(factory=dict)
    batches: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    uploads: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    parts: dict[str, bytes] = attrs.field(factory=dict)
    lines: dict[str, list[Answered]] = attrs.field(factory=dict)
    unlisted: collections.Counter[str] = attrs.field(factory=collections.Counter)
    unknown: collections.Counter[str] = attrs.field(factory=collections.Counter)
    _count: int = 0

    def stored(self, name: str) -> list[str]:
        """
        Return the ids of the files of that name.
        """
        return [file["id"] for file in self.files.values() if file["filename"] == name]

    def live(self, field: str, value: str) -> list[str]:
        """
        Return the ids of the batches that have *value* as *field* or in their metadata, and were not stopped.
        """
        return [
            batch["id"]
            for batch in self.batches.values()
            if value in (batch.get(field), batch["metadata"].get(field)) and not batch["status"].startswith("cancel")
        ]

    def listed(self, kind: str) -> set[str]:
        """
        Return the ids of what a list has now: nothing younger than what is late.
        """
        known = getattr(self, kind)
        return set(itertools.takewhile(lambda name: self.unlisted[name] <= 0, known))

    def cost(self, batch_id: str) -> Decimal:
        """
        Return the dollars that a batch cost.
        """
        asked, answered = self.usage(batch_id)
        return Decimal(asked * INPUT_PRICE + answered * OUTPUT_PRICE) / 1_000_000

    def usage(self, batch_id: str) -> tuple[int, int]:
        """
        Return the tokens of all its lines.
        """
        lines = self.lines[batch_id]
        return sum(line.tokens[0] for line in lines), sum(line.tokens[1] for line in lines)

    def add(self, name: str, purpose: str, content: bytes) -> dict[str, Any]:
        """
        Keep a file.
        """
        file = self._object("file", filename=name, purpose=purpose, bytes=len(content), status="processed")
        self.files[file["id"]] = file
        self.versions[file["id"]] = [content]
        return file

    def change(self, file_id: str) -> None:
        """
        Put another content of the same size into a file.
        """
        content = self.versions[file_id][-1]
        self.versions[file_id].append(bytes(byte ^ 0x5A for byte in content))

    def act(self, method: str, path: list[str], query: dict[str, str], headers: dict[str, str], body: bytes) -> Reply:
        """
        Do what is asked.
        """
        kind, rest = path[0], path[1:]
        if not rest:
            return self._listed(kind, query) if method == "GET" else getattr(self, f"_make_{kind}")(body)
        known: dict[str, dict[str, Any]] = getattr(self, kind)
        if rest[0] not in known or (method == "GET" and self._is_late(self.unknown, rest[0])):
            return Reply(404, {"error": {"message": f"No such object: {rest[0]}"}})
        if method == "DELETE":
            del known[rest[0]]
            return Reply(value={"id": rest[0], "object": "file", "deleted": True}, key=rest[0])
        if rest[1:] == ["content"]:
            return self._content(rest[0], headers)
        if method == "GET":
            return Reply(value=self._looked_at(known[rest[0]]))
        return getattr(self, f"_{rest[1]}_{kind}")(known[rest[0]], body)  # type: ignore[no-any-return]  # a Reply

    def _object(self, kind: str, **fields: Any) -> dict[str, Any]:
        self._count += 1
        made = {"id": f"{kind}-{self._count}", "object": kind, "created_at": int(time.time()), **fields}
        self.unlisted[made["id"]] = self.dice.randint(0, self.lateness)
        self.unknown[made["id"]] = self.dice.randint(0, self.lateness)
        return made

    def _is_late(self, late: collections.Counter[str], name: str) -> bool:
        late[name] -= 1
        return late[name] >= 0

    def _listed(self, kind: str, query: dict[str, str]) -> Reply:
        known: dict[str, dict[str, Any]] = getattr(self, kind)
        objects = [one for one in reversed(known.values()) if query.get("purpose") in {None, one.get("purpose")}]
        ids = [one["id"] for one in objects]
        begin = ids.index(query["after"]) + 1 if query.get("after") in ids else 0
        end = begin + int(query.get("limit", "100"))
        listed = self.listed(kind)
        page = [one for one in objects[begin:end] if one["id"] in listed]
        if end >= len(ids):
            self.unlisted.subtract(known.keys())
        last_id = ids[min(end, len(ids)) - 1] if ids else None
        return Reply(value={"object": "list", "data": page, "last_id": last_id, "has_more": end < len(ids)})

    def _content(self, file_id: str, headers: dict[str, str]) -> Reply:
        number = len(self.versions[file_id])
        content = self.versions[file_id][-1]
        tags = {
            "strong": {"ETag": f'"{file_id}-{number}"'},
            "weak": {"ETag": f'W/"{file_id}-{number}"'},
            "date": {"Last-Modified": f"Mon, 30 Nov 2026 09:00:{number:02} GMT"},
        }[self.tag]
        found = _RANGE.fullmatch(headers.get("range", ""))
        if found is None or headers.get("if-range", tags.get("ETag")) != tags.get("ETag"):
            return Reply(content=content, headers=tags)
        start = int(found[1])
        if start >= len(content):
            return Reply(416, {"error": {"message": "no such range"}})
        shown = f"bytes {start}-{len(content) - 1}/{len(content)}"
        return Reply(206, content=content[start:], headers=tags | {"Content-Range": shown})

    def _make_files(self, body: bytes) -> Reply:
        purpose, name = _FORM_FIELD.search(body), _FILENAME.search(body)
        assert purpose is not None
        assert name is not None
        file = self.add(name[1].decode(), purpose[1].decode(), _last_part(body))
        return Reply(value=file, key=file["filename"])

    def _make_uploads(self, body: bytes) -> Reply:
        order = json.loads(body)
        expires_at = int(time.time()) + 3600
        upload = self._object("upload", **order, status="pending", expires_at=expires_at)
        self.uploads[upload["id"]] = upload
        return Reply(value=upload, key=f"upload of {order['filename']}")

    def _parts_uploads(self, upload: dict[str, Any], body: bytes) -> Reply:
        if upload["status"] != "pending":
            return Reply(400, {"error": {"message": "the upload is over"}})
        part = self._object("part", upload_id=upload["id"])
        self.parts[part["id"]] = _last_part(body)
        return Reply(value=part, key=upload["id"])

    def _complete_uploads(self, upload: dict[str, Any], body: bytes) -> Reply:
        content = b"".join(self.parts[part_id] for part_id in json.loads(body)["part_ids"])
        if upload["status"] != "pending" or len(content) != upload["bytes"]:
            return Reply(400, {"error": {"message": "the upload is over, or of another size"}})
        upload["status"], upload["file"] = "completed", self.add(upload["filename"], upload["purpose"], content)
        return Reply(value=upload, key=upload["filename"])

    def _cancel_uploads(self, upload: dict[str, Any], _: bytes) -> Reply:
        if upload["status"] != "pending":
            return Reply(400, {"error": {"message": "the upload is over"}})
        upload["status"] = "cancelled"
        return Reply(value=upload, key=upload["id"])

    def _make_batches(self, body: bytes) -> Reply:
        order = json.loads(body)
        if order["input_file_id"] not in self.files:
            return Reply(400, {"error": {"message": "no such input"}})
        fields = {"output_file_id": None, "error_file_id": None, "metadata": {}} | order
        batch = self._object("batch", **fields, status="validating")
        self.batches[batch["id"]] = batch
        return Reply(value=batch, key=order["input_file_id"])

    def _cancel_batches(self, batch: dict[str, Any], _: bytes) -> Reply:
        if batch["status"] in _OVER:
            return Reply(409, {"error": {"message": f"a batch that is {batch['status']} cannot be cancelled"}})
        batch["status"] = "cancelling"
        return Reply(value=batch, key=batch["id"])

    def _looked_at(self, known: dict[str, Any]) -> dict[str, Any]:
        """
        Let a batch get on, as time would.
        """
        if known["object"] == "batch" and known["status"] not in _OVER and self.dice.random() < 0.5:
            if known["status"] == "validating":
                known["status"] = "in_progress"
            else:
                self._end(known, "cancelled" if known["status"] == "cancelling" else "completed")
        return known

    def _end(self, batch: dict[str, Any], status: str) -> None:
        asked = [json.loads(line)["custom_id"] for line in self.versions[batch["input_file_id"]][0].splitlines()]
        lines = self.lines[batch["id"]] = [self._answered(custom_id, status) for custom_id in asked]
        for name, is_ok in (("output", True), ("error", False)):
            some = [_wire_line(line) for line in lines if (line.status == "ok") == is_ok]
            if some:
                self.dice.shuffle(some)
                file = self.add(f"{batch['id']}_{name}.jsonl", "batch_output", b"".join(some))
                batch[f"{name}_file_id"] = file["id"]
        counts = collections.Counter(line.status for line in lines)
        told = {"total": len(lines), "completed": counts["ok"], "failed": counts["failed"]}
        batch.update({"status": status, "request_counts": told, f"{status}_at": int(time.time())})

    def _answered(self, custom_id: str, status: str) -> Answered:
        if self.dice.random() < 0.7:
            tokens = self.dice.randint(1, 9_999), self.dice.randint(1, 9_999)
            return Answered(custom_id, "ok", f"{self.dice.random()}", tokens)
        return Answered(custom_id, "failed" if status == "completed" else "cancelled", None, (0, 0))


def _wire_line(line: Answered) -> bytes:
    wire: dict[str, Any] = {"id": f"r-{line.custom_id}", "custom_id": line.custom_id, "response": None, "error": None}
    if line.status == "ok":
        asked, answered = line.tokens
        usage = {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": line.text}}
        body = {"object": "chat.completion", "model": "m", "choices": [choice], "usage": usage}
        wire["response"] = {"status_code": 200, "request_id": "r", "body": body}
    elif line.status == "failed":
        body = {"error": {"message": "no", "code": "no"}}
        wire["response"] = {"status_code": 400, "request_id": "r", "body": body}
    else:
        wire["error"] = {"code": "batch_cancelled", "message": "the batch was cancelled"}
    return json.dumps(wire).encode() + b"\n"


def _last_part(body: bytes) -> bytes:
    boundary = body[: body.index(b"\r\n")]
    end = body.rindex(b"\r\n" + boundary + b"--")
    start = body.rindex(b"\r\n\r\n", 0, body.index(b"\r\n\r\n", body.index(b"filename=")) + 4) + 4
    return body[start:end]
