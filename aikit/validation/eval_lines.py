"""
Rules for the lines of eval files.
"""

from __future__ import annotations

from typing import Any

import attrs

from aikit.validation.limits import Limits
from aikit.validation.problems import Problems, add_missing, add_wrong_type


@attrs.define
class EvalsRules:
    """
    Rules for eval files: each line has an ``item``, and may have a ``sample``.
    """

    # https://developers.openai.com/api/reference/resources/evals (read 2026-11-21)

    _limits: Limits
    _problems: Problems

    def check(self, line: dict[str, Any], number: int) -> None:
        """
        Check one line.
        """
        if "item" not in line:
            add_missing(self._problems, number, "item")
        elif type(line["item"]) is not dict:
            add_wrong_type(self._problems, number, "item", "an object", line["item"])
        if line.get("sample") is not None and type(line["sample"]) is not dict:
            add_wrong_type(self._problems, number, "sample", "an object", line["sample"])

    def finish(self) -> None:
        """
        Accept any number of lines.
        """
