"""
``python -m aikit.cli``: the command line.
"""

from __future__ import annotations

import sys

from aikit.cli import main

sys.exit(main())
