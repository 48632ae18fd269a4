"""
The data files that a frozen program needs: limits, prices, and facts about texts.
"""

from __future__ import annotations

from PyInstaller.utils.hooks import collect_data_files

datas = collect_data_files("aikit", includes=["**/*.json"])
