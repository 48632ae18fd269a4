"""
The command line as a program of its own.
"""

import sys

from aikit.cli import main

if __name__ == "__main__":
    sys.exit(main())
