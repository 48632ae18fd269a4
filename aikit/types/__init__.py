"""
Say in one sentence what types is for.
"""
