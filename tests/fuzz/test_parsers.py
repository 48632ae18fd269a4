"""
Parsers of foreign bytes: whatever comes, only documented errors, in bounded time and memory.

AIKIT_FUZZ_S is the time for all of them, in seconds. A failure names its seed; with AIKIT_FUZZ_SEED it is repeated.
"""

from __future__ import annotations

import io
import json
import math
import os
import pickle
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from decimal import Decimal
from pathlib import Path
from random import Random, SystemRandom
from typing import Any, Final

import pytest
import urllib3
from requests import PreparedRequest
from requests import Response as RequestsResponse
from requests.adapters import HTTPAdapter

from aikit import OpenAIClient, OpenAIError, jsonl
from aikit.billing.ledger import Ledger
from aikit.billing.price_overrides import read_prices
from aikit.http.context import CallContext
from aikit.http.headers import Headers, is_secret, redacted
from aikit.http.receiving import Decoder
from aikit.http.retry import asked_to_retry, retry_after_s
from aikit.http.sinks import MemorySink
from aikit.http.sources import source_of
from aikit.providers.config.providers import Providers
from aikit.providers.local.batches.answerer import read_json
from aikit.providers.vertex.answers.ids import RowIds
from aikit.providers.vertex.translation.staging import stage
from aikit.resources.batches.run.folder import RunFolder
from aikit.resources.batches.run.state import Attempt, Part, RunOrder, RunState
from aikit.storage.errors import StoreError
from aikit.storage.manifest import FileState, Manifest
from aikit.storage.upload_entry import UploadKey
from aikit.storage.upload_journal import Journal
from aikit.storage.uploaded_files import Content, Uploaded
from aikit.types.batch_rows import status_of
from aikit.types.errors import UNEXPECTED, Rejected
from aikit.types.files import OpenAIFile
from aikit.types.rate_limit import rate_limit_of, seconds_until_reset
from aikit.types.usage import Usage
from aikit.validation import check_file
from aikit.validation.limits import limits_for
from tests.fuzz.mutations import fields, mutated, packed
from tests.fuzz.samples import ANSWER, ANSWERS, INPUT, OUTPUT, REFUSED, ROWS, TUNING, lines
from tests.providers.vertex.answers import translated
from tests.providers.vertex.translation.chats import body
from tests.providers.vertex.translation.translating import content_of
from tests.scripted_server import FILE, cut, rendered, serving

resource = pytest.importorskip("resource", reason="of POSIX systems")

_ALL_S: Final = float(os.environ.get("AIKIT_FUZZ_S", "60"))
_SEED: Final = os.environ.get("AIKIT_FUZZ_SEED")
_MOST_S: Final = 5.0
_MOST_KB: Final = 400 * 1024
_LONGEST_MESSAGE: Final = 4_100  # with the line


def _answer(wanted: str) -> bytes:
    return ANSWERS.get(wanted) or FILE.replace(b"file-1", wanted.rpartition("/")[2].encode())


class _Hostile(HTTPAdapter):
    """
    Answers as it should, but for one kind of request.
    """

    def __init__(self, random: Random) -> None:
        super().__init__()
        self._random = random
        self._share = random.choice((0.2, 0.6, 1.0))
        self._status = random.choice((200, 200, 200, 200, 201, 204, 206, 302, 400, 404, 409, 416, 429, 500, 503, 999))

    def send(self, request: PreparedRequest, *_: Any, **__: Any) -> RequestsResponse:
        """
        Answer.
        """
        random, wanted = (
            self._random,
            f"{request.method} {(request.url or '').partition('://fuzz')[2].partition('?')[0]}",
        )
        body, status, told = _answer(wanted), 200, dict[str, str]()
        if random.random() < self._share:
            status, told = self._status, dict(fields(random))
            body = mutated(random, body if status < 300 or random.random() < 0.2 else json.dumps(REFUSED).encode())
            if random.random() < 0.1:
                body, told["Content-Encoding"] = packed(random, body)
        if random.random() < 0.9:
            told.setdefault("Content-Length", str(len(body)))
        raw = urllib3.HTTPResponse(io.BytesIO(body), told, status, preload_content=False, decode_content=False)
        response = RequestsResponse()
        response.status_code, response.raw, response.request, response.url = status, raw, request, request.url or ""
        return response


def _calls(client: OpenAIClient, folder: Path) -> Mapping[str, Callable[[], Any]]:
    files, batches, uploads = client.files, client.batches, client.uploads
    return {
        "retrieve": lambda: files.retrieve("file-1"),
        "list": lambda: files.list({"all_pages": True}),
        "create": lambda: files.create(b"abc", "user_data", {"filename": "a.txt"}),
        "delete": lambda: files.delete("file-1"),
        "content": lambda: files.content("file-out"),
        "download": lambda: files.download("file-out", folder / "a"),
        "usage": files.usage,
        "prune": lambda: files.prune({"older_than": 1, "unused": True}),
        "create batch": lambda: batches.create("file-in", "/v1/chat/completions"),
        "retrieve batch": lambda: batches.retrieve("batch_1"),
        "list batches": batches.list,
        "cancel batch": lambda: batches.cancel("batch_1"),
        "wait": lambda: batches.wait("batch_1", {"max_wait": 0.2}),
        "results": lambda: batches.results("batch_1"),
        "cost": lambda: batches.cost("batch_1"),
        "create upload": lambda: uploads.create("a.jsonl", "batch", 3),
        "add part": lambda: uploads.add_part("upload_1", b"abc"),
        "complete": lambda: uploads.complete("upload_1", ["part_1"]),
    }


def _require_sound(error: OpenAIError) -> None:
    """
    Check that *error* is one that is documented, and can be shown and kept.
    """
    assert error.code != UNEXPECTED, error.__cause__
    assert len(str(error)) <= _LONGEST_MESSAGE
    json.dumps(error.to_dict())
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301  our own


def _answers(random: Random, folder: Path) -> None:
    adapter = _Hostile(random)
    with OpenAIClient("sk-secret-key", base_url="http://fuzz/v1", http_agent=adapter, max_retries=0) as client:
        name = random.choice(list(_calls(client, folder)))
        result = _calls(client, folder)[name]()
        for error in result.errors:
            _require_sound(error)
        repr(result)
        if result.success and name == "results":
            _read_rows(result, folder)
        if result.success and name == "cost":
            assert result.cost.total is None or result.cost.total >= 0
        for value in (getattr(result, kind, None) for kind in ("file", "batch", "upload", "part", "cost", "stored")):
            assert isinstance(pickle.loads(pickle.dumps(value)), type(value))  # noqa: S301  our own
        if isinstance(getattr(result, "file", None), OpenAIFile):
            json.dumps(result.file.to_wire())


def _read_rows(result: Any, folder: Path) -> None:
    for row in result:
        values = (row.text, row.note, row.body, row.model, row.status_code, row.request_id, row.request, row.usage)
        assert (row.error is None) == row.is_ok, values
        if row.error is not None:
            _require_sound(row.error)
    result.write_csv(folder / "a.csv")
    result.write_jsonl(folder / "a.jsonl")


def _wire(random: Random, folder: Path) -> None:
    body = mutated(random, FILE)
    head = dict(fields(random)) | (
        {"Transfer-Encoding": "chunked", "Content-Length": ""} if random.random() < 0.3 else {}
    )
    if "chunked" in head.values():
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    answer = mutated(random, rendered(random.choice((200, 206, 204, 100, 103, 302, 429, 500)), body, head))
    with (
        serving(cut(answer)) as server,
        OpenAIClient("sk-secret-key", base_url=server.url, max_retries=0, timeout=3) as client,
    ):
        for error in random.choice(list(_calls(client, folder).values())[:6])().errors:
            _require_sound(error)


def _headers(random: Random, _: Path) -> None:
    told = Headers(dict(fields(random)))
    for value in told.values():
        redacted(value)
        is_secret(value, value)
    seconds = retry_after_s(told, 1e9)
    assert seconds is None or (seconds > 0 and math.isfinite(seconds))
    assert asked_to_retry(told) in {True, False, None}
    rate_limit_of(told)
    assert 0 <= seconds_until_reset(told, 1e9) <= 60
    sink = MemorySink(expected=10)
    with suppress(OpenAIError):
        for _time in range(3):
            sink.begin(random.choice((200, 206)), Headers(dict(fields(random))))
            sink.write(memoryview(b"abc"))
    sink.request_headers()


def _decoded(random: Random, _: Path) -> None:
    data, name = packed(random, random.choice((OUTPUT, b"", b" " * 1_000_000)))
    decoder, size = Decoder(is_gzip="gzip" in name), random.choice((1, 7, 1000, 1 << 20))
    with suppress(urllib3.exceptions.DecodeError):
        for start in range(0, len(data), size):
            assert all(len(block) <= 256 * 1024 for block in decoder.blocks(data[start : start + size]))
    assert isinstance(decoder.is_whole, bool)


def _provider_file(random: Random, folder: Path) -> None:
    entry = {"baseURL": "https://h/v1", "apiKey": "k", "organization": "o", "project": "p", "kind": "openai"}
    told = {
        "providers": {"work": entry, "local": {"home": str(folder), "concurrency": 4}},
        "models": {"m": {"provider": "work", "model": "x"}},
    }
    (folder / "AIProviders.json").write_bytes(mutated(random, json.dumps(told).encode()))
    with suppress(ValueError):
        providers = Providers.load({}, home=folder)
        repr(providers)
        for name in providers.list():
            with suppress(ValueError):
                repr(providers.get(name))


def _price_file(random: Random, folder: Path) -> None:
    entry = {
        "input": 0.15,
        "cached_input": "0.075",
        "output": 1,
        "input_audio": 3,
        "max_output_tokens": 4096,
        "read": "2026-11-22",
    }
    told = {"models": {"m": entry, "n": {"batch": {"input": 0.02, "output": 0.02}, "batch_discount": 0.5}}}
    (folder / "prices.json").write_bytes(mutated(random, json.dumps(told).encode()))
    with OpenAIClient("sk-secret-key", base_url="http://fuzz/v1", home=folder) as client:
        for error in client.batches.estimate(INPUT).errors:
            _require_sound(error)
    with suppress(ValueError, TypeError):
        read_prices(folder / "prices.json", Decimal("0.5"))


def _manifest(random: Random, folder: Path) -> None:
    path = folder / "m.jsonl"
    state = FileState(path="/x/a", size_bytes=3, modified_ns=1, purpose="batch", account="a")
    item = {
        "path": "/x/a",
        "status": "uploaded",
        "size": 3,
        "bytes": 3,
        "sha256": "0" * 64,
        "file_id": "file-1",
        "modified_ns": 1,
    }
    line = item | {
        "file": json.loads(FILE),
        "errors": [{"message": "m", "code": "c"}],
        "purpose": "batch",
        "account": "a",
        "was_sent": True,
    }
    path.write_bytes(mutated(random, lines(line, line | {"path": "/x/b"})))
    with suppress(OpenAIError), closing(Manifest.open(path)) as manifest:
        repr(manifest.find_done(state, lambda: "0" * 64))


def _run_state(random: Random, folder: Path) -> None:
    path = folder / "runs"
    path.mkdir(exist_ok=True)
    order = RunOrder(provider="p", input="/a", sha256="0", size_bytes=7, metadata={"a": "b"})
    part = Part(
        number=1, path="/p", endpoint="e", lines=2, attempts=(Attempt(intent="i", batch_id="b"),), counts={"ok": 2}
    )
    told = RunState(order=order, created_at=1.5, parts=(part,), results=("/x",), marks={"/x": "m"}).to_json()
    (path / "abc.json").write_bytes(mutated(random, json.dumps(told).encode()))
    with suppress(OpenAIError):
        state = RunFolder(path).load("abc")
        assert state is not None
        repr((state, state.counts, state.lines, state.batch_ids, state.intact_results, state.order.key))


def _databases(random: Random, folder: Path) -> None:
    home = folder / "home"
    if not home.exists():
        _fill(home)
    work = folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(home, work)
    for name in ("ledger.db", "uploaded.db", "transfers.db"):
        path = work / name
        if random.random() < 0.5:
            path.write_bytes(mutated(random, path.read_bytes()))
        else:
            _rewrite(random, path)
    ledger, uploaded, journal = Ledger(work), Uploaded(work), Journal(work)
    with closing(ledger), suppress(StoreError):
        list(map(repr, ledger.events()))
        ledger.of_batch("http://fuzz/v1", "batch_1")
    with closing(uploaded), suppress(StoreError):
        repr(uploaded.find(_CONTENT))
    with closing(journal):
        for record in journal.find_interrupted(_KEY):
            repr(record)
            journal.knows("a", "file-1")


_CONTENT: Final = Content("a", "batch", "n", "0" * 64)
_KEY: Final = UploadKey(account="a", purpose="batch", filename="n", options="", part_bytes=1, size_bytes=3, place=None)


def _fill(home: Path) -> None:
    with OpenAIClient("sk-secret-key", base_url="http://fuzz/v1", http_agent=_Hostile(Random(1)), home=home) as client:
        client.batches.create("file-in", "/v1/chat/completions").wait()
        client.batches.cost("batch_1").wait()
    with closing(Uploaded(home)) as uploaded:
        uploaded.note(_CONTENT, "file-1")
    with closing(Journal(home)) as journal:
        journal.begin(_KEY, "upload_1", int(time.time()), time.time()).release()


def _rewrite(random: Random, path: Path) -> None:
    """
    Put another value into one place of the tables, as another program could.
    """
    with closing(sqlite3.connect(path)) as connection, suppress(sqlite3.Error, OverflowError, UnicodeError):
        (table,) = random.choice(connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall())
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        value = random.choice(
            (None, -1, 2**62, 1.5, "", "x", b"\xff", "[1]", "{}", "NaN", "1e999", "[" * 5000, "\0", "[null]")
        )
        connection.execute(f"UPDATE {table} SET {random.choice(columns)} = ?", (value,))  # noqa: S608  its own names
        connection.commit()


def _jsonl(random: Random, folder: Path) -> None:
    purpose, sample = random.choice((("batch", INPUT), ("fine-tune", TUNING), ("evals", TUNING)))
    content = mutated(random, sample)
    for error in check_file(source_of(content, filename="a.jsonl", purpose=purpose), purpose, limits_for("openai")):
        _require_sound(error)
    if purpose == "batch":
        with suppress(OpenAIError, Rejected):
            jsonl.split(content, folder / "parts", max_lines=1, replace=True)
        with suppress(OpenAIError, Rejected):
            jsonl.estimate_tokens(content.decode("utf-8", "replace"))


def _vertex_lines(random: Random, _: Path) -> None:
    model = random.choice(("gemini-2.5-flash", "gemini-3-pro", "claude-sonnet-4-5", "gpt-oss-20b-maas", "x"))
    content = mutated(random, content_of([body(random) | {"model": model, "max_tokens": 9} for _ in range(3)]))
    try:
        stage(source_of(content, filename="a.jsonl"), CallContext(), limits=limits_for("vertex")).discard()
    except (Rejected, OpenAIError) as error:
        for one in error.errors if isinstance(error, Rejected) else (error,):
            _require_sound(one)


def _usage(random: Random, _: Path) -> None:
    with suppress(ValueError, RecursionError):
        told = json.loads(mutated(random, json.dumps(ANSWER["usage"]).encode()))
        usage = Usage.from_wire(told)
        assert usage is None or min(usage.input_tokens, usage.output_tokens, usage.cached_tokens) >= 0


def _read_json(random: Random, _: Path) -> None:
    value, line = read_json(mutated(random, json.dumps(ANSWER).encode()))
    repr(value)
    assert b"\n" not in line
    json.loads(line)


def _vertex_rows(random: Random, folder: Path) -> None:
    content, told = mutated(random, ROWS), folder / "ids.jsonl"
    told.write_bytes(mutated(random, b'"c0"\n"c1"\n"0007"\n') if random.random() < 0.2 else b'"c0"\n"c1"\n"0007"\n')
    ids, count = random.choice((RowIds.of(told), None)), 0
    try:
        for wants_errors in (False, True):
            made = translated.content_of(content, ids, wants_errors=wants_errors)
            statuses = [status_of(json.loads(line, parse_constant=pytest.fail)) for line in made.splitlines()]
            assert all((status == "ok") != wants_errors for status in statuses)
            count += len(statuses)
    except OpenAIError as error:
        _require_sound(error)
    else:
        assert count >= sum(not row.isspace() for row in content.split(b"\n") if row)


_PARSERS: Final[tuple[Callable[[Random, Path], None], ...]] = (
    *(_answers, _wire, _headers, _decoded, _provider_file, _price_file),
    *(_manifest, _run_state, _databases, _jsonl, _vertex_lines, _vertex_rows, _usage, _read_json),
)
_WEIGHTS: Final[Mapping[Callable[[Random, Path], None], int]] = {_answers: 5, _wire: 2, _jsonl: 2}


def _seeds(share_s: float) -> Iterator[int]:
    if _SEED is not None:
        yield int(_SEED)
        return
    first, ends_at = SystemRandom().randrange(10**12), time.monotonic() + share_s
    while time.monotonic() < ends_at:
        yield first
        first += 1


@pytest.mark.long
@pytest.mark.parametrize("parse", _PARSERS, ids=lambda parse: parse.__name__.strip("_"))
def test_whatever_comes_is_read_or_refused(parse: Callable[[Random, Path], None], tmp_path: Path) -> None:
    """
    No parser raises what is not documented, takes long, or takes much memory.
    """
    share_s = _ALL_S * _WEIGHTS.get(parse, 1) / sum(_WEIGHTS.get(other, 1) for other in _PARSERS)
    before_kb, count = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, 0
    for seed in _seeds(share_s):
        started_s, count = time.process_time(), count + 1
        try:
            parse(Random(seed), tmp_path)
        except BaseException as error:
            error.add_note(f"repeat it with AIKIT_FUZZ_SEED={seed}")
            raise
        assert time.process_time() - started_s < _MOST_S, f"AIKIT_FUZZ_SEED={seed}"
    print(f"{parse.__name__}: {count} inputs")  # noqa: T201  for those who run it
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < _MOST_KB
