"""
What all tests share: in a run that has to be complete, a test of a foreign program must not be skipped.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip of a test marked ``foreign`` into a failure where ``AIKIT_REQUIRE_FOREIGN`` is 1."""
    report = yield
    is_wanted = os.environ.get("AIKIT_REQUIRE_FOREIGN") == "1" and item.get_closest_marker("foreign") is not None
    if is_wanted and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"AIKIT_REQUIRE_FOREIGN is 1, but in {call.when} it was skipped: {_reason(report.longrepr)}"
    return report


def _reason(longrepr: Any) -> str:
    return str(longrepr[2]) if isinstance(longrepr, tuple) else str(longrepr)
