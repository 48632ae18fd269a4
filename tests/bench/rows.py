"""
What is compared, and the bounds that must be met.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tests.bench.chat_server import DELAY_S
from tests.bench.environments import curl_path, modules_of
from tests.bench.measure import Line, Row
from tests.bench.server import BULK_BYTES
from tests.bench.stage import LARGE_BYTES, SMALL_FILES, TABLE_ROWS, Stage

_CALLS: Final = 2_000
_AT_A_TIME: Final = 64
_FEW_AT_A_TIME: Final = 16
_WAITING: Final = 10_000
_LINES: Final = 10_000
_BATCHES: Final = 5_000
_POLLED: Final = 10_000
_FAULTS: Final = "10 % refused for a second, 5 % status 500, 5 % status 503"


def _import(stage: Stage) -> Row:
    over_python = dict.fromkeys(("import", "aikit", "openai"), "python")
    return Row(
        "import, and a client made",
        {
            "python": [stage.pythons["aikit"], "-c", "pass"],
            "import": [stage.pythons["aikit"], "-c", "import aikit"],
            "aikit": [stage.pythons["aikit"], "-c", "import aikit; aikit.OpenAIClient(api_key='k')"],
            "openai": [stage.pythons["openai"], "-c", "import openai; openai.OpenAI(api_key='k')"],
        },
        [
            Line("import alone, over bare Python", "wall_s", limit=0.050, of="import", minus=over_python),
            Line("import and client, over bare Python", "wall_s", "openai", limit=0.050, minus=over_python),
            Line("import and client, wall", "wall_s", "openai", ratio=0.25),
            Line("import and client, peak memory", "rss_mib", "openai", limit=34),
        ],
    )


def _upload(stage: Stage) -> Row:
    url, path = stage.url("ready"), stage.bulk_file
    form = ["-F", "purpose=user_data", "-F", f"file=@{path}", "-o", "/dev/null"]
    return Row(
        "upload of 512 MB from disk",
        {
            "aikit": stage.program("aikit", "with_aikit.py", "upload", url, path, BULK_BYTES),
            "curl": [curl_path(), "-q", "-sSf", *form, f"{url}/files"],
            "openai": stage.program("openai", "with_openai.py", "upload", url, path, BULK_BYTES),
            "requests": stage.program("requests", "with_requests.py", "upload", url, path, BULK_BYTES),
            "bare socket": stage.raw("upload", url, BULK_BYTES),
        },
        [
            Line("wall", "wall_s", "curl", ratio=1.6),
            Line("wall", "wall_s", "openai", ratio=0.45),
            Line("CPU", "cpu_s", "openai", ratio=0.4),
            Line("peak memory", "rss_mib", "openai", limit=38),
            Line("wall", "wall_s", "requests"),
            Line("peak memory", "rss_mib", "requests"),
        ],
    )


def _objects(stage: Stage) -> Row:
    url, path = stage.storage_url, stage.bulk_file
    session = f"{url}/upload/storage/v1/b/my-bucket/o?uploadType=resumable&name=bulk"
    begin = ["-X", "POST", "-d", "{}", "-o", "/dev/null", session]
    content = ["-T", str(path), "-H", f"Content-Range: bytes 0-{BULK_BYTES - 1}/{BULK_BYTES}", "-H", "Expect:"]
    return Row(
        "upload of 512 MB to Google Cloud Storage, in a session, with its checksum",
        {
            "aikit": stage.program("vertex", "with_aikit.py", "object", url, path, BULK_BYTES),
            "curl": [curl_path(), "-q", "-sSf", *begin, "--next", "-sSf", *content, "-o", "/dev/null", session],
            "google-cloud-storage": stage.program("google", "with_google.py", url, path, BULK_BYTES),
        },
        [
            Line("wall", "wall_s", "curl", ratio=2),
            Line("wall", "wall_s", "google-cloud-storage", ratio=0.5),
            Line("CPU", "cpu_s", "google-cloud-storage"),
            Line("peak memory", "rss_mib", "google-cloud-storage"),
        ],
    )


def _progress(stage: Stage) -> Row:
    arguments = (stage.url("ready"), stage.bulk_file)
    return Row(
        "upload of 512 MB with a callback for progress, and without",
        {
            "aikit": stage.program("aikit", "with_aikit.py", "watched", *arguments),
            "unwatched": stage.program("aikit", "with_aikit.py", "unwatched", *arguments),
        },
        [
            Line("wall", "wall_s", "unwatched", ratio=1.03),
            Line("CPU", "cpu_s", "unwatched", ratio=1.03),
        ],
    )


def _heartbeat(stage: Stage) -> Row:
    what = (stage.url("parts"), stage.large_file, stage.display)
    modules = modules_of(stage.pythons["qt"])
    return Row(
        "a window's timer of 10 ms while 1 GB goes up in parts, with progress",
        {
            "aikit": stage.program("aikit", "beat_with_aikit.py", "tk", *what),
            "aikit, Qt": stage.program("aikit", "beat_with_aikit.py", "qt", *what, modules),
        },
        [
            Line("the latest beat in Tk", "late_s", limit=0.100),
            Line("the latest beat in Qt", "late_s", limit=0.100, of="aikit, Qt"),
        ],
    )


def _parts(stage: Stage) -> Row:
    url, path = stage.url("parts"), stage.large_file
    return Row(
        "upload of 1 GB in parts, each answered after 50 ms",
        {
            "aikit": stage.program("aikit", "with_aikit.py", "parts", url, path, LARGE_BYTES),
            "unhashed": stage.program("aikit", "with_aikit.py", "parts", url, path, LARGE_BYTES, "unhashed"),
            "openai": stage.program("openai", "with_openai.py", "parts", url, path, LARGE_BYTES),
        },
        [
            Line("wall", "wall_s", "openai", ratio=0.35),
            Line("wall, hashing nothing, as openai", "wall_s", "openai", ratio=0.35, of="unhashed"),
            Line("CPU", "cpu_s", "openai"),
            Line("CPU, hashing nothing, as openai", "cpu_s", "openai", of="unhashed"),
            Line("peak memory", "rss_mib", "openai", limit=60),
        ],
    )


def _download(stage: Stage) -> Row:
    url, path = stage.url("ready"), stage.folder / "downloaded"
    return Row(
        "download of 512 MB to disk",
        {
            "aikit": stage.program("aikit", "with_aikit.py", "download", url, path, BULK_BYTES),
            "curl": [curl_path(), "-q", "-sSf", "-o", str(path), f"{url}/files/file-bulk/content"],
            "openai": stage.program("openai", "with_openai.py", "download", url, path, BULK_BYTES),
            "bare socket": stage.raw("download", url),
        },
        [
            Line("wall", "wall_s", "curl", ratio=0.75),
            Line("wall", "wall_s", "openai", ratio=0.55),
            Line("CPU", "cpu_s", "openai"),
            Line("peak memory", "rss_mib", "openai", limit=38),
        ],
        leaves=path,
    )


def _retrieve(stage: Stage) -> Row:
    url = stage.url("ready")
    programs = {"bare socket": stage.raw("retrieve", url, _CALLS)}
    for peer in ("aikit", "openai", "requests"):
        programs[peer] = stage.program(peer, f"with_{peer}.py", "retrieve", url, _CALLS + 1)
        programs[f"{peer} once"] = stage.program(peer, f"with_{peer}.py", "retrieve", url, 1)
    minus = {peer: f"{peer} once" for peer in ("aikit", "openai", "requests")}
    return Row(
        "2,000 retrieve on one connection",
        programs,
        [
            Line("CPU per call", "cpu_s", "openai", ratio=0.5, minus=minus, per=_CALLS),
            Line("CPU per call", "cpu_s", "requests", minus=minus, per=_CALLS),
            Line("wall per call", "wall_s", "openai", minus=minus, per=_CALLS),
        ],
    )


def _many(stage: Stage) -> Row:
    url = stage.url("slow")
    return Row(
        "2,000 uploads of 2 KB, 64 at a time, answered after 20 ms",
        {
            "aikit": stage.program("aikit", "with_aikit.py", "many", url, _CALLS, _AT_A_TIME),
            "openai": stage.program("openai", "with_openai.py", "many", url, _CALLS, _AT_A_TIME),
            "bare socket": stage.raw("many", url, _CALLS, _AT_A_TIME),
        },
        [
            Line("wall", "wall_s", "openai", ratio=0.35),
            Line("CPU", "cpu_s", "openai"),
            Line("peak memory", "rss_mib", "openai"),
        ],
    )


def _folder(stage: Stage) -> Row:
    url, path = stage.url("ready"), stage.small_files
    return Row(
        f"{SMALL_FILES:,} files of 10 KB in a folder, 16 at a time",
        {
            "aikit": stage.program("aikit", "with_aikit.py", "folder", url, path, SMALL_FILES, _FEW_AT_A_TIME),
            "openai": stage.program("openai", "with_openai.py", "folder", url, path, SMALL_FILES, _FEW_AT_A_TIME),
            "bare socket": stage.raw("many", url, SMALL_FILES, _FEW_AT_A_TIME),
        },
        [
            Line("wall", "wall_s", "openai", ratio=0.35),
            Line("CPU", "cpu_s", "openai"),
            Line("peak memory", "rss_mib", "openai"),
        ],
    )


def _list(stage: Stage) -> Row:
    url = stage.url("ready")
    return Row(
        "list of 10,000 files into objects",
        {
            "aikit": stage.program("aikit", "with_aikit.py", "list", url),
            "openai": stage.program("openai", "with_openai.py", "list", url),
            "bare socket": stage.raw("list", url),
        },
        [Line("the call", "call_s", "openai", ratio=0.15), Line("peak memory", "rss_mib", "openai")],
    )


def _check(stage: Stage) -> Row:
    path = stage.batch_file
    return Row(
        "checking a 200 MB batch file of 50,000 lines, all rules",
        {
            "aikit": stage.program("aikit", "check_with_aikit.py", path),
            "json.loads": stage.program("aikit", "check_with_json.py", path),
        },
        [
            Line("speed", "mb_per_s", "json.loads", limit=300, at_least=True),
            Line("peak memory", "rss_mib", "json.loads", limit=40),
        ],
    )


def _wait(stage: Stage) -> Row:
    return Row(
        "10,000 calls waiting on a timer",
        {"aikit": stage.program("aikit", "with_aikit.py", "wait", stage.url("waiting"), _WAITING)},
        [
            Line("threads", "threads", limit=8),
            Line("peak memory", "rss_mib", limit=60),
        ],
    )


def _batches(stage: Stage) -> Row:
    return Row(
        "5,000 batches waited for at once, to their end",
        {"aikit": stage.program("aikit", "with_aikit.py", "batches", stage.url("waiting"), _BATCHES)},
        [
            Line("threads", "threads", limit=8),
            Line("peak memory", "rss_mib", limit=60),
            Line("CPU per batch", "cpu_s", per=_BATCHES),
        ],
    )


def _split(stage: Stage) -> Row:
    path = stage.mixed_file
    return Row(
        "splitting and checking a batch input of 1 GB",
        {
            "aikit": stage.program("aikit", "split_with_aikit.py", path, stage.folder / "parts"),
            "json.loads": stage.program("aikit", "check_with_json.py", path),
        },
        [
            Line("speed", "mb_per_s", "json.loads", limit=120, at_least=True),
            Line("peak memory", "rss_mib", "json.loads", limit=80),
        ],
    )


def _cost(stage: Stage) -> Row:
    path = stage.output_file
    return Row(
        "usage and cost of 50,000 output lines, 107 MB",
        {
            "aikit": stage.program("aikit", "cost_with_aikit.py", path),
            "litellm": stage.program("litellm", "cost_with_litellm.py", path),
        },
        [
            Line("counting", "call_s", "litellm", ratio=0.083),
            Line("peak memory", "rss_mib", "litellm", limit=40),
            Line("the whole process", "wall_s", "litellm"),
        ],
    )


def _join(stage: Stage) -> Row:
    files = (stage.batch_file, stage.shuffled_file)
    return Row(
        "joining 50,000 results, 107 MB, with their input of 200 MB, in its order",
        {
            "aikit": stage.program("aikit", "join_with_aikit.py", *files),
            "json.loads": stage.program("aikit", "join_with_json.py", *files),
        },
        [
            Line("joining, and reading every answer", "call_s", "json.loads", limit=3),
            Line("peak memory", "rss_mib", "json.loads", limit=100),
        ],
    )


def _answers(stage: Stage) -> Row:
    rows, ids = stage.vertex_rows
    return Row(
        "50,000 answers of Vertex AI, 128 MB, made into lines of an output file",
        {
            "aikit": stage.program("aikit", "answer_with_aikit.py", rows, ids, 1),
            "aikit, 200,000": stage.program("aikit", "answer_with_aikit.py", rows, ids, 4),
            "litellm": stage.program("litellm", "answer_with_litellm.py", rows),
        },
        [
            Line("CPU of translating", "call_s", "litellm", ratio=0.2),
            Line("peak memory", "rss_mib", "litellm", limit=80),
            Line("peak memory, of 200,000 answers", "rss_mib", limit=80, of="aikit, 200,000"),
        ],
    )


def _translate(stage: Stage) -> Row:
    path, plain = stage.vertex_file, stage.plain_vertex_file
    return Row(
        "translating 200 MB of lines for Vertex AI, and uploading them with what they were",
        {
            "aikit": stage.program("aikit", "translate_with_aikit.py", stage.storage_url, path),
            "aikit alone": stage.program("aikit", "translate_with_aikit.py", "", path),
            "aikit alone, texts": stage.program("aikit", "translate_with_aikit.py", "", plain),
            "litellm alone": stage.program("litellm", "translate_with_litellm.py", path),
            "litellm alone, texts": stage.program("litellm", "translate_with_litellm.py", plain),
        },
        [
            Line("speed", "mb_per_s", limit=40, at_least=True),
            Line("peak memory", "rss_mib", "litellm alone", limit=80),
            Line("translating alone", "call_s", "litellm alone", ratio=0.2, of="aikit alone"),
            Line("translating texts alone", "call_s", "litellm alone, texts", of="aikit alone, texts"),
        ],
    )


def _executor(stage: Stage) -> Row:
    url = stage.chat_url
    ideal = _AT_A_TIME / DELAY_S
    return Row(
        f"a batch of {_LINES:,} lines, 64 at a time, each answered after 50 ms (at best {ideal:,.0f}/s)",
        {
            "aikit": stage.program("aikit", "chat_with_aikit.py", url, _LINES, _AT_A_TIME, stage.folder),
            "bare sockets": stage.raw("chat", url, _LINES, _AT_A_TIME),
        },
        [
            Line("lines a second", "lines_per_s", "bare sockets", limit=0.85 * ideal, at_least=True),
            Line("CPU per line", "cpu_s", per=_LINES),
            Line("peak memory", "rss_mib"),
        ],
    )


def _table(stage: Stage) -> Row:
    return Row(
        f"a CSV file of {TABLE_ROWS:,} rows answered by the embedded provider, CSV in and out",
        {"aikit": stage.program("aikit", "table_with_aikit.py", stage.table_file, TABLE_ROWS, stage.folder)},
        [
            Line("the whole process", "wall_s", limit=2.5),
            Line("CPU", "cpu_s"),
            Line("peak memory", "rss_mib", limit=60),
        ],
    )


def _against_faults(faults: str, what: str, lines: int, ratio: float) -> Callable[[Stage], Row]:
    def row(stage: Stage) -> Row:
        url = stage.faulty_chat_url(faults)
        arguments = (url, lines, _FEW_AT_A_TIME)
        return Row(
            f"a batch of {lines:,} lines, {_FEW_AT_A_TIME} at a time, each answered after 50 ms, {what}",
            {
                "aikit": stage.program("aikit", "chat_with_aikit.py", *arguments, stage.folder),
                "openai": stage.program("openai", "with_openai.py", "chat", *arguments),
            },
            [Line("wall, every line answered", "wall_s", "openai", ratio=ratio)],
        )

    return row


def _files_against_faults(stage: Stage) -> Row:
    arguments = (stage.faulty_chat_url("faulty"), 300, _FEW_AT_A_TIME)
    return Row(
        f"300 files of 2 KB, {_FEW_AT_A_TIME} at a time, each answered after 50 ms, {_FAULTS}",
        {
            "aikit": stage.program("aikit", "with_aikit.py", "many at once", *arguments),
            "openai": stage.program("openai", "with_openai.py", "many", *arguments, 10),
        },
        [Line("wall, every file stored", "wall_s", "openai", ratio=1.3)],
    )


def _frozen(stage: Stage) -> Row:
    url = stage.url("ready")
    over_bare = dict.fromkeys(("aikit", "openai"), "bare")
    return Row(
        "a program of one file, by PyInstaller",
        {
            "bare": [stage.frozen("aikit", "pass\n")],
            "aikit": [stage.frozen("aikit"), url],
            "openai": [stage.frozen("openai"), url],
        },
        [
            Line("size", "size_mib", "openai", ratio=0.5),
            Line("start to first answer", "wall_s", "openai", ratio=0.5),
            Line("size, over a program that does nothing", "size_mib", "openai", minus=over_bare),
            Line("start to first answer, over a program that does nothing", "wall_s", "openai", minus=over_bare),
        ],
    )


def _gateway(what: str, title: str, lines: list[Line], *, beside: bool = True) -> Callable[[Stage], Row]:
    def row(stage: Stage) -> Row:
        arguments = [stage.gateway_file] if what == "upload" else [_POLLED] if what == "polls" else []
        peers = ("aikit", "litellm") if beside else ("aikit",)
        if what == "embedded":
            return Row(title, {"aikit": stage.gateway("embedded", "gets")}, lines)
        return Row(title, {peer: stage.gateway(peer, what, *arguments) for peer in peers}, lines)

    return row


_GATEWAY: Final[Mapping[str, Callable[[Stage], Row]]] = {
    "gateway-start": _gateway(
        "start",
        "gateway",
        [
            Line("start to first answer", "start_s", "litellm", limit=1.0),
            Line("idle memory", "idle_mib", "litellm", limit=60),
        ],
    ),
    "gateway-gets": _gateway(
        "gets",
        "GET of a file through a gateway",
        [
            Line("1 client", "one_per_s", "litellm", ratio=45, at_least=True),
            Line("32 clients", "many_per_s", "litellm", ratio=25, at_least=True),
            Line("32 clients, 99th percentile", "p99_s", "litellm", limit=0.100),
            Line("CPU per call", "each_cpu_s", "litellm"),
            Line("peak memory", "peak_mib", "litellm"),
        ],
    ),
    "gateway-embedded": _gateway(
        "embedded",
        "GET of a file that the gateway's embedded provider has",
        [
            Line("1 client", "one_per_s"),
            Line("32 clients", "many_per_s", limit=1_200, at_least=True),
            Line("32 clients, 99th percentile", "p99_s"),
        ],
    ),
    "gateway-upload": _gateway(
        "upload",
        "upload of a batch file of 512 MiB through a gateway",
        [
            Line("wall", "up_s", "litellm", ratio=0.6),
            Line("CPU", "busy_s", "litellm"),
            Line("peak memory", "peak_mib", "litellm", limit=80),
        ],
    ),
    "gateway-download": _gateway(
        "download",
        "download of 512 MiB through a gateway",
        [
            Line("wall", "down_s", "litellm", ratio=0.5),
            Line("CPU", "busy_s", "litellm"),
            Line("peak memory", "peak_mib", "litellm", limit=80),
        ],
    ),
    "gateway-slow": _gateway(
        "slow",
        "GETs by 4 clients beside 200 slow uploads",
        [
            Line("99th percentile, alone", "alone_p99_s"),
            Line("99th percentile, as a multiple of alone", "beside_times", limit=3),
            Line("more threads than alone", "more_threads", limit=8),
            Line("peak memory", "peak_mib"),
        ],
        beside=False,
    ),
    "gateway-polls": _gateway(
        "polls",
        f"{_POLLED:,} batches polled by a gateway",
        [
            Line("a processor's time, as a share", "busy_times", limit=0.20),
            Line("peak memory", "peak_mib", limit=100),
        ],
        beside=False,
    ),
}


ROWS: Final[Mapping[str, Callable[[Stage], Row]]] = {
    "import": _import,
    "upload": _upload,
    "objects": _objects,
    "progress": _progress,
    "heartbeat": _heartbeat,
    "parts": _parts,
    "download": _download,
    "retrieve": _retrieve,
    "many": _many,
    "folder": _folder,
    "list": _list,
    "check": _check,
    "wait": _wait,
    "executor": _executor,
    "table": _table,
    "refused": _against_faults("eighth", "every eighth refused for a second", 600, 1.3),
    "unrefused": _against_faults("none", "without faults", 600, 0.7),
    "faulty": _against_faults("faulty", _FAULTS, 2_000, 1.3),
    "faulty files": _files_against_faults,
    "frozen": _frozen,
    "split": _split,
    "cost": _cost,
    "join": _join,
    "answers": _answers,
    "translate": _translate,
    "batches": _batches,
    **_GATEWAY,
}
