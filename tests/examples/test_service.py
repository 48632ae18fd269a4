"""
The unit of systemd does what its own words say.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

EXAMPLES: Final = Path(__file__).parents[2] / "examples"
UNIT: Final = (EXAMPLES / "aikit-gateway.service").read_text()


@pytest.mark.parametrize("order", ["ExecStartPre", "ExecStart"])
def test_a_reload_reads_the_file_that_is_edited(order: str) -> None:
    """A credential of systemd is a copy that stays as it was at the start, so the configuration is none."""
    (line,) = re.findall(rf"^{order}=(.*)$", UNIT, re.MULTILINE)
    assert " /etc/aikit/gateway.yaml" in line
    assert re.search(r"^# +install -D -m 0644 gateway\.yaml /etc/aikit/gateway\.yaml\b", UNIT, re.MULTILINE)


def test_the_environment_has_what_the_configuration_asks_for() -> None:
    """Who follows the unit's words to the letter has a gateway that starts."""
    asked = set(re.findall(r"os\.environ/(\w+)", (EXAMPLES / "gateway.yaml").read_text()))
    assert asked == set(re.findall(r"^# +([A-Z][A-Z_]+)=", UNIT, re.MULTILINE))
