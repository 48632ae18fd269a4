"""
What happens when the program ends, in real programs.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scripted_server import FILE, ScriptedServer, answer, serving, silent
from tests.stopwatch import Stopwatch

pytestmark = pytest.mark.slow

START = """
import os, sys, time
def print(*words, **_):  # in one piece, also from several threads at once
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())
from aikit import OpenAIClient
client = OpenAIClient("k", base_url=os.environ["SERVER"], max_workers=int(os.environ.get("WORKERS", "8")))
def done(result):
    print("done", result.success, [error.code for error in result.errors], flush=True)
"""


@pytest.fixture
def slow() -> Iterator[ScriptedServer]:
    """
    A server that takes its time.
    """
    with serving(answer(200, FILE, after_s=0.5)) as server:
        yield server


@pytest.fixture
def dead() -> Iterator[ScriptedServer]:
    """
    A server that never answers.
    """
    with serving(silent()) as server:
        yield server


def started(server: ScriptedServer, script: str, folder: Path | None = None, **environ: str) -> subprocess.Popen[str]:
    """
    Start a program against *server*, in *folder*.
    """
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", START + textwrap.dedent(script)],
        env=os.environ | {"SERVER": server.url, "PYTHONPATH": str(Path(__file__).parents[2])} | environ,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(program: subprocess.Popen[str], timeout: float = 20) -> tuple[int, str, str]:
    """
    Return exit code, output and errors; one that does not end in time is ended, waited for, and its pipes are closed.
    """
    # Otherwise they are collected in some later test, which then fails in place of the one that left them.
    with program:
        try:
            out, err = program.communicate(timeout=timeout)
        finally:
            program.kill()
    return program.returncode, out, err


def interrupted(program: subprocess.Popen[str], after: str) -> tuple[int, str, str, float]:
    """
    Send Ctrl-C when the program has said *after*; return exit code, output, errors and seconds until it was gone.
    """
    with program:
        assert program.stdout is not None
        while (line := program.stdout.readline()).strip() != after:
            assert line, "the program ended early"
        time.sleep(0.3)
        watch = Stopwatch()
        program.send_signal(signal.SIGINT)
        code, out, err = ended(program)
        return code, out, err, watch.stop()


def test_program_that_does_not_end_leaves_nothing_to_later_tests(slow: ScriptedServer) -> None:
    """
    One that hangs fails its own test, and no other: it is gone and its pipes are closed when that test fails.
    """
    program = started(slow, "time.sleep(60)")
    with pytest.raises(subprocess.TimeoutExpired):
        ended(program, timeout=0.2)
    assert program.returncode is not None
    assert program.stdout is not None
    assert program.stderr is not None
    assert (program.stdout.closed, program.stderr.closed) == (True, True)


def test_what_is_paused_goes_on_when_the_program_ends(slow: ScriptedServer) -> None:
    """
    Nobody is left to resume it.
    """
    program = started(
        slow, 'client.files.create(b"x", "user_data", {"filename": "a.txt", "on_terminate": done}).pause()'
    )
    assert ended(program) == (0, "done True []\n", "")


@pytest.mark.parametrize("workers", ["1", "8"])
def test_script_that_ends_at_once_finishes_its_upload_and_callback(slow: ScriptedServer, workers: str) -> None:
    """
    Fire-and-forget is kept: the last line of the script is the upload.
    """
    program = started(
        slow, 'client.files.create(b"x", "user_data", {"filename": "a.txt", "on_terminate": done})', WORKERS=workers
    )
    assert ended(program) == (0, "done True []\n", "")
    assert len(slow.received) == 1


@pytest.mark.parametrize("workers", ["1", "8"])
def test_calls_made_in_callbacks_at_the_end_work(slow: ScriptedServer, workers: str) -> None:
    """
    A callback that runs after the main thread is through may call again: in the background, inline, and waiting for it.
    """
    script = """
        def second(result):
            print("second", client.files.retrieve("file-1").success, flush=True)
            handle = client.files.retrieve("file-1", {"on_terminate": done})
            print("waited", handle.wait(), flush=True)
            client.files.retrieve("file-1", {"on_terminate": done})
        client.files.retrieve("file-1", {"on_terminate": second})
    """
    code, out, err = ended(started(slow, script, WORKERS=workers))
    assert (code, err) == (0, "")
    assert sorted(out.split("\n")) == ["", "done True []", "done True []", "second True", "waited True"]


def test_retries_are_finished_at_the_end() -> None:
    """
    A call that is parked on the timer when the script ends is not lost.
    """
    with serving(answer(503, b"{}", {"Retry-After": "0.7"}), answer(200, FILE)) as server:
        program = started(server, 'client.files.retrieve("file-1", {"on_terminate": done})')
        assert ended(program) == (0, "done True []\n", "")


def test_queued_callbacks_are_run_at_the_end(slow: ScriptedServer) -> None:
    """
    With the queue dispatcher and nobody left to pump, the main thread runs what waits.
    """
    script = """
        import threading
        client = OpenAIClient("k", base_url=os.environ["SERVER"], dispatcher="queue")
        def where(result):
            print(threading.current_thread() is threading.main_thread(), result.success, flush=True)
        client.files.retrieve("file-1", {"on_terminate": where})
    """
    assert ended(started(slow, script)) == (0, "True True\n", "")


def test_ctrl_c_while_the_script_runs_ends_it(dead: ScriptedServer) -> None:
    """
    Ctrl-C in the main thread cancels what is pending; callbacks still run; gone within two seconds with status 130.
    """
    script = """
        client.files.create(b"x" * 50_000_000, "user_data", {"filename": "a.txt", "on_terminate": done})
        print("ready", flush=True)
        time.sleep(60)
    """
    code, out, err, seconds = interrupted(started(dead, script), "ready")
    assert seconds < 2
    assert code in {-signal.SIGINT, 130}
    assert "done False ['cancelled']" in out
    assert "KeyboardInterrupt" in err


def test_ctrl_c_after_the_script_ended_ends_it(dead: ScriptedServer) -> None:
    """
    Ctrl-C while the interpreter waits for uploads to finish: callbacks run, gone within two seconds, no traceback.
    """
    script = """
        client.files.create(b"x" * 50_000_000, "user_data", {"filename": "a.txt", "on_terminate": done})
        print("ready", flush=True)
    """
    code, out, err, seconds = interrupted(started(dead, script), "ready")
    assert seconds < 2
    assert code in {-signal.SIGINT, 130}
    assert "done False ['cancelled']" in out
    assert "Traceback" not in err


def test_ctrl_c_while_a_thread_imports_keeps_the_status_of_ctrl_c(slow: ScriptedServer) -> None:
    """
    What a call's thread imports after the main thread's end, here a named tuple, does not make the status another one.
    """
    script = """
        def late(result):
            import collections
            while not hasattr(sys, "last_value"):
                time.sleep(0.01)
            collections.namedtuple("Late", "one")
            done(result)
        client.files.retrieve("file-1", {"on_terminate": late})
        print("ready", flush=True)
        time.sleep(60)
    """
    code, out, _, seconds = interrupted(started(slow, script), "ready")
    assert seconds < 2
    assert code in {-signal.SIGINT, 130}
    assert "done False ['cancelled']" in out


def test_ctrl_c_ends_it_although_callbacks_go_on_calling(slow: ScriptedServer) -> None:
    """
    Calls that callbacks make while the traceback of Ctrl-C is printed do not count as a sign that it was survived.
    """
    script = """
        def again(result):
            client.files.retrieve("file-1", {"on_terminate": again})
        def hook(*_):
            time.sleep(0.8)
        sys.excepthook = hook
        again(None)
        print("ready", flush=True)
        time.sleep(60)
    """
    code, _, _, seconds = interrupted(started(slow, script), "ready")
    assert seconds < 2 + 0.8
    assert code in {-signal.SIGINT, 130}


def test_end_waits_for_callbacks_that_close(slow: ScriptedServer) -> None:
    """
    A callback that waits in close() is not over: at the end of the program Ctrl-C still ends what it does afterwards.
    """
    script = """
        other = OpenAIClient("k", base_url=os.environ["SERVER"])
        def closing(result):
            other.files.retrieve("file-1", {"background": True})
            pending = client.files.retrieve("file-1", {"background": True})
            client.close()
            other.close()
            print(pending.success)
            print("ready", flush=True)
            time.sleep(8)
        client.files.retrieve("file-1", {"on_terminate": closing})
    """
    code, _, _, seconds = interrupted(started(slow, script), "ready")
    assert seconds < 2
    assert code in {-signal.SIGINT, 130}


@pytest.mark.parametrize("end", ["", "client.close()"])
def test_what_is_paused_during_the_end_goes_on(slow: ScriptedServer, end: str) -> None:
    """
    Once the client is closed or the program ends, pausing stops no bytes, also in progress and of calls of callbacks.
    """
    script = f"""
        def second(result):
            client.files.create(b"x" * 5_000_000, "user_data", {{"filename": "b.txt", "on_terminate": done}}).pause()
        handles = []
        handles.append(client.files.create(
            b"x" * 5_000_000, "user_data",
            {{"filename": "a.txt", "on_terminate": second, "on_progress": lambda _: [one.pause() for one in handles]}},
        ))
        {end}
    """
    assert ended(started(slow, script)) == (0, "done True []\n", "")


def test_ctrl_c_with_a_stuck_callback_ends_it_all_the_same(slow: ScriptedServer) -> None:
    """
    A callback that never returns does not keep the process alive after Ctrl-C.
    """
    script = """
        def stuck(result):
            print("ready", flush=True)
            time.sleep(60)
        client.files.retrieve("file-1", {"on_terminate": stuck})
    """
    code, _, _, seconds = interrupted(started(slow, script), "ready")
    assert seconds < 2
    assert code in {-signal.SIGINT, 130}


@pytest.mark.parametrize("rest", ["time.sleep(60)", ""])
def test_ctrl_c_stops_all_that_works_on_by_itself_at_once(dead: ScriptedServer, tmp_path: Path, rest: str) -> None:
    """
    Five clients whose batches take long end together, not one after the other, wherever the program is.
    """
    script = f"""
        from aikit import jsonl
        jsonl.write("in.jsonl", [jsonl.chat_line("why", model="m")])
        for number in range(5):
            local = OpenAIClient(provider="local", home=str(number), base_url=os.environ["SERVER"])
            file = local.files.create("in.jsonl", "batch").throw().file
            batch = local.batches.create(file.id, "/v1/chat/completions").throw().batch
            while local.batches.retrieve(batch.id).batch.status == "validating":
                time.sleep(0.01)
            local.batches.wait(batch.id, {{"on_terminate": done}})
        print("ready", flush=True)
        {rest}
    """
    code, out, _, seconds = interrupted(started(dead, script, folder=tmp_path), "ready")
    assert seconds < 2
    assert code in {-signal.SIGINT, 130}
    assert out.count("done False ['cancelled']") == 5


def test_ctrl_c_in_wait_is_an_ordinary_interrupt(dead: ScriptedServer) -> None:
    """
    Waiting for a result can be interrupted like a sleep.
    """
    script = """
        result = client.files.retrieve("file-1", {"on_terminate": done})
        print("ready", flush=True)
        result.wait()
    """
    code, out, _, seconds = interrupted(started(dead, script), "ready")
    assert seconds < 2
    assert code in {-signal.SIGINT, 130}
    assert "done False ['cancelled']" in out


def test_ctrl_c_in_an_inline_call_ends_it(dead: ScriptedServer) -> None:
    """
    A synchronous call stops at Ctrl-C like any blocking call.
    """
    script = """
        print("ready", flush=True)
        client.files.retrieve("file-1")
    """
    code, _, err, seconds = interrupted(started(dead, script), "ready")
    assert seconds < 2
    assert code in {-signal.SIGINT, 130}
    assert "KeyboardInterrupt" in err


@pytest.mark.parametrize("rest", ["", "try:", "sleep"])
def test_ctrl_c_with_a_stuck_iterable_of_an_inline_call_ends_it(slow: ScriptedServer, rest: str) -> None:
    """
    Files side by side whose iterable never comes back hold up neither the caller nor, if he survives it, the end.
    """
    script = """
        def paths():
            yield "first.txt"
            print("ready", flush=True)
            time.sleep(60)
        open("first.txt", "w").write("x")
        try:
            client.files.create_many(paths(), "user_data", {"at_a_time": 1})
        except KeyboardInterrupt:
            if REST == "":
                raise
            print("survived", flush=True)
        if REST == "sleep":
            print(client.files.retrieve("file-1", {"background": True}).wait())
    """.replace("REST", repr(rest))
    with tempfile.TemporaryDirectory() as folder:
        code, out, _, seconds = interrupted(started(slow, script, folder=Path(folder)), "ready")
    assert seconds < 2
    expected = {"": "", "try:": "survived\n", "sleep": "survived\nTrue\n"}
    assert out == expected[rest]
    assert code == (0 if rest else -signal.SIGINT) or (not rest and code == 130)


def test_thread_that_outlives_the_main_thread_can_call(slow: ScriptedServer) -> None:
    """
    A worker thread of the program's own may make its first call, of either kind, after the main thread's end.
    """
    script = """
        import threading
        def work():
            time.sleep(0.5)
            mine = OpenAIClient("k", base_url=os.environ["SERVER"])
            print("inline", mine.files.retrieve("file-1").success, flush=True)
            result = mine.files.retrieve("file-1", {"on_terminate": done})
            print("waited", result.wait(), flush=True)
        threading.Thread(target=work).start()
    """
    code, out, err = ended(started(slow, script))
    assert (code, err) == (0, "")
    assert sorted(out.splitlines()) == ["done True []", "inline True", "waited True"]


def test_call_in_an_exit_handler_works(slow: ScriptedServer) -> None:
    """
    Atexit is not too late for a call, of either kind.
    """
    script = """
        import atexit
        def last():
            print("inline", client.files.retrieve("file-1").success, flush=True)
            client.files.retrieve("file-1", {"on_terminate": done})
        atexit.register(last)
    """
    assert ended(started(slow, script)) == (0, "inline True\ndone True []\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_child_made_by_fork_ends_and_has_its_own_sockets(slow: ScriptedServer) -> None:
    """
    A child does not wait for the parent's calls, and neither reads the other's answers.
    """
    script = """
        import warnings
        warnings.simplefilter("ignore")
        client.files.retrieve("file-1")
        pending = client.files.retrieve("file-1", {"background": True})
        child = os.fork()
        if child == 0:
            print("child", client.files.retrieve("file-1").success, flush=True)
            client.files.retrieve("file-1", {"on_terminate": done})
            sys.exit(0)
        print("child ended", os.waitpid(child, 0)[1], flush=True)
        print("parent", pending.wait(), pending.success, flush=True)
    """
    code, out, err = ended(started(slow, script))
    assert (code, err) == (0, "")
    assert sorted(out.splitlines()) == ["child True", "child ended 0", "done True []", "parent True True"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_child_that_cancels_all_calls_leaves_those_of_the_parent(slow: ScriptedServer) -> None:
    """
    A child made by fork while a thread waits for an answer does not cut off the parent's connection when it closes.
    """
    script = """
        import threading, warnings
        warnings.simplefilter("ignore")
        client.files.retrieve("file-1")
        def asking():
            print("parent", client.files.retrieve("file-1", {"max_retries": 0}).success, flush=True)
        threading.Thread(target=asking).start()
        time.sleep(0.1)
        child = os.fork()
        if child == 0:
            client.close(cancel=True)
            os._exit(0)
        print("child ended", os.waitpid(child, 0)[1], flush=True)
    """
    assert ended(started(slow, script)) == (0, "child ended 0\nparent True\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("dispatcher", ["'queue'", "aikit.dispatch.asyncio(loop)"])
def test_callbacks_that_wait_run_in_the_parent_only(slow: ScriptedServer, dispatcher: str) -> None:
    """
    A child made by fork that closes the client runs nothing of what waits for the parent's loop.
    """
    script = f"""
        import asyncio, warnings
        import aikit.dispatch
        warnings.simplefilter("ignore")
        loop = asyncio.new_event_loop()
        loop.run_until_complete(asyncio.sleep(0))
        client = aikit.OpenAIClient("k", base_url=client.provider.base_url, dispatcher={dispatcher})
        loop.run_until_complete(asyncio.sleep(0))
        client.files.retrieve("file-1", {{"on_terminate": done}}).wait()
        child = os.fork()
        if child == 0:
            client.close()
            sys.exit(0)
        print("child ended", os.waitpid(child, 0)[1], flush=True)
        client.close()
    """
    assert ended(started(slow, script)) == (0, "child ended 0\ndone True []\n", "")


def test_ctrl_c_in_a_with_block_ends_it(dead: ScriptedServer) -> None:
    """
    Leaving the block because of Ctrl-C does not wait for a callback that is stuck.
    """
    script = """
        def stuck(result):
            time.sleep(60)
        with client:
            client.files.retrieve("file-1", {"on_terminate": stuck})
            client.files.retrieve("file-1", {"on_terminate": done})
            print("ready", flush=True)
            time.sleep(60)
    """
    code, out, _, seconds = interrupted(started(dead, script), "ready")
    assert seconds < 2
    assert code in {-signal.SIGINT, 130}
    assert "done False ['cancelled']" in out


def test_ctrl_c_runs_queued_callbacks(dead: ScriptedServer) -> None:
    """
    Callbacks that wait for a pump are run before the end, also after Ctrl-C.
    """
    script = """
        client = OpenAIClient("k", base_url=os.environ["SERVER"], dispatcher="queue")
        client.files.retrieve("file-1", {"on_terminate": done})
        print("ready", flush=True)
        time.sleep(60)
    """
    _, out, _, seconds = interrupted(started(dead, script), "ready")
    assert seconds < 2
    assert "done False ['cancelled']" in out


def test_signal_handler_that_exits_keeps_its_status(slow: ScriptedServer) -> None:
    """
    SystemExit from another signal's handler, while uploads are finished, cancels them and keeps the status.
    """
    script = """
        import signal, threading
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
        client.files.retrieve("file-1", {"on_terminate": done})
        threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGTERM)).start()
    """
    code, out, _ = ended(started(slow, script))
    assert code == 5
    assert "done" in out


def test_sys_exit_still_finishes_uploads(slow: ScriptedServer) -> None:
    """
    Leaving with a status finishes what was started and keeps the status.
    """
    program = started(slow, 'client.files.retrieve("file-1", {"on_terminate": done}); sys.exit(7)')
    assert ended(program) == (7, "done True []\n", "")


def test_exception_in_the_script_still_finishes_uploads(slow: ScriptedServer) -> None:
    """
    An error elsewhere does not lose the upload.
    """
    code, out, err = ended(started(slow, 'client.files.retrieve("file-1", {"on_terminate": done}); 1 / 0'))
    assert (code, out) == (1, "done True []\n")
    assert "ZeroDivisionError" in err
