"""
Whole processes, measured round by round: what they took, and what the server did meanwhile.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

Figures: TypeAlias = Mapping[str, float]
"""Of one process: ``wall_s``, ``cpu_s``, ``rss_mib``, ``server_cpu_s`` and what it printed itself as ``name value``."""

LIMIT_S: Final = 120
_LAUNCH: Final = str(Path(__file__).parent / "launch.py")
_BLOCK: Final = bytes(1024 * 1024)
_TOUCHED_BLOCKS: Final = 640
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


class ProgramFailedError(Exception):
    """
    A measured program did not end well.
    """


class Line(NamedTuple):
    """
    One line of the table.

    Attributes:
        what: What is compared.

        figure: Name of the figure.

        peer: Program whose figure is shown beside aikit's.

        ratio: Bound of aikit's figure, as a share of the peer's.

        limit: Bound of aikit's figure itself.

        at_least: The limit is a lower one.

        minus: For a program, the one whose figure is taken off in each round.

        per: Calls the figure is divided by.

        of: Program the line is about.
    """

    what: str
    figure: str
    peer: str | None = None
    ratio: float | None = None
    limit: float | None = None
    at_least: bool = False
    minus: Mapping[str, str] = {}
    per: int = 1
    of: str = "aikit"


class Row(NamedTuple):
    """
    Programs that do the same work, and what is told about them.

    Attributes:
        title: The work.

        programs: Command of each, by name; ``"aikit"`` is among them.

        lines: What is told.

        leaves: A file each program leaves behind, replaced before the next one.
    """

    title: str
    programs: Mapping[str, Sequence[str]]
    lines: Sequence[Line]
    leaves: Path | None = None


class Samples(NamedTuple):
    """
    What a row's programs took in each round, and why some of them failed.
    """

    figures: Mapping[str, Sequence[Figures]]
    failures: Mapping[str, str]

    def median(self, line: Line, program: str) -> float | None:
        """
        Return the median over the rounds; ``None`` when the program, or the one to take off, failed.
        """
        taken_off = line.minus.get(program)
        if program not in self.figures or (taken_off and taken_off not in self.figures):
            return None
        values = [figures[line.figure] for figures in self.figures[program]]
        if taken_off:
            values = [a - b[line.figure] for a, b in zip(values, self.figures[taken_off], strict=True)]
        return statistics.median(values) / line.per

    def share(self, figure: str, program: str) -> float:
        """
        Return a time as a share of the program's wall time.
        """
        return statistics.median(figures[figure] / figures["wall_s"] for figures in self.figures[program])


def sample(row: Row, rounds: int, server_process: int) -> Samples:
    """
    Run every program of *row* once for warming up and *rounds* times for measuring, one after the other in each round.
    """
    figures: dict[str, list[Figures]] = {name: [] for name in row.programs}
    failures: dict[str, str] = {}
    for done in range(rounds + 1):
        print(f"{row.title}: {f'round {done}' if done else 'warming up'}", file=sys.stderr)
        for name in list(figures):
            if row.leaves:
                _touch_memory(row.leaves)
            try:
                measured = run(row.programs[name], server_process)
            except ProgramFailedError as error:
                failures[name] = str(error)
                del figures[name]
            else:
                figures[name] += [measured] if done else []
    return Samples(figures, failures)


def _touch_memory(path: Path) -> None:
    """
    Use and free as much of the page cache as a program will need.

    In a virtual machine the first touch of a page costs several times what is compared, and which program had to pay
    for it would be chance.
    """
    with path.open("wb", buffering=0) as file:
        for _ in range(_TOUCHED_BLOCKS):
            file.write(_BLOCK)
    path.unlink()


def run(command: Sequence[str], server_process: int) -> Figures:
    """
    Run one program.

    Raises:
        ProgramFailedError: It exited with an error or took too long.
    """
    before = _cpu_s(server_process)
    launch = [sys.executable, "-I", "-S", _LAUNCH, str(LIMIT_S), *command]
    # Nothing of the caller's: no proxy, no key, no configuration may change what is measured.
    environment = {"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": "/nonexistent"}
    done = subprocess.run(launch, capture_output=True, text=True, check=False, env=environment, cwd="/")
    if done.returncode:
        raise ProgramFailedError(done.stderr.strip().rpartition("\n")[2] or "killed or ended with an error")
    words = done.stdout.split()
    figures = {name: float(value) for name, value in zip(words[::2], words[1::2], strict=True)}
    return figures | {"server_cpu_s": _cpu_s(server_process) - before}


def _cpu_s(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
