"""
How late a window's own timer is during uploads: ``beat_with_aikit.py TOOLKIT URL FILE TIMES DISPLAY [FOLDER]``.
"""

import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from aikit import OpenAIClient, dispatch

_GAP_MS: Final = 10

Later = Callable[[int, Callable[[], None]], object]


class Heart:
    """
    A timer that notices how late it is called.
    """

    def __init__(self, later: Later) -> None:
        self._later, self.latest_s, self.beats = later, 0.0, 0
        self._go_on()

    def _beat(self) -> None:
        self.latest_s = max(self.latest_s, time.perf_counter() - self._due_at)
        self.beats += 1
        self._go_on()

    def _go_on(self) -> None:
        self._due_at = time.perf_counter() + _GAP_MS / 1000
        self._later(_GAP_MS, self._beat)


def tk() -> tuple[Any, Later, Callable[[], object], Callable[[], object]]:
    """
    Return the dispatcher of a Tk window, its timer, its loop, and how to end it.
    """
    root = import_module("tkinter").Tk()
    return dispatch.tk(root), root.after, root.mainloop, root.destroy


def qt() -> tuple[Any, Later, Callable[[], object], Callable[[], object]]:
    """
    Return the same of a Qt window.
    """
    core, widgets = import_module("PySide6.QtCore"), import_module("PySide6.QtWidgets")
    application, window = widgets.QApplication([]), widgets.QWidget()
    window.show()

    def run() -> None:
        application.exec()
        window.hide()

    return dispatch.qt(window), core.QTimer.singleShot, run, application.quit


def main(toolkit: str, url: str, path: str, times: str, display: str, folder: str = "") -> None:
    """
    Upload a file again and again with a bar's worth of progress, in front of a window.
    """
    os.environ["DISPLAY"] = display
    sys.path += [folder] if folder else []
    dispatcher, later, run, end = {"tk": tk, "qt": qt}[toolkit]()
    client = OpenAIClient("k", base_url=url, dispatcher=dispatcher)
    left, reports = [int(times)], list[float]()

    def upload(result: Any = None) -> None:
        assert result is None or result.success, result.errors
        left[0] -= 1
        if left[0] < 0:
            end()
            return
        options = {"on_progress": lambda progress: reports.append(progress.bytes), "on_terminate": upload}
        client.files.create(path, "user_data", options)

    heart = Heart(later)
    later(50, upload)
    run()
    print("late_s", heart.latest_s, "beats", heart.beats, "reports", len(reports))


if __name__ == "__main__":
    main(*sys.argv[1:])
