"""
What was measured, as a table with verdicts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from tests.bench.measure import Line, Row, Samples

HEADINGS: Final = ("what", "aikit", "peer", "ratio", "bound", "")
CEILING_HEADINGS: Final = (
    "the server's ceiling",
    "bare socket",
    "fastest peer",
    "its CPU / wall",
    "server's CPU / wall",
)


_UNITS: Final = {
    "_mib": "{:,.0f} MiB",
    "mb_per_s": "{:.0f} MB/s",
    "_per_s": "{:,.0f}/s",
    "_times": "{:.2f}",
    "threads": "{:.0f}",
}
"""Ending of a figure's name → how it is told; what has none of these is a time."""


class Verdict(NamedTuple):
    """
    One line of the table, judged.

    Attributes:
        cells: The line as text.

        is_met: ``None`` for a line without a bound, or one that could not be measured.
    """

    cells: tuple[str, ...]
    is_met: bool | None


def judge(title: str, line: Line, samples: Samples) -> Verdict:
    """
    Compare the medians with the bound.
    """
    own = samples.median(line, line.of)
    other = samples.median(line, line.peer) if line.peer else None
    ratio = own / other if own is not None and other else None
    peer = "" if line.peer is None else f"{_text(other, line.figure)} {line.peer}"
    cells = (
        f"{title}: {line.what}",
        _text(own, line.figure),
        peer,
        "" if ratio is None else f"{ratio:.3f}",
        _bound(line),
    )
    is_met = _is_met(line, own, ratio)
    has_bound = line.ratio is not None or line.limit is not None
    word = "met" if is_met else "**missed**" if is_met is not None else "**not measured**" if has_bound else ""
    return Verdict((*cells, word), is_met)


def _is_met(line: Line, own: float | None, ratio: float | None) -> bool | None:
    value, bound = (ratio, line.ratio) if line.ratio is not None else (own, line.limit)
    if value is None or bound is None:
        return None
    return value >= bound if line.at_least else value <= bound


def _bound(line: Line) -> str:
    sign = "≥" if line.at_least else "≤"
    if line.ratio is not None:
        return f"{sign} {line.ratio:g} × {line.peer}"  # noqa: RUF001  a ratio is written with this sign
    return "" if line.limit is None else f"{sign} {_text(line.limit, line.figure)}"


def _text(value: float | None, figure: str) -> str:
    if value is None:
        return "failed"
    for ending, told in _UNITS.items():
        if figure.endswith(ending):
            return told.format(value)
    return f"{value:.2f} s" if value >= 1 else f"{value * 1e3:.0f} ms" if value >= 0.01 else f"{value * 1e6:.0f} µs"


def markdown(rows: Sequence[Sequence[str]], headings: Sequence[str] = HEADINGS) -> str:
    """
    Return a table for a page.
    """
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def plain(rows: Sequence[Sequence[str]], headings: Sequence[str] = HEADINGS) -> str:
    """
    Return a table for a terminal.
    """
    lines = [headings, *([cell.replace("*", "") for cell in cells] for cells in rows)]
    widths = [max(len(cells[column]) for cells in lines) for column in range(len(headings))]
    return "\n".join("  ".join(map(str.ljust, cells, widths)).rstrip() for cells in lines)


def ceiling(rows: Mapping[str, Row], samples: Mapping[str, Samples]) -> list[tuple[str, ...]]:
    """
    Return, for each row with a bare-socket client, what shows that the server did not hold the peers up.

    The bare socket does the same exchanges and nothing else: what the fastest peer needs beyond that is its own. A peer
    that is on the processor all the time waits for nobody, and neither does one that finds the server mostly idle.
    """
    found = []
    for key, row in rows.items():
        figures = samples[key].figures
        if "bare socket" not in figures:
            continue
        line = Line("", "call_s" if key == "list" else "wall_s")
        wall = {name: samples[key].median(line, name) or 0 for name in figures if not name.endswith("once")}
        bare = wall.pop("bare socket")
        if wall:
            fastest = min(wall, key=lambda name: wall[name])
            beside = f"{_text(wall[fastest], line.figure)} {fastest}"
            shares = [samples[key].share(figure, fastest) for figure in ("cpu_s", "server_cpu_s")]
            found.append((row.title, _text(bare, line.figure), beside, *(f"{share:.0%}" for share in shares)))
    return found
