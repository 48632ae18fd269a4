"""
Lines of a Qt window for what is going up and down, and its looks; for file_window_qt.py.
"""

from __future__ import annotations

from collections.abc import Callable

from in_turn import Transfers
from in_words import shortened
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QProgressBar, QPushButton, QScrollArea, QVBoxLayout, QWidget

LINES, HEIGHT, GAP = 4, 36, 4
PLAIN = Qt.TextFormat.PlainText
RED, GREEN, FAINT = "color: #b91c1c", "color: #15803d", "color: #6b7280"
LOOKS = """
    QWidget { background: #f4f5f7; color: #1f2430; font-size: 13px }
    QPushButton { background: white; border: 1px solid #d9dce2; border-radius: 4px; padding: 5px 12px }
    QComboBox { background: white; padding: 3px 6px }
    QPushButton:hover { background: #e8ebf0 }
    QPushButton:disabled { color: #a5abb6; background: #f4f5f7 }
    QPushButton:focus, QTableView:focus { border: 1px solid #2563eb }
    QPushButton#upload { background: #2563eb; color: white; border-color: #2563eb }
    QPushButton#upload:hover { background: #1d4ed8 }
    QPushButton#upload:focus { border-color: #1f2430 }
    QTableView { background: white; border: 1px solid #d9dce2; border-radius: 4px; outline: 0;
        selection-background-color: #dbe6fd; selection-color: #1f2430 }
    QHeaderView::section { background: #e8ebf0; color: #6b7280; border: none; padding: 6px; font-weight: bold }
    QHeaderView::down-arrow, QHeaderView::up-arrow { image: none; width: 0 }
    QProgressBar { background: #e3e6eb; border: none; border-radius: 4px; max-height: 8px }
    QProgressBar::chunk { background: #2563eb; border-radius: 4px }
"""


class TransferLines(QWidget):  # type: ignore[misc]  # PySide6 is left out of the check
    """
    A line for each transfer; more than a few scroll.
    """

    def __init__(self) -> None:
        super().__init__()
        self.transfers = Transfers(self.place, self.say)
        self.inside, self.area = QWidget(), QScrollArea(widgetResizable=True, frameShape=QFrame.Shape.NoFrame)
        self.lines = QVBoxLayout(self.inside)
        self.more = QLabel(styleSheet=FAINT, visible=False)
        self.area.setWidget(self.inside)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout = QVBoxLayout(self)
        for one in (layout, self.lines):
            one.setContentsMargins(0, 0, 0, 0)
            one.setSpacing(GAP)
        self.lines.setAlignment(Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self.area)
        layout.addWidget(self.more)
        self.fit()

    def place(self, name: str, stop: Callable[[], None]) -> TransferLine:
        """
        Add a line.
        """
        line = TransferLine(name, stop, self.fit)
        self.lines.addWidget(line)
        self.fit()
        return line

    def say(self, text: str) -> None:
        """
        Say below the lines what has none.
        """
        self.more.setText(text)
        self.more.setVisible(bool(text))

    def fit(self) -> None:
        """
        Be as high as the lines, up to a few of them.
        """
        heights = [
            line.height() for line in self.inside.children() if isinstance(line, TransferLine) and not line.is_over
        ]
        self.area.setFixedHeight(min(sum(heights) + GAP * len(heights), LINES * (HEIGHT + GAP)))
        self.area.setVisible(bool(heights))
        self.lines.activate()  # now, for a hundred may come and go before Qt would do it


class TransferLine(QWidget):  # type: ignore[misc]  # likewise
    """
    One line: a name, a bar, how far it is or what went wrong, and a button to stop it or to clear it away.
    """

    def __init__(self, name: str, stop: Callable[[], None], fit: Callable[[], None]) -> None:
        super().__init__()
        self.fit, self.is_over = fit, False
        self.setFixedHeight(HEIGHT)
        # A name such as "<b>.txt" is no markup, and a long one widens no window.
        label, self.text = (QLabel(text, textFormat=PLAIN, minimumWidth=1) for text in (shortened(name, 27), "waiting"))
        self.bar = QProgressBar(maximum=1000, textVisible=False)
        self.button = QPushButton("Cancel", clicked=stop, minimumWidth=70)
        self.text.setStyleSheet(FAINT)
        self.text.setWordWrap(True)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for column, (widget, stretch) in enumerate(((label, 8), (self.bar, 6), (self.text, 11), (self.button, 0))):
            layout.addWidget(widget, 0, column)
            layout.setColumnStretch(column, stretch)
        self.grid = layout

    def show_progress(self, share: float, text: str) -> None:
        """
        Move the bar, and tell how far it is.
        """
        self.bar.setValue(round(share * 1000))
        self.text.setText(text)

    def succeed(self) -> None:
        """
        Tell that it is done, and go away after a moment.
        """
        self.show_progress(1.0, "done")
        self.text.setStyleSheet(GREEN)
        self.button.setEnabled(False)
        QTimer.singleShot(1_500, self, self.remove)

    def fail(self, why: str) -> None:
        """
        Tell why it went wrong, until the user has read it.
        """
        self.bar.hide()
        self.grid.addWidget(self.text, 0, 1, 1, 2)
        self.text.setText(shortened(why, 170))
        self.setFixedHeight(HEIGHT if len(why) < 120 else 2 * HEIGHT)
        self.text.setStyleSheet(RED)
        self.button.setText("Clear")
        self.fit()

    def remove(self) -> None:
        """
        Go away, if it is still there.
        """
        if not self.is_over:
            self.is_over = True
            self.hide()
            self.deleteLater()
            self.fit()
