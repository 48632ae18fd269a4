"""
Lines of a Tk window for what is going up and down, and its looks; for file_manager_tk.py.
"""

from __future__ import annotations

import time
import tkinter as tk
from collections import deque
from collections.abc import Callable
from functools import partial
from tkinter import ttk
from typing import Any

from in_words import size

from aikit import Progress

LINES, MOST = 4, 50
PAPER, SHEET, INK, FAINT, LINE = "#f4f5f7", "#ffffff", "#1f2430", "#6b7280", "#d9dce2"
BLUE, RED, GREEN = "#2563eb", "#b91c1c", "#15803d"


class Transfers:
    """
    What is going up and down, a line each; more than a few scroll, and more than fifty wait: no widget is that high.
    """

    def __init__(self, root: tk.Tk) -> None:
        self.lines: list[Transfer] = []
        self.waiting: deque[Callable[[], None]] = deque()
        self.frame = ttk.Frame(root)
        self.frame.columnconfigure(0, weight=1)
        self.canvas = tk.Canvas(self.frame, background=PAPER, highlightthickness=0, height=1)
        self.bar = ttk.Scrollbar(self.frame, command=self.canvas.yview)
        self.canvas.configure(yscrollcommand=self.bar.set)
        self.canvas.grid(sticky="ew", pady=(8, 0))
        self.inside = ttk.Frame(self.canvas)
        self.inside.columnconfigure(0, weight=1)
        window = self.canvas.create_window(0, 0, window=self.inside, anchor="nw")
        self.canvas.bind("<Configure>", lambda event: self.canvas.itemconfigure(window, width=event.width))
        self.inside.bind("<Configure>", lambda _: self.fit())
        self.more = ttk.Label(self.frame, style="Faint.TLabel")

    def add(
        self, name: str, call: Callable[[dict[str, Any]], Any], options: dict[str, Any], then: Callable[[], object]
    ) -> None:
        """
        Make *call* with *options* as soon as there is room for its line; *then* runs when it went well.
        """
        self.waiting.append(partial(self.begin, name, call, options, then))
        self.fill()

    def begin(
        self, name: str, call: Callable[[dict[str, Any]], Any], options: dict[str, Any], then: Callable[[], object]
    ) -> None:
        """
        Add a line, and make its call.
        """
        transfer = Transfer(self.inside, name, then, self.remove)
        self.lines.append(transfer)
        transfer.start(partial(call, {**options, "on_progress": transfer.show, "on_terminate": transfer.end}))

    def fill(self) -> None:
        """
        Begin what there is room for, and say how many wait.
        """
        while self.waiting and len(self.lines) < MOST:
            self.waiting.popleft()()
        if self.waiting:
            self.more.configure(text=f"{len(self.waiting):,} more wait for a line; Esc cancels them too")
            self.more.grid(row=1, column=0, sticky="w")
        else:
            self.more.grid_remove()

    def remove(self, transfer: Transfer) -> None:
        """
        Give the room of a line that went away to what waits.
        """
        self.lines.remove(transfer)
        self.fill()

    def cancel(self) -> None:
        """
        Cancel what is running or waits, and clear away what went wrong.
        """
        self.waiting.clear()
        self.fill()
        for transfer in list(self.lines):
            transfer.stop()

    def fit(self) -> None:
        """
        Be as high as the lines, up to a few of them.
        """
        lines = len(self.inside.grid_slaves())
        height = self.inside.winfo_reqheight() if lines else 1
        self.canvas.configure(scrollregion=(0, 0, 0, height), height=min(height, height * LINES // max(lines, 1)))
        if lines > LINES:
            self.bar.grid(row=0, column=1, sticky="ns", pady=(8, 0))
        else:
            self.bar.grid_remove()


class Transfer:
    """
    One line: a name, a bar, how far it is or what went wrong, and a button to stop it or to clear it away.
    """

    def __init__(self, parent: ttk.Frame, name: str, then: Callable[[], object], gone: Callable[[Any], None]) -> None:
        self.then, self.gone = then, gone
        self.running: Any = None
        self.frame = ttk.Frame(parent)
        self.frame.grid(sticky="ew", pady=(0, 4))
        self.frame.columnconfigure(2, weight=1)
        self.share, self.phase, self.began = tk.DoubleVar(), "", time.monotonic()
        ttk.Label(self.frame, text=name, width=25).grid(row=0, column=0, padx=(0, 8))
        self.bar = ttk.Progressbar(self.frame, variable=self.share, maximum=1.0, length=160)
        self.bar.grid(row=0, column=1, padx=(0, 8))
        self.text = ttk.Label(self.frame, text="waiting", style="Faint.TLabel", wraplength=400)
        self.text.grid(row=0, column=2, sticky="ew")
        self.button = ttk.Button(self.frame, text="Cancel", width=7, command=self.stop)
        self.button.grid(row=0, column=3, padx=(8, 8), pady=1)

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
        if progress.phase != self.phase:
            self.phase, self.began = progress.phase, time.monotonic()
        speed = progress.bytes / max(time.monotonic() - self.began, 0.1)
        self.share.set(progress.fraction or 0.0)
        of = f" of {size(progress.total)}" if progress.total else ""
        checking = "checking  " if progress.phase == "checking" else ""
        self.text.configure(text=f"{checking}{size(progress.bytes)}{of}  ·  {size(speed)}/s")

    def end(self, result: Any) -> None:
        """
        Go away after success; else stay, and tell why.
        """
        self.running = None
        if result.success:
            self.share.set(1.0)
            self.text.configure(text="done", foreground=GREEN)
            self.button.state(["disabled"])
            self.frame.after(1_500, self.remove)
            self.then()
        else:
            more = f" (and {len(result.errors) - 1} more)" if len(result.errors) > 1 else ""
            self.fail(f"{result.errors[0]}{more}")

    def fail(self, why: str) -> None:
        """
        Tell why it went wrong, until the user has read it.
        """
        self.bar.grid_remove()
        self.text.grid(column=1, columnspan=2)
        self.text.configure(text=why, foreground=RED)
        self.button.configure(text="Clear")

    def stop(self) -> None:
        """
        Cancel it if it is running, else clear it away.
        """
        if self.running is not None:
            self.running.cancel()
        elif "disabled" not in self.button.state():
            self.remove()

    def remove(self) -> None:
        """
        Take the line away.
        """
        self.gone(self)
        self.frame.destroy()


def paint(root: tk.Tk) -> None:
    """
    Give the widgets their looks.
    """
    root.configure(background=PAPER)
    style = ttk.Style(root)
    style.theme_use("clam")
    style.configure(".", background=PAPER, foreground=INK, font="TkDefaultFont 10", bordercolor=LINE, lightcolor=SHEET)
    style.configure("Faint.TLabel", foreground=FAINT, font="TkDefaultFont 9")
    style.configure("Notice.TLabel", background=SHEET, font="TkDefaultFont 11")
    style.configure("TButton", background=SHEET, padding=(8, 4), relief="flat", lightcolor=SHEET, darkcolor=SHEET)
    style.map("TButton", background=[("disabled", PAPER), ("active", "#e8ebf0")], foreground=[("disabled", "#a5abb6")])
    style.configure("Blue.TButton", background=BLUE, foreground=SHEET, lightcolor=BLUE, darkcolor=BLUE)
    style.map("Blue.TButton", background=[("active", "#1d4ed8")])
    style.configure("TCombobox", padding=4, arrowsize=13)
    style.map("TCombobox", fieldbackground=[("readonly", SHEET)], background=[("readonly", SHEET)])
    style.map("TCombobox", selectbackground=[("readonly", SHEET)], selectforeground=[("readonly", INK)])
    style.configure("TScrollbar", background=LINE, troughcolor=PAPER, relief="flat", arrowsize=13)
    style.map("TScrollbar", background=[("disabled", PAPER)])
    style.configure("TProgressbar", background=BLUE, troughcolor="#e3e6eb", bordercolor="#e3e6eb", thickness=12)
    style.configure("Treeview", background=SHEET, fieldbackground=SHEET, rowheight=26)
    style.configure("Treeview.Heading", background="#e8ebf0", foreground=FAINT, relief="flat", padding=(4, 5))
    style.map("Treeview", background=[("selected", "#dbe6fd")], foreground=[("selected", INK)])
