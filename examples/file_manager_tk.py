"""
Manage the files of a provider in a window: upload several at once, download, delete; it never freezes.

    python examples/file_manager_tk.py [FILE ...]

Files named here are uploaded at once. The providers are those of AIProviders.json, and always "local", the embedded
one.
Keys: Ctrl+O upload, Return download, Delete delete, Ctrl+A all, F5 refresh, Escape cancel, Ctrl+Q quit.
"""

from __future__ import annotations

import sys
import tkinter as tk
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from tkinter import filedialog, messagebox, ttk
from typing import Any

from in_turn import InTurn
from in_words import amount, free_place, shortened
from tk_files import FileList
from tk_transfers import RED, TransferLines, paint

from aikit import OpenAIClient, OpenAIFile, OpenAIFileDeletedResult, OpenAIFileListResult, OpenAIFileResult

PURPOSES = ("user_data", "assistants", "batch", "evals", "fine-tune", "vision")
KEPT = {"for ever": 0, "an hour": 3_600, "a day": 86_400, "a week": 604_800, "30 days": 2_592_000}
SHOWN, ANSWER_S, DELETIONS = 10_000, 30, 4


class FileManager:
    """
    The window; its callbacks run in Tk's main loop, because the client is closed with it.
    """

    def __init__(self, root: tk.Tk, client: OpenAIClient) -> None:
        self.root, self.client = root, client
        self.provider = tk.StringVar(value="local")
        self.purpose, self.kept = tk.StringVar(value=PURPOSES[0]), tk.StringVar(value=next(iter(KEPT)))
        self.asked: OpenAIFileListResult | None = None
        root.title("aikit files")
        root.geometry("780x560+30+10")
        root.minsize(770, 400)
        root.columnconfigure(0, weight=1)
        root.rowconfigure(1, weight=1)
        paint(root)
        self.place_choices()
        self.list = FileList(root, self.show_status)
        self.list.frame.grid(row=1, sticky="nsew", padx=16)
        lines = TransferLines(root)
        lines.frame.grid(row=2, sticky="ew", padx=16)
        self.transfers = lines.transfers
        self.deletions = InTurn(DELETIONS, self.list.change)  # a thousand leave room for the list to be read
        self.status = ttk.Label(root, style="Faint.TLabel")
        self.status.grid(row=3, sticky="ew", padx=16, pady=(6, 10))
        self.bind_keys()
        self.refresh()

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
            button.bind("<Return>", lambda event: event.widget.event_generate("<space>"))

    def bind_keys(self) -> None:
        """
        Let everything be done without a mouse.
        """
        keys: dict[str, Callable[[], object]] = {
            "<Control-o>": self.ask_for_files,
            "<Control-q>": self.root.destroy,
            "<Delete>": self.delete,
            "<F5>": self.refresh,
            "<Escape>": self.cancel,
        }
        for key, act in keys.items():
            self.root.bind(key, partial(lambda act, _: act(), act))
        for key in ("<Return>", "<Double-1>"):
            self.list.list.bind(key, lambda _: self.download())
        self.list.list.focus_set()

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
        self.list.show(())
        self.refresh()

    def options(self, **more: Any) -> dict[str, Any]:
        """
        Return options of a call to the chosen provider.
        """
        return {"provider": self.provider.get(), **more}

    def refresh(self) -> None:
        """
        Ask for the list; an answer that is still to come is waited for no longer.
        """
        if self.asked is not None:
            self.asked.cancel()
        self.list.say("" if self.list.files else f"Asking {self.provider.get()}…")
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
        self.list.show(result.files)
        if result.errors:
            self.list.say(f"{result.errors[0]}\n\nF5 tries again.", RED)

    def show_status(self) -> None:
        """
        Say how much there is, and how much of it is selected; nothing selected cannot be downloaded.
        """
        files, selected = self.list.files.values(), self.list.selected()
        deleting = len(self.deletions.waiting) + self.deletions.running
        texts = (
            f"{'the newest ' if len(files) >= SHOWN else ''}{amount(files)}",
            f"selected: {amount(selected)}" if selected else "",
            f"deleting {deleting:,}" if deleting else "",
        )
        keys = "Ctrl+O upload  Return download  Del delete  F5 refresh  Esc cancel"
        self.status.configure(text=f"{'  ·  '.join(filter(None, texts))}     {keys}")
        for button in (self.download_button, self.delete_button):
            button.state(["!disabled" if selected else "disabled"])

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
        options = self.options(**expiry)
        for path in paths:
            call = partial(self.client.files.create, path, self.purpose.get())
            self.transfers.add(f"↑ {Path(path).name}", call, options, partial(self.uploaded, options["provider"]))

    def uploaded(self, provider: str, result: OpenAIFileResult) -> None:
        """
        Show a new file, if its provider's are shown.
        """
        if result.file is not None and provider == self.provider.get():
            self.list.add(result.file)

    def download(self) -> None:
        """
        Save the selected file under a name, or several in a folder, where none replaces another.
        """
        selected, taken = self.list.selected(), set[Path]()
        if len(selected) == 1:
            target = filedialog.asksaveasfilename(parent=self.root, title="Download", initialfile=selected[0].filename)
        else:
            target = filedialog.askdirectory(parent=self.root, title="Download to") if selected else ""
        for file in selected if target else ():
            place = target if len(selected) == 1 else free_place(target, file.filename, taken)
            call = partial(self.client.files.download, file.id, place)
            self.transfers.add(f"↓ {file.filename}", call, self.options())

    def delete(self) -> None:
        """
        Delete the selected files, if the user says yes.
        """
        selected, options = self.list.selected(), self.options()
        names = shortened(selected[0].filename) if len(selected) == 1 else f"these {len(selected):,} files"
        question = f"Delete {names} at {options['provider']}?"
        if selected and messagebox.askyesno("Delete", question, parent=self.root, default="no"):
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
                self.list.tell(file.id, f"not deleted: {result.errors[0]}")
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
    root = tk.Tk()
    client = OpenAIClient(provider="local")
    client.close_with(root)  # callbacks run in its main loop; when it goes, so does what moves bytes
    FileManager(root, client).upload(sys.argv[1:])
    root.mainloop()


if __name__ == "__main__":
    main()
