"""
A list of files in a Qt window that takes ten thousand of them without a pause; for file_window_qt.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import count, groupby
from typing import Any

from in_words import cells, shortened, sort_key
from PySide6.QtCore import QAbstractTableModel, QItemSelection, QItemSelectionModel, QModelIndex, Qt, QTimer
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QLabel, QTableView, QVBoxLayout

from aikit import OpenAIFile

COLUMNS = ("Name", "Purpose", "Size", "Age", "Expires")
EMPTY = "No files yet.\nCtrl+O uploads some."
RED, FAINT = "#b91c1c", "#6b7280"
NOWHERE = QModelIndex()


class Files(QAbstractTableModel):  # type: ignore[misc]  # PySide6 is left out of the check
    """
    What the list shows: Qt asks only for the lines that are seen.
    """

    def __init__(self) -> None:
        super().__init__()
        self.files: list[OpenAIFile] = []
        self.troubles: dict[str, str] = {}
        self.sorted_by, self.order = 3, Qt.SortOrder.AscendingOrder

    def rowCount(self, parent: QModelIndex = NOWHERE) -> int:  # noqa: N802  Qt's name
        """
        Tell how many lines there are.
        """
        return 0 if parent.isValid() else len(self.files)

    def columnCount(self, _: QModelIndex = NOWHERE) -> int:  # noqa: N802  likewise
        """
        Tell how many columns there are.
        """
        return len(COLUMNS)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """
        Tell what stands in a cell, on which side, in which colour, and what is told by its tip.
        """
        file, column = self.files[index.row()], index.column()
        trouble = self.troubles.get(file.id, "")
        if role == Qt.ItemDataRole.DisplayRole:
            name = shortened(file.filename, 300)
            return cells(file)[column - 1] if column else f"{name}  — {trouble}" if trouble else name
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return side(column)
        if role == Qt.ItemDataRole.ForegroundRole and trouble:
            return QColor(RED)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802  likewise
        """
        Name the columns, and mark the one that is sorted by.
        """
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            arrow = "  ↑" if self.order == Qt.SortOrder.AscendingOrder else "  ↓"
            return COLUMNS[section] + (arrow if section == self.sorted_by else "")
        return side(section) if role == Qt.ItemDataRole.TextAlignmentRole else None

    def show(self, files: Iterable[OpenAIFile]) -> None:
        """
        Show *files* instead of what is shown.
        """
        name, is_down = COLUMNS[self.sorted_by].lower(), self.order == Qt.SortOrder.DescendingOrder
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(COLUMNS) - 1)
        self.beginResetModel()
        self.files = sorted(files, key=lambda file: sort_key(file, name), reverse=is_down)
        self.endResetModel()

    def add(self, file: OpenAIFile) -> None:
        """
        Show a new file on top, where it is seen.
        """
        if self.row(file.id) is None:
            self.beginInsertRows(NOWHERE, 0, 0)
            self.files.insert(0, file)
            self.endInsertRows()

    def remove(self, file_ids: set[str]) -> None:
        """
        Take files off the list, which may be another provider's by now; those side by side at once.
        """
        gone = [row for row, file in enumerate(self.files) if file.id in file_ids]
        for _, run in reversed([(key, list(run)) for key, run in groupby(gone, key=partial(offset, count()))]):
            self.beginRemoveRows(NOWHERE, run[0], run[-1])
            del self.files[run[0] : run[-1] + 1]
            self.endRemoveRows()

    def tell(self, file_id: str, trouble: str) -> None:
        """
        Tell in its line what went wrong with a file.
        """
        self.troubles[file_id] = trouble
        row = self.row(file_id)
        if row is not None:
            self.dataChanged.emit(self.index(row, 0), self.index(row, len(COLUMNS) - 1))

    def row(self, file_id: str) -> int | None:
        """
        Tell in which line a file stands.
        """
        return next((row for row, file in enumerate(self.files) if file.id == file_id), None)


class FileList(QTableView):  # type: ignore[misc]  # likewise
    """
    The list, and over it the room for what went wrong with it.
    """

    def __init__(self, changed: Callable[[], object]) -> None:
        super().__init__()
        self.known = Files()
        self.setModel(self.known)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(28)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setCornerButtonEnabled(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSortIndicator(self.known.sorted_by, self.known.order)
        header.setSortIndicatorShown(True)
        header.setSectionsClickable(True)
        header.sortIndicatorChanged.connect(self.sort_by)
        self.notice = QLabel(alignment=Qt.AlignmentFlag.AlignCenter, wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        self.notice.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        QVBoxLayout(self.viewport()).addWidget(self.notice)
        self.change = QTimer(self, singleShot=True, interval=50, timeout=changed)  # once for all of a moment
        for signal in (
            self.selectionModel().selectionChanged,
            self.known.modelReset,
            self.known.rowsInserted,
            self.known.rowsRemoved,
        ):
            signal.connect(lambda *_: self.change.isActive() or self.change.start())
        self.gone: set[str] = set()
        self.removal = QTimer(self, singleShot=True, interval=100, timeout=self.remove_gone)
        self.ageing = QTimer(self, interval=5_000, timeout=self.viewport().update)
        self.ageing.start()

    def selected(self) -> list[OpenAIFile]:
        """
        Return the selected files.
        """
        rows = {row for span in self.selectionModel().selection() for row in range(span.top(), span.bottom() + 1)}
        return [self.known.files[row] for row in sorted(rows)]

    def show_files(self, files: Iterable[OpenAIFile]) -> None:
        """
        Show *files*, and keep what is selected.
        """
        selected = {file.id for file in self.selected()}
        self.known.show(files)
        runs = groupby(enumerate(self.known.files), key=lambda numbered: numbered[1].id in selected)
        again = QItemSelection()
        for rows in [[row for row, _ in run] for is_selected, run in runs if is_selected]:
            again.select(self.known.index(rows[0], 0), self.known.index(rows[-1], len(COLUMNS) - 1))
        self.selectionModel().select(again, QItemSelectionModel.SelectionFlag.Select)
        self.say("" if self.known.files else EMPTY)

    def sort_by(self, column: int, order: Qt.SortOrder) -> None:
        """
        Sort by a column.
        """
        self.known.sorted_by, self.known.order = column, order
        self.show_files(self.known.files)

    def remove(self, file_id: str) -> None:
        """
        Take a file off the list, soon: to remove a line costs as much as to remove a hundred.
        """
        self.gone.add(file_id)
        if not self.removal.isActive():
            self.removal.start()

    def remove_gone(self) -> None:
        """
        Take off the list what is gone.
        """
        self.known.remove(self.gone)
        self.gone.clear()
        if not self.known.files:
            self.say(EMPTY)

    def say(self, text: str, colour: str = FAINT) -> None:
        """
        Show a notice over the list; an empty one goes away.
        """
        self.notice.setText(text)
        self.notice.setStyleSheet(f"background: transparent; color: {colour}; font-size: 14px")


def offset(numbers: Iterator[int], row: int) -> int:
    """
    Return what is the same for lines side by side, if they are numbered in their order.
    """
    return row - next(numbers)


def side(column: int) -> Qt.AlignmentFlag:
    """
    Return the side on which numbers or words stand.
    """
    return (Qt.AlignmentFlag.AlignRight if column > 1 else Qt.AlignmentFlag.AlignLeft) | Qt.AlignmentFlag.AlignVCenter
