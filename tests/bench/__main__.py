"""
Compare aikit with its peers in speed and memory: ``python -m tests.bench``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tests.bench import environments, report
from tests.bench.measure import Row, Samples, sample
from tests.bench.rows import ROWS
from tests.bench.stage import Stage, server

_ROOT: Final = Path(__file__).parents[2]
_CACHE: Final = _ROOT / ".cache" / "bench"


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Measure, print the table, and return 1 when a program failed; missed bounds are told, not punished.
    """
    options = _options(arguments)
    pythons = environments.prepare(_CACHE, _ROOT / "aikit", fresh=options.fresh)
    rows: dict[str, Row] = {}
    samples: dict[str, Samples] = {}
    with tempfile.TemporaryDirectory(prefix="aikit-bench-") as folder, server() as (port, process):
        stage = Stage(Path(folder), port, process, pythons)
        for key in options.only or ROWS:
            rows[key] = ROWS[key](stage)
            samples[key] = sample(rows[key], options.rounds, process)
    _print(rows, samples, options)
    if options.json:
        options.json.write_text(json.dumps(_saved(samples), indent=1) + "\n")
    return int(any(found.failures for found in samples.values()))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=_rounds, default=5, help="measured rounds of each row (default: 5)")
    parser.add_argument("--only", action="append", choices=list(ROWS), help="a row to run; may be given several times")
    parser.add_argument("--markdown", action="store_true", help="print the table for aikit/docs/measured.md")
    parser.add_argument("--json", type=Path, metavar="FILE", help="save every round's figures")
    parser.add_argument("--fresh", action="store_true", help="make the peers' environments anew, with newest versions")
    return parser.parse_args(arguments)


def _rounds(text: str) -> int:
    rounds = int(text)
    if not 1 <= rounds <= 50:
        raise argparse.ArgumentTypeError("must be from 1 to 50")
    return rounds


def _print(rows: Mapping[str, Row], samples: Mapping[str, Samples], options: argparse.Namespace) -> None:
    table = report.markdown if options.markdown else report.plain
    verdicts = [report.judge(row.title, line, samples[key]) for key, row in rows.items() for line in row.lines]
    print(", ".join(environments.versions(_CACHE)) + f"; {os.cpu_count()} cores; medians of {options.rounds}\n")
    print(table([verdict.cells for verdict in verdicts], report.HEADINGS))
    if ceiling := report.ceiling(rows, samples):
        print("\n" + table(ceiling, report.CEILING_HEADINGS))
    for key, found in samples.items():
        for program, reason in found.failures.items():
            print(f"{key}: {program} failed: {reason}", file=sys.stderr)
    missed = sum(verdict.is_met is False for verdict in verdicts)
    print(f"\n{sum(verdict.is_met is True for verdict in verdicts)} bounds met, {missed} missed")


def _saved(samples: Mapping[str, Samples]) -> dict[str, Any]:
    return {
        "versions": environments.versions(_CACHE),
        "rows": {key: {"rounds": found.figures, "failures": found.failures} for key, found in samples.items()},
    }


if __name__ == "__main__":
    sys.exit(main())
