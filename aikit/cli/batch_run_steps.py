"""
What was asked of ``aikit batch run``, and whether its results have a place.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import attrs
import click

from aikit.cli.calls import Refused
from aikit.cli.inputs import STDIN
from aikit.resources.batches.run.results import require_writable
from aikit.types.errors import OpenAIError


@attrs.frozen(kw_only=True)
class RunOptions:
    """
    What was said on the command line.

    Attributes:
        path: The input.

        results: Where the results go, as it was said.

        words: The command line, to be shown to whoever goes on.

        max_cost: US dollars.
    """

    path: Path
    results: str | None
    words: tuple[str, ...]
    max_cost: float | None
    yes: bool
    resubmit: bool
    again: bool

    @property
    def target(self) -> Path | None:
        """The file of the results; ``None`` for stdout."""
        if self.results == STDIN:
            return None
        return Path(self.results) if self.results else self.path.with_suffix(".results.jsonl")

    def require_place(self, *, is_json: bool) -> None:
        """
        Find out before anything is paid that the results have a place.

        Raises:
            click.UsageError: They have none.
            Refused: They cannot be written there.
        """
        target = self.target
        if target is None:
            if is_json:
                raise click.UsageError("--json and -o - both want stdout; save the results with -o PATH")
            return
        if not target.absolute().parent.is_dir():
            raise click.UsageError(f"{target.parent} is no folder; create it, or say another -o")
        if target.exists() and self.path.exists() and target.samefile(self.path):
            raise click.UsageError("the results would replace the input; say another -o")
        try:
            require_writable(target)
        except OpenAIError as error:
            raise Refused([error], was_sent=True) from error  # it is the disk that refuses

    def require_own_place(self, own: Collection[str]) -> None:
        """
        Refuse to replace a file that nobody named, unless it is one of *own*, which runs wrote.

        Raises:
            click.UsageError: Somebody else's file is there.
        """
        target = self.target
        if target is None or self.results or not target.exists() or str(target.absolute()) in own:
            return
        raise click.UsageError(f"{target} exists, and no run wrote it; move it away, or say where with -o")


def words_of(path: str, results: str | None, asked: Mapping[str, Any]) -> tuple[str, ...]:
    """
    Return the command line that goes on with this run.
    """
    words: list[str] = ["batch", "run", path, *(["-o", results] if results else [])]
    words += [word for key, text in asked["metadata"] for word in ("--metadata", f"{key}={text}")]
    for name in ("output_expires_after", "poll_interval", "max_wait", "concurrency"):
        if asked[name] is not None:
            words += [f"--{name.replace('_', '-')}", str(asked[name])]
    return tuple(words)
