"""
Say in one sentence what http is for.
"""
