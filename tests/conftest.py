"""
What all tests share: a home of its own, and that tests of foreign programs are not skipped in a run that must be whole.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Generator
from typing import Any, Final

import pytest
from hypothesis import settings

# Hypothesis' own bound of 200 ms an example says how busy the machine is; what is to be fast, the benchmark measures.
settings.register_profile("aikit", deadline=None)
settings.load_profile("aikit")

_numbers: Final = itertools.count(1)


@pytest.fixture(autouse=True)
def _home_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep every test away from the user's home, and from what other tests left in theirs."""
    monkeypatch.setenv("AIKIT_HOME", str(tmp_path_factory.getbasetemp() / f"home-{next(_numbers)}"))


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
