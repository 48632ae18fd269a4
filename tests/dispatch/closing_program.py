"""
A program whose client is closed with its window: ``closing_program.py SCENE TOOLKIT URL FILE``.

When the window goes it prints the time; what is called too late prints a complaint.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from aikit import OpenAIClient, jsonl
from tests.dispatch.windows import Window, opened


class Program:
    """
    What moves bytes beside the window.
    """

    def __init__(self, window: Window, url: str, path: str) -> None:
        self.window, self.path, self.is_over = window, path, False
        self.client = OpenAIClient("k", base_url=url, ledger=False)

    def begin(self) -> None:
        """
        Send a large file, ask for a list and for a content, which come slowly or never; wait for a batch.
        """
        told: dict[str, Any] = dict.fromkeys(("on_progress", "on_terminate", "on_error"), self.note)
        for _ in range(3):
            self.client.files.create(self.path, "user_data", **told)
        self.client.files.list(**told)
        self.client.batches.wait("batch_1", **told)

    def note(self, _: Any) -> None:
        """
        Touch the window, and complain if its main loop is over.
        """
        if self.is_over:
            say("called after the end")
        elif threading.current_thread() is threading.main_thread():
            self.window.touch()

    def run(self, go: Callable[[], None]) -> None:
        """
        Run the main loop, and have the window go by *go*; say when that is.
        """

        def end() -> None:
            say(str(time.time()))
            go()

        self.window.later(700, end)
        self.window.run()
        self.is_over = True


def say(text: str) -> None:
    """
    Print *text* at once.
    """
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def closed(program: Program) -> None:
    """
    Close the window.
    """
    program.client.close_with(program.window.widget)
    program.begin()
    program.run(program.window.close)


def left(program: Program) -> None:
    """
    Leave the main loop, the window as it is.
    """
    program.client.close_with(program.window.widget)
    program.begin()
    program.run(program.window.leave)


def left_in_a_block(program: Program) -> None:
    """
    Leave the main loop inside of a ``with`` block.
    """
    with program.client as client:
        client.close_with(program.window.widget)
        program.begin()
        program.run(program.window.leave)


def late(program: Program) -> None:
    """
    Begin before the line is said, and make a call when the window is gone.
    """
    program.begin()
    program.client.close_with(program.window.widget)
    program.run(program.window.close)
    time.sleep(0.2)
    try:
        program.client.files.list()
    except RuntimeError as error:
        say(str(error))


def answering(program: Program) -> None:
    """
    Close the window while the embedded provider waits for answers to the lines of a batch.
    """
    url, folder = program.client.provider.base_url, Path(program.path).parent
    client = OpenAIClient("k", provider="local", base_url=url, home=folder / "home")
    client.close_with(program.window.widget)
    jsonl.write(folder / "in.jsonl", (jsonl.chat_line("Hi", model="m", custom_id=str(one)) for one in range(50)))
    result = client.batches.run(folder / "in.jsonl", folder / "out.jsonl", on_progress=program.note, background=True)
    program.run(program.window.close)
    result.wait(5)
    say(result.errors[0].code or "")


SCENES: Final = {
    "closed": closed,
    "left": left,
    "left_in_a_block": left_in_a_block,
    "late": late,
    "answering": answering,
}


def main(scene: str, toolkit: str, url: str, path: str) -> None:
    """
    Play the scene.
    """
    SCENES[scene](Program(opened(toolkit), url, path))


if __name__ == "__main__":
    main(*sys.argv[1:])
