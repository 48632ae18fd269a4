"""
Show a small window: upload with a progress bar and a way to stop, list, delete; it never freezes.

    python examples/tk_window.py [FILE]

Files are kept in AIKIT_HOME if that is set, otherwise in a folder that goes when the window closes.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import tkinter as tk
from tkinter import filedialog, ttk
from typing import Literal

from aikit import OpenAIClient, OpenAIFileDeletedResult, OpenAIFileListResult, OpenAIFileResult, Progress, dispatch

PURPOSES = ("user_data", "assistants", "batch", "evals", "fine-tune", "vision")
COLUMNS = {"filename": 300, "purpose": 116, "created": 176, "size": 112}
PAPER, INK, FAINT, BLUE, RED, GREEN = "#f5f6f8", "#1f2430", "#6b7280", "#2563eb", "#b91c1c", "#15803d"


class Window:
    """
    The window; its callbacks run in Tk's main loop, because the client's dispatcher brings them there.
    """

    def __init__(self, root: tk.Tk, client: OpenAIClient, path: str) -> None:
        self.root, self.client = root, client
        self.path, self.purpose = tk.StringVar(value=path), tk.StringVar(value=PURPOSES[0])
        self.share, self.message = tk.DoubleVar(), tk.StringVar()
        self.running: OpenAIFileResult | None = None
        root.title("aikit files")
        root.geometry("760x480+40+40")
        root.resizable(width=False, height=False)
        root.configure(background=PAPER)
        root.protocol("WM_DELETE_WINDOW", self.close)
        root.bind("<Control-q>", lambda _: self.close())
        paint(root)
        self.place_upload()
        self.place_files()
        self.place_message()
        self.refresh()

    def place_upload(self) -> None:
        """
        Place what an upload needs: a path, a purpose, a bar, and buttons to start and stop it.
        """
        for top, text in ((16, "Upload a file"), (144, "Stored files")):
            ttk.Label(self.root, text=text, style="Title.TLabel").place(x=20, y=top, height=24)
        ttk.Entry(self.root, textvariable=self.path).place(x=20, y=48, width=390, height=34)
        ttk.Button(self.root, text="Browse…", command=self.browse).place(x=418, y=48, width=92, height=34)
        purposes = ttk.Combobox(self.root, textvariable=self.purpose, values=PURPOSES, state="readonly")
        purposes.place(x=518, y=48, width=122, height=34)
        self.upload_button = ttk.Button(self.root, text="Upload", style="Blue.TButton", command=self.upload)
        self.upload_button.place(x=648, y=48, width=92, height=34)
        ttk.Progressbar(self.root, variable=self.share, maximum=1.0).place(x=20, y=100, width=620, height=14)
        self.cancel_button = ttk.Button(self.root, text="Cancel", command=self.cancel, state="disabled")
        self.cancel_button.place(x=648, y=90, width=92, height=34)

    def place_files(self) -> None:
        """
        Place the list of what is stored, with buttons to read it again and to delete from it.
        """
        self.files = ttk.Treeview(self.root, columns=tuple(COLUMNS), show="headings", selectmode="browse")
        for name, width in COLUMNS.items():
            anchor: Literal["e", "w"] = "e" if name == "size" else "w"
            self.files.heading(name, text=name.capitalize(), anchor=anchor)
            self.files.column(name, width=width, anchor=anchor)
        self.files.place(x=20, y=174, width=704, height=240)
        bar = ttk.Scrollbar(self.root, command=self.files.yview)
        bar.place(x=724, y=174, width=16, height=240)
        self.files.configure(yscrollcommand=bar.set)
        ttk.Button(self.root, text="Refresh", command=self.refresh).place(x=548, y=430, width=92, height=34)
        ttk.Button(self.root, text="Delete", command=self.delete).place(x=648, y=430, width=92, height=34)

    def place_message(self) -> None:
        """
        Place the line that tells what happened.
        """
        self.line = ttk.Label(self.root, textvariable=self.message, wraplength=510)
        self.line.place(x=20, y=424, width=520, height=46)

    def browse(self) -> None:
        """
        Choose a file.
        """
        self.path.set(filedialog.askopenfilename(parent=self.root) or self.path.get())

    def upload(self) -> None:
        """
        Start the upload; the window goes on.
        """
        options = {"on_progress": self.show_progress, "on_terminate": self.uploaded}
        try:
            self.running = self.client.files.create(self.path.get(), self.purpose.get(), options)
        except (TypeError, ValueError) as error:
            self.say(str(error), RED)
            return
        self.upload_button.configure(state="disabled")
        self.cancel_button.configure(state="normal")
        self.say("Uploading…", FAINT)

    def cancel(self) -> None:
        """
        Stop the upload.
        """
        if self.running is not None:
            self.running.cancel()

    def show_progress(self, progress: Progress) -> None:
        """
        Move the bar.
        """
        self.share.set(progress.fraction or 0.0)
        self.say(f"{progress.phase.capitalize()}… {progress.bytes / 1e6:,.0f} MB", FAINT)

    def uploaded(self, result: OpenAIFileResult) -> None:
        """
        Tell how the upload ended.
        """
        self.running = None
        self.share.set(0.0)
        self.upload_button.configure(state="normal")
        self.cancel_button.configure(state="disabled")
        if result.file is None:
            self.say_errors(result)
            return
        self.say(f"Stored {result.file.filename}", GREEN)
        self.refresh()

    def refresh(self) -> None:
        """
        Ask for the list.
        """
        self.client.files.list({"limit": 1000, "on_response": self.show_files, "on_error": self.say_errors})

    def show_files(self, result: OpenAIFileListResult) -> None:
        """
        Show the list.
        """
        self.files.delete(*self.files.get_children())
        for file in result.files:
            created = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(file.created_at))
            values = (file.filename, file.purpose, created, f"{file.bytes or 0:,}")
            self.files.insert("", "end", iid=file.id, values=values)

    def delete(self) -> None:
        """
        Delete the selected file.
        """
        for file_id in self.files.selection():
            self.client.files.delete(file_id, {"on_response": self.deleted, "on_error": self.say_errors})

    def deleted(self, result: OpenAIFileDeletedResult) -> None:
        """
        Tell that a file is gone.
        """
        self.say(f"Deleted {result.deleted.id}" if result.deleted else "", GREEN)
        self.refresh()

    def say_errors(self, result: OpenAIFileResult | OpenAIFileListResult | OpenAIFileDeletedResult) -> None:
        """
        Show what went wrong, the first of it if it is much.
        """
        more = f" (and {len(result.errors) - 1} more)" if len(result.errors) > 1 else ""
        self.say(f"{result.errors[0]}{more}", RED)

    def say(self, text: str, colour: str) -> None:
        """
        Show one message.
        """
        self.message.set(text)
        self.line.configure(foreground=colour)

    def close(self) -> None:
        """
        Stop what is running and close the window.
        """
        self.client.close(cancel=True)
        self.root.destroy()


def paint(root: tk.Tk) -> None:
    """
    Give the widgets their looks.
    """
    style = ttk.Style(root)
    style.theme_use("clam")
    style.configure(".", background=PAPER, foreground=INK, font="TkDefaultFont 10", bordercolor="#d4d7dd")
    style.configure("Title.TLabel", font="TkDefaultFont 12 bold")
    style.configure("TButton", background="#ffffff", relief="flat")
    style.map("TButton", background=[("active", "#e8ebf0")], foreground=[("disabled", "#b0b5be")])
    style.configure("Blue.TButton", background=BLUE, foreground="#ffffff")
    style.map("Blue.TButton", background=[("disabled", "#a9c0f5"), ("active", "#1d4ed8")], foreground=[])
    style.configure("TEntry", padding=6)
    style.configure("TCombobox", padding=6, arrowsize=14)
    style.map("TCombobox", fieldbackground=[("readonly", "#ffffff")], background=[("readonly", "#ffffff")])
    style.map("TCombobox", selectbackground=[("readonly", "#ffffff")], selectforeground=[("readonly", INK)])
    style.configure("TScrollbar", background="#d4d7dd", troughcolor=PAPER, relief="flat", arrowsize=14)
    style.map("TScrollbar", background=[("disabled", PAPER)])
    style.configure("TProgressbar", background=BLUE, troughcolor="#e3e6eb", bordercolor="#e3e6eb")
    style.configure("Treeview", background="#ffffff", fieldbackground="#ffffff", rowheight=26)
    style.configure("Treeview.Heading", background="#e8ebf0", foreground=FAINT, relief="flat", padding=(4, 5))
    style.map("Treeview", background=[("selected", "#dbe6fd")], foreground=[("selected", INK)])


def main() -> None:
    """
    Run the window on the embedded provider.
    """
    with tempfile.TemporaryDirectory() as home:
        root = tk.Tk()
        client = OpenAIClient(provider="local", home=os.environ.get("AIKIT_HOME") or home, dispatcher=dispatch.tk(root))
        Window(root, client, sys.argv[1] if len(sys.argv) > 1 else "")
        root.mainloop()


if __name__ == "__main__":
    main()
