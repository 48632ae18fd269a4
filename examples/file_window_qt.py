"""
Show a provider's files in a Qt window: upload several at once, download, delete; it never freezes.

    pip install 'PySide6!=6.12.0'
    python examples/file_window_qt.py [FILE ...]

(That one release loses references to None with Python 3.11, until the program ends.)

Files named here are uploaded at once. Keys: Ctrl+O upload, Return download, Del delete, F5 refresh, Esc cancel.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from in_words import amount, cells, size
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QComboBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from aikit import OpenAIClient, OpenAIFile, OpenAIFileDeletedResult, OpenAIFileListResult, Progress, dispatch

PURPOSES = ("user_data", "assistants", "batch", "evals", "fine-tune", "vision")
COLUMNS = ("Name", "Purpose", "Size", "Age", "Expires")
SHOWN, LINES = 1_000, 6
PLAIN = Qt.TextFormat.PlainText
RED, FAINT = "color: #b91c1c", "color: #6b7280"
LOOKS = """
    QWidget { background: #f4f5f7; color: #1f2430; font-size: 13px }
    QPushButton { background: white; border: 1px solid #d9dce2; border-radius: 4px; padding: 5px 12px }
    QComboBox { background: white; padding: 3px 6px }
    QPushButton:hover { background: #e8ebf0 }
    QPushButton:disabled { color: #a5abb6; background: #f4f5f7 }
    QPushButton:focus, QTableWidget:focus { border: 1px solid #2563eb }
    QPushButton#upload { background: #2563eb; color: white; border-color: #2563eb }
    QPushButton#upload:hover { background: #1d4ed8 }
    QTableWidget { background: white; border: 1px solid #d9dce2; border-radius: 4px; outline: 0;
        selection-background-color: #dbe6fd; selection-color: #1f2430 }
    QHeaderView::section { background: #e8ebf0; color: #6b7280; border: none; padding: 6px; font-weight: bold }
    QProgressBar { background: #e3e6eb; border: none; border-radius: 4px; max-height: 8px }
    QProgressBar::chunk { background: #2563eb; border-radius: 4px }
"""


class FileWindow:
    """
    The window; its callbacks run in Qt's main loop, because the client's dispatcher brings them there.
    """

    def __init__(self, window: QWidget, client: OpenAIClient) -> None:
        self.window, self.client = window, client
        self.quick = OpenAIClient(provider="local", dispatcher=client.dispatcher)  # its calls wait for no upload
        self.files: list[OpenAIFile] = []
        self.transfers: list[Transfer] = []
        self.waiting: deque[Callable[[], None]] = deque()
        self.refresh_timer = QTimer(singleShot=True, interval=200, timeout=self.refresh)
        window.setWindowTitle("aikit files")
        window.setStyleSheet(LOOKS)
        window.setGeometry(30, 10, 780, 560)
        self.provider, self.purpose, self.table, self.status = QComboBox(), QComboBox(), QTableWidget(), QLabel()
        self.provider.addItems(client.providers.list())
        self.provider.setCurrentText("local")
        self.provider.currentTextChanged.connect(self.refresh)
        self.purpose.addItems(PURPOSES)
        self.lines, self.more = QVBoxLayout(), QLabel(styleSheet=FAINT, visible=False)
        layout = QVBoxLayout(window)
        layout.setContentsMargins(16, 12, 16, 10)
        layout.addLayout(self.bar())
        layout.addWidget(self.table, 1)
        layout.addLayout(self.lines)
        layout.addWidget(self.more)
        layout.addWidget(self.status)
        self.status.setMinimumWidth(1)  # a long line widens no window
        self.prepare_table()
        self.bind_keys()
        self.refresh()

    def bar(self) -> QHBoxLayout:
        """
        Return the choices and the buttons.
        """
        bar = QHBoxLayout()
        for name, box in (("&Provider", self.provider), ("P&urpose", self.purpose)):
            label = QLabel(name, styleSheet=FAINT)
            label.setBuddy(box)
            bar.addWidget(label)
            bar.addWidget(box)
        bar.addStretch()
        self.upload_button = QPushButton("Upload…", objectName="upload", clicked=self.ask_for_files)
        self.download_button = QPushButton("Download…", clicked=self.download)
        self.delete_button = QPushButton("Delete…", clicked=self.delete)
        for button in (self.upload_button, self.download_button, self.delete_button):
            bar.addWidget(button)
        return bar

    def prepare_table(self) -> None:
        """
        Give the list its columns.
        """
        self.table.setColumnCount(len(COLUMNS))
        self.table.setHorizontalHeaderLabels(COLUMNS)
        self.table.verticalHeader().hide()
        self.table.setShowGrid(False)
        self.table.setTabKeyNavigation(False)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.horizontalHeader().setHighlightSections(False)
        for column in range(len(COLUMNS)):
            self.table.horizontalHeaderItem(column).setTextAlignment(side(is_number=column > 1))
        self.table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.table.itemSelectionChanged.connect(self.show_status)
        self.table.itemDoubleClicked.connect(lambda _: self.download())
        self.table.setFocus()

    def bind_keys(self) -> None:
        """
        Let everything be done without a mouse.
        """
        keys = {
            "Ctrl+O": self.ask_for_files,
            "Return": self.download,
            "Del": self.delete,
            "F5": self.refresh,
            "Esc": self.cancel,
            "Ctrl+Q": self.window.close,
        }
        for key, act in keys.items():
            QShortcut(QKeySequence(key), self.window, activated=act)

    def options(self, **more: Any) -> dict[str, Any]:
        """
        Return options of a call to the chosen provider.
        """
        return {"provider": self.provider.currentText(), **more}

    def refresh_soon(self) -> None:
        """
        Ask for the list once for all that change it in a moment.
        """
        if not self.refresh_timer.isActive():
            self.refresh_timer.start()

    def refresh(self, *_: Any) -> None:
        """
        Ask for the list.
        """
        provider = self.provider.currentText()

        def show(result: OpenAIFileListResult) -> None:
            if provider == self.provider.currentText():  # else another one was chosen meanwhile
                self.show_files(result.files, result.errors[0] if result.errors else None)

        try:
            self.quick.files.list(self.options(limit=SHOWN, on_terminate=show))
        except ValueError as error:  # the provider file says something of it that cannot be used
            self.show_files((), error)

    def show_files(self, files: Iterable[OpenAIFile], error: Exception | None = None) -> None:
        """
        Show what there is, or why that is not known.
        """
        selected = {file.id for file in self.selected()}
        self.files = list(files)
        self.table.clearSpans()
        self.table.setRowCount(len(self.files))
        self.table.clearSelection()
        for row, file in enumerate(self.files):
            for column, text in enumerate((file.filename, *cells(file))):
                self.table.setItem(row, column, cell(text, is_number=column > 1))
            if file.id in selected:
                self.table.selectRow(row)
        if error is not None:
            self.table.setRowCount(1)
            self.table.setItem(0, 0, cell(f"{error}  F5 tries again."))
            self.table.setSpan(0, 0, 1, len(COLUMNS))
            self.table.item(0, 0).setForeground(Qt.GlobalColor.darkRed)
        self.show_status()

    def show_status(self) -> None:
        """
        Say how much there is, and how much of it is selected; nothing selected cannot be downloaded.
        """
        selected = self.selected()
        text = amount(self.files) + (f"  ·  selected: {amount(selected)}" if selected else "")
        keys = "Ctrl+O upload  Return download  Del delete  F5 refresh  Esc cancel"
        self.status.setText(f"{text}     {keys}")
        self.status.setStyleSheet(FAINT)
        for button in (self.download_button, self.delete_button):
            button.setEnabled(bool(selected))

    def selected(self) -> list[OpenAIFile]:
        """
        Return the selected files.
        """
        rows = sorted({index.row() for index in self.table.selectedIndexes()})
        return [self.files[row] for row in rows if row < len(self.files)]

    def ask_for_files(self) -> None:
        """
        Let the user choose files, and upload them.
        """
        self.upload(QFileDialog.getOpenFileNames(self.window, "Upload")[0])

    def upload(self, paths: Iterable[str]) -> None:
        """
        Upload files, all at once.
        """
        for path in paths:
            call = partial(self.client.files.create, path, self.purpose.currentText())
            self.waiting.append(partial(self.begin, f"↑ {Path(path).name}", call, self.options(), self.refresh_soon))
        self.fill()

    def download(self) -> None:
        """
        Save the selected files in a folder.
        """
        selected = self.selected()
        folder = QFileDialog.getExistingDirectory(self.window, "Download to") if selected else ""
        for file in selected if folder else ():
            call = partial(self.client.files.download, file.id, folder)
            self.waiting.append(partial(self.begin, f"↓ {file.filename}", call, self.options(), lambda: None))
        self.fill()

    def delete(self) -> None:
        """
        Delete the selected files, if the user says yes; a file that stays says why.
        """
        selected = self.selected()
        names = selected[0].filename if len(selected) == 1 else f"these {len(selected)} files"
        yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
        question = f"Delete {names} at {self.provider.currentText()}?"
        answer = selected and QMessageBox.question(self.window, "Delete", question, yes | no, no)
        for file in selected if answer == yes else ():
            self.quick.files.delete(file.id, self.options(on_terminate=partial(self.deleted, file)))

    def deleted(self, file: OpenAIFile, result: OpenAIFileDeletedResult) -> None:
        """
        Take the file off the list, or tell why it stays.
        """
        if result.success or result.errors[0].is_not_found_error:
            self.show_files([other for other in self.files if other.id != file.id])
        elif file in self.files:
            item = self.table.item(self.files.index(file), 0)
            item.setText(f"{file.filename}  — not deleted: {result.errors[0]}")
            item.setForeground(Qt.GlobalColor.darkRed)

    def begin(
        self, name: str, call: Callable[[dict[str, Any]], Any], options: dict[str, Any], then: Callable[[], object]
    ) -> None:
        """
        Add a line and make its call; *then* runs when it went well.
        """
        transfer = Transfer(name, then, self.removed)
        self.transfers.append(transfer)
        self.lines.addWidget(transfer.line)
        transfer.start(partial(call, {**options, "on_progress": transfer.show, "on_terminate": transfer.end}))

    def fill(self) -> None:
        """
        Begin what there is room for, and say how many wait: a window is only so high.
        """
        while self.waiting and len(self.transfers) < LINES:
            self.waiting.popleft()()
        self.more.setText(f"{len(self.waiting):,} more wait for a line; Esc cancels them too")
        self.more.setVisible(bool(self.waiting))

    def removed(self, transfer: Transfer) -> None:
        """
        Give the room of a line that went away to what waits.
        """
        self.transfers.remove(transfer)
        self.fill()

    def cancel(self) -> None:
        """
        Cancel what is running or waits, and clear away what went wrong.
        """
        self.waiting.clear()
        self.fill()
        for transfer in list(self.transfers):
            transfer.stop()

    def close(self) -> None:
        """
        Stop what is running.
        """
        for client in (self.client, self.quick):
            client.close(cancel=True)


class Transfer:
    """
    One line: a name, a bar, how far it is or what went wrong, and a button to stop it or to clear it away.
    """

    def __init__(self, name: str, then: Callable[[], object], gone: Callable[[Transfer], None]) -> None:
        self.then, self.gone, self.is_over = then, gone, False
        self.running: Any = None
        self.line, self.bar = QWidget(), QProgressBar(maximum=1000, textVisible=False)
        # A name such as "<b>.txt" is no markup, and a long one widens no window.
        label, self.text = (QLabel(text, textFormat=PLAIN, minimumWidth=1) for text in (name, "waiting"))
        self.button = QPushButton("Cancel", clicked=self.stop)
        layout = QGridLayout(self.line)
        layout.setContentsMargins(0, 0, 0, 0)
        self.text.setWordWrap(True)
        for column, (widget, stretch) in enumerate(((label, 4), (self.bar, 4), (self.text, 5), (self.button, 0))):
            layout.addWidget(widget, 0, column)
            layout.setColumnStretch(column, stretch)

    def start(self, call: Callable[[], Any]) -> None:
        """
        Make the call; what is wrong with its arguments is told here as well.
        """
        try:
            self.running = call()
        except (TypeError, ValueError) as error:
            self.fail(str(error))

    def show(self, progress: Progress) -> None:
        """
        Move the bar.
        """
        self.bar.setValue(round((progress.fraction or 0.0) * 1000))
        of = f" of {size(progress.total)}" if progress.total else ""
        self.text.setText(f"{progress.phase} {size(progress.bytes)}{of}")

    def end(self, result: Any) -> None:
        """
        Go away after success; else stay, and tell why.
        """
        self.running = None
        if result.success:
            self.remove()
            self.then()
        else:
            self.fail(str(result.errors[0]))

    def fail(self, why: str) -> None:
        """
        Tell why it went wrong, until the user has read it.
        """
        self.bar.hide()
        self.line.layout().addWidget(self.text, 0, 1, 1, 2)
        self.text.setText(why)
        self.text.setStyleSheet(RED)
        self.button.setText("Clear")

    def stop(self) -> None:
        """
        Cancel it if it is running, else clear it away.
        """
        if self.running is not None:
            self.running.cancel()
        else:
            self.remove()

    def remove(self) -> None:
        """
        Take the line away, once.
        """
        if not self.is_over:
            self.is_over = True
            self.line.hide()
            self.line.deleteLater()
            self.gone(self)


def cell(text: str, *, is_number: bool = False) -> QTableWidgetItem:
    """
    Return a cell of the list.
    """
    item = QTableWidgetItem(text)
    item.setTextAlignment(side(is_number=is_number))
    return item


def side(*, is_number: bool) -> Qt.AlignmentFlag:
    """
    Return the side on which numbers or words stand.
    """
    return (Qt.AlignmentFlag.AlignRight if is_number else Qt.AlignmentFlag.AlignLeft) | Qt.AlignmentFlag.AlignVCenter


def main() -> None:
    """
    Open the window, and upload what was named.
    """
    application = QApplication(sys.argv[:1])
    application.setStyle("Fusion")
    window = QWidget()
    client = OpenAIClient(provider="local", dispatcher=dispatch.qt(window))
    files = FileWindow(window, client)
    files.upload(sys.argv[1:])
    window.show()
    application.exec()
    files.close()


if __name__ == "__main__":
    main()
