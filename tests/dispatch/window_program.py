"""
A program with a window, to be tried: ``window_program.py SCENE TOOLKIT URL FILE``; it prints what happened as JSON.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from aikit import OpenAIClient
from tests.dispatch.windows import Heartbeat, Window, opened

Story = dict[str, Any]
CALLS: Final = 250


def is_main() -> bool:
    """
    Tell whether this is the main thread, where alone widgets may be touched.
    """
    return threading.current_thread() is threading.main_thread()


def many(window: Window, client: OpenAIClient, path: str) -> Story:
    """
    Make calls before the main loop runs, an upload, and calls in callbacks; note who was called where, and when.
    """
    heard: list[tuple[str, str]] = []
    threads: list[bool] = []
    left = [20]

    def note(call: str, event: str) -> None:
        threads.append(is_main())
        heard.append((call, event))

    def options(call: str, then: Callable[[], None]) -> dict[str, Any]:
        def end(result: Any) -> None:
            assert result.success, result.errors
            note(call, "end")
            then()

        answered, told = (lambda _: note(call, "answer")), (lambda _: note(call, "progress"))
        return {"on_progress": told, "on_response": answered, "on_terminate": end}

    def again() -> None:
        left[0] -= 1
        if left[0] > 0:
            client.files.retrieve(f"file-{left[0]}", **options(f"again {left[0]}", again))
        else:
            window.close()

    for number in range(5):
        client.files.retrieve(f"file-{number}", **options(f"early {number}", lambda: None))
    client.files.create(path, "user_data", **options("upload", again))
    time.sleep(0.3)  # some of them are over by now, and nobody was there to hear it
    early = len(heard)
    heart = Heartbeat(window)
    window.run()
    return {
        "early": early,
        "heard": heard,
        "main": all(threads),
        "late_ms": heart.latest_ms,
        "beats": heart.beats,
    }


def upload(window: Window, client: OpenAIClient, path: str) -> Story:
    """
    Send a large file with a callback for progress; note how late the window's own timer was.
    """
    threads: list[bool] = []
    results: list[Any] = []

    def end(result: Any) -> None:
        threads.append(is_main())
        results.append(result)
        window.close()

    def start() -> None:
        parameters: dict[str, Any] = {"on_progress": lambda _: threads.append(is_main()), "on_terminate": end}
        client.files.create(path, "user_data", **parameters)

    window.later(100, start)
    heart = Heartbeat(window)
    window.run()
    return {
        "main": all(threads),
        "called": len(threads),
        "late_ms": heart.latest_ms,
        "beats": heart.beats,
        "bytes": results[0].file.bytes,
    }


def slow(window: Window, client: OpenAIClient, path: str) -> Story:
    """
    Take longer for each report than there is time until the next; note which came when the upload was over.
    """
    heard: list[Any] = []

    def show(progress: Any) -> None:
        heard.append((progress.bytes, result.terminated))
        time.sleep(0.4)

    def end(_: Any) -> None:
        heard.append("end")
        window.close()

    result = client.files.create(path, "user_data", {"on_progress": show, "on_terminate": end})
    window.run()
    return {"heard": heard}


def flood(window: Window, client: OpenAIClient, _: str) -> Story:
    """
    Have many callbacks wait at once; note how late the window's own timer was while they ran.
    """
    ended: list[bool] = []

    def end(_: Any) -> None:
        time.sleep(0.002)
        ended.append(is_main())
        if len(ended) == 500:
            window.close()

    for number in range(500):
        client.files.retrieve(f"file-{number}", {"on_terminate": end})
    deadline = time.monotonic() + 30
    while len(client.dispatcher._jobs) < 500 and time.monotonic() < deadline:  # type: ignore[attr-defined]  # the inbox
        time.sleep(0.05)
    heart = Heartbeat(window)
    window.run()
    return {"ended": len(ended), "main": all(ended), "late_ms": heart.latest_ms, "beats": heart.beats}


def dialog(window: Window, client: OpenAIClient, _: str) -> Story:
    """
    Open a dialog in a callback; note whether others are called while it is open.
    """
    heard: list[str] = []

    def ask(_: Any) -> None:
        heard.append("opened")
        window.wait(1000)
        heard.append("closed")
        window.close()

    client.files.retrieve("file-1", {"on_terminate": ask}).wait(10)
    for number in range(3):
        client.files.retrieve(f"file-{number}", {"on_terminate": lambda _: heard.append("other")}).wait(10)
    window.run()
    return {"heard": heard}


def prelude(window: Window, client: OpenAIClient, _: str) -> Story:
    """
    Open a dialog before the main loop runs, as one that asks for a password; note what is heard then and later.
    """
    heard: list[str] = []

    def end(_: Any) -> None:
        heard.append("in the main loop")
        window.close()

    def start() -> None:
        client.files.retrieve("file-2", {"on_terminate": end})

    def ask() -> None:
        client.files.retrieve("file-1", {"on_terminate": lambda _: heard.append("in the dialog")}).wait(10)

    ask()
    window.later(300, ask)
    window.wait(1000)
    window.later(20, start)
    window.run()
    return {"heard": heard}


def breathing(window: Window, client: OpenAIClient, _: str) -> Story:
    """
    Let the window do what is due in each of many callbacks; note how many are inside each other, and what fails.
    """
    ended: list[int] = []
    failed: list[str] = []
    depths = [0]

    def end(number: int, _: Any) -> None:
        ended.append(number)
        depths.append(depths[-1] + 1)
        time.sleep(0.006)
        try:
            window.breathe()
        except Exception as error:  # noqa: BLE001  whatever the toolkit has against it
            failed.append(repr(error))
        depths.append(depths[-1] - 1)
        if depths[-1] == 0 and len(ended) == CALLS:
            window.close()

    for number in range(CALLS):
        client.files.retrieve(f"file-{number}", {"on_terminate": partial(end, number)}).wait(10)
    window.run()
    return {"ended": ended, "failed": failed, "depth": max(depths)}


def gone(window: Window, client: OpenAIClient, path: str) -> Story:
    """
    Close the window while an upload is under way, and go on until it is over.
    """
    heard: list[str] = []
    options: dict[str, Any] = {
        "on_progress": lambda _: heard.append("progress"),
        "on_terminate": lambda _: heard.append("end"),
    }
    uploads = [client.files.create(path, "user_data", **options)]

    def close() -> None:
        heard.append("closed")
        window.close()

    window.later(20, lambda: uploads.append(client.files.create(path, "user_data", **options)))
    window.later(40, close)
    window.run()
    assert all(upload.wait(60) for upload in uploads)
    client.files.retrieve("file-1", **options).wait(10)
    client.close()
    return {"heard": heard, "succeeded": [upload.success for upload in uploads]}


def elsewhere(window: Window, client: OpenAIClient, _: str) -> Story:
    """
    Tie a client and a dispatcher to the window in another thread, before and during the main loop; note what is told.
    """
    told: list[str] = []
    seconds: list[float] = []

    def tie() -> None:
        for way in (partial(client.close_with, window.widget), window.dispatcher):
            began_at = time.monotonic()
            try:
                way()
            except RuntimeError as error:
                told.append(str(error))
            seconds.append(time.monotonic() - began_at)

    def run_elsewhere() -> None:
        thread = threading.Thread(target=tie)
        thread.start()
        window.wait(300)
        thread.join(10)

    def run_and_close() -> None:
        run_elsewhere()
        window.close()

    run_elsewhere()
    window.later(50, run_and_close)
    window.run()
    return {"told": told, "seconds": max(seconds)}


SCENES: Final[dict[str, Callable[[Window, OpenAIClient, str], Story]]] = {
    "many": many,
    "upload": upload,
    "slow": slow,
    "flood": flood,
    "dialog": dialog,
    "prelude": prelude,
    "breathing": breathing,
    "gone": gone,
    "elsewhere": elsewhere,
}


def main(scene: str, toolkit: str, url: str, path: str) -> None:
    """
    Play the scene.
    """
    window: Window = opened(toolkit)
    client = OpenAIClient("k", base_url=url, dispatcher=window.dispatcher(), ledger=False)
    sys.stdout.write(json.dumps(SCENES[scene](window, client, path)))


if __name__ == "__main__":
    main(*sys.argv[1:])
