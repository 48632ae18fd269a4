"""
A list of files in a Tk window that takes ten thousand of them without a pause; for file_manager_tk.py.
"""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from tkinter import ttk
from typing import Literal

from in_words import cells, shortened, sort_key
from tk_transfers import FAINT, RED

from aikit import OpenAIFile

COLUMNS = {"name": 300, "purpose": 110, "size": 100, "age": 90, "expires": 90}
AT_ONCE = 200
EMPTY = "No files yet.\nCtrl+O uploads some."


class FileList:
    """
    The list, and over it the room for what went wrong with it.

    Attributes:
        files: What is listed, by id.

        list: The widget; *changed* is called when what it shows or its selection is another, once for all of a moment.
    """

    def __init__(self, root: tk.Tk, changed: Callable[[], None]) -> None:
        self.root, self.changed = root, changed
        self.files: dict[str, OpenAIFile] = {}
        self.troubles: dict[str, str] = {}
        self.unlisted: Iterator[OpenAIFile] = iter(())
        self.sorted_by: tuple[str, bool] = ("age", True)
        self.is_change_due = False
        self.frame = ttk.Frame(root, style="Sheet.TFrame")
        self.frame.columnconfigure(0, weight=1)
        self.frame.rowconfigure(0, weight=1)
        self.list = ttk.Treeview(self.frame, columns=tuple(COLUMNS), show="headings", selectmode="extended", height=4)
        for name, width in COLUMNS.items():
            anchor: Literal["e", "w"] = "w" if name in {"name", "purpose"} else "e"
            self.list.heading(name, anchor=anchor, command=partial(self.sort_by, name))
            self.list.column(name, width=width, minwidth=60, anchor=anchor, stretch=name == "name")
        self.list.tag_configure("trouble", foreground=RED)
        self.list.grid(sticky="nsew")
        self.bar = ttk.Scrollbar(self.frame, command=self.list.yview)
        self.bar.grid(row=0, column=1, sticky="ns")
        self.list.configure(yscrollcommand=self.scrolled)
        self.notice = ttk.Label(self.frame, style="Notice.TLabel", justify="center", wraplength=560)
        self.show_headings()
        self.bind_keys()
        self.tick()

    def bind_keys(self) -> None:
        """
        Let several be selected without a mouse.
        """
        self.list.bind("<Control-a>", lambda _: self.list.selection_set(self.list.get_children()))
        self.list.bind("<Shift-Up>", lambda _: self.extend(self.list.prev))
        self.list.bind("<Shift-Down>", lambda _: self.extend(self.list.next))
        self.list.bind("<<TreeviewSelect>>", lambda _: self.change())

    def extend(self, beside: Callable[[str], str]) -> Literal["break"]:
        """
        Select the line beside the one that the keyboard is at, too.
        """
        line = beside(self.list.focus()) if self.list.focus() else ""
        if line:
            self.list.selection_add(self.list.focus(), line)
            self.list.focus(line)
            self.list.see(line)
        return "break"

    def selected(self) -> list[OpenAIFile]:
        """
        Return the selected files.
        """
        return [self.files[file_id] for file_id in self.list.selection() if file_id in self.files]

    def say(self, text: str, colour: str = FAINT) -> None:
        """
        Show a notice over the list; an empty one goes away.
        """
        self.notice.configure(text=text, foreground=colour)
        if text:
            self.notice.place(relx=0.5, rely=0.5, anchor="center")
        else:
            self.notice.place_forget()

    def show(self, files: Iterable[OpenAIFile]) -> None:
        """
        Show *files*, a few at a time, and keep what is selected.
        """
        self.files = {file.id: file for file in files}
        selected, focused = self.list.selection(), self.list.focus()
        name, is_up = self.sorted_by
        in_order = sorted(self.files.values(), key=lambda file: sort_key(file, name), reverse=not is_up)
        self.list.delete(*self.list.get_children())
        self.unlisted = iter(in_order)
        self.list_some(self.unlisted, self.files.keys() & selected)
        if in_order:
            self.list.focus(focused if self.list.exists(focused) else in_order[0].id)  # the arrow keys begin there
        self.say("" if in_order else EMPTY)
        self.change()

    def list_some(self, files: Iterator[OpenAIFile], selected: set[str]) -> None:
        """
        Add the next files to the list, and the rest when the window had its turn.
        """
        some = list(islice(files, AT_ONCE)) if files is self.unlisted else ()  # else the list is shown anew
        for file in some:
            if file.id in self.files and not self.list.exists(file.id):
                self.place(file, "end")
                if file.id in selected:
                    self.list.selection_add(file.id)
        if some:
            self.root.after(5, self.list_some, files, selected)

    def place(self, file: OpenAIFile, place: int | Literal["end"]) -> None:
        """
        Add a line.
        """
        trouble, name = self.troubles.get(file.id), shortened(file.filename, 120)
        values = (f"{name}  — {trouble}" if trouble else name, *cells(file))
        self.list.insert("", place, iid=file.id, values=values, tags=("trouble",) if trouble else ())

    def add(self, file: OpenAIFile) -> None:
        """
        Show a new file on top, where it is seen.
        """
        if file.id not in self.files:
            self.files[file.id] = file
            self.place(file, 0)
            self.say("")
            self.change()

    def remove(self, file_id: str) -> None:
        """
        Take a file off the list, which may be another provider's by now.
        """
        if self.files.pop(file_id, None) is None:
            return
        if self.list.exists(file_id):
            self.list.delete(file_id)
        if not self.files:
            self.say(EMPTY)
        self.change()

    def tell(self, file_id: str, trouble: str) -> None:
        """
        Tell in its line what went wrong with a file.
        """
        self.troubles[file_id] = trouble
        if self.list.exists(file_id):
            place = self.list.index(file_id)
            self.list.delete(file_id)
            self.place(self.files[file_id], place)

    def change(self) -> None:
        """
        Tell of a change soon, once for all of a moment.
        """

        def tell() -> None:
            self.is_change_due = False
            self.changed()

        if not self.is_change_due:
            self.is_change_due = True
            self.root.after(50, tell)

    def sort_by(self, name: str) -> None:
        """
        Sort by a column; once more turns it round.
        """
        self.sorted_by = (name, not self.sorted_by[1] if self.sorted_by[0] == name else True)
        self.show_headings()
        self.show(self.files.values())

    def show_headings(self) -> None:
        """
        Name the columns, and mark the one that is sorted by.
        """
        for name in COLUMNS:
            arrow = ("  ↑" if self.sorted_by[1] else "  ↓") if name == self.sorted_by[0] else ""
            self.list.heading(name, text=name.capitalize() + arrow)

    def scrolled(self, first: float, last: float) -> None:
        """
        Move the bar, and tell how old the files are that came into sight.
        """
        self.bar.set(first, last)
        self.grow_older()

    def tick(self) -> None:
        """
        Let the files that are seen grow older.
        """
        self.grow_older()
        self.root.after(5_000, self.tick)

    def grow_older(self) -> None:
        """
        Tell anew what time changes of the files that are seen.
        """
        for y in range(30, self.list.winfo_height(), 26):
            file = self.files.get(self.list.identify_row(y))
            if file is not None:
                for name, text in zip(tuple(COLUMNS)[1:], cells(file), strict=True):
                    self.list.set(file.id, name, text)
