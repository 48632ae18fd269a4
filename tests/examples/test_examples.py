"""
What each example prints when it is run as it stands.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.examples.conftest import ROOT, example

PRINTED = {
    "synchronous": """\
stored   questions.jsonl, 535 bytes, for batch
listed   questions.jsonl
fetched  535 bytes, the same as on disk: True
saved    copy.jsonl, 535 bytes
deleted  True
left     0 files
""",
    "batch": """\
written   4 lines, 748 bytes
completed 4 of 4 requests are through
ok        sky: Why is the sky blue?
ok        sea: Why is the sea salty?
ok        odd: Why is seven odd?
failed    wind: line 4: Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 7 instead.
cost      $0.000008, 38 tokens in, 17 out
""",
    "fire_and_forget": """\
the script is at its end
stored zeros.bin, 33,554,432 bytes
""",
    "asyncio_upload": """\
stored monday.md
stored tuesday.md
stored wednesday.md
3 files, 27 bytes
""",
    "pointing_at_a_server": """\
OpenAIClient(local, base_url='http://local.aikit/v1')
file.jsonl: 25 bytes, processed, request req_*
deleted: True
""",
}
WITH_A_TEST_OF_ITS_OWN = {"error_handling", "progress", "file_manager_tk", "file_window_qt", "test_served"}
PARTS_OF_OTHERS = {"in_turn", "in_words", "qt_files", "qt_transfers", "tk_files", "tk_transfers"}


def run(name: str, environment: dict[str, str], folder: Path) -> str:
    """Run an example in *folder* and return what it printed."""
    command = [sys.executable, example(name)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def left_behind(environment: dict[str, str]) -> list[str]:
    """Return the names of what lies in the home and in the folder for temporary files."""
    return [path.name for variable in ("HOME", "TMPDIR") for path in Path(environment[variable]).iterdir()]


def test_every_example_is_tested() -> None:
    """An example that nobody runs would be wrong one day."""
    assert {
        path.stem for path in (ROOT / "examples").glob("*.py")
    } == PRINTED.keys() | WITH_A_TEST_OF_ITS_OWN | PARTS_OF_OTHERS


@pytest.mark.parametrize(("name", "printed"), PRINTED.items(), ids=PRINTED)
def test_an_example_prints_what_it_promises(
    environment: dict[str, str], tmp_path: Path, name: str, printed: str
) -> None:
    """It ends well, its output is real, and it leaves nothing behind."""
    output = re.sub(r"req_[0-9a-f]+", "req_*", run(name, environment, tmp_path))

    assert sorted(output.splitlines()) == sorted(printed.splitlines())
    assert name == "fire_and_forget" or output == printed
    assert left_behind(environment) == []


def test_errors_of_all_kinds_are_shown(environment: dict[str, str], tmp_path: Path) -> None:
    """Each kind of fault is met where it belongs, with the line and the words that help."""
    output = run("error_handling", environment, tmp_path)

    assert re.findall(r"^  (\w+):", output, re.MULTILINE) == [
        "ValueError",
        "duplicate_custom_id",
        "invalid_value",
        "invalid_json_line",
        "is_not_found_error",
        "OpenAIError",
    ]
    assert re.findall(r"line \d", output) == ["line 2", "line 2", "line 3"]
    assert output.count("No such File object: file-that-is-not-there") == 2
    assert "is_not_found_error: True, success: False" in output
    assert left_behind(environment) == []


def test_progress_reaches_the_end_both_ways(environment: dict[str, str], tmp_path: Path) -> None:
    """The bars grow to their full length, first up, then down."""
    *bars, last = run("progress", environment, tmp_path).splitlines()

    assert last == "268,435,456 bytes there and back"
    for phase in ("uploading", "downloading"):
        shares = [int(bar.rstrip("%").split()[-1]) for bar in bars if bar.startswith(phase)]
        assert shares == sorted(shares)
        assert shares[-1] == 100
    assert left_behind(environment) == []


def test_the_example_of_a_configuration_is_good(tmp_path: Path) -> None:
    """The gateway would start with it, and serve both accounts."""
    told = {"OPENAI_API_KEY": "sk-a", "LITELLM_MASTER_KEY": "sk-of-a-test-0123", "AIKIT_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "aikit", "-q", "gateway", "check", str(ROOT / "examples" / "gateway.yaml")]
    done = subprocess.run(command, env=os.environ | told, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.split()[0]) == (0, "openai")
