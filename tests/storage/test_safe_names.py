"""
Names of downloads: whatever a server says, a plain file on every system.
"""

from __future__ import annotations

import unicodedata
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aikit.storage.safe_names import numbered, safe_name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("answers.jsonl", "answers.jsonl"),
        ("Bericht für Ärzte (2).pdf", "Bericht für Ärzte (2).pdf"),
        (
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645.txt",
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645.txt",
        ),
        ("C:evil.txt", "C_evil.txt"),
        ("a:b", "a_b"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..\\..\\a.txt", "_.._a.txt"),
        ('what?*<>|".txt', "what______.txt"),
        (".bashrc", "bashrc"),
        ("a.txt. . .", "a.txt"),
        ("a.txt\u00a0\u3000", "a.txt"),
        ("  a.txt", "a.txt"),
        ("CON", "_CON"),
        ("con.txt", "_con.txt"),
        ("nul.tar.gz", "_nul.tar.gz"),
        ("LPT1", "_LPT1"),
        ("COM\u00b9", "_COM\u00b9"),
        ("com9 .txt", "_com9 .txt"),
        ("aux.", "_aux"),
        ("CONIN$", "_CONIN$"),
        ("console.txt", "console.txt"),
        ("COM10", "COM10"),
        ("a\nb\x1b[31m\x9bc.txt", "a_b_[31m_c.txt"),
        ("photo_\u202egpj.exe", "photo__gpj.exe"),
        ("a\u2066b\u200fc\ufeff\u2028d", "a_b_c__d"),
        ("\ud800\udcffa", "__a"),
        ("", "file-1"),
        ("..", "file-1"),
        ("\0\0", "file-1"),
    ],
)
def test_names_are_safe_on_every_system(name: str, safe: str) -> None:
    """Streams, devices, folders, hidden files and turned text come to plain names; one with nothing in it is the id."""
    assert safe_name(name, "file-1") == safe


def test_long_names_keep_their_extension() -> None:
    """Letters are never cut in two, and what is no extension is cut, too."""
    assert safe_name("x" * 5_000 + ".jsonl", "") == "x" * 194 + ".jsonl"
    assert safe_name("ü" * 300 + ".pdf", "") == "ü" * 98 + ".pdf"
    assert len(safe_name("a." + "b" * 5_000, "")) == 200
    assert safe_name("", "../:") == "file"


@given(st.text(), st.text())
@example("con" + " " * 300 + ".txt", "")
@example("x" * 194 + " .pdf. ", "")
@example(" " * 300 + "..", "CON")
def test_every_name_is_one_plain_part_of_a_path(name: str, instead: str) -> None:
    """Whatever comes in, a second time changes nothing, it fits, and no system reads more into it."""
    safe = safe_name(name, instead)
    assert safe_name(safe, "") == safe
    assert 0 < len(safe.encode()) <= 201
    assert not set(safe) & set('/\\:*?"<>|')
    assert safe == safe.strip(" .")
    assert not any(unicodedata.category(char) in {"Cc", "Cs"} for char in safe)


def test_numbers_go_before_the_extension() -> None:
    """As desktops do it."""
    assert [one.name for one in islice(numbered(Path("a.b.txt")), 3)] == ["a.b.txt", "a.b (2).txt", "a.b (3).txt"]
