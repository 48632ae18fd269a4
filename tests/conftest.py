"""
What all tests share: a home of its own, and that tests of foreign programs are not skipped in a run that must be whole.
"""

from __future__ import annotations

import gc
import itertools
import os
import sys
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, settings

from aikit.http.retry import RetryPolicy
from aikit.jsonl.builder import UnfitError
from aikit.providers.local.api.refusals import Refusal
from aikit.storage.errors import StoreError
from aikit.types.error_codes import ERROR_CODES
from aikit.types.errors import CancelledError, ExchangeError, OpenAIError
from tests import side_by_side

# Hypothesis' own bounds, 200 ms an example and a second to draw ten, say how busy the machine is; what is to be fast,
# the benchmark measures.
settings.register_profile("aikit", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("aikit")

_numbers: Final = itertools.count(1)
_ROOM: Final = side_by_side.Room(Path(__file__), Path(side_by_side.__file__))


def pytest_configure(config: pytest.Config) -> None:
    """Say how tests run in several processes, if they do."""
    side_by_side.keep_modules_whole(config)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order the modules where several processes share them."""
    if hasattr(config, "workerinput"):
        side_by_side.sort_modules(items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Keep the machine to a test that is marked ``alone``, where several processes share it."""
    if not hasattr(item.config, "workerinput"):
        return (yield)
    with _ROOM.taken_for(item):
        return (yield)


@pytest.fixture(autouse=True, scope="session")
def _temporary_folder_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep this process, and those it starts, away from what other runs have in the system's temporary folder."""
    folder = str(tmp_path_factory.mktemp("temporary"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", folder)
        patch.setattr("tempfile.tempdir", folder)
        if os.environ.get("PYTHONDONTWRITEBYTECODE"):  # each program that a test starts would compile all modules anew
            patch.delenv("PYTHONDONTWRITEBYTECODE")
            patch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path_factory.mktemp("bytecode")))
        yield


@pytest.fixture(autouse=True)
def _home_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep every test away from the user's home, and from what other tests left in theirs."""
    monkeypatch.setenv("AIKIT_HOME", str(tmp_path_factory.getbasetemp() / f"home-{next(_numbers)}"))


@pytest.fixture(autouse=True)
def _short_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test wait as long as it is looked for what a provider does not know yet."""
    monkeypatch.setattr("aikit.resources.polling.LOOKS_S", (0.01, 0.02, 0.03, 0.04, 0.05))


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test wait as long as a call does before it tries again; tests of these pauses make policies themselves."""
    monkeypatch.setattr("aikit.resources.call.RetryPolicy", partial(RetryPolicy, first_delay_s=0.01))


@pytest.fixture
def untold_collections() -> Iterator[None]:
    """
    Let no alarm come while Python tells somebody of a collection of garbage, as other tests' libraries wish.

    What is raised there is lost to Python itself, and with what other tests have left, collections take most of the
    time of a call that makes many objects.
    """
    told, gc.callbacks[:] = gc.callbacks[:], []
    gc.freeze()
    yield
    gc.unfreeze()
    gc.callbacks[:] = told


# Where an error is made of what somebody else said: an answer, a batch's own errors, what was kept of an error.
_FORWARDING: Final = frozenset(
    (
        "error_from",
        "_told_error",
        "_require_completed",
        "_fault",
        "from_dict",
        "_rebuild",
        "_problems",
        "before_asking",
    )
)


@pytest.fixture(autouse=True)
def _codes_of_the_table(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """Fail a test in which aikit makes an error with a code that is not in the table of error codes."""
    unknown: list[str] = []
    for kind in (OpenAIError, ExchangeError, CancelledError, StoreError, Refusal, UnfitError):
        monkeypatch.setattr(kind, "__init__", _noting(kind.__init__, unknown))
    yield
    assert unknown == []


def _noting(init: Callable[..., None], unknown: list[str]) -> Callable[..., None]:
    def noting(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        maker: Any = sys._getframe(1)
        if maker.f_code.co_name == "evolve":
            if getattr(maker.f_locals["inst"], "code", None) == self.code:
                return
            maker = maker.f_back
        function = maker.f_code.co_qualname.split(".<locals>")[0].rpartition(".")[2]
        where, code = f"{maker.f_globals['__name__']}.{function}", self.code
        is_ours = where.startswith("aikit.") and function not in _FORWARDING
        if is_ours and code is not None and code not in ERROR_CODES:
            unknown.append(f"{code} in {where}")

    return noting


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
