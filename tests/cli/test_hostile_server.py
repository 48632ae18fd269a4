"""
A server whose every string is an escape: no command lets one through to a terminal.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import click
import pytest

from aikit.cli.app import app
from tests.cli.conftest import Here, batch_lines
from tests.cli.processes import seen_here

HOSTILE: Final = "\x1b]0;title\x07\x1b[2Jx\x9b2Jy\u202ez\u2066\u200f\x7f\r\n\x08error: forged\u2028\x85[bold]b[/bold]"
_LET_THROUGH: Final = re.compile(
    "\x1b\\]|\x1b\\[2J|\x07|[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]|(?m:^.{0,20}\x08)|(?m:^error: forged)"
)
_WORDS: Final[dict[tuple[str, ...], tuple[str, ...]]] = {
    ("demo",): (),
    ("docs",): (),
    ("files", "create"): ("in.jsonl", "-p", "batch"),
    ("files", "list"): (),
    ("files", "retrieve"): ("file-1",),
    ("files", "delete"): ("file-1", "file-2", "--yes"),
    ("files", "content"): ("file-1",),
    ("files", "check"): ("bad\u202e\x1b]0;.jsonl", "-p", "batch"),
    ("files", "usage"): (),
    ("files", "prune"): ("--older-than", "1d", "--yes"),
    ("batches", "create"): ("in.jsonl", "--endpoint", "/v1/chat/completions"),
    ("batches", "list"): (),
    ("batches", "retrieve"): ("batch_1",),
    ("batches", "cancel"): ("batch_1",),
    ("batches", "wait"): ("batch_1", "--poll-interval", "0.1", "--max-wait", "1"),
    ("batches", "results"): ("batch_1",),
    ("batches", "cost"): ("batch_1",),
    ("batches", "resubmit"): ("batch_1",),
    ("batch", "run"): ("in.jsonl", "-y", "--poll-interval", "0.1", "--max-wait", "1"),
    ("providers",): (),
    ("doctor",): ("openai",),
    ("providers", "login"): ("openai",),
    ("providers", "logout"): ("openai",),
    ("completion",): ("bash",),
    ("gateway",): ("--port", "0"),
    ("gateway", "check"): ("none.yaml",),
    ("gateway", "keys"): ("list",),
}
_ASKING: Final = tuple(words for words in _WORDS if words[0] in {"files", "batches", "batch", "doctor"})
"""The commands that ask a server."""


def _file(file_id: str, text: str) -> dict[str, Any]:
    known = {"object": "file", "id": file_id, "bytes": len(batch_lines(5)), "created_at": 1_700_000_000}
    return known | {"filename": HOSTILE, "purpose": HOSTILE, "status": text or "processed", "status_details": HOSTILE}


def _batch(batch_id: str, text: str) -> dict[str, Any]:
    fault = {"code": HOSTILE, "message": HOSTILE, "param": HOSTILE, "line": 1}
    ids = {"input_file_id": text or "file-in", "output_file_id": text or "file-out", "error_file_id": None}
    known = {"object": "batch", "id": batch_id, "endpoint": HOSTILE, "completion_window": HOSTILE, "model": HOSTILE}
    counts = {"request_counts": {"total": 5, "completed": 5, "failed": 0}, "errors": {"data": [fault]}}
    more = {"created_at": 1_700_000_000, "metadata": {HOSTILE: HOSTILE}, HOSTILE: HOSTILE}
    return known | ids | counts | more | {"status": text or "completed"}


def _output() -> bytes:
    failure = {"error": {"message": HOSTILE, "code": HOSTILE, "type": HOSTILE}}
    message = {"choices": [{"message": {"content": HOSTILE}, "finish_reason": HOSTILE}], "model": HOSTILE}
    usage = {"usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}
    lines = []
    for number, custom_id in enumerate(["r-0", "r-1", "r-2", "r-3", HOSTILE]):
        body = failure if number == 1 else message | usage
        answer = {"status_code": 400 if number == 1 else 200, "request_id": HOSTILE, "body": body}
        lines.append({"id": HOSTILE, "custom_id": custom_id, "response": answer, "error": None})
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    return text.replace("\x7f", "").encode()  # with it the content is binary, and is not shown at all


@contextmanager
def _serving(mode: str) -> Iterator[str]:
    """
    Serve objects whose texts are escapes, with ``"ids"`` these and the status too, with ``"errors"`` only refusals.
    """
    text = HOSTILE if mode == "ids" else ""

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            path = self.path.partition("?")[0].removeprefix("/v1")
            kind, _, rest = path.strip("/").partition("/")
            one_id = rest.partition("/")[0]
            if mode == "errors":
                return self._send(400, {"error": dict.fromkeys(("message", "code", "type", "param"), HOSTILE)})
            if path.endswith("/content"):
                return self._send(200, _output() if one_id == "file-out" else batch_lines(4) + HOSTILE.encode())
            if self.command == "DELETE":
                return self._send(200, {"id": text or one_id, "object": HOSTILE, "deleted": False})
            make = _batch if kind == "batches" else _file
            if self.command == "GET" and not rest:
                data = [make(f"{HOSTILE}{number}", text) for number in range(3)]
                return self._send(
                    200, {"object": "list", "data": data, "has_more": "after" not in self.path, "last_id": HOSTILE}
                )
            return self._send(200, make(text or one_id or ("file-1" if kind == "files" else HOSTILE), text))

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815  names of the base class

        def _send(self, status: int, value: Any) -> None:
            body = value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode()
            self.send_response(status, "\x9b2J\x85")
            self.send_header("x-request-id", "req\x9b2J\x85")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(params=["texts", "ids", "errors"])
def options(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, ...]]:
    """
    The options that lead to the server.
    """
    Path("in.jsonl").write_bytes(batch_lines(5))
    Path("bad\u202e\x1b]0;.jsonl").write_text(json.dumps({"custom_id": HOSTILE, "url": HOSTILE}) + "\n{\x1b]0;")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    with _serving(request.param) as url:
        yield "--provider", "openai", "--base-url", url, "--max-retries", "0", "--timeout", "5"


def test_every_command_is_tried() -> None:
    """
    A command that is added needs its words here.
    """
    context = click.Context(app)
    found = set[tuple[str, ...]]()
    for name in app.list_commands(context):
        command = app.get_command(context, name)
        if isinstance(command, click.Group):
            found |= {(name, one) for one in command.list_commands(click.Context(command))}
        if not isinstance(command, click.Group) or command.invoke_without_command:
            found.add((name,))
    assert found == set(_WORDS)


@pytest.mark.parametrize("more", [(), ("--quiet",), ("--json",)], ids=lambda more: "".join(more) or "fields")
@pytest.mark.parametrize("command", _ASKING, ids=" ".join)
def test_fields_and_json_are_harmless(
    command: tuple[str, ...], more: tuple[str, ...], options: tuple[str, ...], aikit: Here
) -> None:
    """
    Also into a pipe, since what is piped is often shown; only content that was asked for is byte for byte.
    """
    path = ("-o", "rows") if command in {("files", "content"), ("batches", "results")} else ()
    ran = aikit(*command, *_WORDS[command], *path, *more, *options)
    assert not _LET_THROUGH.findall(ran.out + "\n" + ran.err)


@pytest.mark.parametrize("command", _ASKING, ids=" ".join)
def test_nothing_reaches_a_terminal(command: tuple[str, ...], options: tuple[str, ...]) -> None:
    """
    Tables, cards, bars, questions, hints, rows and content: what is not printable is shown as an escape.
    """
    seen = seen_here(*command, *_WORDS[command], *options)
    assert seen
    assert not _LET_THROUGH.findall(seen)
