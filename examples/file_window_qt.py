"""
Show a provider's files in a Qt window: upload several at once, download, delete; it never freezes.

    pip install 'PySide6!=6.12.0'
    python examples/file_window_qt.py [FILE ...]

(That one release loses references to None with Python 3.11, until the program ends.)

Files named here are uploaded at once.
Keys: Ctrl+O upload, Return download, Delete delete, Ctrl+A all, F5 refresh, Escape cancel, Ctrl+Q quit.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from in_turn import InTurn
from in_words import amount, free_place, shortened
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from qt_files import RED, FileList
from qt_transfers import FAINT, LOOKS, PLAIN, TransferLines

from aikit import OpenAIClient, OpenAIFile, OpenAIFileDeletedResult, OpenAIFileListResult, OpenAIFileResult

PURPOSES = ("user_data", "assistants", "batch", "evals", "fine-tune", "vision")
KEPT = {"for ever": 0, "an hour": 3_600, "a day": 86_400, "a week": 604_800, "30 days": 2_592_000}
SHOWN, ANSWER_S, DELETIONS = 10_000, 30, 4


class FileWindow:
    """
    The window; its callbacks run in Qt's main loop, because the client is closed with it.
    """

    def __init__(self, window: QWidget, client: OpenAIClient) -> None:
        self.window, self.client = window, client
        self.asked: OpenAIFileListResult | None = None
        window.setWindowTitle("aikit files")
        window.setStyleSheet(LOOKS)
        window.setGeometry(30, 10, 780, 560)
        window.setMinimumSize(770, 400)
        self.provider, self.purpose, self.kept, self.status = QComboBox(), QComboBox(), QComboBox(), QLabel()
        self.list, lines = FileList(self.show_status), TransferLines()
        self.transfers = lines.transfers
        self.deletions = InTurn(DELETIONS, self.list.change.start)  # a thousand leave room for the list to be read
        layout = QVBoxLayout(window)
        layout.setContentsMargins(16, 12, 16, 10)
        layout.addLayout(self.bar())
        layout.addWidget(self.list, 1)
        layout.addWidget(lines)
        layout.addWidget(self.status)
        self.status.setMinimumWidth(1)  # a long line widens no window
        self.status.setStyleSheet(FAINT)
        self.bind_keys()
        self.list.setFocus()
        self.fill_choices()
        self.refresh()

    def bar(self) -> QHBoxLayout:
        """
        Return the choices and the buttons.
        """
        bar = QHBoxLayout()
        for name, box in (("&Provider", self.provider), ("P&urpose", self.purpose), ("&Keep", self.kept)):
            label = QLabel(name, styleSheet=FAINT)
            label.setBuddy(box)
            bar.addWidget(label)
            bar.addWidget(box)
        bar.addStretch()
        self.upload_button = QPushButton("Upload…", objectName="upload", clicked=self.ask_for_files)
        self.download_button = QPushButton("Download…", clicked=self.download)
        self.delete_button = QPushButton("Delete…", clicked=self.delete)
        for button in (self.upload_button, self.download_button, self.delete_button):
            button.setAutoDefault(True)
            bar.addWidget(button)
        return bar

    def fill_choices(self) -> None:
        """
        Fill in what can be chosen.
        """
        self.purpose.addItems(PURPOSES)
        self.kept.addItems(list(KEPT))
        try:
            self.provider.addItems(self.client.providers.list())
        except ValueError as error:  # the provider file is not what it should be
            QMessageBox.warning(self.window, "Providers", str(error))
            self.provider.addItem("local")
        self.provider.setCurrentText("local")
        self.provider.currentTextChanged.connect(self.choose_provider)

    def bind_keys(self) -> None:
        """
        Let everything be done without a mouse.
        """
        keys = {
            "Ctrl+O": self.ask_for_files,
            "Del": self.delete,
            "F5": self.refresh,
            "Esc": self.cancel,
            "Ctrl+Q": self.window.close,
        }
        for key, act in keys.items():
            QShortcut(QKeySequence(key), self.window, activated=act)
        for key in ("Return", "Enter"):  # elsewhere it presses a button
            context = Qt.ShortcutContext.WidgetShortcut
            QShortcut(QKeySequence(key), self.list, activated=self.download, context=context)
        self.list.doubleClicked.connect(lambda _: self.download())

    def choose_provider(self) -> None:
        """
        Show another provider's files.
        """
        self.list.show_files(())
        self.refresh()

    def options(self, **more: Any) -> dict[str, Any]:
        """
        Return options of a call to the chosen provider.
        """
        return {"provider": self.provider.currentText(), **more}

    def refresh(self) -> None:
        """
        Ask for the list; an answer that is still to come is waited for no longer.
        """
        if self.asked is not None:
            self.asked.cancel()
        self.list.say("" if self.list.known.files else f"Asking {self.provider.currentText()}…")
        try:
            options = self.options(limit=SHOWN, deadline=ANSWER_S, on_terminate=self.show_list)
            self.asked = self.client.files.list(**options)
        except ValueError as error:  # the provider file says something of it that cannot be used
            self.asked = None
            self.list.say(str(error), RED)

    def show_list(self, result: OpenAIFileListResult) -> None:
        """
        Show what there is, or why that is not known.
        """
        if result is not self.asked:  # another one was asked for meanwhile
            return
        self.asked = None
        self.list.show_files(result.files)
        if result.errors:
            self.list.say(f"{result.errors[0]}\n\nF5 tries again.", RED)

    def show_status(self) -> None:
        """
        Say how much there is, and how much of it is selected; nothing selected cannot be downloaded.
        """
        files, selected = self.list.known.files, self.list.selected()
        deleting = len(self.deletions.waiting) + self.deletions.running
        texts = (
            f"{'the newest ' if len(files) >= SHOWN else ''}{amount(files)}",
            f"selected: {amount(selected)}" if selected else "",
            f"deleting {deleting:,}" if deleting else "",
        )
        keys = "Ctrl+O upload  Return download  Del delete  F5 refresh  Esc cancel"
        self.status.setText(f"{'  ·  '.join(filter(None, texts))}     {keys}")
        for button in (self.download_button, self.delete_button):
            button.setEnabled(bool(selected))

    def ask_for_files(self) -> None:
        """
        Let the user choose files, and upload them.
        """
        self.upload(QFileDialog.getOpenFileNames(self.window, "Upload")[0])

    def upload(self, paths: Iterable[str]) -> None:
        """
        Upload files, all at once.
        """
        seconds = KEPT[self.kept.currentText()]
        expiry = {"expires_after": {"anchor": "created_at", "seconds": seconds}} if seconds else {}
        options = self.options(**expiry)
        for path in paths:
            call = partial(self.client.files.create, path, self.purpose.currentText())
            self.transfers.add(f"↑ {Path(path).name}", call, options, partial(self.uploaded, options["provider"]))

    def uploaded(self, provider: str, result: OpenAIFileResult) -> None:
        """
        Show a new file, if its provider's are shown.
        """
        if result.file is not None and provider == self.provider.currentText():
            self.list.known.add(result.file)
            self.list.say("")

    def download(self) -> None:
        """
        Save the selected files in a folder, where none replaces another.
        """
        selected, taken = self.list.selected(), set[Path]()
        folder = QFileDialog.getExistingDirectory(self.window, "Download to") if selected else ""
        for file in selected if folder else ():
            call = partial(self.client.files.download, file.id, free_place(folder, file.filename, taken))
            self.transfers.add(f"↓ {file.filename}", call, self.options())

    def delete(self) -> None:
        """
        Delete the selected files, if the user says yes; a file that stays says why.
        """
        selected, options = self.list.selected(), self.options()
        names = shortened(selected[0].filename) if len(selected) == 1 else f"these {len(selected):,} files"
        yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
        box = QMessageBox(QMessageBox.Icon.Question, "Delete", f"Delete {names} at {options['provider']}?", yes | no)
        box.setTextFormat(PLAIN)  # a file may have the name of markup
        box.setDefaultButton(no)
        if selected and box.exec() == yes:
            for file in selected:
                self.deletions.add(partial(self.delete_one, file, options))

    def delete_one(self, file: OpenAIFile, options: dict[str, Any]) -> None:
        """
        Delete a file; what goes wrong is told in its line.
        """

        def deleted(result: OpenAIFileDeletedResult) -> None:
            if result.success or result.errors[0].is_not_found_error:
                self.list.remove(file.id)
            else:
                self.list.known.tell(file.id, f"not deleted: {result.errors[0]}")
            self.deletions.ended()

        self.client.files.delete(file.id, **options, on_terminate=deleted)

    def cancel(self) -> None:
        """
        Cancel what is running or waits, or else clear away what went wrong.
        """
        self.deletions.clear()
        self.transfers.cancel()


def main() -> None:
    """
    Open the window, and upload what was named.
    """
    application = QApplication(sys.argv[:1])
    application.setStyle("Fusion")
    window = QWidget()
    client = OpenAIClient(provider="local")
    client.close_with(window)  # callbacks run in its main loop; when it goes, so does what moves bytes
    files = FileWindow(window, client)
    files.upload(sys.argv[1:])
    window.show()
    application.exec()


if __name__ == "__main__":
    main()
