"""
Lines of a Tk window for what is going up and down, and its looks; for file_manager_tk.py.
"""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk

from in_turn import Transfers
from in_words import shortened

LINES = 4
PAPER, SHEET, INK, FAINT, LINE = "#f4f5f7", "#ffffff", "#1f2430", "#6b7280", "#d9dce2"
BLUE, RED, GREEN = "#2563eb", "#b91c1c", "#15803d"


class TransferLines:
    """
    A line for each transfer; more than a few scroll.
    """

    def __init__(self, root: tk.Tk) -> None:
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
        self.transfers = Transfers(lambda name, stop: TransferLine(self.inside, name, stop, self.fit), self.say)
        for event in ("<Button-4>", "<Button-5>", "<MouseWheel>"):  # the first two are the wheel of X11
            root.bind(event, self.scroll, add="+")

    def say(self, text: str) -> None:
        """
        Say below the lines what has none.
        """
        self.more.configure(text=text)
        if text:
            self.more.grid(row=1, column=0, sticky="w")
        else:
            self.more.grid_remove()

    def scroll(self, event: tk.Event[tk.Misc]) -> None:
        """
        Turn the lines under the mouse, if there are more than are seen.
        """
        step = -1 if event.num == 4 or event.delta > 0 else 1
        if self.bar.winfo_ismapped() and str(event.widget).startswith(str(self.frame)):
            self.canvas.yview_scroll(step, "units")

    def fit(self) -> None:
        """
        Be as high as the lines, up to a few of them.
        """
        lines = len(self.inside.grid_slaves())
        height = self.inside.winfo_reqheight() if lines else 1
        self.canvas.configure(
            scrollregion=(0, 0, 0, height), height=min(height, height * LINES // max(lines, 1)), yscrollincrement=20
        )
        if lines > LINES:
            self.bar.grid(row=0, column=1, sticky="ns", pady=(8, 0))
        else:
            self.bar.grid_remove()


class TransferLine:
    """
    One line: a name, a bar, how far it is or what went wrong, and a button to stop it or to clear it away.
    """

    def __init__(self, parent: ttk.Frame, name: str, stop: Callable[[], None], fit: Callable[[], None]) -> None:
        self.fit = fit
        self.frame = ttk.Frame(parent)
        self.frame.grid(sticky="ew", pady=(0, 4))
        self.frame.columnconfigure(2, weight=1)
        self.share = tk.DoubleVar(parent)
        ttk.Label(self.frame, text=shortened(name, 27), width=24).grid(row=0, column=0, padx=(0, 8))
        self.bar = ttk.Progressbar(self.frame, variable=self.share, maximum=1.0, length=130)
        self.bar.grid(row=0, column=1, padx=(0, 8))
        self.text = ttk.Label(self.frame, text="waiting", style="Faint.TLabel", wraplength=400)
        self.text.grid(row=0, column=2, sticky="ew")
        self.text.bind("<Configure>", lambda event: self.text.configure(wraplength=event.width))
        self.button = ttk.Button(self.frame, text="Cancel", width=7, command=stop)
        self.button.grid(row=0, column=3, padx=(8, 0), pady=1)

    def show_progress(self, share: float, text: str) -> None:
        """
        Move the bar, and tell how far it is.
        """
        self.share.set(share)
        self.text.configure(text=text)

    def succeed(self) -> None:
        """
        Tell that it is done, and go away after a moment.
        """
        self.show_progress(1.0, "done")
        self.text.configure(foreground=GREEN)
        self.button.state(["disabled"])
        self.frame.after(1_500, self.remove)

    def fail(self, why: str) -> None:
        """
        Tell why it went wrong, until the user has read it.
        """
        self.bar.grid_remove()
        self.text.grid(column=1, columnspan=2)
        self.text.configure(text=shortened(why, 170), foreground=RED)
        self.button.configure(text="Clear")

    def remove(self) -> None:
        """
        Go away, if it is still there.
        """
        self.frame.destroy()
        self.fit()  # Tk sends no event when the last line is removed


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
    style.map("TButton", bordercolor=[("focus", BLUE)])
    style.configure("Blue.TButton", background=BLUE, foreground=SHEET, lightcolor=BLUE, darkcolor=BLUE)
    style.map("Blue.TButton", background=[("active", "#1d4ed8")], bordercolor=[("focus", INK)])
    style.configure("TCombobox", padding=4, arrowsize=13)
    style.map("TCombobox", fieldbackground=[("readonly", SHEET)], background=[("readonly", SHEET)])
    style.map("TCombobox", selectbackground=[("readonly", SHEET)], selectforeground=[("readonly", INK)])
    style.map("TCombobox", bordercolor=[("focus", BLUE)], foreground=[("readonly", INK)])
    style.configure("TScrollbar", background=LINE, troughcolor=PAPER, relief="flat", arrowsize=13)
    style.map("TScrollbar", background=[("disabled", PAPER)])
    for part in ("trough", "pbar"):  # those of clam have a border that hides the first percents
        style.element_create(f"flat.{part}", "from", "default", f"Horizontal.Progressbar.{part}")
    style.layout(
        "Horizontal.TProgressbar",
        [("flat.trough", {"sticky": "nswe", "children": [("flat.pbar", {"side": "left", "sticky": "ns"})]})],
    )
    style.configure("TProgressbar", background=BLUE, troughcolor="#e3e6eb", borderwidth=0, thickness=10)
    style.configure("Treeview", background=SHEET, fieldbackground=SHEET, rowheight=26)
    style.configure("Treeview.Heading", background="#e8ebf0", foreground=FAINT, relief="flat", padding=(4, 5))
    style.map("Treeview", background=[("selected", "#dbe6fd")], foreground=[("selected", INK)])
