"""
Runs Schemathesis in a process that has it.

    python run_schemathesis.py ARGUMENT…
"""

from __future__ import annotations

from schemathesis.cli import schemathesis

schemathesis()
