"""
What the README shows is what happens.
"""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def blocks() -> list[tuple[str, str]]:
    """
    Return language and text of each fenced block.
    """
    return BLOCK.findall(README.read_text("utf-8"))


def test_the_first_two_blocks_are_the_two_commands() -> None:
    """
    The first sets up and runs the main job, the second sets up and passes the tests; each is one line.
    """
    first, second = blocks()[:2]
    assert (first[0], second[0]) == ("sh", "sh")
    assert first[1].rstrip().endswith("aikit demo")
    assert second[1].rstrip().endswith("pytest")
    assert [first[1].count("\n"), second[1].count("\n")] == [1, 1]


def test_python_blocks_print_what_the_readme_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    All Python blocks run in order on the embedded provider, and the text blocks after them are their output.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIKIT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    namespace: dict[str, object] = {}
    found = blocks()
    for (language, text), (following, expected) in zip(found, [*found[1:], ("", "")], strict=True):
        if language != "python":
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(text.replace("sk-…", "sk-1"), str(README), "exec"), namespace)  # noqa: S102  our own README
        if following == "text":
            assert printed.getvalue() == expected
