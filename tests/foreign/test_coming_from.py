"""
The page for those who come from another library: what it says they wrote there is what that library takes.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aikit.testing import embedded_provider
from tests.foreign.libraries import said_by
from tests.foreign.test_gateway import LITELLM, OPENAI
from tests.test_coming_from import calls_of

pytestmark = [pytest.mark.foreign, pytest.mark.slow]


@pytest.mark.parametrize(
    ("library", "package"), [("openai", OPENAI), pytest.param("litellm", LITELLM, marks=pytest.mark.long)]
)
def test_what_was_written_there_runs_there(
    library: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Each call on the left succeeds with the library itself, which asks the embedded provider.
    """
    monkeypatch.chdir(tmp_path)
    calls = calls_of(library)
    assert len(calls) > 8
    with embedded_provider(tmp_path / "home") as provider:
        said = said_by(package, "coming_from.py", library, provider.serve(), told=json.dumps(calls))
    assert json.loads(said.splitlines()[-1]) == {}
