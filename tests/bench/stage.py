"""
What the measured programs find: interpreters, the server's addresses, and files to send, made from a fixed seed.
"""

from __future__ import annotations

import atexit
import csv
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from tests.bench.environments import modules_of
from tests.bench.server import BULK_BYTES

BATCH_LINES: Final = 50_000
BATCH_LINE_BYTES: Final = 4_194  # 50,000 of them fill OpenAI's 209,715,200 bytes but for 15,200
LARGE_BYTES: Final = 1 << 30
MIXED_BYTES: Final = 1_000_000_000
SMALL_FILES: Final = 5_000
TABLE_ROWS: Final = 5_000
SMALL_BYTES: Final = 10_000
_SEED: Final = 20_261_121
_HERE: Final = Path(__file__).parent
_FROZEN: Final = {
    "aikit": "import aikit\nassert aikit.OpenAIClient('k', base_url=sys.argv[1]).files.retrieve('file-one').file\n",
    "openai": "import openai\nassert openai.OpenAI(api_key='k', base_url=sys.argv[1]).files.retrieve('file-one').id\n",
}
"""Peer → a program that ends after its first answer."""


@dataclass(frozen=True)
class Stage:
    """
    What the programs of one run share; the files are made when a row first asks for them.
    """

    folder: Path
    port: int
    server_process: int
    pythons: Mapping[str, str]

    def url(self, behaviour: str) -> str:
        """
        Return the base URL under which the server behaves so: ``"ready"``, ``"slow"`` or ``"waiting"``.
        """
        return f"http://127.0.0.1:{self.port}/{behaviour}/v1"

    @property
    def storage_url(self) -> str:
        """Address under which the server takes objects as Google Cloud Storage does."""
        return f"http://127.0.0.1:{self.port}"

    def program(self, peer: str, script: str, *arguments: object) -> list[str]:
        """
        Return the command that runs a script of *peers/* in the environment of *peer*.
        """
        return [self.pythons[peer], str(_HERE / "peers" / script), *map(str, arguments)]

    def raw(self, *arguments: object) -> list[str]:
        """
        Return the command that runs the bare-socket client, in an interpreter as small as can be.
        """
        return [sys.executable, "-I", "-S", str(_HERE / "peers" / "raw.py"), *map(str, arguments)]

    def gateway(self, peer: str, what: str, *arguments: object) -> list[str]:
        """
        Return the command that does one thing with a gateway: aikit's, its embedded provider alone, or LiteLLM's.
        """
        own = [self.pythons["gateway"], "-m", "aikit", "gateway", "--port", "PORT"]
        proxy = [str(Path(self.pythons["proxy"]).parent / "litellm"), "--host", "127.0.0.1", "--port", "PORT"]
        config = ["--config", "CONFIG"]
        started = {"aikit": own + config, "embedded": own, "litellm": proxy + config}[peer]
        driver = [sys.executable, "-I", str(_HERE / "peers" / "gateway.py")]
        return [*driver, what, "" if what == "start" else self.url("polled"), *map(str, arguments), "--", *started]

    def frozen(self, peer: str, program: str = "") -> str:
        """
        Return *program*, or one that asks for a file with *peer*, frozen into one file; it says how large that is.
        """
        source = self.folder / f"{'bare' if program else 'with'}_{peer}.py"
        told = 'print("size_mib", os.path.getsize(sys.executable) / 2**20)\n'
        source.write_text("import os, sys\n" + (program or _FROZEN[peer]) + told)
        names = {"dist": "frozen", "work": "freezing", "spec": "freezing"}
        places = [f"--{place}path={self.folder / name}" for place, name in names.items()]
        if peer == "aikit":  # which is copied there, so that its wheel does not name them
            places.append(f"--additional-hooks-dir={modules_of(self.pythons[peer]) / 'aikit' / '_pyinstaller'}")
        command = [self.pythons[peer], "-m", "PyInstaller", "--onefile", "--log-level=ERROR", *places, str(source)]
        subprocess.run(command, check=True)
        return str(self.folder / "frozen" / source.stem)

    @cached_property
    def chat_url(self) -> str:
        """Base URL of a chat server, which is started when a row first asks for it."""
        command = [sys.executable, "-I", str(_HERE / "chat_server.py")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        atexit.register(process.terminate)
        assert process.stdout is not None
        return f"http://127.0.0.1:{int(process.stdout.readline())}/v1"

    def faulty_chat_url(self, faults: str) -> str:
        """
        Return the base URL under which the chat server fails so: ``"eighth"`` or ``"faulty"``.
        """
        return f"{self.chat_url.removesuffix('/v1')}/{faults}/v1"

    @cached_property
    def display(self) -> str:
        """A screen that nobody looks at, which is made when a row first asks for it."""
        command = ["Xvfb", "-displayfd", "1", "-screen", "0", "640x480x24", "-nolisten", "tcp", "-noreset"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        atexit.register(process.terminate)
        assert process.stdout is not None
        return f":{int(process.stdout.readline())}"

    @cached_property
    def bulk_file(self) -> Path:
        """512 MB of text."""
        path = self.folder / "data.txt"
        block = (" ".join(_texts(300, 4_000)) + "\n").encode()
        block = (block * (1024 * 1024 // len(block) + 1))[: 1024 * 1024]
        with path.open("wb", buffering=0) as file:
            for _ in range(BULK_BYTES // len(block)):
                file.write(block)
        return path

    @cached_property
    def large_file(self) -> Path:
        """1 GB of text: the bulk file twice."""
        path = self.folder / "large.txt"
        content = self.bulk_file
        with path.open("wb") as file:
            for _ in range(LARGE_BYTES // BULK_BYTES):
                with content.open("rb") as source:
                    shutil.copyfileobj(source, file, 1024 * 1024)
        return path

    @cached_property
    def small_files(self) -> Path:
        """A folder with thousands of files of 10 KB."""
        folder = self.folder / "small"
        folder.mkdir()
        texts = _texts(97, SMALL_BYTES)
        for number in range(SMALL_FILES):
            (folder / f"note-{number:05d}.txt").write_text(texts[number % len(texts)])
        return folder

    @cached_property
    def batch_file(self) -> Path:
        """A batch input file with as many lines and about as many bytes as OpenAI takes."""
        path = self.folder / "batch.jsonl"
        frame = len(_batch_line(0, ""))
        texts = _texts(97, BATCH_LINE_BYTES - frame)
        with path.open("wb", buffering=1024 * 1024) as file:
            file.writelines(_batch_line(number, texts[number % len(texts)]) for number in range(BATCH_LINES))
        return path

    @cached_property
    def table_file(self) -> Path:
        """A CSV file of reviews of some 400 characters, with line ends and quotation marks in them."""
        path = self.folder / "reviews.csv"
        texts = _texts(97, 400)
        with path.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["id", "stars", "review"])
            rows.writerows([number, number % 5, texts[number % len(texts)]] for number in range(TABLE_ROWS))
        return path

    @cached_property
    def gateway_file(self) -> Path:
        """A batch input file of 512 MiB."""
        path = self.folder / "gateway.jsonl"
        texts = _texts(97, BATCH_LINE_BYTES - len(_batch_line(0, "")))
        with path.open("wb", buffering=1024 * 1024) as file:
            size = number = 0
            while size < BULK_BYTES - BATCH_LINE_BYTES:
                size += file.write(_batch_line(number, texts[number % len(texts)]))
                number += 1
        return path

    @cached_property
    def vertex_file(self) -> Path:
        """As large a batch input for Gemini, with schemas, tools, images and system messages in the middle."""
        path = self.folder / "vertex.jsonl"
        texts = _texts(97, BATCH_LINE_BYTES)
        with path.open("wb", buffering=1024 * 1024) as file:
            file.writelines(_vertex_line(number, texts[number % len(texts)]) for number in range(BATCH_LINES))
        return path

    @cached_property
    def plain_vertex_file(self) -> Path:
        """The batch file for a model of Gemini."""
        path = self.folder / "plain.jsonl"
        with path.open("wb") as file, self.batch_file.open("rb") as lines:
            file.writelines(line.replace(b"gpt-4o-mini", b"gemini-2.5-flash") for line in lines)
        return path

    @cached_property
    def mixed_file(self) -> Path:
        """A batch input of 1 GB and some 300,000 lines of 4 KB or less: three models, three urls."""
        path = self.folder / "mixed.jsonl"
        texts = _texts(97, 3_900)
        size = number = 0
        with path.open("wb", buffering=1024 * 1024) as file:
            while size < MIXED_BYTES:
                size += file.write(_mixed_line(number, texts[number % len(texts)]))
                number += 1
        return path

    @cached_property
    def output_file(self) -> Path:
        """What a batch of 50,000 chat requests gives back: about 100 MB."""
        path = self.folder / "output.jsonl"
        texts = _texts(97, 1_300)
        with path.open("wb", buffering=1024 * 1024) as file:
            file.writelines(_output_line(number, texts[number % len(texts)]) for number in range(BATCH_LINES))
        return path

    @cached_property
    def shuffled_file(self) -> Path:
        """The lines of the output file in another order, as providers give them."""
        path = self.folder / "shuffled.jsonl"
        lines = self.output_file.read_bytes().splitlines(keepends=True)
        random.Random(_SEED).shuffle(lines)  # noqa: S311  the same order in every run is what is wanted
        path.write_bytes(b"".join(lines))
        return path

    @cached_property
    def vertex_rows(self) -> tuple[Path, Path]:
        """What Vertex AI has written of a batch of 50,000 requests, in another order; and their custom_ids."""
        rows, ids = self.folder / "predictions.jsonl", self.folder / "ids.jsonl"
        texts, numbers = _texts(97, 1_300), list(range(BATCH_LINES))
        random.Random(_SEED).shuffle(numbers)  # noqa: S311  likewise
        with rows.open("wb", buffering=1024 * 1024) as file:
            file.writelines(_vertex_row(number, texts[number % len(texts)]) for number in numbers)
        ids.write_text("".join(f'"request-{number:05d}"\n' for number in range(BATCH_LINES)))
        return rows, ids


@contextmanager
def server() -> Iterator[tuple[int, int]]:
    """
    Run the neutral server and give its port and process id.
    """
    command = [sys.executable, "-I", str(_HERE / "server.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline()), process.pid
        finally:
            process.terminate()


def _batch_line(number: int, text: str) -> bytes:
    line = {
        "custom_id": f"request-{number:05d}",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {
            "model": "gpt-4o-mini",
            "messages": [
                {"role": "system", "content": "You are a careful assistant who answers in one sentence."},
                {"role": "user", "content": text},
            ],
            "max_tokens": 256,
        },
    }
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"


def _invoice() -> dict[str, object]:
    """
    Return the schema of what is read from a letter, as a program would ask for it.
    """
    text_or_null = {"type": ["string", "null"], "description": "Null if it is not told."}
    address = {"type": "object", "properties": {"city": {"type": "string"}, "country": text_or_null}}
    item = {"type": "object", "properties": {"name": {"type": "string"}, "count": {"type": "integer", "minimum": 1}}}
    properties = {
        "place": {"$ref": "#/$defs/address"},
        "items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
        "kind": {"enum": ["invoice", "reminder", "other"]},
        "total": {"type": "number", "description": "With taxes."},
        "currency": text_or_null,
        "due": {"type": ["string", "null"], "format": "date"},
    }
    told = {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}
    return {**told, "$defs": {"address": address, "item": item}}


_INVOICE: Final = _invoice()


def _vertex_line(number: int, text: str) -> bytes:
    """
    Return a chat line of as many bytes as those of a batch file have.
    """
    messages: list[dict[str, object]] = [{"role": "system", "content": "You answer in one sentence."}]
    body: dict[str, object] = {"model": "gemini-2.5-flash", "messages": messages, "max_completion_tokens": 256}
    if number % 2 == 0:
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": _INVOICE}}
    if number % 3 == 0:
        call = {"name": "keep", "arguments": json.dumps({"place": {"city": f"City {number}"}})}
        messages += [
            {"role": "user", "content": "What is in the letter from there?"},
            {"role": "assistant", "tool_calls": [{"id": f"call_{number}", "type": "function", "function": call}]},
            {"role": "tool", "tool_call_id": f"call_{number}", "content": '{"kept": true, "total": 21.5}'},
            {"role": "system", "content": "The user is on a journey."},
        ]
        function = {"name": "keep", "description": "Keeps what is known of a letter.", "parameters": _INVOICE}
        body["tools"] = [{"type": "function", "function": function}]
    if number % 10 == 1:
        image = {"url": f"data:image/png;base64,{'iVBORw0KGgoA' * 100}"}
        messages.append({"role": "user", "content": [{"type": "image_url", "image_url": image}]})
    messages.append({"role": "user", "content": ""})
    line = {"custom_id": f"request-{number:05d}", "method": "POST", "url": "/v1/chat/completions", "body": body}
    messages[-1]["content"] = _exactly(text, BATCH_LINE_BYTES - len(json.dumps(line)) - 1)
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"


def _mixed_line(number: int, text: str) -> bytes:
    kind = number % 10
    body: dict[str, object]
    if kind == 9:
        url, body = "/v1/embeddings", {"input": [text[start : start + 390] for start in range(0, len(text), 390)]}
    elif kind == 8:
        url, body = "/v1/responses", {"input": text, "max_output_tokens": 256}
    else:
        text = text[:80] if kind == 7 else text
        url, body = "/v1/chat/completions", {"messages": [{"role": "user", "content": text}], "max_tokens": 256}
    body["model"] = "text-embedding-3-small" if kind == 9 else ("gpt-4o-mini", "gpt-5-mini")[kind % 2]
    line = {"custom_id": f"request-{number:07d}", "method": "POST", "url": url, "body": body}
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"


def _output_line(number: int, text: str) -> bytes:
    asked, answered = 200 + number % 300, 200 + number % 177
    message: dict[str, object] = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
    body = {
        "id": f"chatcmpl-{number:029x}",
        "object": "chat.completion",
        "created": 1_763_700_000 + number,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": asked,
            "completion_tokens": answered,
            "total_tokens": asked + answered,
            "prompt_tokens_details": {"cached_tokens": 0 if number % 3 else 128, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        "service_tier": "default",
        "system_fingerprint": "fp_560af6e559",
    }
    line = {
        "id": f"batch_req_{number:032x}",
        "custom_id": f"request-{number:05d}",
        "response": {"status_code": 200, "request_id": f"{number:032x}", "body": body},
        "error": None,
    }
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"


def _vertex_row(number: int, text: str) -> bytes:
    asked, said, thought = 200 + number % 300, 200 + number % 177, number % 400
    part = {"text": text[:600], "fileData": None, "functionCall": None, "inlineData": None}
    response = {
        "candidates": [
            {"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP", "avgLogprobs": -0.1}
        ],
        "modelVersion": "gemini-2.5-flash",
        "responseId": f"{number:022x}",
        "createTime": "2026-11-01T18:13:16.826000Z",
        "usageMetadata": {
            "promptTokenCount": asked,
            "candidatesTokenCount": said,
            "thoughtsTokenCount": thought,
            "totalTokenCount": asked + said + thought,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": asked}],
            "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": said}],
            "trafficType": "ON_DEMAND",
        },
    }
    row = {
        "key": f"r-{number + 1}",
        "status": "",
        "processed_time": "2026-11-01T18:13:16.826+00:00",
        "request": {"contents": [{"role": "user", "parts": [part]}], "generationConfig": {"maxOutputTokens": 256}},
        "response": response,
    }
    return json.dumps(row, ensure_ascii=False).encode() + b"\n"


def _texts(count: int, size: int) -> list[str]:
    """
    Return *count* texts that take *size* bytes each in a JSON line.

    They have a new line after some 100 characters, few quotation marks, and one word in 1,000 that is not ASCII.
    """
    chance = random.Random(_SEED)  # noqa: S311  the same texts in every run is what is wanted
    letters = "etaoinshrdlucmfwypvbgk"
    words = ["".join(chance.choices(letters, k=chance.randint(2, 10))) for _ in range(1_000)]
    words[:60] = ["line.\n"] * 60
    words[60:66] = ['"quoted"'] * 5 + ["naïve"]
    return [_exactly(" ".join(chance.choices(words, k=size // 5)), size) for _ in range(count)]


def _exactly(text: str, size: int) -> str:
    while (over := len(json.dumps(text, ensure_ascii=False).encode()) - 2 - size) > 0:
        text = text[: -max(1, over // 2)]
    return text + "." * -over
