"""
Say in one sentence what store is for.
"""
