"""
Tests of what only some systems have.
"""

from __future__ import annotations

import os
from typing import Final

import pytest

posix_only: Final = pytest.mark.skipif(os.name == "nt", reason="Windows has no such thing, or forbids it")
