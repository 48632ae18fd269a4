"""
Where bars are shown.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.processes import seen_here


@pytest.mark.parametrize("command", ["files create a.txt -p user_data", "files usage", "batch run good.jsonl --yes"])
def test_a_dumb_terminal_has_no_bars(tmp_path: Path, good: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """
    It gets no escapes, and no empty lines in their stead.
    """
    monkeypatch.setenv("TERM", "dumb")
    (tmp_path / "a.txt").write_text("a")
    assert good.exists()
    seen = seen_here(*command.split())
    assert "\x1b" not in seen
    assert [line for line in seen.splitlines() if not line.strip()] == []
