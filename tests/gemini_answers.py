"""
Good answers of the Gemini API, for operations that take several requests of which the contract fails one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import attrs

from aikit.http.headers import Headers
from aikit.http.messages import Request, Response

_FIRST: Final = {"create": "start", "batches.create": "GET abc123", "batches.cancel": "POST cancel"}
_LAST: Final = {
    "create": "upload, finalize",
    "batches.create": "POST batchGenerateContent",
    "batches.cancel": "GET abc123",
}
_SAMPLES: Final = {
    "upload, finalize": "uploaded.json",
    "GET files": "list.json",
    "GET batches": "batches.json",
    "DELETE abc123": "deleted.json",
    "POST cancel": "cancelled.json",
    "POST batchGenerateContent": "batch.json",
    "GET download": "content.bin",
}
UNSUPPORTED: Final = frozenset(("uploads.create", "uploads.add_part", "uploads.complete", "uploads.cancel"))


@attrs.frozen
class GeminiAnswers:
    """
    Answers each request as it should be.

    Attributes:
        samples: Folder with the bodies.

        is_first: Whether the first of several requests is the one that the contract is about, and not the last.

        unsupported: Operations that Gemini does not have.
    """

    samples: Path
    is_first: bool
    unsupported: frozenset[str] = UNSUPPORTED

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
        step, fields, body = _step(request), {}, b""
        if step == "start":
            fields = {"X-Goog-Upload-URL": f"{request.url}?upload_id=secret-0&upload_protocol=resumable"}
        elif step == "query":
            fields = {"X-Goog-Upload-Status": "active", "X-Goog-Upload-Size-Received": "0"}
        else:
            object_name = "batch.json" if "/batches/" in request.url else "input.json"
            body = (self.samples / _SAMPLES.get(step, object_name)).read_bytes()
        headers = Headers({**fields, "content-length": str(len(body))})
        if request.sink is not None:
            request.sink.begin(200, headers)
            request.sink.write(memoryview(body))
            return Response(status=200, headers=headers, request=request)
        return Response(status=200, headers=headers, body=body, request=request)


def _step(request: Request) -> str:
    """
    Return what is asked: a command to an upload, or the method and the last word of the path.
    """
    last = urlsplit(request.url).path.rpartition("/")[2].rpartition(":")[2]
    return request.headers.get("x-goog-upload-command") or f"{request.method} {last}"
