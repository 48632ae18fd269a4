"""
What every provider keeps, for every operation, whatever the world does, inline and on the pool.

A new provider of the registry is picked up unasked: its wire samples go into a folder of `wire_samples`.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import attrs
import pytest

from aikit import OpenAIClient, OpenAIResult
from aikit.http.context import CallContext
from aikit.http.headers import Headers
from aikit.http.messages import Request, Response
from aikit.providers.kinds import KINDS
from aikit.types.errors import ExchangeError
from tests.gemini_answers import GeminiAnswers
from tests.vertex_answers import VertexAnswers

SAMPLES: Final = {"openai": "openai", "local": "openai", "azure": "azure", "gemini": "gemini", "vertex": "vertex"}
"""Kind of provider → folder of its wire samples."""

_AZURE: Final = {"AZURE_OPENAI_ENDPOINT": "https://res.openai.azure.com"}
_VERTEX: Final = {"GOOGLE_CLOUD_PROJECT": "my-project", "GCS_BUCKET_NAME": "my-bucket"}
SURFACES: Final[dict[str, dict[str, str]]] = {
    **{kind: {} for kind in KINDS},
    "azure": _AZURE,
    "azure dated": {**_AZURE, "OPENAI_API_VERSION": "2025-04-01-preview"},
    "gemini first": {},
    "vertex": _VERTEX,
    "vertex first": _VERTEX,
}
"""Kind of provider, and which of its surfaces if it has several → environment that leads there.

Some operations of Google's take two requests: the contract is about the last of them, and about the first.
"""

ANSWERS: Final[dict[str, Callable[[Path, bool], Any]]] = {"gemini": GeminiAnswers, "vertex": VertexAnswers}
"""Kind of provider that does not answer as OpenAI does → what answers for it."""

_VERTEX_UPLOAD: Final = "abc123abc123abc123abc1"
IDS: Final = {"vertex": ("file-ZmFiYzEyMw", "batch_123", f"upload_{_VERTEX_UPLOAD}", f"part_{_VERTEX_UPLOAD * 2}")}
"""Kind of provider whose ids have a form of their own → of a file, a batch, an upload and a part."""
_OPENAIS: Final = ("file-abc123", "batch_abc123", "upload_abc123", "part_def456")


def file_id(client: OpenAIClient) -> str:
    """
    Return the id of the file that the samples are about.
    """
    return IDS.get(client.provider.kind, _OPENAIS)[0]


def batch_id(client: OpenAIClient) -> str:
    """
    Return the id of the batch that they are about.
    """
    return IDS.get(client.provider.kind, _OPENAIS)[1]


def upload_id(client: OpenAIClient) -> str:
    """
    Return the id of the upload that they are about.
    """
    return IDS.get(client.provider.kind, _OPENAIS)[2]


def part_id(client: OpenAIClient) -> str:
    """
    Return the id of a part of it.
    """
    return IDS.get(client.provider.kind, _OPENAIS)[3]


Operation = Callable[[OpenAIClient, dict[str, Any], Path], OpenAIResult[Any]]
OPERATIONS: Final[dict[str, tuple[str, Operation]]] = {
    "create": ("file.json", lambda client, options, _: client.files.create(b"abc", "user_data", **options)),
    "retrieve": ("file.json", lambda client, options, _: client.files.retrieve(file_id(client), **options)),
    "wait": ("file.json", lambda client, options, _: client.files.wait(file_id(client), **options)),
    "list": ("list.json", lambda client, options, _: client.files.list(**options)),
    "delete": ("deleted.json", lambda client, options, _: client.files.delete(file_id(client), **options)),
    "content": ("content.bin", lambda client, options, _: client.files.content(file_id(client), **options)),
    "download": ("content.bin", lambda client, options, path: client.files.download(file_id(client), path, **options)),
    "uploads.create": (
        "upload.json",
        lambda client, options, _: client.uploads.create("a.pdf", "user_data", 9, **options),
    ),
    "uploads.add_part": (
        "part.json",
        lambda client, options, _: client.uploads.add_part(upload_id(client), b"a", **options),
    ),
    "uploads.complete": (
        "upload.json",
        lambda client, options, _: client.uploads.complete(upload_id(client), [part_id(client)], **options),
    ),
    "uploads.cancel": ("upload.json", lambda client, options, _: client.uploads.cancel(upload_id(client), **options)),
    "batches.create": (
        "batch.json",
        lambda client, options, _: client.batches.create(file_id(client), "/v1/chat/completions", **options),
    ),
    "batches.retrieve": ("batch.json", lambda client, options, _: client.batches.retrieve(batch_id(client), **options)),
    "batches.wait": ("batch.json", lambda client, options, _: client.batches.wait(batch_id(client), **options)),
    "batches.list": ("batches.json", lambda client, options, _: client.batches.list(**options)),
    "batches.cancel": ("batch.json", lambda client, options, _: client.batches.cancel(batch_id(client), **options)),
}
OTHERWISE: Final = {
    # a provider that did not answer in time may still create the batch: it is looked for, and not asked for again
    ("batches.create", "timeout then ok"),
    # what is waited for may have been made a moment ago, and not be known everywhere yet
    *((operation, "404") for operation in ("wait", "batches.wait")),
    # who waits for a day waits out what may pass
    *(("batches.wait", scene) for scene in ("429", "5xx", "reset")),
}
"""Operations that take a scene differently; how, is tested where they are."""
_STORING: Final = ("create", "uploads.create", "uploads.add_part")
THERE: Final[dict[tuple[str, str, str], tuple[int, list[tuple[int | None, str | None]]]]] = {
    # an id that cannot be and an object that there is not are told alike
    **{
        (surface, operation, "404"): (1, [(404, None)])
        for surface in ("vertex", "vertex first")
        for operation in ("retrieve", "delete", "content", "download")
    },
    # what was made of a file for jobs need not be there
    ("vertex first", "delete", "404"): (1, []),
    # an upload that its server has forgotten begins anew
    **{("vertex", operation, "404"): (3, [(404, "notFound")]) for operation in _STORING},
    # an upload that there is not, what is gone of one that is given up, and one whose parts are gone
    **{("vertex first", f"uploads.{name}", "404"): (1, [(404, None)]) for name in ("add_part", "complete", "cancel")},
    ("vertex", "uploads.cancel", "404"): (1, []),
    ("vertex", "uploads.complete", "404"): (1, [(404, None)]),
}
"""Surface, operation and scene → attempts and errors, where the kind has rules of its own for them."""
DELETIONS: Final = frozenset((("vertex", "delete"), ("vertex first", "delete"), ("vertex", "uploads.cancel")))
EMPTY: Final = frozenset((b"", b"null"))
"""Answers to these that some servers give in place of status 204."""
NO_WAIT: Final = Headers({"retry-after-ms": "1"})


@attrs.define
class Scripted:
    """
    A transport that gives each request the next act of its script, the last one again and again.

    The search for a batch whose creation was not answered is answered beside the script: there is none. So are looks at
    the input file of a batch that is created, as *input_file*, and not one of these is among the *sent*.
    """

    acts: list[Callable[[Request], Response]]
    input_file: bytes | None = None
    is_beside: Callable[[Request], bool] = lambda _: False
    answer: Callable[[Request], Response] | None = None
    sent: list[Request] = attrs.field(factory=list)

    def send(self, request: Request, context: CallContext) -> Response:
        """
        Play the next act, reading the request's body to its end as a socket would.
        """
        context.raise_if_cancelled()
        if request.body is not None:
            reader = request.body.open()
            while reader.read(65536):
                pass
            reader.close()
        if self.answer is not None and self.is_beside(request):
            return self.answer(request)
        asked = urlsplit(request.url)
        if "limit=100" in asked.query and any(
            earlier.method == "POST" and urlsplit(earlier.url).path == asked.path for earlier in self.sent
        ):
            return answering(200, b'{"object": "list", "data": [], "has_more": false}')(request)
        if self.input_file is not None and request.method == "GET":
            return answering(200, self.input_file)(request)
        self.sent.append(request)
        return self.acts[min(len(self.sent), len(self.acts)) - 1](request)

    def close(self) -> None:
        """
        Do nothing.
        """


def answering(status: int, body: bytes, headers: Headers | None = None) -> Callable[[Request], Response]:
    """
    Answer; what succeeds goes into the request's sink if it has one.
    """

    def act(request: Request) -> Response:
        fields = (headers or Headers()).merged({"content-length": str(len(body))})
        if request.sink is not None and status == 200:
            request.sink.begin(status, fields)
            request.sink.write(memoryview(body))
            return Response(status=status, headers=fields, request=request)
        return Response(status=status, headers=fields, body=body, request=request)

    return act


def breaking(code: str) -> Callable[[Request], Response]:
    """
    Fail as a transport does.
    """

    def act(_: Request) -> Response:
        raise ExchangeError(message=code, code=code)

    return act


Act = Callable[[Request], Response]


@attrs.frozen
class Scene:
    """
    What the world does, and what the caller must see of it.
    """

    acts: Callable[[Act, bytes], list[Act]]
    code: str | None = None
    status: int | None = None
    attempts: int = 1


SCENES: Final = {
    "ok": Scene(lambda good, _: [good]),
    "403": Scene(lambda _, bad: [answering(403, bad)], status=403),
    "404": Scene(lambda _, bad: [answering(404, bad)], status=404),
    "429 then ok": Scene(lambda good, bad: [answering(429, bad, NO_WAIT), good], attempts=2),
    "429": Scene(lambda _, bad: [answering(429, bad, NO_WAIT)], status=429, attempts=3),
    "5xx then ok": Scene(lambda good, bad: [answering(503, bad, NO_WAIT), good], attempts=2),
    "5xx": Scene(lambda _, bad: [answering(500, bad, NO_WAIT)], status=500, attempts=3),
    "HTML": Scene(lambda _g, _b: [answering(403, b"<html><p>Forbidden</p></html>")], status=403),
    "timeout then ok": Scene(lambda good, _: [breaking("timeout"), good], attempts=2),
    "reset": Scene(lambda _g, _b: [breaking("connection_error")], code="connection_error", attempts=3),
}


@pytest.fixture(params=sorted(SURFACES))
def scripted(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[list[Any], str], tuple[OpenAIClient, Scripted]]:
    """
    Makes clients of each registered kind of provider with a script for a transport.
    """
    kind = request.param.split()[0]
    for name, value in SURFACES[request.param].items():
        monkeypatch.setenv(name, value)

    samples = Path(__file__).parent / "wire_samples" / SAMPLES[kind]
    answers = ANSWERS[kind](samples, request.param.endswith("first")) if kind in ANSWERS else None

    def make(acts: list[Any], operation: str) -> tuple[OpenAIClient, Scripted]:
        client = OpenAIClient("k", provider=kind, home=tmp_path / "home", ledger=False)
        transport = Scripted(acts, _input_file(samples, operation))
        if answers is not None:
            transport.answer, transport.is_beside = answers, partial(answers.is_beside, operation)
        client._session._main._transport = transport
        return client, transport

    make.surface = request.param  # type: ignore[attr-defined]  # read below
    make.samples = samples  # type: ignore[attr-defined]  # likewise
    make.answers = answers  # type: ignore[attr-defined]  # likewise
    return make


def _input_file(samples: Path, operation: str) -> bytes | None:
    """
    Return the file that the batch to be created is to be made of: some providers look whether it is processed.
    """
    return (
        (samples / "file.json").read_bytes() if operation == "batches.create" and samples.name not in ANSWERS else None
    )


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aikit.http.retry.RetryPolicy._backoff", lambda *_: 0.001)
    monkeypatch.setattr("aikit.resources.polling.LOOKS_S", (0.001,) * 5)


@pytest.mark.parametrize("mode", ["inline", "pool"])
@pytest.mark.parametrize(
    ("operation", "scene"), [pair for pair in itertools.product(OPERATIONS, SCENES) if pair not in OTHERWISE]
)
def test_every_operation_keeps_the_contract(
    scripted: Any, operation: str, scene: str, mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    No exception; one outcome; the promised number of attempts; callbacks once; nothing left on disk.
    """
    for place in ("gemini", "vertex"):
        monkeypatch.setattr(f"aikit.providers.{place}.upload._PAUSE_S", 0.001)
    sample, call = OPERATIONS[operation]
    world = SCENES[scene]
    bad = (scripted.samples / "refusal.json").read_bytes()
    good = b"" if scripted.answers else (scripted.samples / sample).read_bytes()
    client, transport = scripted(world.acts(scripted.answers or answering(200, good), bad), operation)
    seen: list[OpenAIResult[Any]] = []
    options: dict[str, Any] = {"on_terminate": seen.append} if mode == "pool" else {}
    if operation == "create":
        options["filename"] = "notes.txt"
    result = call(client, options, tmp_path / "out.bin")
    assert result.wait(10)
    client.close()
    if scripted.answers and operation in scripted.answers.unsupported:
        assert ([error.code for error in result.errors], transport.sent) == (["unsupported"], [])
        return
    error = json.loads(bad)["error"]
    named = error.get("status") or next((one["reason"] for one in error.get("errors", ())), error["code"])
    said = named if world.status and scene != "HTML" else world.code
    usual = world.attempts, [(world.status, said)] if world.status or world.code else []
    attempts, errors = THERE.get((scripted.surface, operation, scene), usual)
    assert len(transport.sent) == attempts
    assert [(error.status, error.code) for error in result.errors] == errors
    assert seen == ([result] if mode == "pool" else [])
    left = {path.name for path in tmp_path.iterdir()} - {"home"}
    assert left == ({"out.bin"} if operation == "download" and result.success else set())


@pytest.mark.parametrize("garbage", [b"", b"{", b"[]", b'"x"', b"\xff", b"null", b'{"data": [5]}'])
@pytest.mark.parametrize("operation", sorted(set(OPERATIONS) - {"content", "download"}))
def test_garbage_is_one_clear_error(scripted: Any, operation: str, garbage: bytes, tmp_path: Path) -> None:
    """
    A success status with nonsense in it is an error with code invalid_response, tried once.
    """
    client, transport = scripted([answering(200, garbage)], operation)
    options = {"filename": "notes.txt"} if operation == "create" else {}
    result = OPERATIONS[operation][1](client, options, tmp_path / "out.bin")
    if scripted.answers and operation in scripted.answers.unsupported:
        assert ([error.code for error in result.errors], transport.sent) == (["unsupported"], [])
        return
    is_done = (scripted.surface, operation) in DELETIONS and garbage in EMPTY
    assert [error.code for error in result.errors] == ([] if is_done else ["invalid_response"])
    assert len(transport.sent) == 1


def test_every_registered_provider_has_wire_samples() -> None:
    """
    A new provider cannot be forgotten.
    """
    assert set(SAMPLES) == set(KINDS)
