"""
What a run may cost: told before anything is sent, held against a bound, and asked about.
"""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path

import click

from aikit.cli.batch_run_steps import RunOptions
from aikit.cli.calls import Refused, good
from aikit.cli.output import Output
from aikit.cli.output.batch_text import estimate_text
from aikit.cli.output.text import safe
from aikit.client import OpenAIClient


def confirm_cost(client: OpenAIClient, output: Output, wishes: RunOptions, path: Path) -> bool:
    """
    Tell what the lines at *path* will cost, and ask when somebody is there to be asked and it is not for free.

    Raises:
        Refused: They may cost more than they may, or that cannot be known.
    """
    estimate = good(client.batches.estimate(path)).estimate
    is_free = estimate.cost_high == 0
    output.say(f"estimate: {estimate_text(estimate)}")
    for note in () if is_free else estimate.notes:
        output.say(f"note: {safe(note)}")
    if wishes.max_cost is not None:
        from aikit.billing.estimates import refusal  # noqa: PLC0415  only who sets a bound needs it

        problem = refusal(estimate, Decimal(str(wishes.max_cost)), "high")
        if problem is not None:
            raise Refused([problem], was_sent=False)
    if wishes.yes or is_free or not sys.stdin.isatty():
        return True
    unsaid = f"{estimate_text(estimate)}. " if output.settings.quiet else ""
    if click.confirm(f"{unsaid}Run it?", err=True):
        return True
    output.say("nothing was sent")
    return False
