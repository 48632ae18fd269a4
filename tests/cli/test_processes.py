"""
What only a process of its own shows: pipes, signals, terminals, missing extras.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import batch_lines
from tests.cli.processes import PROGRAM, Terminal, run, seen_here
from tests.cli.server import SMALL, file, serving
from tests.gateway.raw_http import wait_for
from tests.stopwatch import Stopwatch

pytestmark = pytest.mark.slow

_BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {name!r}:
            raise ModuleNotFoundError("blocked", name=name)

sys.meta_path.insert(0, Blocked())
from aikit.cli import main
sys.exit(main(["files", "list"]))
"""


@pytest.mark.parametrize("name", ["click", "rich"])
def test_missing_extra_is_one_sentence(name: str) -> None:
    """
    Without click or rich the command line says which extra to install, with exit code 2.
    """
    ran = run(program=(sys.executable, "-c", _BLOCKED.format(name=name)))
    assert ran.returncode == 2
    assert ran.stdout == b""
    assert (
        ran.stderr.decode()
        == f"error: the command line needs {name}; install it with: pip install 'aikit-client[cli]'\n"
    )


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed_change_nothing(good: Path, closed: str) -> None:
    """
    Started without stdin, stdout or stderr, as by some schedulers, a run writes its results.
    """
    ran = run(*PROGRAM, "batch", "run", str(good), program=("sh", "-c", f'"$@" {closed}', "sh"))
    assert (ran.returncode, ran.stderr.count(b"error")) == (0, 0)
    assert len(good.with_suffix(".results.jsonl").read_bytes().splitlines()) == 5


def test_closed_pipe_ends_the_list_quietly(tmp_path: Path) -> None:
    """
    A reader that has had enough, as head, brings neither words nor a bad exit code.
    """
    listing = {"object": "list", "data": [file(id=f"file-{number}", filename="n" * 200) for number in range(5_000)]}
    with serving(listing) as server, (tmp_path / "err").open("wb") as err:
        argv = [*PROGRAM, "files", "list", "--provider", "openai", "--base-url", server.url]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=err)
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"file-0\t")
        process.stdout.close()
        assert process.wait(20) == 0
    assert (tmp_path / "err").read_bytes() == b""


def test_closed_pipe_does_not_stop_uploads(tmp_path: Path) -> None:
    """
    When nobody reads the ids any more, the files are uploaded all the same.
    """
    for number in range(5):
        (tmp_path / f"{number}.txt").write_text("x")
    paths = [f"{number}.txt" for number in range(5)]
    process = subprocess.Popen([*PROGRAM, "files", "create", *paths, "-p", "user_data"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(20) == 0
    assert len(run("files", "list", "-q").stdout.split()) == 5


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_full_disk_is_told(tmp_path: Path) -> None:
    """
    A list that cannot be written has exit code 1 and says so, once.
    """
    (tmp_path / "a.txt").write_text("x")
    run("files", "create", "a.txt", "-p", "user_data")
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run([*PROGRAM, "files", "list"], stdout=full, stderr=subprocess.PIPE, check=False, timeout=30)
    assert ran.returncode == 1
    assert ran.stderr == b"error: <stdout>: No space left on device\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_a_full_disk_ends_uploads_whose_ids_nobody_would_know(tmp_path: Path) -> None:
    """
    What was done is counted and told, the rest is not sent behind the user's back.
    """
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(300):
        (folder / f"{'a-long-name-' * 10}{number}.txt").write_text("x")
    argv = [*PROGRAM, "files", "create", str(folder), "-p", "user_data", "--workers", "1"]
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(argv, stdout=full, stderr=subprocess.PIPE, check=False, timeout=60)
    assert ran.returncode == 1
    assert ran.stderr.startswith(b"stopped: ")
    assert ran.stderr.endswith(b"\nerror: <stdout>: No space left on device\n")
    assert len(run("files", "list", "-q", "--all").stdout.split()) < 300


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_words_that_nobody_can_read_stop_no_work(tmp_path: Path) -> None:
    """
    Uploads go on, and the exit code is what it would have been.
    """
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name)
    argv = [*PROGRAM, "files", "create", "none.txt", "a.txt", "b.txt", "-p", "user_data"]
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(argv, cwd=tmp_path, stdout=subprocess.PIPE, stderr=full, check=False, timeout=60)
    assert (ran.returncode, len(ran.stdout.splitlines())) == (3, 2)


def test_interrupt_during_uploads_tells_what_was_done(tmp_path: Path) -> None:
    """
    Ctrl-C ends within two seconds with exit code 130, and says which files were uploaded and which were not.
    """
    (tmp_path / "small.bin").write_bytes(b"x")
    (tmp_path / "big.bin").write_bytes(bytes(200 * SMALL))
    with serving() as server:
        argv = [*PROGRAM, "--base-url", server.url, "--provider", "openai", "files", "create", "small.bin", "big.bin"]
        process = subprocess.Popen([*argv, "-p", "user_data"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"file-1\t")
        assert server.has_big.wait(20)
        watch = Stopwatch()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
        assert watch.stop() < 2
    assert process.returncode == 130
    assert err.decode() == "stopped by Ctrl-C: 1 uploaded (small.bin), 1 not (big.bin)\n"


def waiting_at_the_door(server: socket.socket) -> int:
    """
    Return how many connections to *server* are being made and are not made.
    """
    ends = [line.split()[2:4] for line in Path("/proc/net/tcp").read_text("utf-8").splitlines()[1:]]
    return sum(end == [f"0100007F:{server.getsockname()[1]:04X}", "02"] for end in ends)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse instead of letting wait")
@pytest.mark.parametrize(
    "argv", [("list",), ("retrieve", "a", "b"), ("delete", "-y", "a"), ("content", "a"), ("create", "-p", "batch")]
)
def test_interrupt_while_nobody_answers_the_door(argv: tuple[str, ...], good: Path) -> None:
    """
    Ctrl-C ends within two seconds also where a connection is never made, which nothing can cut off.
    """
    files = [good.name] * 20 if "create" in argv else []
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for guest in (first, second):
            guest.settimeout(0)
            guest.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}/v1"
        command = [*PROGRAM, "--base-url", url, "--provider", "openai", "files", *argv, *files]
        before = waiting_at_the_door(full)
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        wait_for(lambda: waiting_at_the_door(full) > before)
        watch = Stopwatch()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
        assert watch.stop() < 2
    assert process.returncode == 130
    assert err.decode().strip().startswith("stopped by Ctrl-C")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("files", "list"), ["stopped by Ctrl-C"]),
        (("files", "prune", "--older-than", "1d", "--yes"), ["stopped by Ctrl-C: no file was deleted"]),
        (("files", "create", "a.txt", "-p", "user_data"), ["stopped by Ctrl-C: 0 uploaded, 1 not (a.txt)"]),
        (
            ("batches", "wait", "b"),
            [
                "the batch is not cancelled; to continue waiting:",
                "  aikit batches wait b --provider openai --base-url {}",
                "stopped by Ctrl-C",
            ],
        ),
    ],
)
def test_ctrl_c_on_a_terminal_leaves_only_what_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argv: tuple[str, ...], told: list[str]
) -> None:
    """
    The ^C that the terminal shows is wiped, no bar stays, and no empty line stands between.
    """
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    (tmp_path / "a.txt").write_text("a")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        terminal = Terminal.start(*argv, "--provider", "openai", "--base-url", url, columns=60, controls=True)
        silent.settimeout(20)
        with silent.accept()[0]:
            time.sleep(0.5)
            terminal.type("\x03")
            assert terminal.end() == 130
    assert "^C" in terminal.seen
    assert terminal.screen == [*(line.format(url) for line in told), ""]


def test_interrupt_while_stdin_is_read_is_quiet(tmp_path: Path) -> None:
    """
    Ctrl-C while standard input is read has exit code 130 and no traceback.
    """
    process = subprocess.Popen(
        [*PROGRAM, "files", "create", "-", "-p", "batch"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
    )
    assert process.stdin is not None
    process.stdin.write(b"x" * 1_000_000)  # more than a pipe holds: over when the program reads
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, b"")
    assert err.decode().strip() == "stopped by Ctrl-C"


def test_python_m_aikit_cli_works_too() -> None:
    """
    Both module names start the same program.
    """
    ran = run("--version", program=(sys.executable, "-m", "aikit.cli"))
    assert ran.stdout == run("--version").stdout


def test_names_that_are_no_utf8_are_told_and_survive(tmp_path: Path) -> None:
    """
    A file whose name is no text is uploaded under a readable name.
    """
    path = os.fsencode(tmp_path) + b"/caf\xe9.txt"
    Path(os.fsdecode(path)).write_bytes(b"x")
    ran = subprocess.run(
        [*PROGRAM, "files", "create", path, "-p", "user_data"], capture_output=True, check=False, timeout=30
    )
    assert ran.returncode == 0
    assert ran.stdout.split(b"\t")[1] == b"caf?.txt"


def test_ascii_only_output_does_not_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where the terminal's encoding lacks a letter, it is printed as an escape, and JSON stays JSON.
    """
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    (tmp_path / "café.txt").write_text("x")
    assert b"caf\\xe9.txt" in run("files", "create", "café.txt", "-p", "user_data").stdout
    assert b'"caf\\u00e9.txt"' in run("files", "list", "--json").stdout


def test_terminal_gets_a_table_that_fits(tmp_path: Path) -> None:
    """
    On eighty columns the list is a table with human sizes and whole ids; long names are cut, what is left out is named.
    """
    name = "a-rather-long-name-for-a-file-of-requests.jsonl"
    (tmp_path / name).write_bytes(batch_lines(20))
    file_id = run("files", "create", name, "-p", "batch", "-q").stdout.decode().strip()
    terminal = Terminal.start("files", "list")
    assert terminal.end() == 0
    title, row, note = terminal.text.splitlines()
    assert title.split() == ["ID", "NAME", "SIZE", "PURPOSE", "CREATED"]
    assert note == "not shown: EXPIRES (a wider terminal shows more, --json all)"
    assert row.startswith(file_id)
    assert "KiB" in row
    assert "…" in row
    assert max(len(title), len(row)) <= 80
    wide = Terminal.start("files", "list", columns=160)
    assert wide.end() == 0
    assert name in wide.text
    assert "EXPIRES" in wide.text
    assert "not shown" not in wide.text


def test_terminal_gets_a_progress_bar(tmp_path: Path) -> None:
    """
    An upload shows a bar with its bytes, and takes it away for the table and the summary.
    """
    (tmp_path / "a.bin").write_bytes(bytes(30_000_000))
    terminal = Terminal.start("files", "create", "a.bin", "-p", "user_data")
    assert terminal.end() == 0
    assert "━" in terminal.seen
    assert "of 29 MiB" in terminal.seen
    assert "1 file uploaded: 29 MiB" in terminal.text.splitlines()[-1]


def test_bars_on_a_terminal_leave_piped_data_alone(tmp_path: Path) -> None:
    """
    With stderr on the terminal and stdout in a file, bars go to the one and plain lines to the other.
    """
    for name in ("a.bin", "b.bin"):
        (tmp_path / name).write_bytes(bytes(5_000_000))
    with (tmp_path / "out").open("wb") as out:
        terminal = Terminal.start("files", "create", "a.bin", "b.bin", "-p", "user_data", stdout=out)
        assert terminal.end() == 0
    assert "2 of 2 files" in terminal.seen
    lines = (tmp_path / "out").read_text().splitlines()
    assert [line.split("\t")[1] for line in lines] == ["a.bin", "b.bin"]


@pytest.mark.parametrize("argv", [("--no-color",), ()])
def test_colors_can_be_refused(argv: tuple[str, ...], bad: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    NO_COLOR and --no-color leave no color or weight in what a terminal gets.
    """
    check = ("files", "check", bad.name, "-p", "batch")
    assert "\x1b[1m" in seen_here(*check, *argv[1:])
    if not argv:
        monkeypatch.setenv("NO_COLOR", "1")
    for command in (check, ("files", "create", bad.name, "-p", "batch"), ("demo",)):
        plain = seen_here(*command, *argv)
        assert "\x1b[1" not in plain
        assert "\x1b[3" not in plain


def test_markup_in_names_is_not_read(tmp_path: Path) -> None:
    """
    Square brackets in names stay what they are, in bars and tables.
    """
    name = "[red]x[bold] :smile:.txt"
    (tmp_path / name).write_bytes(bytes(1000))
    terminal = Terminal.start("files", "create", name, "-p", "user_data", columns=120)
    assert terminal.end() == 0
    assert name in terminal.text.splitlines()[-2]


def test_delete_asks_on_a_terminal(tmp_path: Path) -> None:
    """
    Answered with no, nothing is deleted and the exit code is 1; with yes, it is.
    """
    (tmp_path / "a.txt").write_text("x")
    file_id = run("files", "create", "a.txt", "-p", "user_data", "-q").stdout.decode().strip()
    for answer, code, left in (("n", 1, 1), ("y", 0, 0)):
        terminal = Terminal.start("files", "delete", file_id)
        terminal.wait_for("[y/N]")
        terminal.type(f"{answer}\n")
        assert terminal.end() == code
        assert len(run("files", "list", "-q").stdout.split()) == left


def test_binary_content_is_kept_off_the_terminal() -> None:
    """
    Control characters in content do not reach a terminal; text does.
    """
    with serving() as server:
        argv = ("--provider", "openai", "--base-url", server.url, "files", "content", "file-1")
        for content, code in ((b"clear\x1b[2J", 1), (b"plain text\n", 0)):
            server.content = content
            terminal = Terminal.start(*argv)
            assert terminal.end() == code
            assert ("the content is binary" in terminal.text) is bool(code)
            assert ("plain text" in terminal.text) is not bool(code)
            assert run(*argv).stdout == content


def test_a_mark_of_the_encoding_is_not_shown_on_a_terminal() -> None:
    """
    It is there for spreadsheets, and stays where the content goes to a file.
    """
    content = "\ufeffNr;größe\n".encode()
    with serving() as server:
        argv = ("--provider", "openai", "--base-url", server.url, "files", "content", "file-1")
        server.content = content
        terminal = Terminal.start(*argv)
        assert terminal.end() == 0
        assert "Nr;größe" in terminal.text
        assert "feff" not in ascii(terminal.text)
        assert run(*argv).stdout == content


def test_one_retrieved_file_is_a_card_on_a_terminal(tmp_path: Path) -> None:
    """
    A person sees every field with its name.
    """
    (tmp_path / "a.txt").write_bytes(bytes(2048))
    file_id = run("files", "create", "a.txt", "-p", "user_data", "-q").stdout.decode().strip()
    terminal = Terminal.start("files", "retrieve", file_id)
    assert terminal.end() == 0
    fields = dict(line.split(None, 1) for line in terminal.text.splitlines())
    assert fields["id"] == file_id
    assert fields["bytes"] == "2,048 (2.0 KiB)"


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "link", "/dev/fd/5"])
@pytest.mark.parametrize("kind", ["content", "results", "run"])
def test_a_name_of_stdout_means_stdout(kind: str, name: str, good: Path, tmp_path: Path) -> None:
    """
    What was in the file behind it stays, whether it is stdout or another file that the shell opened.
    """
    (tmp_path / "link").symlink_to("/dev/stdout")
    if kind == "content":
        argv = ["files", "content", run("files", "create", str(good), "-p", "batch", "-q").stdout.decode().strip()]
        whole = good.read_bytes()
    else:
        whole = run("batch", "run", str(good), "-o", "-", "-y").stdout
        batch_id = json.loads(whole.splitlines()[0])["batch_id"]
        argv = ["batches", "results", batch_id] if kind == "results" else ["batch", "run", str(good)]
    before = b"0123456789"
    (tmp_path / "a").write_bytes(before)
    shell = '"$@" >> a 5>&1'
    ran = run(*PROGRAM, *argv, "-o", name, program=("sh", "-c", shell, "sh"), cwd=tmp_path)
    assert (ran.returncode, (tmp_path / "a").read_bytes()) == (0, before + whole)
    piped = run(*PROGRAM, *argv, "-o", name, program=("sh", "-c", f'("$@") {"5>&1"} | cat', "sh"), cwd=tmp_path)
    assert (piped.returncode, piped.stdout) == (0, whole)


def test_a_name_of_what_is_not_open_is_wrong_usage(good: Path) -> None:
    """
    Neither a descriptor that was not given nor one of the program's own is written to.
    """
    ran = run("batch", "run", str(good), "-o", "/dev/fd/77")
    assert ran.returncode == 2
    assert b"/dev/fd/77 is not open; redirect it, or pass a path" in ran.stderr


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="no /dev/fd here")
@pytest.mark.parametrize(
    ("command", "instead"),
    [
        ("printf x | {aikit} files create /dev/stdin --purpose user_data", b"use -"),
        ("{aikit} files create <(printf x) --purpose user_data", b"use -"),
        ("printf x | {aikit} files check /dev/fd/0", b"use -"),
        ("{aikit} batches create <(printf '{{}}') --endpoint /v1/chat/completions", b"use -"),
        ("{aikit} batch run <(printf '{{}}')", b"use - and redirect it to standard input"),
    ],
)
def test_open_pipes_are_told_for_what_they_are(command: str, instead: bytes) -> None:
    """
    A pipe named by a path cannot be checked and then sent: the message says what to write instead.
    """
    line = command.format(aikit=f"{shlex.quote(sys.executable)} -m aikit --provider local")
    ended = subprocess.run(["/bin/bash", "-c", line], capture_output=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert b"open pipe" in ended.stderr
    assert instead in ended.stderr
