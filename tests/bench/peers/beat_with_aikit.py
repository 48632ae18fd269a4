"""
How late a window's own timer is during an upload: ``beat_with_aikit.py TOOLKIT URL FILE DISPLAY [FOLDER]``.
"""

import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from tempfile import TemporaryDirectory
from typing import Any, Final

from aikit import OpenAIClient, dispatch

_GAP_MS: Final = 10

Later = Callable[[int, Callable[[], object]], object]


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


def main(toolkit: str, url: str, path: str, display: str, folder: str = "") -> None:
    """
    Upload a large file, which goes in parts side by side, with a bar's worth of progress, in front of a window.
    """
    os.environ["DISPLAY"] = display
    sys.path += [folder] if folder else []
    dispatcher, later, run, end = {"tk": tk, "qt": qt}[toolkit]()
    limits = import_module("aikit.validation.limits").limits_for("openai")
    import_module("aikit.providers.openai").limits_for = lambda _: limits  # type: ignore[attr-defined]  # the server here has them
    reports = list[float]()

    def done(result: Any) -> None:
        assert result.success, result.errors
        end()

    heart = Heart(later)
    options: dict[str, Any] = {"on_progress": lambda progress: reports.append(progress.bytes), "on_terminate": done}
    with TemporaryDirectory(prefix="aikit-bench-") as home:
        client = OpenAIClient("k", base_url=url, dispatcher=dispatcher, home=home)
        later(50, lambda: client.files.create(path, "user_data", **options))
        run()
        client.close()
    print("late_s", heart.latest_s, "beats", heart.beats, "reports", len(reports))


if __name__ == "__main__":
    main(*sys.argv[1:])
