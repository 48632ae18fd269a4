"""
Runs tests in a process that has a foreign library, and prints how they went.

    python run_tests.py FILE
"""

from __future__ import annotations

import sys

import pytest

sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "-o", "addopts=", *sys.argv[1:]]))
