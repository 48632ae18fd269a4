"""
Start a gateway, do one thing with it, and tell how fast it was and what memory it took: ``gateway.py WHAT UPSTREAM …``.

What follows is the work: ``start``, ``gets``, ``upload FILE``, ``download``, ``slow`` or ``polls COUNT``; then ``--``,
and the command of the gateway, in which ``PORT``, ``CONFIG`` and ``HOME`` stand for what it is to use. Memory is that
of all its processes. The load comes from one selector in this process, which does nothing else. Without an
UPSTREAM (``""``) it is configured for OpenAI, and asks nothing of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

KEY: Final = "sk-of-the-bench-0123456789"
_START_S: Final = 90.0
_LOAD_S: Final = 4.0
_MANY: Final = 32
_SLOW: Final = 200
_BLOCK: Final = 1024 * 1024
_POLLED_S: Final = 30.0
_LINE: Final = (
    b'{"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": '
    b'{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}}\n'
)
_AGED: Final = """
UPDATE batches SET created_at = created_at - 86400, next_poll_at = next_poll_at + abs(random() % 300)
WHERE next_poll_at IS NOT NULL
"""
_CONFIG: Final = """
files_settings:
  - custom_llm_provider: openai
    api_base: {upstream}
    api_key: k
model_list:
  - model_name: gpt-4o-mini
    litellm_params: {{model: openai/gpt-4o-mini, api_base: "{upstream}", api_key: k}}
general_settings:
  master_key: {key}
"""
_PLAIN: Final = """
files_settings:
  - custom_llm_provider: openai
    api_key: k
general_settings:
  master_key: {key}
"""


class Gateway:
    """
    A gateway in a process of its own, and those that it starts.
    """

    def __init__(self, command: list[str], upstream: str, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as found:
            self.port: int = found.getsockname()[1]
        self.folder = folder
        config = folder / "config.yaml"
        config.write_text(_CONFIG.format(upstream=upstream, key=KEY) if upstream else _PLAIN.format(key=KEY))
        names = {"PORT": str(self.port), "CONFIG": str(config), "HOME": str(folder)}
        known = {"OPENAI_API_KEY": "k"}
        if upstream:
            known |= {"OPENAI_BASE_URL": upstream, "OPENAI_API_BASE": upstream}
        own = {"HOME": str(folder), "AIKIT_HOME": str(folder), "LITELLM_MASTER_KEY": KEY}
        quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "DISABLE_ADMIN_UI": "True"}
        self.began = time.monotonic()
        self.log = (folder / "log").open("wb")
        self.process = subprocess.Popen(
            [names.get(word, word) for word in command],
            env={"PATH": os.defpath, "LANG": "C.UTF-8"} | known | own | quiet,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )

    def wait(self) -> float:
        """
        Return the seconds to the first answer with status 200.
        """
        request = _request("GET", "/health/liveliness")
        while time.monotonic() - self.began < _START_S:
            if self.process.poll() is not None:
                break
            with contextlib.suppress(OSError), self.connect() as sock:
                sock.sendall(request)
                if sock.recv(1000).startswith(b"HTTP/1.1 200"):
                    return time.monotonic() - self.began
            time.sleep(0.005)
        raise SystemExit("the gateway did not start: " + Path(self.log.name).read_text()[-500:].replace("\n", " "))

    def connect(self) -> socket.socket:
        """
        Return a new connection.
        """
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=120)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def ask(self, request: bytes) -> bytes:
        """
        Send one request on a connection of its own, and return the body of its answer.
        """
        with self.connect() as sock:
            sock.sendall(request)
            head, _, body = _until(sock, b"\r\n\r\n").partition(b"\r\n\r\n")
            while len(body) < _length(head):
                body += sock.recv(65_536)
        if b" 200 " not in head.partition(b"\r\n")[0]:
            raise SystemExit(f"{head!r} {body!r}")
        return body

    def upload(self, content: bytes, key: str = KEY) -> str:
        """
        Send a small file, and return its id.
        """
        head, tail = _form("small.jsonl")
        body = head + content + tail
        return str(json.loads(self.ask(_request("POST", "/v1/files", len(body), form=True, key=key) + body))["id"])

    @property
    def processes(self) -> list[int]:
        """
        The gateway's processes.
        """
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                if int(path.read_text().rpartition(")")[2].split()[3]) == self.process.pid:  # its session
                    found.append(int(path.parent.name))
        return found

    def status(self, field: str) -> float:
        """
        Return the sum of a field of all processes' status; of sizes in MiB.
        """
        found = 0.0
        for process in self.processes:
            with contextlib.suppress(OSError):
                lines = Path(f"/proc/{process}/status").read_text().splitlines()
                found += next((int(line.split()[1]) for line in lines if line.startswith(f"{field}:")), 0)
        return found / 1024 if field.startswith("Vm") else found

    def forget_peak(self) -> None:
        """
        Have the peak of memory begin with what there is now.
        """
        for process in self.processes:
            with contextlib.suppress(OSError):
                Path(f"/proc/{process}/clear_refs").write_text("5")

    @property
    def cpu_s(self) -> float:
        """
        Processor time of all processes.
        """
        ticks = 0
        for process in self.processes:
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """
        End it.
        """
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.log.close()


def _request(method: str, path: str, length: int | None = None, *, form: bool = False, key: str = KEY) -> bytes:
    kind = "multipart/form-data; boundary=b" if form else "application/json"
    fields = f"Content-Type: {kind}\r\nContent-Length: {length}\r\n" if length is not None else ""
    return f"{method} {path} HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {key}\r\n{fields}\r\n".encode()


def _form(filename: str) -> tuple[bytes, bytes]:
    field = "--b\r\nContent-Disposition: form-data; name="
    head = f'{field}"purpose"\r\n\r\nbatch\r\n{field}"file"; filename="{filename}"\r\n\r\n'
    return head.encode(), b"\r\n--b--\r\n"


def _until(sock: socket.socket, end: bytes) -> bytes:
    data = b""
    while end not in data:
        more = sock.recv(65_536)
        if not more:
            raise SystemExit(f"the gateway hung up after {data[:200]!r}")
        data += more
    return data


def _length(head: bytes) -> int:
    start = head.lower().find(b"content-length:") + 15
    return int(head[start:].partition(b"\r\n")[0]) if start >= 15 else 0


def _load(
    gateway: Gateway, request: bytes, clients: int, seconds: float = 100.0, count: int = 1_000_000
) -> list[float]:
    """
    Have each of *clients* ask as soon as it was answered, for so long or so often; return what each answer took.
    """
    took: list[float] = []
    with selectors.DefaultSelector() as selector, contextlib.ExitStack() as stack:
        began: dict[int, float] = {}
        pending: dict[int, bytes] = {}
        for _ in range(clients):
            sock = stack.enter_context(gateway.connect())
            selector.register(sock, selectors.EVENT_READ)
            began[sock.fileno()], pending[sock.fileno()] = time.perf_counter(), b""
            sock.sendall(request)
        end = time.perf_counter() + seconds
        while time.perf_counter() < end and len(took) < count:
            for key, _ in selector.select(1):
                sock = key.fileobj  # type: ignore[assignment]  # what was registered
                data = pending[key.fd] + sock.recv(65_536)
                head, found, body = data.partition(b"\r\n\r\n")
                if not data.startswith(b"HTTP/1.1 200"):
                    raise SystemExit(f"the gateway answered {data[:300]!r}")
                if not found or len(body) < _length(head):
                    pending[key.fd] = data
                    continue
                now = time.perf_counter()
                took.append(now - began[key.fd])
                began[key.fd], pending[key.fd] = now, b""
                sock.sendall(request)
    return took


def _p99(took: list[float]) -> float:
    return sorted(took)[int(len(took) * 0.99)]


def _start(gateway: Gateway) -> Iterator[tuple[str, float]]:
    time.sleep(2)
    yield "idle_mib", gateway.status("VmRSS")


def _key(gateway: Gateway) -> str:
    """
    Return a key of the gateway's own; its master key where it has none, as LiteLLM without a database.
    """
    body = b'{"key_alias": "bench"}'
    try:
        return str(json.loads(gateway.ask(_request("POST", "/key/generate", len(body)) + body))["key"])
    except SystemExit:
        return KEY


def _gets(gateway: Gateway) -> Iterator[tuple[str, float]]:
    key = _key(gateway)
    file_id = gateway.upload(_LINE, key)
    request = _request("GET", f"/v1/files/{file_id}", key=key)
    _load(gateway, request, 1, 1.0)
    yield "one_per_s", len(_load(gateway, request, 1, _LOAD_S)) / _LOAD_S
    before = gateway.cpu_s
    took = _load(gateway, request, _MANY, _LOAD_S)
    yield "many_per_s", len(took) / _LOAD_S
    yield "each_cpu_s", (gateway.cpu_s - before) / len(took)
    yield "p99_s", _p99(took)
    yield "peak_mib", gateway.status("VmHWM")


def _upload(gateway: Gateway, path: str) -> Iterator[tuple[str, float]]:
    gateway.forget_peak()
    head, tail = _form("large.jsonl")
    size = os.path.getsize(path)  # noqa: PTH202  a string
    began, before = time.perf_counter(), gateway.cpu_s
    with gateway.connect() as sock, open(path, "rb") as file:  # noqa: PTH123  likewise
        sock.sendall(_request("POST", "/v1/files", len(head) + size + len(tail), form=True) + head)
        sock.sendfile(file)
        sock.sendall(tail)
        answer = _until(sock, b"\r\n\r\n")
    if not answer.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"the upload was answered with {answer[:500]!r}")
    yield "up_s", time.perf_counter() - began
    yield "busy_s", gateway.cpu_s - before
    yield "peak_mib", gateway.status("VmHWM")


def _download(gateway: Gateway) -> Iterator[tuple[str, float]]:
    file_id = gateway.upload(_LINE)
    gateway.forget_peak()
    buffer = memoryview(bytearray(_BLOCK))
    began, before = time.perf_counter(), gateway.cpu_s
    with gateway.connect() as sock:
        sock.sendall(_request("GET", f"/v1/files/{file_id}/content"))
        head, _, body = _until(sock, b"\r\n\r\n").partition(b"\r\n\r\n")
        done, is_chunked = len(body), b"chunked" in head.lower()
        last = body
        total = _length(head)
        while done < total or is_chunked:
            count = sock.recv_into(buffer)
            if not count:
                raise SystemExit("the download broke off")
            done += count
            if is_chunked:
                last = (last + bytes(buffer[max(0, count - 8) : count]))[-8:]
                if last.endswith(b"\r\n0\r\n\r\n"):
                    break
    yield "down_s", time.perf_counter() - began
    yield "busy_s", gateway.cpu_s - before
    yield "peak_mib", gateway.status("VmHWM")


def _slow(gateway: Gateway) -> Iterator[tuple[str, float]]:
    """
    Ask while 200 clients send an upload byte by byte.
    """
    file_id = gateway.upload(_LINE)
    request = _request("GET", f"/v1/files/{file_id}")
    _load(gateway, request, 4, 1.0)
    alone = _p99(_load(gateway, request, 4, _LOAD_S))
    threads = gateway.status("Threads")
    head, _ = _form("slow.jsonl")
    is_over = threading.Event()
    socks = [gateway.connect() for _ in range(_SLOW)]
    for sock in socks:
        sock.sendall(_request("POST", "/v1/files", 10_000_000, form=True) + head)

    def trickle() -> None:
        while not is_over.wait(0.2):
            for sock in socks:
                with contextlib.suppress(OSError):
                    sock.send(b" " * 2_000)

    sender = threading.Thread(target=trickle)
    sender.start()
    time.sleep(1)
    beside = _p99(_load(gateway, request, 4, _LOAD_S))
    yield "alone_p99_s", alone
    yield "beside_p99_s", beside
    yield "beside_times", beside / alone
    yield "more_threads", gateway.status("Threads") - threads
    yield "peak_mib", gateway.status("VmHWM")
    is_over.set()
    sender.join()


def _polls(gateway: Gateway, count: str) -> Iterator[tuple[str, float]]:
    """
    Have so many batches under way, a day old, and do nothing for half a minute.
    """
    order = {"input_file_id": gateway.upload(_LINE), "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    body = json.dumps(order).encode()
    _load(gateway, _request("POST", "/v1/batches", len(body)) + body, _MANY, count=int(count))
    for path in gateway.folder.rglob("*.db"):  # the first minutes, in which each is asked for often, are not meant
        with contextlib.suppress(sqlite3.OperationalError), sqlite3.connect(path, timeout=30) as database:
            database.execute(_AGED)
    time.sleep(5)
    gateway.forget_peak()
    before = gateway.cpu_s
    time.sleep(_POLLED_S)
    yield "busy_times", (gateway.cpu_s - before) / _POLLED_S
    yield "peak_mib", gateway.status("VmHWM")


_WORK: Final[dict[str, Callable[..., Iterator[tuple[str, float]]]]] = {
    "start": _start,
    "gets": _gets,
    "upload": _upload,
    "download": _download,
    "slow": _slow,
    "polls": _polls,
}


def main() -> None:
    """
    Start, work, tell.
    """
    split = sys.argv.index("--")
    what, upstream, *arguments = sys.argv[1:split]
    with tempfile.TemporaryDirectory(prefix="aikit-gateway-") as folder:
        gateway = Gateway(sys.argv[split + 1 :], upstream, Path(folder))
        try:
            print("start_s", gateway.wait())
            for name, value in _WORK[what](gateway, *arguments):
                print(name, value)
        finally:
            gateway.stop()


if __name__ == "__main__":
    main()
