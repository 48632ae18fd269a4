"""
The part of the JSON API of Google Cloud Storage that aikit and Google's own libraries use, of buckets in memory.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from email import message_from_bytes
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

import attrs
import google_crc32c

from tests.google_wire import Answer, Hangup, Refusal, rfc3339
from tests.scripted_server import Received

CHUNK: Final = 256 * 1024
_MOST_SOURCES: Final = 32
_OBJECT: Final = re.compile(r"/(?:download/|upload/)?storage/v1/b/([^/]+)(?:/o(?:/([^/]+)(?:/(compose))?)?)?")
_REASONS: Final = {400: "invalid", 401: "required", 404: "notFound", 410: "gone", 412: "conditionNotMet"}


@attrs.define
class _Session:
    """
    A resumable upload.
    """

    bucket: str
    about: dict[str, Any]
    condition: str | None
    content: bytearray = attrs.field(factory=bytearray)
    final: dict[str, Any] | None = None


@attrs.define
class Storage:
    """
    Objects by bucket and name.

    Attributes:
        url: Where it is.

        page_size: The most that one page of a list has.

        faults: Number of the request that sends content to a session, from 1 → what it comes to: ``"cut"`` keeps the
            first half and resets, ``"lost"`` keeps all and resets, ``"503"`` keeps nothing.
    """

    url: str = ""
    page_size: int = 1000
    faults: dict[int, str] = attrs.field(factory=dict)
    buckets: dict[str, dict[str, dict[str, Any]]] = attrs.field(factory=dict)
    contents: dict[tuple[str, str], bytes] = attrs.field(factory=dict)
    sessions: dict[str, _Session] = attrs.field(factory=dict)
    _sent: int = 0
    _stored: int = 0

    def answer(self, asked: Received) -> Answer:
        """
        Answer one request.
        """
        parts = urlsplit(asked.path)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        if "upload_id" in query:
            return self._write(query["upload_id"], asked)
        found = _OBJECT.fullmatch(parts.path)
        if found is None or found[1] not in self.buckets:
            raise Refusal(404, "The specified bucket does not exist.")
        bucket, name = found[1], None if found[2] is None else unquote(found[2])
        if parts.path.startswith("/upload/"):
            return self._upload(bucket, query, asked)
        if found[3]:
            return _json(self._compose(bucket, name or "", query, json.loads(asked.body)))
        if name is None:
            return _json(self._page(bucket, query))
        return self._on_object(bucket, name, query, asked)

    def refuse(self, refusal: Refusal, path: str) -> Answer:
        """
        Return a refusal in the shape of this API, which is plain text where content was asked for.
        """
        if "alt=media" in path:
            return refusal.status, {"Content-Type": "text/plain"}, refusal.message.encode()
        entry = {"message": refusal.message, "domain": "global", "reason": _REASONS.get(refusal.status, "forbidden")}
        error = {"code": refusal.status, "message": refusal.message, "errors": [entry]}
        return refusal.status, {}, json.dumps({"error": error}).encode()

    def store(self, bucket: str, name: str, content: bytes, **about: Any) -> dict[str, Any]:
        """
        Keep an object, as if somebody had uploaded it.
        """
        self._stored += 1
        now = rfc3339(time.time() + self._stored / 1000)
        self.contents[bucket, name] = content
        generation = str(1_700_000_000_000_000 + self._stored)
        self.buckets[bucket][name] = {
            "kind": "storage#object",
            "id": f"{bucket}/{name}/{generation}",
            "bucket": bucket,
            "generation": generation,
            "metageneration": "1",
            "contentType": "application/octet-stream",
            "storageClass": "STANDARD",
            "size": str(len(content)),
            "md5Hash": _md5(content),
            "crc32c": base64.b64encode(google_crc32c.Checksum(content).digest()).decode(),
            "timeCreated": now,
            "updated": now,
            **about,
            "name": name,
        }
        return self.buckets[bucket][name]

    def names(self, bucket: str) -> list[str]:
        """
        Return the names of all objects of a bucket.
        """
        return sorted(self.buckets[bucket])

    def _on_object(self, bucket: str, name: str, query: dict[str, str], asked: Received) -> Answer:
        kept = self.buckets[bucket].get(name)
        if kept is None:
            raise Refusal(404, f"No such object: {bucket}/{name}")
        self._require_generation(kept, query.get("ifGenerationMatch"))
        if asked.method == "DELETE":
            del self.buckets[bucket][name], self.contents[bucket, name]
            return 204, {}, b""
        if asked.method == "PATCH":
            change = json.loads(asked.body)
            metadata = {**kept.get("metadata", {}), **change.pop("metadata", {})}
            kept |= change | {"metadata": {key: value for key, value in metadata.items() if value is not None}}
            kept["metageneration"] = str(int(kept["metageneration"]) + 1)
        if query.get("alt") == "media":
            return self._download(self.contents[bucket, name], kept, asked.headers.get("range", ""))
        return _json(kept)

    def _download(self, content: bytes, kept: dict[str, Any], wanted: str) -> Answer:
        fields = {"Content-Type": kept["contentType"], "ETag": f'"{kept["generation"]}"'}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted)
        if asked is None:
            return 200, fields, content
        start, end = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
        if start >= len(content):
            raise Refusal(416, "Request range not satisfiable")
        return 206, {**fields, "Content-Range": f"bytes {start}-{end}/{len(content)}"}, content[start : end + 1]

    def _page(self, bucket: str, query: dict[str, str]) -> dict[str, Any]:
        prefix, start = query.get("prefix", ""), max(query.get("pageToken", ""), query.get("startOffset", ""))
        names = [name for name in self.names(bucket) if name.startswith(prefix) and name >= start]
        size = min(int(query.get("maxResults", "1000")), self.page_size)
        page: dict[str, Any] = {"kind": "storage#objects"}
        if names:
            page["items"] = [self.buckets[bucket][name] for name in names[:size]]
        return page | ({"nextPageToken": names[size]} if names[size:] else {})

    def _upload(self, bucket: str, query: dict[str, str], asked: Received) -> Answer:
        kind, condition = query["uploadType"], query.get("ifGenerationMatch")
        if kind == "resumable":
            about = {**json.loads(asked.body or b"{}")}
            about.setdefault("name", query.get("name"))
            about.setdefault("contentType", asked.headers.get("x-upload-content-type", "application/octet-stream"))
            self._require_generation(self.buckets[bucket].get(about["name"]), condition)
            session_id = f"ABCsecret{len(self.sessions)}"
            self.sessions[session_id] = _Session(bucket, about, condition)
            place = f"{self.url}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&upload_id={session_id}"
            return 200, {"Location": place}, b""
        about, content = ({"name": query.get("name")}, asked.body) if kind == "media" else _parts(asked)
        return _json(self._keep(bucket, about, content, condition))

    def _keep(self, bucket: str, about: dict[str, Any], content: bytes, condition: str | None) -> dict[str, Any]:
        self._require_generation(self.buckets[bucket].get(about["name"]), condition)
        if about.get("md5Hash", _md5(content)) != _md5(content):
            raise Refusal(400, "The MD5 you specified in Content-MD5 or x-goog-hash was invalid.")
        fields = {name: value for name, value in about.items() if value is not None and name != "name"}
        return self.store(bucket, about["name"], content, **fields)

    def _require_generation(self, kept: dict[str, Any] | None, condition: str | None) -> None:
        if condition is not None and condition != ("0" if kept is None else kept["generation"]):
            raise Refusal(412, "At least one of the pre-conditions you specified did not hold.")

    def _write(self, session_id: str, asked: Received) -> Answer:
        session = self.sessions.get(session_id)
        if session is None:
            raise Refusal(404, "There is no such upload.")
        if asked.method == "DELETE":
            del self.sessions[session_id]
            return 499, {}, b""
        told = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)", asked.headers.get("content-range", ""))
        total = len(asked.body) if told is None else None if told[3] == "*" else int(told[3])
        body = self._admitted(session, asked.body, told)
        fault = self.faults.get(self._sent) if asked.body else None
        session.content += body
        is_whole = total is not None and len(session.content) >= total
        answer: Answer = self._persisted(session)
        if is_whole:
            if session.final is None:
                content = bytes(session.content)
                session.final = self._keep(session.bucket, session.about, content, session.condition)
            answer = _json(session.final)
        if fault in {"cut", "lost"}:
            raise Hangup
        return answer

    def _admitted(self, session: _Session, body: bytes, told: re.Match[str] | None) -> bytes:
        """
        Return as much of a chunk as is kept.
        """
        if not body or session.final is not None:
            return b""
        self._sent += 1
        fault = self.faults.get(self._sent)
        if fault == "503":
            raise Refusal(503, "We encountered an internal error. Please try again.")
        if told is not None and int(told[1]) != len(session.content):
            raise Refusal(400, "Invalid request. The chunk does not begin where the upload is.")
        is_last = told is None or (told[3] != "*" and int(told[2]) + 1 == int(told[3]))
        if not is_last and len(body) % CHUNK:
            raise Refusal(400, "Invalid request. The chunk is no multiple of 262144 bytes.")
        return body[: len(body) // 2 // CHUNK * CHUNK] if fault == "cut" else body

    def _persisted(self, session: _Session) -> Answer:
        size = len(session.content)
        return 308, ({"Range": f"bytes=0-{size - 1}"} if size else {}), b""

    def _compose(self, bucket: str, name: str, query: dict[str, str], order: dict[str, Any]) -> dict[str, Any]:
        sources = [one["name"] for one in order["sourceObjects"]]
        if not 1 <= len(sources) <= _MOST_SOURCES:
            raise Refusal(400, "The number of source components provided does not lie between 1 and 32.")
        for one in order["sourceObjects"]:
            kept = self.buckets[bucket].get(one["name"])
            if kept is not None and one.get("generation", kept["generation"]) != kept["generation"]:
                raise Refusal(404, f"No such object: {bucket}/{one['name']}")
        missing = next((one for one in sources if one not in self.buckets[bucket]), None)
        if missing is not None:
            raise Refusal(404, f"No such object: {bucket}/{missing}")
        content = b"".join(self.contents[bucket, one] for one in sources)
        made = self._keep(
            bucket, {**order.get("destination", {}), "name": name}, content, query.get("ifGenerationMatch")
        )
        del made["md5Hash"]
        made["componentCount"] = len(sources)
        return made


def _parts(asked: Received) -> tuple[dict[str, Any], bytes]:
    """
    Return what is said of an object, and its content, of a body that has both.
    """
    head = f"Content-Type: {asked.headers['content-type']}\r\n\r\n".encode()
    _, about, content = (part.get_payload(decode=True) for part in message_from_bytes(head + asked.body).walk())
    assert isinstance(about, bytes)
    assert isinstance(content, bytes)
    return json.loads(about), content


def _md5(content: bytes) -> str:
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


def _json(value: Any) -> Answer:
    return 200, {}, json.dumps(value).encode()
