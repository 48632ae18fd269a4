"""
Good answers of Vertex AI and its storage, for operations that take several requests of which the contract fails one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import attrs

from aikit.http.headers import Headers
from aikit.http.messages import Request, Response

UPLOAD: Final = "abc123abc123abc123abc1"
_FIRST: Final = {
    "create": "start",
    "uploads.create": "start",
    "uploads.add_part": f"GET uploads/{UPLOAD}/order",
    "uploads.complete": f"GET uploads/{UPLOAD}/order",
    "uploads.cancel": f"GET uploads/{UPLOAD}/order",
    "delete": "DELETE requests/abc123.jsonl",
    "batches.create": "GET jobs of an intent",
    "batches.cancel": "POST jobs/123:cancel",
}
_LAST: Final = {
    "create": "PUT",
    "uploads.create": "PUT",
    "uploads.add_part": "PUT",
    "uploads.complete": f"POST files/{UPLOAD}/compose",
    "uploads.cancel": f"DELETE uploads/{UPLOAD}/order",
    "delete": "DELETE files/abc123",
    "batches.create": "POST jobs",
    "batches.cancel": "GET jobs/123",
}
_SAMPLES: Final = {
    "GET objects": "list.json",
    "GET parts": "parts.json",
    f"GET uploads/{UPLOAD}/order": "order.json",
    f"GET uploads/{UPLOAD}/order again": "order.json",
    f"POST files/{UPLOAD}/compose": "object.json",
    "GET files/abc123": "object.json",
    "GET requests/abc123.jsonl": "requests.json",
    "GET requests/abc123.ids.jsonl": "object.json",
    "GET jobs of an intent": "empty.json",
    "GET jobs": "jobs.json",
    "GET jobs/123": "job.json",
    "POST jobs": "job.json",
    "POST jobs/123:cancel": "empty.json",
}
_OBJECTS: Final = "/storage/v1/b/my-bucket/o"
_JOBS: Final = "/v1/projects/my-project/locations/us-central1/batchPredictionJobs"


@attrs.frozen
class VertexAnswers:
    """
    Answers each request as it should be.

    Attributes:
        samples: Folder with the bodies.

        is_first: Whether the first of several requests is the one that the contract is about, and not the last.

        unsupported: Operations that Vertex AI does not have.
    """

    samples: Path
    is_first: bool
    unsupported: frozenset[str] = frozenset()

    def is_beside(self, operation: str, request: Request) -> bool:
        """
        Return whether the contract is about another request of *operation* than this.
        """
        wanted = (_FIRST if self.is_first else _LAST).get(operation)
        return wanted is not None and _step(request) != wanted

    def __call__(self, request: Request) -> Response:
        """
        Return the answer to *request*; what succeeds goes into its sink if it has one.
        """
        step, fields, body, status = _step(request), {}, b"", 200
        if step == "start":
            fields = {"Location": f"{request.url}&upload_id=secret-0"}
        elif step == "query":
            status = 308
        elif step.startswith("DELETE"):
            status = 404 if "requests/" in step else 204
        elif step.startswith("GET") and request.sink is None and step not in _SAMPLES:
            status = 404  # what was just uploaded in vain, or is not made yet
        elif step == "PUT":
            body = self._stored(request)
        elif request.sink is not None:
            body = (self.samples / "content.bin").read_bytes()
        else:
            body = (self.samples / _SAMPLES[step]).read_bytes()
        headers = Headers({**fields, "content-length": str(len(body))})
        if request.sink is None:
            return Response(status=status, headers=headers, body=body, request=request)
        request.sink.begin(status, headers)
        request.sink.write(memoryview(body))
        return Response(status=status, headers=headers, request=request)

    def _stored(self, request: Request) -> bytes:
        """
        Return the object that was sent; only that of three bytes has the checksums of the sample.
        """
        if "%2Forder&" in request.url:
            return (self.samples / "order.json").read_bytes()
        stored = json.loads((self.samples / "object.json").read_bytes())
        size = request.body.size_bytes if request.body is not None else None
        told = stored if size == 3 else {"name": stored["name"], "timeCreated": stored["timeCreated"]}
        return json.dumps({**told, "size": str(size), "metadata": stored["metadata"]}).encode()


def _step(request: Request) -> str:
    """
    Return what is asked: a step of an upload, or the method and the job, or the object behind the prefix.
    """
    path = urlsplit(request.url).path
    if path.startswith(_JOBS):
        intent = " of an intent" if "filter=" in request.url else ""
        return f"{request.method} jobs{path.removeprefix(_JOBS)}{intent}"
    if path.startswith("/upload/"):
        return {"POST": "start", "PUT": "query" if request.body is None else "PUT"}[request.method]
    name = unquote(path.removeprefix(_OBJECTS)).removeprefix("/aikit/")
    if name == f"uploads/{UPLOAD}/order" and "fields=" in request.url:
        name += " again"
    is_of_parts = not name and "prefix=aikit%2Fuploads" in request.url
    return f"{request.method} {name or ('parts' if is_of_parts else 'objects')}"
