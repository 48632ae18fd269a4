"""
The end of a run: every line accounted for, what it cost, and what may be done next.
"""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs

from aikit.cli.batches_results import RowPrinter
from aikit.cli.output import Exit, Output, error_to_json
from aikit.cli.output.batch_text import cost_text, cost_to_json, money
from aikit.cli.output.text import safe
from aikit.client import OpenAIClient
from aikit.resources.batches.run.costs import costs_of
from aikit.resources.batches.run.state import RunState
from aikit.types.costs import OpenAIBatchCost
from aikit.types.errors import OpenAIError


@attrs.define(eq=False)
class Report:
    """
    What is told at the end of a run.

    Attributes:
        rows: What became of each line.

        target: Where the results are; ``None`` if they went to stdout.
    """

    output: Output
    client: OpenAIClient
    state: RunState
    rows: RowPrinter
    target: Path | None

    def tell(self, again: str) -> int:
        """
        Print it; *again* is the command that sends what is not ok once more. Return the exit code.
        """
        costs, problems = costs_of(self.client, self.state)
        if self.output.settings.json:
            self.output.document(self._document(costs, problems))
        elif self.target is not None:
            self._print_place()
        self.output.say(self.rows.text())
        for error in problems:
            self.output.say(f"what it cost cannot be told: {safe(error.message)}")
        for cost in costs if len(costs) == 1 else ():
            self.output.say(cost_text(cost))
        if len(costs) > 1:
            total, is_least = _sum_of(costs)
            least = "at least " if is_least and total is not None else ""
            self.output.say(f"cost {least}{money(total)} in {len(costs):,} batches")
        if self.rows.is_all_ok:
            return Exit.DONE
        self.output.say(f"to send again what is not ok: {again}")
        return Exit.SOME_NOT_OK

    def _print_place(self) -> None:
        place = safe(str(self.target))
        if self.output.settings.quiet:
            self.output.line(place)
        elif self.output.is_plain:
            counts = self.rows.counts
            self.output.line("\t".join([place, str(counts.total()), *(str(count) for count in counts.values())]))
        else:
            bold = ("\x1b[1m", "\x1b[0m") if self.output.has_color(sys.stdout) else ("", "")
            self.output.line(f"results  {bold[0]}{place}{bold[1]}")

    def _document(self, costs: list[OpenAIBatchCost], problems: list[OpenAIError]) -> dict[str, Any]:
        order, counts = self.state.order, self.rows.counts
        parts = [attrs.asdict(part, recurse=True) for part in self.state.parts]
        known = {"object": "batch.run", "key": order.key, "input": order.input, "sha256": order.sha256}
        told = {"requests": counts.total(), "counts": dict(counts), "batches": list(self.state.batch_ids)}
        where = {"results": None if self.target is None else str(self.target), "parts": parts}
        total, is_least = _sum_of(costs)
        cost = {"cost": None if total is None else str(total), "is_lower_bound": is_least or bool(problems)}
        errors = {"errors": [error_to_json(one) for one in problems]} if problems else {}
        return known | told | where | cost | {"costs": [cost_to_json(one) for one in costs]} | errors


def _sum_of(costs: list[OpenAIBatchCost]) -> tuple[Decimal | None, bool]:
    """
    Return what all cost together, and whether it may be more; ``None`` if nothing of it is known.
    """
    total = sum((cost.total for cost in costs if cost.total is not None), Decimal(0))
    is_least = any(cost.total is None or cost.is_lower_bound for cost in costs)
    return (None if is_least and not total else total), is_least
