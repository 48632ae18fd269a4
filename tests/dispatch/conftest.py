"""
A screen, and the toolkits whose windows are shown on it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.dispatch.toolkits import Missing, Toolkit, found
from tests.examples.screen import Screen, missing, shown


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    """Run the screen."""
    lacking = missing()
    if lacking:
        pytest.skip(lacking)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIKIT_", "OPENAI_", "PYTHON"))}
    with shown(kept) as screen:
        yield screen


@pytest.fixture(params=["tk", "PySide6", "PyQt6", "wx"])
def toolkit(request: pytest.FixtureRequest, screen: Screen) -> Toolkit:
    """Give each toolkit, if it is here or can be had."""
    try:
        toolkit = found(request.param)
        toolkit.try_on(screen.environment)
    except Missing as reason:
        pytest.skip(str(reason))
    return toolkit
