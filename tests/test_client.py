"""
The client: arguments, environment, callbacks, closing.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import pickle
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal
from unittest.mock import MagicMock, PropertyMock, patch

import pytest

from aikit import OpenAIClient, OpenAIError, OpenAIParameters, OpenAIResult, Progress
from aikit.http.context import CallContext
from aikit.providers.config.file import ProviderFile
from aikit.providers.config.providers import Providers
from aikit.runtime.call_state import Outcome
from aikit.runtime.task import Task
from tests.scripted_server import FILE, Exchange, ScriptedServer, answer, serving, silent
from tests.stopwatch import Stopwatch
from tests.threads import Threads

REFUSAL = b'{"error":{"message":"No such File object: file-1","type":"invalid_request_error","param":"id","code":null}}'


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """
    A server that answers every request with a file.
    """
    with serving(answer(200, FILE)) as made:
        yield made


@pytest.fixture
def client(server: ScriptedServer) -> Iterator[OpenAIClient]:
    """
    A client of that server.
    """
    with OpenAIClient("sk-secret-key", base_url=server.url) as made:
        yield made


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "AIKIT_PROVIDERS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AIKIT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def test_environment_is_used_where_no_argument_is_given(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Key, address, organization and project come from the environment, each only when not given.
    """
    monkeypatch.setenv("OPENAI_API_KEY", "sk-env")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url + "/")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-env")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-env")
    with OpenAIClient(organization="org-given") as client:
        assert client.files.retrieve("file-1").success
    headers = server.received[0].headers
    assert headers["authorization"] == "Bearer sk-env"
    assert (headers["openai-organization"], headers["openai-project"]) == ("org-given", "proj-env")


@pytest.mark.parametrize("key", [None, ""])
def test_without_a_key_no_authorization_is_sent(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    """
    Local servers need no key; an empty one means none even when the environment has one.
    """
    if key is not None:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-env")
    with OpenAIClient(key, base_url=server.url) as client:
        client.files.retrieve("file-1")
    assert "authorization" not in server.received[0].headers


@pytest.mark.parametrize(
    ("arguments", "raised", "words"),
    [
        ({"api_key": 5}, TypeError, "api_key"),
        ({"api_key": "sk-\nx"}, ValueError, "api_key"),
        ({"api_key": "sk-é"}, ValueError, "api_key"),
        ({"base_url": "api.example.com"}, ValueError, "http://"),
        ({"base_url": "ftp://a"}, ValueError, "http://"),
        ({"base_url": "http://user:pw@host/v1"}, ValueError, "api_key"),
        ({"timeout": 0}, ValueError, "timeout"),
        ({"timeout": "9"}, TypeError, "timeout"),
        ({"max_retries": -1}, ValueError, "max_retries"),
        ({"max_workers": 0}, ValueError, "max_workers"),
        ({"max_workers": 10**9}, ValueError, "max_workers"),
        ({"http_agent": "abc"}, TypeError, "http_agent"),
        ({"custom_headers": {"A": "b\r\nc: d"}}, ValueError, "custom_headers"),
        ({"provider": "telegraph"}, ValueError, "openai, local"),
        ({"provider": "azure"}, ValueError, "set AZURE_OPENAI_ENDPOINT or AZURE_API_BASE"),
    ],
)
def test_unusable_argument_is_refused_without_showing_secrets(
    arguments: dict[str, Any], raised: type[Exception], words: str
) -> None:
    """
    The caller's fault is told when the client is made, and says what is allowed.
    """
    with pytest.raises(raised, match=words) as caught:
        OpenAIClient(**arguments)
    assert "pw" not in str(caught.value)


def test_key_is_in_no_repr_and_no_pickle(client: OpenAIClient) -> None:
    """
    Neither client nor result nor their pickles show the key.
    """
    result = client.files.retrieve("file-1", {"extra_headers": {"X-Api-Key": "also-secret"}})
    shown = repr(client) + repr(client.provider) + repr(result) + repr(result.request) + repr(result.response)
    assert b"secret" not in pickle.dumps(result) + shown.encode()
    assert pickle.loads(pickle.dumps(result)).file == result.file  # noqa: S301  our own
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(client)


def test_error_that_echoes_the_key_does_not_show_it() -> None:
    """
    A server that quotes the key back is quoted without it.
    """
    with (
        serving(answer(401, b'{"error":{"message":"bad key sk-secret-key","code":"invalid_api_key"}}')) as server,
        OpenAIClient("sk-secret-key", base_url=server.url) as client,
    ):
        (error,) = client.files.retrieve("file-1").errors
    assert error.is_authentication_error
    assert "sk-secret-key" not in f"{error}{error!r}{error.body}"


def test_callbacks_run_once_in_order_with_the_same_result(client: OpenAIClient) -> None:
    """
    on_response, then on_terminate; both get the result that the call returned, terminated.
    """
    seen: list[tuple[str, OpenAIResult[Any], bool]] = []
    result = client.files.retrieve(
        "file-1",
        {
            "on_terminate": lambda given: seen.append(("terminate", given, given.terminated)),
            "on_response": lambda given: seen.append(("response", given, given.terminated)),
            "on_error": lambda given: seen.append(("error", given, given.terminated)),
        },
    )
    assert result.wait(20)
    assert seen == [("response", result, True), ("terminate", result, True)]


def test_error_callbacks_run_once_in_order() -> None:
    """
    on_error, then on_terminate.
    """
    seen: list[str] = []
    with serving(answer(404, REFUSAL)) as server, OpenAIClient("k", base_url=server.url) as client:
        result = client.files.delete(
            "file-1",
            OpenAIParameters(
                on_error=lambda given: seen.append(f"error {given.errors[0].status}"),
                on_response=lambda _: seen.append("response"),
                on_terminate=lambda _: seen.append("terminate"),
            ),
        )
        assert result.wait(20)
        assert result.errors[0].is_not_found_error
    assert seen == ["error 404", "terminate"]


def test_callback_that_raises_is_logged_and_changes_nothing(
    client: OpenAIClient, caplog: pytest.LogCaptureFixture
) -> None:
    """
    The next callback runs, the result stays, the traceback is in the log.
    """
    seen: list[bool] = []

    def bad(_: object) -> None:
        raise ZeroDivisionError("in callback")

    with caplog.at_level(logging.ERROR, "aikit"):
        result = client.files.retrieve("file-1", {"on_response": bad, "on_terminate": lambda r: seen.append(r.success)})
        assert result.wait(20)
    assert seen == [True]
    assert result.success
    assert caplog.records[0].exc_info is not None


@pytest.mark.parametrize("workers", [1, 8])
def test_call_made_and_awaited_inside_a_callback_works(server: ScriptedServer, workers: int) -> None:
    """
    Also with a pool of one thread, where the callback is on the only thread there is.
    """
    seen: list[Any] = []
    with OpenAIClient("k", base_url=server.url, max_workers=workers) as client:

        def inner(_: object) -> None:
            seen.append(client.files.retrieve("file-1").success)
            background = client.files.retrieve("file-1", {"background": True})
            seen.append(background.wait())
            seen.append(background.success)

        assert client.files.retrieve("file-1", {"on_terminate": inner}).wait(10)
    assert seen == [True, True, True]


def test_close_inside_a_callback_does_not_wait_for_itself(server: ScriptedServer) -> None:
    """
    The last callback may close the client.
    """
    client = OpenAIClient("k", base_url=server.url)
    assert client.files.retrieve("file-1", {"on_terminate": lambda _: client.close()}).wait(5)


@pytest.mark.parametrize("dispatcher", ["immediate", "queue"])
def test_closing_waits_for_calls_that_callbacks_make(
    server: ScriptedServer, dispatcher: Literal["immediate", "queue"]
) -> None:
    """
    A chain of calls that is under way when the block ends is finished.
    """
    seen: list[bool] = []
    with OpenAIClient("k", base_url=server.url, dispatcher=dispatcher) as client:

        def again(_: object) -> None:
            client.files.retrieve("file-1", {"on_terminate": lambda result: seen.append(result.success)})

        client.files.retrieve("file-1", {"on_terminate": again})
    assert seen == [True]


def test_callbacks_that_close_the_client_do_not_wait_for_each_other() -> None:
    """
    Two calls that fail together and both close the client are over all the same.
    """
    with serving(answer(404, REFUSAL, after_s=0.2)) as server:
        client = OpenAIClient("k", base_url=server.url, max_workers=2)
        options: dict[str, Any] = {"on_error": lambda _: client.close(cancel=True)}
        results = [client.files.retrieve("file-1", **options) for _ in range(2)]
        assert all(result.wait(5) for result in results)


def test_callbacks_that_wait_for_each_others_calls_end() -> None:
    """
    However callbacks wait for calls on a busy pool, somebody drives them.
    """
    first: list[bool] = []
    late = answer(503, b"{}", {"Retry-After": "0.3"})
    with serving(late, answer(200, FILE)) as flaky, OpenAIClient("k", base_url=flaky.url, max_workers=2) as client:
        x = client.files.retrieve("file-1", {"background": True})
        a = client.files.list({"on_terminate": lambda _: first.append(x.wait(10))})
        b = client.files.list({"on_terminate": lambda _: first.append(a.wait(10))})
        assert b.wait(10)
    assert first == [True, True]


@pytest.mark.parametrize("workers", [1, 2])
def test_client_closed_in_a_callback_drives_what_is_pending(server: ScriptedServer, workers: int) -> None:
    """
    close() in the only thread's callback finishes the chain instead of waiting for it.
    """
    seen: list[bool] = []
    client = OpenAIClient("k", base_url=server.url, max_workers=workers)

    def chain(_: object) -> None:
        client.files.retrieve("file-1", {"on_terminate": lambda result: seen.append(result.success)})
        client.close()

    assert client.files.retrieve("file-1", {"on_terminate": chain}).wait(5)
    assert seen == [True]


def test_callbacks_that_wait_for_each_other_end(server: ScriptedServer) -> None:
    """
    Two callbacks that wait for each other's calls, or close each other's clients, do not hang.
    """
    with (
        OpenAIClient("k", base_url=server.url, max_workers=2) as one,
        OpenAIClient("k", base_url=server.url, max_workers=2) as two,
    ):
        both = threading.Barrier(2)
        results: list[OpenAIResult[Any]] = []

        def wait_for(number: int) -> bool:
            both.wait(5)
            return results[number].wait()

        results.append(one.files.retrieve("file-1", {"on_terminate": lambda _: wait_for(1)}))
        results.append(one.files.retrieve("file-1", {"on_terminate": lambda _: wait_for(0)}))
        assert all(result.wait(5) for result in results)
        meet = threading.Barrier(2)

        def close(client: OpenAIClient) -> None:
            meet.wait(5)
            client.close()

        closers = [
            one.files.retrieve("file-1", {"on_terminate": lambda _: close(two)}),
            two.files.retrieve("file-1", {"on_terminate": lambda _: close(one)}),
        ]
        assert all(result.wait(5) for result in closers)


def test_call_driven_in_a_callback_keeps_its_pause() -> None:
    """
    However a call came to be parked, Retry-After is kept.
    """
    late = answer(503, b"{}", {"Retry-After": "1"})
    timers = Threads("aikit-timer")
    with serving(answer(200, FILE), late, answer(200, FILE)) as flaky:
        client = OpenAIClient("k", base_url=flaky.url, max_workers=1)
        handles: list[OpenAIResult[Any]] = []

        def inner(_: object) -> None:
            handles.append(client.files.retrieve("file-1", {"background": True}))
            handles[0].wait(0.3)

        started = time.monotonic()
        client.files.retrieve("file-1", {"on_terminate": inner}).wait(5)
        assert handles[0].wait(5)
        assert time.monotonic() - started >= 1
        client.close()
        assert timers.are_over()


def test_wait_with_a_timeout_inside_a_callback_drives_the_call(server: ScriptedServer) -> None:
    """
    Also a bounded wait on a pool of one makes its call go on.
    """
    seen: list[bool] = []
    with OpenAIClient("k", base_url=server.url, max_workers=1) as client:

        def inner(_: object) -> None:
            seen.append(client.files.retrieve("file-1", {"background": True}).wait(5))

        assert client.files.retrieve("file-1", {"on_terminate": inner}).wait(10)
    assert seen == [True]


def test_wait_inside_the_calls_own_progress_returns_at_once(server: ScriptedServer) -> None:
    """
    A call cannot wait for itself.
    """
    seen: list[bool] = []
    handles: list[OpenAIResult[Any]] = []
    ready = threading.Event()
    with OpenAIClient("k", base_url=server.url) as client:

        def on_progress(_: Progress) -> None:
            ready.wait(5)
            seen.append(handles[0].wait())

        options: dict[str, Any] = {"filename": "a.txt", "background": True, "on_progress": on_progress}
        handles.append(client.files.create(b"abc", "user_data", **options))
        ready.set()
        assert handles[0].wait(5)
    assert seen
    assert not any(seen)


@pytest.mark.parametrize("wish", [SystemExit(3), KeyboardInterrupt()])
def test_callback_that_asks_its_thread_to_end_changes_nothing(
    server: ScriptedServer, wish: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """
    sys.exit() in a callback or in progress ends neither the call nor the pool's thread.
    """
    seen: list[bool] = []

    def leave(_: object) -> None:
        raise wish

    with OpenAIClient("k", base_url=server.url, max_workers=1) as client:
        options: dict[str, Any] = {"on_response": leave, "on_terminate": lambda result: seen.append(result.success)}
        assert client.files.retrieve("file-1", **options).wait(5)
        more: dict[str, Any] = {
            "filename": "a",
            "on_progress": leave,
            "on_terminate": lambda result: seen.append(result.success),
        }
        assert client.files.create(b"abc", "user_data", **more).wait(5)
        assert client.files.retrieve("file-1", {"background": True}).wait(5)
    assert seen == [True, True]
    assert "asked a worker thread to end" in caplog.text


def test_closed_client_refuses_calls(client: OpenAIClient) -> None:
    """
    A call after close() is the caller's fault.
    """
    client.close()
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.files.list()


def test_close_with_cancel_runs_callbacks_with_a_cancelled_result() -> None:
    """
    close(cancel=True) stops what is pending at once; callbacks run all the same.
    """
    seen: list[str | None] = []
    with serving(silent()) as server:
        client = OpenAIClient("k", base_url=server.url, max_workers=2)
        for _ in range(5):
            client.files.retrieve("file-1", {"on_terminate": lambda result: seen.append(result.errors[0].code)})
        time.sleep(0.2)
        watch = Stopwatch()
        client.close(cancel=True)
        assert watch.stop() < 1
    assert seen == ["cancelled"] * 5


@pytest.mark.parametrize("is_asking", [True, False])
def test_close_with_cancel_ends_the_calls_of_other_threads(is_asking: bool) -> None:  # noqa: FBT001  a column
    """
    A thread that waits for a batch itself, for days if need be, is not left behind, whether it asks or pauses.
    """
    ended: list[tuple[str | None, ...]] = []

    def wait(client: OpenAIClient) -> None:
        result = client.batches.wait("batch_1", {"poll_interval": 1000})
        ended.append(tuple(error.code for error in result.errors))

    with serving(silent() if is_asking else answer(503)) as server:
        client = OpenAIClient("k", base_url=server.url)
        thread = threading.Thread(target=wait, args=(client,), daemon=True)
        thread.start()
        until = time.monotonic() + 10
        while not server.received and time.monotonic() < until:  # the first request imports what it needs
            time.sleep(0.01)
        time.sleep(0.1)
        client.close(cancel=True)
        thread.join(2)
    assert ended == [("cancelled",)]


def silent_on_contents(exchange: Exchange) -> None:
    """
    Answer what is asked of a file, and never what moves its content.
    """
    method, path, _ = exchange.request_head()
    (silent() if method == "POST" or path.endswith("/content") else answer(200, FILE))(exchange)


@pytest.mark.parametrize(
    "begin",
    [
        lambda client, background: client.files.create(b"abc", "user_data", {"filename": "a.txt", **background}),
        lambda client, background: client.files.create_many(["README.md"], "user_data", background),
        lambda client, background: client.files.content("file-1", background),
        lambda client, background: client.files.download("file-1", "never-there", background),
        lambda client, background: client.uploads.add_part("upload_1", b"abc", background),
        lambda client, background: client.batches.estimate("file-1", background),
    ],
)
def test_what_is_short_need_not_wait_for_contents(begin: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    With more contents under way than there are threads, a file is retrieved at once.
    """
    monkeypatch.chdir(tmp_path)
    Path("README.md").write_text("read me")
    with serving(silent_on_contents) as server:
        client = OpenAIClient("k", base_url=server.url, max_workers=2)
        long = [begin(client, {"background": True}) for _ in range(3)]
        deadline = time.monotonic() + 20
        while len(server.received) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        short = client.files.retrieve("file-1", {"background": True})
        assert short.wait(20)
        assert short.success
        assert not any(each.terminated for each in long)
        client.close(cancel=True)
    assert all(each.terminated for each in long)


@pytest.mark.parametrize("way", ["inline", "first of the pool", "on the pool"])
def test_call_that_begins_while_the_client_is_closed_is_cancelled(way: str) -> None:
    """
    Whoever came through the door before it was shut does not stay inside.
    """
    with serving(silent()) as server:
        client = OpenAIClient("k", base_url=server.url)
        if way == "on the pool":
            assert client._session.scheduler
        connection, over = client._session.connection_for(OpenAIParameters()), threading.Event()
        client.close(cancel=True)
        outcomes: list[Outcome] = []
        flow: Any = connection.provider.retrieve_file("file-1")

        def ended(outcome: Outcome) -> None:
            outcomes.append(outcome)
            over.set()

        call = Task(flow, connection.transport, CallContext(), ended)
        if way == "inline":
            client._session.run_here(call)
        else:
            client._session.scheduler.submit(call)
        assert over.wait(20)
        assert server.received == []
        client.close()
    assert [error.code for error in outcomes[0].errors] == ["cancelled"]


def test_cancel_of_a_finished_call_says_no(client: OpenAIClient) -> None:
    """
    There is nothing to stop any more, and the result does not change.
    """
    result = client.files.retrieve("file-1", {"background": True})
    result.wait(5)
    assert (result.cancel(), result.success) == (False, True)


def test_throw_raises_the_error() -> None:
    """
    throw=True, or result.throw(), raises what errors lists.
    """
    with serving(answer(404, REFUSAL)) as server, OpenAIClient("k", base_url=server.url) as client:
        with pytest.raises(OpenAIError, match="No such File object: file-1") as caught:
            client.files.retrieve("file-1", {"throw": True})
        assert caught.value.is_not_found_error
        with pytest.raises(OpenAIError, match="No such File"):
            client.files.retrieve("file-1").throw()


def test_results_can_be_awaited_many_at_a_time(client: OpenAIClient) -> None:
    """
    Await does not block the loop and gives the result.
    """

    async def main() -> list[bool]:
        calls = [client.files.retrieve("file-1", {"background": True}) for _ in range(20)]
        return [(await call).success for call in calls]

    assert asyncio.run(main()) == [True] * 20


def test_cancelled_task_cancels_its_call() -> None:
    """
    asyncio.wait_for around a result stops the call when time is up.
    """

    async def main(client: OpenAIClient) -> OpenAIResult[Any]:
        result = client.files.retrieve("file-1", {"background": True})
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_awaited(result), 0.2)
        return result

    with serving(silent()) as server, OpenAIClient("k", base_url=server.url) as client:
        result = asyncio.run(main(client))
        assert result.wait(20)
        assert [error.code for error in result.errors] == ["cancelled"]


async def _awaited(result: OpenAIResult[Any]) -> OpenAIResult[Any]:
    return await result


def test_progress_never_goes_backwards_and_ends_whole(server: ScriptedServer) -> None:
    """
    At most ten reports a second, rising, the last one whole.
    """
    seen: list[tuple[float, Progress]] = []
    with OpenAIClient("k", base_url=server.url) as client:
        client.files.create(
            b"x" * 30_000_000,
            "user_data",
            {"filename": "a.txt", "on_progress": lambda progress: seen.append((time.monotonic(), progress))},
        )
    uploads = [progress for _, progress in seen if progress.phase == "uploading"]
    assert {progress.total for progress in uploads} == {30_000_000}
    assert [progress.bytes for progress in uploads] == sorted({progress.bytes for progress in uploads})
    assert uploads[-1].bytes == uploads[-1].total
    assert len(seen) <= 10 * (seen[-1][0] - seen[0][0]) + 2


def test_other_provider_for_one_call_does_not_get_the_key(server: ScriptedServer, tmp_path: Path) -> None:
    """
    Naming a provider for one call uses its settings, and never the client's key or headers.
    """
    (tmp_path / "AIProviders.json").write_text(json.dumps({"providers": {"other": {"baseURL": server.url}}}))
    with OpenAIClient("sk-secret", base_url="http://127.0.0.1:9/v1", custom_headers={"X-Key": "s"}) as client:
        assert client.files.retrieve("file-1", {"provider": "other"}).success
        assert client.files.list({"provider": "local"}).success
        with pytest.raises(ValueError, match=r"openai, local, .*other"):
            client.files.list({"provider": "othr"})
    headers = server.received[0].headers
    assert "authorization" not in headers
    assert "x-key" not in headers


def test_waiting_in_ten_threads_for_one_result(client: OpenAIClient) -> None:
    """
    Every waiter goes on.
    """
    result = client.files.retrieve("file-1", {"background": True})
    seen: list[bool] = []
    threads = [threading.Thread(target=lambda: seen.append(result.wait(5))) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [True] * 10


def test_providers_of_a_program_stand_for_those_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    They are all that is configured; the home of one is its own, the client's is that of the others.
    """
    monkeypatch.setenv("AIKIT_PROVIDERS", str(tmp_path / "is-not-there"))
    entries = {"own": {"kind": "local", "home": str(tmp_path / "own")}, "other": {"kind": "local"}}
    providers = Providers(ProviderFile(entries=entries), {})
    with OpenAIClient(provider="own", providers=providers, home=tmp_path / "client") as client:
        assert client.provider.address == str(tmp_path / "own")
        assert client.home == tmp_path / "client"
        for name in ("own", "other"):
            assert client.files.list({"provider": name}).files == ()
    assert (tmp_path / "own").is_dir()
    assert (tmp_path / "client").is_dir()


def test_defaults_are_told_as_a_copy(tmp_path: Path) -> None:
    """
    What is assigned to them changes no call of the client.
    """
    with OpenAIClient(provider="local", home=tmp_path, timeout=5) as client:
        client.defaults.timeout = -1
        assert client.defaults.timeout == 5
        assert client.files.list().success


def test_the_arguments_are_known_to_help() -> None:
    """
    Python's help, and prompts that complete, show the arguments of a client.
    """
    assert list(inspect.signature(OpenAIClient).parameters)[:3] == ["api_key", "provider", "base_url"]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("apiKey", "api_key"),
        ("baseURL", "base_url"),
        ("maxRetries", "max_retries"),
        ("httpAgent", "http_agent"),
        ("customHeaders", "custom_headers"),
        ("organisation", "organization"),
    ],
)
def test_a_misspelt_argument_is_told_with_the_nearest(theirs: str, ours: str) -> None:
    """
    It is a TypeError that lists the arguments and says which was probably meant.
    """
    options: dict[str, Any] = {theirs: "x"}
    with pytest.raises(TypeError, match=f"no argument '{theirs}'; there are api_key.*did you mean \"{ours}\""):
        OpenAIClient(**options)


@pytest.mark.parametrize(
    "name", ["baseURL", "base_url", "timeout", "maxRetries", "provider", "home", "timeot", "max_retrys", "api_keys"]
)
def test_a_client_stays_as_it_was_made(tmp_path: Path, name: str) -> None:
    """
    Assigning an argument, which would change nothing, says what to do instead; what is a program's own may be kept.
    """
    with OpenAIClient(provider="local", home=tmp_path) as client:
        with pytest.raises(AttributeError, match=r"a client stays as it was made; make one with OpenAIClient\("):
            setattr(client, name, "http://x/v1")
        client.team = client.user = client.queue = "sales"  # type: ignore[attr-defined]  # checkers know none


@pytest.mark.parametrize("is_used", [False, True])
@pytest.mark.parametrize("name", ["files", "uploads", "batches"])
def test_the_apis_of_a_client_are_not_replaced(tmp_path: Path, name: str, is_used: bool) -> None:  # noqa: FBT001  a parameter of pytest
    """
    Neither before their first use nor after it, of a subclass neither, unless that has another there itself.
    """

    class Desk(OpenAIClient):
        pass

    class OtherDesk(OpenAIClient):
        files = uploads = batches = None  # type: ignore[assignment]  # what is tried

    for cls in (OpenAIClient, Desk):
        with cls(provider="local", home=tmp_path) as client:
            before = getattr(client, name) if is_used else None
            with pytest.raises(AttributeError, match=f"^{name} of a client cannot be replaced; what can is one of its"):
                setattr(client, name, object())
            assert getattr(client, name) is getattr(client, name) is (before or getattr(client, name))
    with OtherDesk(provider="local", home=tmp_path) as other:
        setattr(other, name, "own")
        assert getattr(other, name) == "own"


@pytest.mark.parametrize("name", ["files", "uploads", "batches"])
def test_threads_that_ask_at_once_get_the_same_api(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What the calls of an API share, such as the pace of many, is shared by all threads.
    """
    both = threading.Barrier(2, timeout=0.3)
    made_by = vars(OpenAIClient)[name].func

    def make(client: OpenAIClient) -> Any:
        with suppress(threading.BrokenBarrierError):  # where Python lets only one make it
            both.wait()
        return made_by(client)

    monkeypatch.setattr(vars(OpenAIClient)[name], "func", make)
    with OpenAIClient(provider="local", home=tmp_path) as client, ThreadPoolExecutor(2) as threads:
        found = list(threads.map(lambda _: getattr(client, name), range(2)))
        assert found[0] is found[1] is getattr(client, name)


def test_tests_stand_in_for_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A method of an API or of the client, and an API of the class, are patched and come back.
    """
    with OpenAIClient(provider="local", home=tmp_path) as client:
        files = client.files
        with patch.object(client.files, "create", autospec=True) as create:
            assert client.files.create(b"a", "user_data") is create.return_value
        with patch.object(OpenAIClient, "files", new_callable=PropertyMock) as stand_in:
            assert client.files is stand_in.return_value
        with patch.object(client, "pump", return_value=7):
            assert client.pump() == 7
        monkeypatch.setattr(client.batches, "list", lambda: "listed")
        assert client.batches.list() == "listed"  # type: ignore[comparison-overlap]  # what stands in
        assert client.pump() == 0
        assert weakref.ref(client.files)() is files
        assert client.files.create(b"a", "user_data", filename="a.txt").unwrap().bytes == 1
    double = MagicMock(spec=OpenAIClient)
    double.files.create.return_value.unwrap.return_value.id = "file-1"
    assert double.files.create("a.txt", "user_data").unwrap().id == "file-1"


def test_a_clients_own_subclass_has_arguments_of_its_own(tmp_path: Path) -> None:
    """
    What they are called is its own affair.
    """

    class Desk(OpenAIClient):
        def __init__(self, folder: Path, *, baseURL: str = "") -> None:  # noqa: N803  what is tried
            super().__init__(provider="local", home=folder)
            self.baseURL = baseURL

    with Desk(tmp_path, baseURL="x") as desk:
        assert desk.baseURL == "x"
