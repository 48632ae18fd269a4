"""
The pages, for frozen programs with the command that shows them.
"""

from __future__ import annotations

from PyInstaller.utils.hooks import collect_data_files

datas = collect_data_files("aikit", includes=["docs/*.md"])
