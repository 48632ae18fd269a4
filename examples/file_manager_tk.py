"""
Manage the files of a provider in a window: upload several at once, download, delete; it never freezes.

    python examples/file_manager_tk.py [FILE ...]

Files named here are uploaded at once. The providers are those of AIProviders.json, and always "local", the embedded
one.
Keys: Ctrl+O upload, Return download, Delete delete, F5 refresh, Escape cancel, Ctrl+Q quit.
"""

from __future__ import annotations

import sys
import tkinter as tk
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from tkinter import filedialog, messagebox, ttk
from typing import Any, Literal

from in_words import amount, cells, sort_key
from tk_transfers import FAINT, RED, Transfers, paint

from aikit import OpenAIClient, OpenAIFile, OpenAIFileDeletedResult, OpenAIFileListResult, dispatch

PURPOSES = ("user_data", "assistants", "batch", "evals", "fine-tune", "vision")
KEPT = {"for ever": 0, "an hour": 3_600, "a day": 86_400, "a week": 604_800, "30 days": 2_592_000}
COLUMNS = {"name": 300, "purpose": 110, "size": 100, "age": 90, "expires": 90}
SHOWN = 1_000


class FileManager:
    """
    The window; its callbacks run in Tk's main loop, because the client's dispatcher brings them there.
    """

    def __init__(self, root: tk.Tk, client: OpenAIClient) -> None:
        self.root, self.client = root, client
        self.quick = OpenAIClient(provider="local", dispatcher=client.dispatcher)  # its calls wait for no upload
        self.provider = tk.StringVar(value="local")
        self.purpose, self.kept = tk.StringVar(value=PURPOSES[0]), tk.StringVar(value=next(iter(KEPT)))
        self.files: dict[str, OpenAIFile] = {}
        self.troubles: dict[str, str] = {}
        self.sorted_by: tuple[str, bool] = ("age", False)
        self.is_refresh_due = False
        root.title("aikit files")
        root.geometry("780x560+30+10")
        root.minsize(640, 400)
        root.columnconfigure(0, weight=1)
        root.rowconfigure(1, weight=1)
        paint(root)
        self.place_choices()
        self.place_files()
        self.transfers = Transfers(root)
        self.transfers.frame.grid(row=2, sticky="ew", padx=16)
        self.status = ttk.Label(root, style="Faint.TLabel")
        self.status.grid(row=3, sticky="ew", padx=16, pady=(6, 10))
        self.bind_keys()
        self.refresh()
        self.tick()

    def place_choices(self) -> None:
        """
        Place the provider chooser, what uploads are for, and the buttons.
        """
        bar = ttk.Frame(self.root)
        bar.grid(row=0, sticky="ew", padx=16, pady=(12, 8))
        choices = (
            ("Provider", self.provider, self.providers(), 12),
            ("Purpose", self.purpose, PURPOSES, 10),
            ("Keep", self.kept, tuple(KEPT), 8),
        )
        for column, (text, variable, values, width) in enumerate(choices):
            ttk.Label(bar, text=text, style="Faint.TLabel").grid(row=0, column=column, sticky="w", padx=(0, 8))
            box = ttk.Combobox(bar, textvariable=variable, values=values, width=width, state="readonly")
            box.grid(row=1, column=column, padx=(0, 8))
            if variable is self.provider:
                box.bind("<<ComboboxSelected>>", lambda _: self.choose_provider())
        bar.columnconfigure(len(choices), weight=1)
        self.upload_button = ttk.Button(bar, text="Upload…", style="Blue.TButton", command=self.ask_for_files)
        self.download_button = ttk.Button(bar, text="Download…", command=self.download)
        self.delete_button = ttk.Button(bar, text="Delete…", command=self.delete)
        buttons = (self.upload_button, self.download_button, self.delete_button)
        for column, button in enumerate(buttons, len(choices) + 1):
            button.grid(row=1, column=column, padx=(8, 0))

    def place_files(self) -> None:
        """
        Place the list, and over it the room for what went wrong with it.
        """
        frame = ttk.Frame(self.root, style="Sheet.TFrame")
        frame.grid(row=1, sticky="nsew", padx=16)
        frame.columnconfigure(0, weight=1)
        frame.rowconfigure(0, weight=1)
        self.list = ttk.Treeview(frame, columns=tuple(COLUMNS), show="headings", selectmode="extended", height=4)
        for name, width in COLUMNS.items():
            anchor: Literal["e", "w"] = "w" if name in {"name", "purpose"} else "e"
            self.list.heading(name, text=name.capitalize(), anchor=anchor, command=partial(self.sort_by, name))
            self.list.column(name, width=width, minwidth=60, anchor=anchor, stretch=name == "name")
        self.list.tag_configure("trouble", foreground=RED)
        self.list.grid(sticky="nsew")
        bar = ttk.Scrollbar(frame, command=self.list.yview)
        bar.grid(row=0, column=1, sticky="ns")
        self.list.configure(yscrollcommand=bar.set)
        self.notice = ttk.Label(frame, style="Notice.TLabel", justify="center", wraplength=560)

    def bind_keys(self) -> None:
        """
        Let everything be done without a mouse.
        """
        keys: dict[str, Callable[[], object]] = {
            "<Control-o>": self.ask_for_files,
            "<Control-q>": self.close,
            "<Return>": self.download,
            "<Delete>": self.delete,
            "<F5>": self.refresh,
            "<Escape>": self.transfers.cancel,
        }
        for key, act in keys.items():
            self.root.bind(key, partial(lambda act, _: act(), act))
        self.list.bind("<Double-1>", lambda _: self.download())
        self.list.bind("<<TreeviewSelect>>", lambda _: self.show_status())
        self.root.protocol("WM_DELETE_WINDOW", self.close)
        self.list.focus_set()

    def providers(self) -> tuple[str, ...]:
        """
        Return the names of the providers there are.
        """
        try:
            return self.client.providers.list()
        except ValueError as error:  # the provider file is not what it should be
            messagebox.showwarning("Providers", str(error), parent=self.root)
            return ("local",)

    def choose_provider(self) -> None:
        """
        Show another provider's files.
        """
        self.files, self.troubles = {}, {}
        self.show_files()
        self.refresh()

    def options(self, **more: Any) -> dict[str, Any]:
        """
        Return options of a call to the chosen provider.
        """
        return {"provider": self.provider.get(), **more}

    def refresh_soon(self) -> None:
        """
        Ask for the list once for all that change it in a moment; a window that is closed meanwhile does not.
        """
        if not self.is_refresh_due:
            self.is_refresh_due = True
            self.root.after(200, self.refresh)

    def refresh(self) -> None:
        """
        Ask for the list.
        """
        self.is_refresh_due = False
        provider = self.provider.get()

        def show(result: OpenAIFileListResult) -> None:
            if provider == self.provider.get():  # else another one was chosen meanwhile
                self.show_list(result)

        self.notice.configure(text="" if self.files else "Asking…", foreground=FAINT)
        try:
            self.quick.files.list(self.options(limit=SHOWN, on_terminate=show))
        except ValueError as error:  # the provider file says something of it that cannot be used
            self.notice.configure(text=str(error), foreground=RED)
        self.place_notice()

    def show_list(self, result: OpenAIFileListResult) -> None:
        """
        Show what there is, or why that is not known.
        """
        if result.success:
            self.files = {file.id: file for file in result.files}
            text, colour = "" if self.files else "No files yet.\nCtrl+O uploads some.", FAINT
        else:
            self.files, (text, colour) = {}, (f"{result.errors[0]}\n\nF5 tries again.", RED)
        self.notice.configure(text=text, foreground=colour)
        self.show_files()

    def show_files(self) -> None:
        """
        Show the files as they are known, and keep what is selected.
        """
        selected, focused = self.list.selection(), self.list.focus()
        name, is_up = self.sorted_by
        files = sorted(self.files.values(), key=lambda file: sort_key(file, name), reverse=not is_up)
        self.list.delete(*self.list.get_children())
        for file in files:
            trouble = self.troubles.get(file.id)
            values = (f"{file.filename}  — {trouble}" if trouble else file.filename, *cells(file))
            self.list.insert("", "end", iid=file.id, values=values, tags=("trouble",) if trouble else ())
        self.list.selection_set([file_id for file_id in selected if file_id in self.files])
        if files:
            self.list.focus(focused if focused in self.files else files[0].id)  # the arrow keys begin there
        self.place_notice()
        self.show_status()

    def place_notice(self) -> None:
        """
        Show the notice over the list, if there is one.
        """
        if self.notice.cget("text"):
            self.notice.place(relx=0.5, rely=0.5, anchor="center")
        else:
            self.notice.place_forget()

    def show_status(self) -> None:
        """
        Say how much there is, and how much of it is selected; nothing selected cannot be downloaded.
        """
        selected = [self.files[file_id] for file_id in self.list.selection() if file_id in self.files]
        newest = "the newest " if len(self.files) == SHOWN else ""
        text = f"{newest}{amount(self.files.values())}" + (f"  ·  selected: {amount(selected)}" if selected else "")
        keys = "Ctrl+O upload   Return download   Del delete   F5 refresh   Esc cancel"
        self.status.configure(text=f"{text}      {keys}")
        for button in (self.download_button, self.delete_button):
            button.state(["!disabled" if selected else "disabled"])

    def sort_by(self, name: str) -> None:
        """
        Sort by a column; once more turns it round.
        """
        self.sorted_by = (name, not self.sorted_by[1] if self.sorted_by[0] == name else True)
        self.show_files()

    def tick(self) -> None:
        """
        Let the files grow older.
        """
        for file_id in self.list.get_children():
            for name, cell in zip(tuple(COLUMNS)[1:], cells(self.files[file_id]), strict=True):
                self.list.set(file_id, name, cell)
        self.root.after(20_000, self.tick)

    def ask_for_files(self) -> None:
        """
        Let the user choose files, and upload them.
        """
        self.upload(filedialog.askopenfilenames(parent=self.root, title="Upload"))

    def upload(self, paths: Iterable[str]) -> None:
        """
        Upload files, all at once.
        """
        seconds = KEPT[self.kept.get()]
        expiry = {"expires_after": {"anchor": "created_at", "seconds": seconds}} if seconds else {}
        for path in paths:
            call = partial(self.client.files.create, path, self.purpose.get())
            self.transfers.add(f"↑ {Path(path).name}", call, self.options(**expiry), self.refresh_soon)

    def download(self) -> None:
        """
        Save the selected file under a name, or several in a folder.
        """
        selected = [self.files[file_id] for file_id in self.list.selection()]
        if len(selected) == 1:
            target = filedialog.asksaveasfilename(parent=self.root, title="Download", initialfile=selected[0].filename)
        else:
            target = filedialog.askdirectory(parent=self.root, title="Download to") if selected else ""
        for file in selected if target else ():
            call = partial(self.client.files.download, file.id, target)
            self.transfers.add(f"↓ {file.filename}", call, self.options(), lambda: None)

    def delete(self) -> None:
        """
        Delete the selected files, if the user says yes.
        """
        selected = [self.files[file_id] for file_id in self.list.selection()]
        names = selected[0].filename if len(selected) == 1 else f"these {len(selected)} files"
        question = f"Delete {names} at {self.provider.get()}?"
        if selected and messagebox.askyesno("Delete", question, parent=self.root, default="no"):
            for file in selected:
                self.delete_one(file.id)

    def delete_one(self, file_id: str) -> None:
        """
        Delete a file; what goes wrong is told in its line.
        """

        def deleted(result: OpenAIFileDeletedResult) -> None:
            if result.success or result.errors[0].is_not_found_error:
                self.files.pop(file_id, None)
            else:
                self.troubles[file_id] = f"not deleted: {result.errors[0]}"
            self.show_files()

        self.troubles.pop(file_id, None)
        self.quick.files.delete(file_id, self.options(on_terminate=deleted))

    def close(self) -> None:
        """
        Stop what is running and close the window.
        """
        for client in (self.client, self.quick):
            client.close(cancel=True)
        self.root.destroy()


def main() -> None:
    """
    Open the window, and upload what was named.
    """
    root = tk.Tk()
    client = OpenAIClient(provider="local", dispatcher=dispatch.tk(root))
    FileManager(root, client).upload(sys.argv[1:])
    root.mainloop()


if __name__ == "__main__":
    main()
